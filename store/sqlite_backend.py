"""A store's database side on SQLite: two connections and their threads. Shell.

One server process at a time, held by a lock on a file beside the database; command line
tools may write meanwhile, which the server notices within about a second.
"""

import asyncio
import fcntl
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from store.errors import StoreError, StoreMisused
from store.feed_payload import RESYNC
from store.outcomes import Expired
from store.role import Role
from store.rows import CSEQ_RESERVE
from store.sqlite_bindings import SqliteBindings
from store.sqlite_credentials import SqliteCredentials
from store.sqlite_documents import SqliteDocuments
from store.sqlite_expiry import sweep
from store.sqlite_grants import SqliteGrants
from store.sqlite_publications import SqlitePublications, read_version
from store.sqlite_subscriptions import SqliteSubscriptions
from store.sqlite_thread import READ, WRITE, SqliteThread
from store.stats import StoreStats
from store.values import Change, Resource, SubscriptionRow
from store.watching import Keeping

POLL_INTERVAL: Final = 1.0
"""Seconds between two looks for changes by other processes, and between checkpoints."""


class SqliteBackend:
    """Runs batches on SQLite; `changed` hears RESYNC when a tool changed something."""

    def __init__(
        self,
        path: Path,
        *,
        owner: str,
        role: Role,
        stats: StoreStats,
        changed: Callable[[Change], None],
        keep_versions: int,
        keep_waiting: float,
    ) -> None:
        self._path = path
        self._role = role
        self._stats = stats
        self._changed = changed
        self._lock: IO[bytes] | None = None
        self._poller: asyncio.Task[None] | None = None
        self._data_version: int | None = None
        self._writer = SqliteThread(path, begin=WRITE)
        self._reader = SqliteThread(path, begin=READ)
        self.publications = SqlitePublications(self._writer, self._reader)
        self.subscriptions = SqliteSubscriptions(self._writer, self._reader, owner, keep_waiting)
        self._keep_waiting = keep_waiting
        self.bindings = SqliteBindings(self._writer, self._reader)
        self.documents = SqliteDocuments(self._writer, self._reader, keep_versions)
        self.grants = SqliteGrants(self._writer, self._reader)
        self.credentials = SqliteCredentials(self._writer, self._reader)

    async def start(self) -> None:
        """Take the lock, for a server; raises `StoreMisused` when another server has it."""
        if self._role is Role.SERVER:
            self._lock = _locked(self._path)
            await self.poll()
            self._poller = asyncio.get_running_loop().create_task(self._keep_polling())

    async def adopt(self, limit: int, now: float) -> list[SubscriptionRow]:
        """Take over subscriptions of earlier lives."""
        return await self.subscriptions.adopt(limit, now, CSEQ_RESERVE)

    async def expire(self, now: float) -> Expired:
        """Sweep."""
        keeping = Keeping.since(now, self._keep_waiting)
        return await self._writer.run(lambda connection: sweep(connection, keeping))

    async def silent_nodes(self) -> frozenset[str]:
        """Return none: there is one process."""
        return frozenset()

    async def versions(self, keys: Sequence[Resource]) -> dict[Resource, int]:
        """Return the version of each resource."""
        return await self._reader.run(
            lambda connection: {key: read_version(connection, key) for key in keys}
        )

    async def ping(self) -> None:
        """Return when the database answers."""
        await self._reader.run(lambda connection: connection.execute("SELECT 1").fetchone())

    async def poll(self) -> None:
        """Report RESYNC when another connection wrote since the last call."""
        version = await self._writer.run(_data_version)
        if self._data_version not in (None, version):
            self._stats.resyncs += 1
            self._changed(RESYNC)
        self._data_version = version

    async def close(self) -> None:
        """Finish, release the lock."""
        if self._poller is not None:
            self._poller.cancel()
            with suppress(asyncio.CancelledError):
                await self._poller
        await self._writer.stop()
        await self._reader.stop()
        if self._lock is not None:
            self._lock.close()

    async def _keep_polling(self) -> None:
        while True:
            await asyncio.sleep(POLL_INTERVAL)
            with suppress(StoreError):
                await self.poll()
            await asyncio.to_thread(_checkpoint, self._path)


def _locked(path: Path) -> IO[bytes]:
    """Hold the server's lock; the operating system drops it with the process."""
    lock = path.with_name(path.name + ".lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise StoreMisused(
            f"sqlite:///{path} is served by another process; several need PostgreSQL"
        ) from None
    return lock


def _data_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def _checkpoint(path: Path) -> None:
    """Move what the log holds into the database, beside the writer and its commits."""
    with suppress(sqlite3.Error):
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        connection.close()
