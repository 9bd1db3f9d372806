"""`presentity xcap get|put|delete`: an XCAP client (RFC 4825 §7) on aiohttp. Shell."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import aiohttp
import typer
from lxml import etree
from rich.console import Console
from yarl import URL

from server.addresses import HostPort
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
from xcap.config import XcapConfig
from xcap.registry import usages
from xmldoc.errors import XmlError
from xmldoc.parse import parse

TIMEOUT: Final = aiohttp.ClientTimeout(total=15)
NODE_SEPARATOR: Final = "~~"
"""Between document selector and node selector (RFC 4825 §6)."""
ELEMENT_TYPE: Final = "application/xcap-el+xml"
ATTRIBUTE_TYPE: Final = "application/xcap-att+xml"
EVERYTHING: Final = XcapConfig(domains=(), test_app=True)
"""What turns every application usage on that a server may have."""

PathArgument = Annotated[
    str,
    typer.Argument(
        metavar="URL-OR-PATH",
        help="For example resource-lists/users/sip:alice@example.com/index, below the XCAP root.",
    ),
]
IfMatchOption = Annotated[
    str | None, typer.Option("--if-match", help="Only if the document has this entity-tag, or *.")
]
IfNoneMatchOption = Annotated[
    str | None, typer.Option("--if-none-match", help="Only if it has not; * means: only create.")
]

app = typer.Typer(help="Read and write documents over XCAP.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks; without a user nobody is authenticated."""

    user: str | None
    password: str = ""

    @classmethod
    def of(cls, user: str | None, password: str | None) -> "Account":
        if user is None:
            return cls(None)
        name = parse_address(user).removeprefix("sip:")
        return cls(name, client_password(password, name))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    reason: str
    etag: str | None
    content_type: str
    body: bytes


@app.command("get")
def get(
    path: PathArgument,
    user: UserOption = None,
    password: PasswordOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Print a document; its entity-tag goes to standard error."""
    url = document_url(path, effective(config, set_))
    answer = _checked(run(exchange("GET", url, Account.of(user, password))), url)
    _print_body(answer)
    _print_etag(answer)


@app.command("put")
def put(
    path: PathArgument,
    file: Annotated[Path | None, typer.Argument(help="Default: standard input.")] = None,
    content_type: Annotated[
        str | None, typer.Option("--type", help="Media type; default: what the AUID says.")
    ] = None,
    if_match: IfMatchOption = None,
    if_none_match: IfNoneMatchOption = None,
    user: UserOption = None,
    password: PasswordOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Create or replace a document; prints its entity-tag."""
    settings = effective(config, set_)
    url = document_url(path, settings)
    if file is None and user is not None and password is None:
        raise ServerError("--password: is needed when the document comes from standard input")
    headers = _conditions(if_match, if_none_match)
    headers["Content-Type"] = content_type or guessed_type(url, settings)
    body = _read(file)
    answer = _checked(run(exchange("PUT", url, Account.of(user, password), headers, body)), url)
    print("created" if answer.status == 201 else "replaced", file=sys.stderr)
    _print_etag(answer)


@app.command("delete")
def delete(
    path: PathArgument,
    if_match: IfMatchOption = None,
    user: UserOption = None,
    password: PasswordOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Delete a document."""
    url = document_url(path, effective(config, set_))
    headers = _conditions(if_match, None)
    _checked(run(exchange("DELETE", url, Account.of(user, password), headers)), url)
    print("deleted", file=sys.stderr)


async def exchange(
    method: str,
    url: URL,
    account: Account,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    """One request, with digest when the server asks for it. ServerError when nobody answers."""
    digest = () if account.user is None else (_digest(account.user, account.password),)
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT, middlewares=digest) as session,
            session.request(method, url, headers=headers, data=body) as response,
        ):
            return Answer(
                response.status,
                response.reason or "",
                response.headers.get("ETag"),
                response.content_type,
                await response.read(),
            )
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ServerError(f"{url.origin()}: {error or 'no answer in time'}") from error


def _digest(user: str, password: str) -> aiohttp.DigestAuthMiddleware:
    return aiohttp.DigestAuthMiddleware(user, password)


def document_url(path: str, settings: Settings) -> URL:
    """The URL of `path`: absolute as it is, else below the XCAP root of the settings."""
    if path.startswith(("http://", "https://")):
        return URL(path)
    listen = HostPort.parse(settings.http.listen[0])
    root = "" if path.startswith("/") else f"{settings.http.xcap_root}/"
    return URL(f"http://{listen.reachable()}{root}{path}")


def guessed_type(url: URL, settings: Settings) -> str:
    """The media type of what `url` names, from its AUID or node selector (RFC 4825 §7)."""
    document, separator, node = url.path.partition(f"/{NODE_SEPARATOR}/")
    if separator:
        return ATTRIBUTE_TYPE if node.rpartition("/")[2].startswith("@") else ELEMENT_TYPE
    types = {auid: usage.media_type for auid, usage in settings.xcap.usages.items()}
    types |= {usage.auid: usage.media_type for usage in usages(EVERYTHING)}
    for segment in document.split("/"):
        if segment in types:
            return types[segment]
    raise ServerError(f"{url.path}: no media type is known for it; say --type")


def explanation(answer: Answer) -> str:
    """The conflict of RFC 4825 §11 that the body names, with its phrase; else the reason."""
    if not answer.content_type.endswith("xcap-error+xml"):
        return f"{answer.status} {answer.reason}"
    try:
        root = parse(answer.body)
    except XmlError:
        return f"{answer.status} {answer.reason}"
    conflicts = [
        " ".join(filter(None, [etree.QName(child).localname, child.get("phrase")]))
        for child in root
    ]
    return f"{answer.status} {answer.reason}: {'; '.join(conflicts)}"


def _checked(answer: Answer, url: URL) -> Answer:
    if not 200 <= answer.status < 300:
        raise ServerError(f"{url.path}: {explanation(answer)}")
    return answer


def _conditions(if_match: str | None, if_none_match: str | None) -> dict[str, str]:
    named = {"If-Match": if_match, "If-None-Match": if_none_match}
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
