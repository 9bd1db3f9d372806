"""The change feed on PostgreSQL: LISTEN on a connection of its own. Shell.

Whenever the connection was lost, what came meanwhile is unknown: RESYNC is reported
once it is back, and the listeners compare versions.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from store.backoff import Backoff
from store.errors import StoreUnavailable
from store.feed_payload import CHANNEL, RESYNC, decode
from store.pg_context import PgContext
from store.pg_link import LOST
from store.values import Change

PROBE: Final = "SELECT 1"
PROBE_TIMEOUT: Final = 10.0
"""Seconds after which a silent connection counts as lost."""


class PgFeed:
    """Hears other processes; `heard` gets the changes of each payload, none for a hello."""

    def __init__(self, context: PgContext, heard: Callable[[Sequence[Change]], None]) -> None:
        self._owner = context.owner
        self._stats = context.stats
        self._link = context.link("feed")
        self._heard = heard
        self._lost = asyncio.Event()
        self._listening: Any = None
        """The connection whose end matters; closing an older one is told late."""
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen; raises `StoreUnavailable`."""
        await self._listen()
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def stop(self) -> None:
        """Listen no more."""
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper

    async def probe(self) -> None:
        """Find out whether the connection still lives; a dead one is made anew."""
        if self._lost.is_set():
            return
        try:
            connection = await self._link.connect()
            await connection.execute(PROBE, timeout=PROBE_TIMEOUT)
        except (*LOST, StoreUnavailable):
            self._lost.set()

    async def _listen(self) -> None:
        self._lost.clear()
        connection = self._listening = await self._link.connect()
        connection.add_termination_listener(self._terminated)
        try:
            await connection.add_listener(CHANNEL, self._notified)
        except LOST as error:
            raise StoreUnavailable(f"connection lost: {error}") from error

    async def _keep(self) -> None:
        backoff = Backoff()
        while True:
            await self._lost.wait()
            self._listening = None
            await self._link.close()
            try:
                await self._listen()
            except StoreUnavailable:
                self._lost.set()
                backoff.failed(0.0)
                await asyncio.sleep(backoff.pause)
            else:
                backoff.succeeded()
                self._stats.resyncs += 1
                self._heard([RESYNC])

    def _terminated(self, connection: Any) -> None:
        if connection is self._listening:
            self._lost.set()

    def _notified(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        sender, changes = decode(str(payload))
        if sender != self._owner:
            self._stats.changes_heard += len(changes)
            self._heard(changes)
