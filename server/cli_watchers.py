"""`presentity watchers …`: who waits to watch a user, and what becomes of it (AUT-12). Shell.

Works beside servers that run, which hear of every decision, or without any. Decisions are rules
in the user's document (docs/policy.md).
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from server.approvals import read_watcher, undecided, write_decision
from server.approvals_api import AdminPen
from server.cli_documents import HERE, administration
from server.cli_options import ConfigOption, SetOption, effective, run
from server.config import Settings
from server.database import prepare_schema, told_in_one_line, tool_store
from server.errors import ServerError
from sip.uri import AoR
from store.store import Store
from xcap.errors import XcapError
from xcap.uri import owner_of

AorArgument = Annotated[str, typer.Argument(metavar="AOR", help="For example alice@example.com.")]
WatcherArgument = Annotated[
    str, typer.Argument(metavar="WATCHER", help="For example bob@example.org.")
]
PolitelyOption = Annotated[
    bool, typer.Option("--politely", help="Let it see somebody who is always offline.")
]

app = typer.Typer(help="Watchers: who waits for leave, and decisions.", no_args_is_help=True)


@app.command("list")
def list_(aor: AorArgument, config: ConfigOption = None, set_: SetOption = None) -> None:
    """Print who waits for a decision: watcher, event package, state."""

    async def work(store: Store, owner: AoR) -> None:
        for row in await undecided(store, owner):
            print(f"{row.watcher or 'anonymous'}\t{row.resource.package}\t{row.status}")

    _work(effective(config, set_), aor, work)


@app.command("approve")
def approve(
    aor: AorArgument,
    watcher: WatcherArgument,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Let a watcher see everything."""
    _decide(effective(config, set_), aor, watcher, "allow")


@app.command("block")
def block(
    aor: AorArgument,
    watcher: WatcherArgument,
    politely: PolitelyOption = False,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Let a watcher see nothing."""
    _decide(effective(config, set_), aor, watcher, "polite-block" if politely else "block")


@app.command("forget")
def forget(
    aor: AorArgument,
    watcher: WatcherArgument,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Take back what was decided about a watcher."""
    _decide(effective(config, set_), aor, watcher, None)


def _decide(settings: Settings, aor: str, name: str, decision: str | None) -> None:
    async def work(store: Store, owner: AoR) -> None:
        watcher = read_watcher(name, settings.domains[0])
        pen = AdminPen(administration(settings, store), owner, HERE)
        await write_decision(watcher, decision, pen)
        print(f"{watcher}: {decision or 'forgotten'}")

    _work(settings, aor, work)


def _work(settings: Settings, aor: str, work: Callable[[Store, AoR], Awaitable[None]]) -> None:
    """Do `work` on the store; what it refuses becomes the operator's line."""
    prepare_schema(settings)

    async def opened() -> None:
        async with tool_store(settings) as store:
            with told_in_one_line():
                await work(store, owner_of(aor, settings.domains[0]))

    try:
        run(opened())
    except XcapError as error:
        raise ServerError(f"{aor}: {error}") from error
