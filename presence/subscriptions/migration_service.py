"""Subscriptions are asked to go elsewhere (RFC 6665 §4.4.2, EVT-12). Shell.

Each is deleted in the store and then told `terminated;reason=deactivated`, so many a second, until
none is left; a refresh that comes first is served as ever, and one of a dialog that no process
served is taken over and moves on like the others. Nothing is adopted meanwhile. Who sees to it
that new dialogs end up elsewhere is the server around this.
"""

import asyncio
from enum import StrEnum
from itertools import islice
from typing import Final, NamedTuple

import structlog

from presence.core_service import Core
from presence.live import LiveSubscription
from presence.subscriptions.subscription import Cause
from store.errors import StoreError

log = structlog.get_logger(__name__)

TICK: Final = 0.1
"""Seconds between two batches, when they are of several subscriptions."""
MAX_BATCH: Final = 500
"""Subscriptions asked at a time, whatever the rate: the store writes them in few transactions."""


class Phase(StrEnum):
    """How far a migration is."""

    IDLE = "idle"
    MOVING = "moving"
    MOVED = "moved"
    """None is left; more may come until it is called off."""


class Progress(NamedTuple):
    """What an operator wants to know. Instants are Unix seconds, 0 for what was not yet."""

    phase: Phase
    rate: float
    """Subscriptions a second."""
    moved: int
    """Since it began."""
    left: int
    begun_at: float
    ended_at: float
    """When none was left first."""


class MigrationService:
    """At most one migration at a time."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._task: asyncio.Task[None] | None = None
        self._rate = 0.0
        self._moved = 0
        self._begun_at = 0.0
        self._ended_at = 0.0

    @property
    def active(self) -> bool:
        """Whether subscriptions are asked to go."""
        return self._task is not None

    @property
    def progress(self) -> Progress:
        left = len(self._core.engine.index)
        phase = Phase.IDLE
        if self.active:
            phase = Phase.MOVING if left else Phase.MOVED
        return Progress(phase, self._rate, self._moved, left, self._begun_at, self._ended_at)

    def start(self, rate: float) -> None:
        """Begin, or go on at another rate: so many subscriptions a second."""
        self._rate = rate
        if self._task is None:
            self._moved, self._begun_at, self._ended_at = 0, self._core.clock(), 0.0
            self._core.adopts = False
            self._task = asyncio.create_task(self._run())

    def cancel(self) -> None:
        """Let those stay who are still here."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
            self._core.adopts = True

    async def _run(self) -> None:
        while True:
            pause = max(TICK, 1 / self._rate)
            try:
                await self.step(min(MAX_BATCH, max(1, round(self._rate * pause))))
            except StoreError as error:
                log.warning("store-unavailable", error=str(error))
            except Exception:
                log.exception("migration-failed")
            await asyncio.sleep(pause)

    async def step(self, most: int) -> None:
        """Ask up to `most` subscriptions to go; those that the store keeps are asked again.

        Raises what went wrong with one of them, once all were tried.
        """
        core = self._core
        batch = tuple(islice(core.engine.index, most))
        results = await asyncio.gather(*map(self._move, batch), return_exceptions=True)
        if not len(core.engine.index) and not self._ended_at:
            self._ended_at = core.clock()
            log.info("subscriptions-moved", count=self._moved)
        for error in filter(None, results):
            raise error

    async def _move(self, live: LiveSubscription) -> None:
        core = self._core
        await core.end_live(live, Cause.MIGRATED)
        if core.engine.index.get(live.id) is live:
            core.engine.finish(live, Cause.MIGRATED)
            self._moved += 1
            core.stats.migrated += 1
