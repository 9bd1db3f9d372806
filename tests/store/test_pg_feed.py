"""The feed's connection: a dead one is made anew, and once. No database."""

import asyncio
from collections.abc import Callable, Sequence
from typing import ClassVar

import pytest

from store import pg_context
from store.feed_payload import RESYNC
from store.pg_context import PgContext
from store.pg_feed import PgFeed
from store.stats import StoreStats
from store.values import Change

Listener = Callable[["SilentConnection", int, str, object], None]


class SilentConnection:
    """A connection that answers until it is `dead`, and tells late that it was closed."""

    def __init__(self) -> None:
        self.dead = False
        self._ended: list[Callable[[SilentConnection], None]] = []

    def add_termination_listener(self, ended: Callable[["SilentConnection"], None]) -> None:
        self._ended.append(ended)

    async def add_listener(self, channel: str, listener: Listener) -> None:
        await asyncio.sleep(0)

    async def execute(self, query: str, **options: float) -> None:
        if self.dead:
            raise TimeoutError

    def close(self) -> None:
        for ended in self._ended:
            asyncio.get_running_loop().call_soon(ended, self)


class FakeLink:
    """Connects anew after each close."""

    made: ClassVar[list[SilentConnection]] = []

    def __init__(self, *_: object, **__: object) -> None:
        self._connection: SilentConnection | None = None

    async def connect(self) -> SilentConnection:
        if self._connection is None:
            await asyncio.sleep(0)
            self._connection = SilentConnection()
            self.made.append(self._connection)
        return self._connection

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


async def test_a_connection_that_went_silent_is_made_anew_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Closing it reports its end, which must not be taken for the end of the next."""
    made: list[SilentConnection] = []
    monkeypatch.setattr(FakeLink, "made", made)
    monkeypatch.setattr(pg_context, "Link", FakeLink)
    heard: list[Sequence[Change]] = []
    feed = PgFeed(PgContext("", "a.1", StoreStats(), peers=False), heard.append)
    await feed.start()
    made[0].dead = True
    await feed.probe()
    for _ in range(50):
        await asyncio.sleep(0)
    await feed.probe()
    await feed.stop()
    assert (len(made), heard) == (2, [[RESYNC]])
