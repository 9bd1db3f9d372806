"""A lane: group commit for one kind of key (design.md, decision 2). Shell.

While one batch is under way the next gathers; when it returns, what gathered goes at
once. An idle lane waits for nothing: its first batch takes what was submitted in the
same turn of the loop. Operations on one key never share a batch and keep their order.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from time import perf_counter
from typing import Any, Final, Generic, TypeVar

from store.errors import StoreFull, StoreUnavailable
from store.stats import LaneStats

TURNS: Final = 3
"""Turns of the loop that a batch waits for company after one that had some: one in which
those just answered go on, one that reads what their peers send next, one that submits it.
Without it two half-size batches chase each other, each at the fixed cost of a statement."""
MAX_BATCH: Final = 128
"""Operations of one batch at most: beyond it a statement only gets slower, not cheaper."""

Op = TypeVar("Op")
Outcome = TypeVar("Outcome")
Entry = tuple[Hashable, Op, asyncio.Future[Outcome]]


class Lane(Generic[Op, Outcome]):
    """Runs operations in batches through `run`, one batch at a time.

    `run` returns one outcome per operation, in order; an outcome that is an exception
    fails its own operation only, an exception raised fails the whole batch.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Op]], Awaitable[Sequence[Outcome | Exception]]],
        *,
        limit: int,
        stats: LaneStats,
    ) -> None:
        self._run = run
        self._limit = limit
        self._stats = stats
        self._loop = asyncio.get_running_loop()
        self._ready: deque[Entry[Op, Outcome]] = deque()
        self._behind: dict[Hashable, deque[Entry[Op, Outcome]]] = {}
        self._worker: asyncio.Task[None] | None = None
        self._closed = False
        self._crowded = False

    def submit(self, key: Hashable, op: Op) -> asyncio.Future[Outcome]:
        """Queue `op`; raises `StoreFull` at once when too much waits already."""
        stats = self._stats
        if stats.queued >= self._limit:
            stats.refused += 1
            raise StoreFull("the store's queue is full")
        if self._closed:
            raise StoreUnavailable("the store is closed")
        stats.queued += 1
        future: asyncio.Future[Outcome] = self._loop.create_future()
        behind = self._behind.get(key)
        if behind is None:
            self._behind[key] = _NOTHING
            self._ready.append((key, op, future))
        elif behind is _NOTHING:
            self._behind[key] = deque(((key, op, future),))
        else:
            behind.append((key, op, future))
        if self._worker is None:
            self._worker = self._loop.create_task(self._work())
        return future

    async def drain(self) -> None:
        """Refuse what comes from now on; return when everything queued is answered."""
        self._closed = True
        if self._worker is not None:
            await self._worker

    async def _work(self) -> None:
        """Run batches until nothing is left. A task starts in the loop's next turn."""
        while self._ready:
            await self._gather()
            batch = [self._ready.popleft() for _ in range(min(MAX_BATCH, len(self._ready)))]
            live = [entry for entry in batch if not entry[2].done()]
            if live:
                self._answer(live, await self._outcomes([entry[1] for entry in live]))
            self._finish(batch)
            self._crowded = len(batch) > 1
        self._worker = None

    async def _gather(self) -> None:
        """Let a few turns pass, without a delay in time, when the last batch was not alone."""
        if self._crowded:
            for _ in range(TURNS):
                await asyncio.sleep(0)

    async def _outcomes(self, ops: Sequence[Op]) -> Sequence[Outcome | Exception]:
        """Run a batch; one that the database does not take is tried operation by operation."""
        started = perf_counter()
        try:
            outcomes = await self._run(ops)
            assert len(outcomes) == len(ops), "one outcome for each operation"
            return outcomes
        except StoreUnavailable as error:
            self._stats.failed += 1
            return [error] * len(ops)
        except Exception as error:  # noqa: BLE001  the failure of one operation must find its caller
            self._stats.failed += 1
            if len(ops) == 1:
                return [error]
            return [(await self._outcomes((op,)))[0] for op in ops]
        finally:
            self._count(len(ops), perf_counter() - started)

    def _count(self, size: int, took: float) -> None:
        stats = self._stats
        stats.seconds += took
        stats.slowest = max(stats.slowest, took)
        stats.batches += 1
        stats.operations += size
        stats.largest = max(stats.largest, size)

    @staticmethod
    def _answer(
        batch: Sequence[Entry[Op, Outcome]], outcomes: Sequence[Outcome | Exception]
    ) -> None:
        for (_, _, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _finish(self, batch: Sequence[Entry[Op, Outcome]]) -> None:
        """Let the next operation of each key go."""
        self._stats.queued -= len(batch)
        waiting = self._behind
        for key, _, _ in batch:
            behind = waiting[key]
            if behind:
                self._ready.append(behind.popleft())
            else:
                del waiting[key]


_NOTHING: Final[deque[Any]] = deque(maxlen=0)
"""Marks a key that is under way with nothing behind it; spares a deque per operation."""
