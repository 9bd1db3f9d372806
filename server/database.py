"""The database before the server runs: its schema, and stores for commands. Shell.

An empty database is brought up to date by itself; one of another version is refused with the
line to type, since an upgrade is the operator's decision.
"""

import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from server.config import Settings
from server.errors import ServerError
from store import migrate
from store.errors import StoreError
from store.role import Role
from store.store import Store, open_store

DAY: Final = 86_400.0
"""Seconds."""


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """Turn what the store raises into the operator's line, without the driver's small print."""
    try:
        yield
    except StoreError as error:
        first = str(error).partition("\n")[0] or type(error).__name__
        raise ServerError(f"store.url: {first.removeprefix('store.url: ')}") from error


def prepare_schema(settings: Settings) -> bool:
    """Make an empty database ready and check any other; True when it was empty. Blocks."""
    url = settings.store.url
    with told_in_one_line():
        if migrate.revision(url) is None:
            migrate.upgrade(url)
            return True
        migrate.check(url)
    return False


def node_name(settings: Settings) -> str:
    """What this process is called among those on the database: host and first SIP listener."""
    return f"{socket.gethostname()}/{settings.sip.listen[0]}"


@asynccontextmanager
async def tool_store(settings: Settings) -> AsyncIterator[Store]:
    """A store for one command, beside servers that may be running."""
    with told_in_one_line():
        store = await open_store(
            settings.store.url,
            node=f"{socket.gethostname()}/tool-{os.getpid()}",
            role=Role.TOOL,
            keep_versions=settings.xcap.versions,
            keep_waiting=settings.presence.waiting * DAY,
        )
        try:
            yield store
        finally:
            await store.close()
