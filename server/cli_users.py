"""`presentity user …`: the subscribers in the store. Shell. Passwords are never echoed."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from server.cli_options import (
    ConfigOption,
    PasswordOption,
    SetOption,
    ask_password,
    effective,
    run,
)
from server.config import Settings
from server.database import prepare_schema, tool_store
from server.errors import ServerError
from server.subscribers import credential, read_subscribers, served
from store.store import Store
from store.values import Credential

STANDARD_INPUT = "-"

AorArgument = Annotated[str, typer.Argument(metavar="AOR", help="For example alice@example.com.")]

app = typer.Typer(help="Subscribers: who may authenticate.", no_args_is_help=True)


@app.command("add")
def add(
    aor: AorArgument,
    password: PasswordOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Add a subscriber."""
    settings = effective(config, set_)
    address = served(aor, settings.domains)
    new = credential(address, ask_password(password, aor, confirm=True))

    async def work(store: Store) -> None:
        if await store.credential(address) is not None:
            raise ServerError(f"{aor}: is a subscriber already; see `presentity user password`")
        await store.put_credential(new)

    _with_store(settings, work)
    print(f"{address}: added")


@app.command("password")
def password(
    aor: AorArgument,
    password: PasswordOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Give a subscriber a new password."""
    settings = effective(config, set_)
    address = served(aor, settings.domains)
    new = credential(address, ask_password(password, aor, confirm=True))

    async def work(store: Store) -> None:
        if await store.credential(address) is None:
            raise ServerError(f"{aor}: is no subscriber; see `presentity user add`")
        await store.put_credential(new)

    _with_store(settings, work)
    print(f"{address}: password changed")


@app.command("remove")
def remove(aor: AorArgument, config: ConfigOption = None, set_: SetOption = None) -> None:
    """Remove a subscriber."""
    settings = effective(config, set_)
    address = served(aor, settings.domains)

    async def work(store: Store) -> None:
        if not await store.delete_credential(address):
            raise ServerError(f"{aor}: is no subscriber")

    _with_store(settings, work)
    print(f"{address}: removed")


@app.command("list")
def list_(config: ConfigOption = None, set_: SetOption = None) -> None:
    """Print the AoR of every subscriber, one a line."""

    async def work(store: Store) -> None:
        for aor in await store.list_credentials():
            print(aor)

    _with_store(effective(config, set_), work)


@app.command("import")
def import_(
    file: Annotated[
        str, typer.Argument(help="Lines of user<TAB>domain<TAB>password; - for stdin.")
    ],
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Add or replace many subscribers at once: all of them, or none when a line is wrong."""
    settings = effective(config, set_)
    rows = _read(file, settings)

    async def work(store: Store) -> None:
        print(f"{await store.import_credentials(rows)} subscribers imported")

    _with_store(settings, work)


def _read(file: str, settings: Settings) -> list[Credential]:
    try:
        text = sys.stdin.read() if file == STANDARD_INPUT else Path(file).read_text("utf-8")
        return list(read_subscribers(text.splitlines(), settings.domains))
    except OSError as error:
        raise ServerError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ServerError(f"{file}: is not UTF-8") from error
    except ServerError as error:
        raise ServerError(f"{file}: {error}") from error


def _with_store(settings: Settings, work: Callable[[Store], Awaitable[None]]) -> None:
    prepare_schema(settings)

    async def opened() -> None:
        async with tool_store(settings) as store:
            await work(store)

    run(opened())
