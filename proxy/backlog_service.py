"""Work on addresses-of-record that nobody waits for, done until the store lets it through. Shell.

Each item is worked on once at a time and forgotten when it is done; a store that cannot answer
leaves it for later. Order among items is kept within one address-of-record.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

import structlog

from store.errors import StoreError

TOGETHER: Final = 64
"""Items worked on at a time, which share statements of the store."""
FIRST_PAUSE: Final = 0.2
"""Seconds after the store failed; doubled each time."""
LONGEST_PAUSE: Final = 10.0

Item = TypeVar("Item")

log = structlog.get_logger("registrar")


class Backlog(Generic[Item]):
    """Items that wait for the store; each at most once."""

    def __init__(
        self,
        work: Callable[[Item], Awaitable[None]],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._work = work
        self._sleep = sleep
        self._items: dict[Item, None] = {}
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: Item) -> None:
        """Work on `item` soon."""
        self._items[item] = None
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def settle(self) -> None:
        """Wait until nothing is left."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    def close(self) -> None:
        """Give up what is left."""
        self._items.clear()
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        while self._items:
            taken = list(self._items)[:TOGETHER]
            for item in taken:
                del self._items[item]
            results = await asyncio.gather(*map(self._work, taken), return_exceptions=True)
            if not self._keep_failed(taken, results):
                pause = FIRST_PAUSE
                continue
            await self._sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _keep_failed(self, taken: list[Item], results: list[BaseException | None]) -> bool:
        """Put back what the store could not take; whether there is any."""
        failed = False
        for item, result in zip(taken, results, strict=True):
            if isinstance(result, StoreError):
                self._items.setdefault(item)
                failed = True
            elif isinstance(result, Exception):
                log.error("binding-work-failed", exc_info=result, item=str(item))
        return failed
