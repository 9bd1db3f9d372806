"""`presentity xcap get|put|delete`: an XCAP client (RFC 4825 §7). Shell."""

import ssl
import sys
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from yarl import URL

from server.cli_options import (
    ConfigOption,
    PasswordOption,
    SetOption,
    UserOption,
    client_password,
    effective,
    run,
)
from server.config import Settings
from server.errors import ServerError
from server.subscribers import parse_address
from server.xcap_client import (
    Account,
    Answer,
    document_url,
    exchange,
    explanation,
    guessed_type,
)

PathArgument = Annotated[
    str,
    typer.Argument(
        metavar="URL-OR-PATH",
        help="For example resource-lists/users/sip:alice@example.com/index, below the XCAP root; "
        "a part of it is named after /~~/, as in "
        '.../index/~~/resource-lists/list[@name="friends"].',
    ),
]
IfMatchOption = Annotated[
    str | None,
    typer.Option("--if-match", "--etag", help="Only if the document has this entity-tag, or *."),
]
IfNoneMatchOption = Annotated[
    str | None, typer.Option("--if-none-match", help="Only if it has not; * means: only create.")
]
XmlnsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--xmlns", metavar="PREFIX=URI", help="Namespace of a prefix in the path; may repeat."
    ),
]
InsecureOption = Annotated[
    bool,
    typer.Option(
        "--insecure", help="Believe whatever certificate the server shows (else tls.server_ca)."
    ),
]

app = typer.Typer(help="Read and write documents and parts of them.", no_args_is_help=True)


@app.command("get")
def get(
    path: PathArgument,
    if_none_match: IfNoneMatchOption = None,
    xmlns: XmlnsOption = None,
    insecure: InsecureOption = False,
    user: UserOption = None,
    password: PasswordOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Print a document or a part of it; its entity-tag goes to standard error."""
    settings = effective(config, set_)
    url, tls = document_url(path, settings, xmlns or ()), trusted_roots(settings, insecure)
    headers = _conditions(None, if_none_match)
    answer = run(exchange("GET", url, _account(user, password), headers, tls=tls))
    if answer.status == HTTPStatus.NOT_MODIFIED:
        print("not changed", file=sys.stderr)
    else:
        _print_body(_checked(answer, url))
    _print_etag(answer)


@app.command("put")
def put(
    path: PathArgument,
    file: Annotated[Path | None, typer.Argument(help="Default: standard input.")] = None,
    content_type: Annotated[
        str | None, typer.Option("--type", help="Media type; default: what the path says.")
    ] = None,
    if_match: IfMatchOption = None,
    if_none_match: IfNoneMatchOption = None,
    xmlns: XmlnsOption = None,
    insecure: InsecureOption = False,
    user: UserOption = None,
    password: PasswordOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Create or replace a document or a part of it; prints the document's entity-tag."""
    settings = effective(config, set_)
    url, tls = document_url(path, settings, xmlns or ()), trusted_roots(settings, insecure)
    if file is None and user is not None and password is None:
        raise ServerError("--password: is needed when the document comes from standard input")
    headers = _conditions(if_match, if_none_match)
    headers["Content-Type"] = content_type or guessed_type(url, settings)
    body = _read(file)
    answer = run(exchange("PUT", url, _account(user, password), headers, body, tls=tls))
    _checked(answer, url)
    print("created" if answer.status == HTTPStatus.CREATED else "replaced", file=sys.stderr)
    _print_etag(answer)


@app.command("delete")
def delete(
    path: PathArgument,
    if_match: IfMatchOption = None,
    xmlns: XmlnsOption = None,
    insecure: InsecureOption = False,
    user: UserOption = None,
    password: PasswordOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Delete a document or a part of it; prints the entity-tag of what is left."""
    settings = effective(config, set_)
    url, tls = document_url(path, settings, xmlns or ()), trusted_roots(settings, insecure)
    headers = _conditions(if_match, None)
    answer = run(exchange("DELETE", url, _account(user, password), headers, tls=tls))
    _checked(answer, url)
    print("deleted", file=sys.stderr)
    _print_etag(answer)


def trusted_roots(settings: Settings, insecure: bool) -> ssl.SSLContext | bool:
    """How a server's certificate is verified, as aiohttp takes it; ServerError for a bad file."""
    if insecure:
        return False
    file = settings.tls.server_ca
    if not file:
        return True
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:
        raise ServerError(f"tls.server_ca: {file}: {error.strerror or error}") from error


def _account(user: str | None, password: str | None) -> Account:
    if user is None:
        return Account(None)
    name = parse_address(user).removeprefix("sip:")
    return Account(name, client_password(password, name))


def _checked(answer: Answer, url: URL) -> Answer:
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise ServerError(f"{url.path}: {explanation(answer)}")
    return answer


def _conditions(if_match: str | None, if_none_match: str | None) -> dict[str, str]:
    named: Mapping[str, str | None] = {"If-Match": if_match, "If-None-Match": if_none_match}
    return {name: _quoted(value) for name, value in named.items() if value is not None}


def _quoted(etag: str) -> str:
    return etag if etag == "*" or etag.endswith('"') else f'"{etag}"'


def _read(file: Path | None) -> bytes:
    try:
        return sys.stdin.buffer.read() if file is None else file.read_bytes()
    except OSError as error:
        raise ServerError(f"{file}: cannot be read: {error.strerror}") from error


def _print_body(answer: Answer) -> None:
    console = Console()
    if console.is_terminal and answer.content_type.endswith("xml"):
        from_wire = answer.body.decode("utf-8", "replace")
        console.print(from_wire, markup=False)
        return
    sys.stdout.buffer.write(answer.body)
    sys.stdout.buffer.flush()


def _print_etag(answer: Answer) -> None:
    if answer.etag is not None:
        print(f"ETag: {answer.etag}", file=sys.stderr)
