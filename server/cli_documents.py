"""`presentity documents …`: what is in the store, for the operator. Shell.

Works beside servers that run, which hear of every change, or without any. The admin
listener offers the same over HTTP, and grants (docs/xcap.md).
"""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated

import typer

from server.cli_options import ConfigOption, SetOption, effective, run
from server.config import Settings
from server.database import prepare_schema, told_in_one_line, tool_store
from server.errors import ServerError
from server.parts import application_usages, xcap_config
from sip.authenticator import Identity
from sip.uri import AoR
from store.store import Store
from xcap.administration import Administration
from xcap.conditions import UNCONDITIONAL
from xcap.errors import XcapError
from xcap.ports import tell_nobody
from xcap.service import XcapService
from xcap.uri import owner_of

HERE = ""
"""The address that a command's changes come from."""

AorArgument = Annotated[
    str, typer.Argument(metavar="AOR", help='For example alice@example.com; "" for global.')
]
DocumentArgument = Annotated[
    str, typer.Argument(metavar="AUID/PATH", help="For example resource-lists/index.")
]

app = typer.Typer(help="Documents: what users keep, and earlier versions.", no_args_is_help=True)


@app.command("list")
def list_(aor: AorArgument, config: ConfigOption = None, set_: SetOption = None) -> None:
    """Print the documents of a user: name, size in octets, version, time, entity-tag."""

    async def work(do: Administration, owner: AoR) -> None:
        for one in await do.documents(owner):
            name = f"{one.key.auid}/{one.key.path}"
            print(f"{name}\t{one.size}\t{one.version}\t{_time(one.updated_at)}\t{one.etag}")

    _administer(effective(config, set_), aor, work)


@app.command("versions")
def versions(
    aor: AorArgument,
    document: DocumentArgument,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Print the versions that are kept: number, size, time, author, address."""
    auid, path = _named(document)

    async def work(do: Administration, owner: AoR) -> None:
        for one in await do.versions(owner, auid, path):
            size = "deleted" if one.body is None else str(len(one.body))
            written = f"{one.author or '-'}\t{one.source or '-'}"
            print(f"{one.version}\t{size}\t{_time(one.created_at)}\t{written}")

    _administer(effective(config, set_), aor, work)


@app.command("undo")
def undo(
    aor: AorArgument,
    document: DocumentArgument,
    version: Annotated[int, typer.Argument(help="As `presentity documents versions` has it.")],
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Make an earlier version the content of a document again."""
    auid, path = _named(document)

    async def work(do: Administration, owner: AoR) -> None:
        written = await do.undo(owner, auid, path, version, UNCONDITIONAL, HERE)
        print(f"{document}: version {written.version} is as version {version} was")

    _administer(effective(config, set_), aor, work)


@app.command("purge")
def purge(aor: AorArgument, config: ConfigOption = None, set_: SetOption = None) -> None:
    """Delete all documents of a user, with all earlier versions. There is no way back."""

    async def work(do: Administration, owner: AoR) -> None:
        print(f"{len(await do.purge(owner, HERE))} documents deleted")

    _administer(effective(config, set_), aor, work)


def _administer(
    settings: Settings, aor: str, work: Callable[[Administration, AoR], Awaitable[None]]
) -> None:
    """Do `work` on the store; what it refuses becomes the operator's line."""
    prepare_schema(settings)

    async def opened() -> None:
        async with tool_store(settings) as store:
            with told_in_one_line():
                owner = AoR("") if not aor else owner_of(aor, settings.domains[0])
                await work(administration(settings, store), owner)

    try:
        run(opened())
    except XcapError as error:
        raise ServerError(f"{aor}: {error}") from error


def administration(settings: Settings, store: Store) -> Administration:
    """The operator's hands on the documents of `store`, without a server."""
    config = xcap_config(settings)

    async def exists(aor: AoR, identity: Identity) -> bool:
        return await store.credential(aor) is not None

    service = XcapService(
        store=store,
        usages=application_usages(config),
        config=config,
        exists=exists,
        clock=time.time,
    )
    return Administration(
        store=store, service=service, config=config, clock=time.time, on_change=tell_nobody
    )


def _named(document: str) -> tuple[str, str]:
    auid, slash, path = document.partition("/")
    if not (auid and slash and path):
        raise ServerError(f"{document}: is not a document such as resource-lists/index")
    return auid, path


def _time(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
