"""Lazy writes of what watchers were told: gathered, the last wins, flushed together. Shell."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from store.errors import StoreError

FLUSH_INTERVAL: Final = 2.0
"""Seconds from the first touch to the statement that writes it."""

Touch = tuple[str, int, int]
"""Subscription id, version told, CSeq used."""


class Touches:
    """Gathers touches and hands them to `write` about every FLUSH_INTERVAL."""

    def __init__(self, write: Callable[[Sequence[Touch]], Awaitable[None]]) -> None:
        self._write = write
        self._loop = asyncio.get_running_loop()
        self._pending: dict[str, Touch] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._flushing: asyncio.Task[None] | None = None

    def add(self, subscription_id: str, told_version: int, cseq: int) -> None:
        """Gather one."""
        self._pending[subscription_id] = (subscription_id, told_version, cseq)
        self._arm()

    async def flush(self) -> None:
        """Write what is gathered; on failure it is kept for the next time."""
        batch, self._pending = self._pending, {}
        if not batch:
            return
        try:
            await self._write(list(batch.values()))
        except StoreError:
            self._pending = batch | self._pending

    async def close(self) -> None:
        """Flush for the last time."""
        if self._timer is not None:
            self._timer.cancel()
        if self._flushing is not None:
            await self._flushing
        await self.flush()

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(FLUSH_INTERVAL, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._flushing is None or self._flushing.done():
            self._flushing = self._loop.create_task(self._flush_and_arm())
        else:
            self._arm()

    async def _flush_and_arm(self) -> None:
        await self.flush()
        if self._pending:
            self._arm()
