"""Options that every command takes, and how a command ends. Shell."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Final, NoReturn, TypeVar

import typer

from server.config import Settings
from server.errors import ServerError
from server.settings import load_settings

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="TOML file of settings; default: presentity.toml if it is here."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One setting, as sip.listen=…; may repeat."),
]
ServerOption = Annotated[
    str | None,
    typer.Option("--server", metavar="HOST:PORT", help="Where the server is; default: sip.listen."),
]
UserOption = Annotated[
    str | None, typer.Option("--user", help="AoR to act as, for example alice@example.com.")
]
PasswordOption = Annotated[
    str | None, typer.Option("--password", help="Password; asked for on a terminal when left out.")
]

T = TypeVar("T")
INTERRUPTED: Final = 130
"""Exit status after Ctrl-C, as shells expect it."""


def effective(config: Path | None, assignments: list[str] | None) -> Settings:
    """The settings a command works with."""
    return load_settings(config, assignments or ())


def run(work: Coroutine[object, object, T]) -> T:
    """Run `work` to its end; Ctrl-C ends the command as the shell expects."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def ask_password(given: str | None, aor: str, *, confirm: bool = False) -> str:
    """The password: as given, or from the terminal without echo, or a line of standard input."""
    if given is not None:
        password = given
    elif sys.stdin.isatty():
        password = typer.prompt(f"Password of {aor}", hide_input=True, confirmation_prompt=confirm)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise ServerError(f"{aor}: the password is empty")
    return password


def client_password(given: str | None, aor: str) -> str:
    """The password of a client: as given, else from the terminal, else none.

    A server that trusts where we are asks for none.
    """
    if given is not None or not sys.stdin.isatty():
        return given or ""
    password: str = typer.prompt(f"Password of {aor}", hide_input=True, default="")
    return password


def fail(error: ServerError) -> NoReturn:
    """Tell the operator in one line for each mistake, and exit non-zero."""
    for line in str(error).splitlines():
        print(f"presentity: {line}", file=sys.stderr)
    sys.exit(error.exit_code)
