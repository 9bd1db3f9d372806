"""Batched reads: keys asked for in one turn of the loop share a statement. Shell.

A caller never joins a statement that is already under way, since that might not see
what the caller has just written.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Final, Generic, TypeVar

from store.errors import StoreFull, StoreUnavailable
from store.stats import LaneStats

MAX_KEYS: Final = 256
"""Keys of one statement at most."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Loader(Generic[Key, Value]):
    """Reads keys in batches through `read`, one statement at a time.

    `read` returns a value for every key it was given.
    """

    def __init__(
        self,
        read: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Value]]],
        *,
        limit: int,
        stats: LaneStats,
    ) -> None:
        self._read = read
        self._limit = limit
        self._stats = stats
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[Key, list[asyncio.Future[Value]]] = {}
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    def load(self, key: Key) -> asyncio.Future[Value]:
        """Ask for `key`; raises `StoreFull` at once when too much waits already."""
        stats = self._stats
        if stats.queued >= self._limit:
            stats.refused += 1
            raise StoreFull("the store's queue is full")
        if self._closed:
            raise StoreUnavailable("the store is closed")
        stats.queued += 1
        future: asyncio.Future[Value] = self._loop.create_future()
        self._waiting.setdefault(key, []).append(future)
        if self._worker is None:
            self._worker = self._loop.create_task(self._work())
        return future

    async def drain(self) -> None:
        """Refuse what comes from now on; return when everything asked for is answered."""
        self._closed = True
        if self._worker is not None:
            await self._worker

    async def _work(self) -> None:
        stats = self._stats
        while self._waiting:
            batch = self._take()
            stats.batches += 1
            stats.operations += len(batch)
            stats.largest = max(stats.largest, len(batch))
            try:
                self._answer(batch, await self._read(list(batch)))
            except Exception as error:  # noqa: BLE001  a failed read is the failure of each caller
                stats.failed += 1
                _fail(batch, error)
            stats.queued -= sum(map(len, batch.values()))
        self._worker = None

    def _take(self) -> dict[Key, list[asyncio.Future[Value]]]:
        if len(self._waiting) <= MAX_KEYS:
            batch, self._waiting = self._waiting, {}
            return batch
        return {key: self._waiting.pop(key) for key in list(self._waiting)[:MAX_KEYS]}

    @staticmethod
    def _answer(
        batch: Mapping[Key, list[asyncio.Future[Value]]], values: Mapping[Key, Value]
    ) -> None:
        for key, futures in batch.items():
            value = values[key]
            for future in futures:
                if not future.done():
                    future.set_result(value)


def _fail(batch: Mapping[Key, list[asyncio.Future[Value]]], error: Exception) -> None:
    for futures in batch.values():
        for future in futures:
            if not future.done():
                future.set_exception(error)
