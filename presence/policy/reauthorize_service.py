"""A change of rules acts on the subscriptions that are there (RFC 5025 §3.2.1, §4). Shell.

Presentities wait in one line for few workers, so that a change of very many, or of one with very
many watchers, keeps nobody else waiting: each worker yields between two batches of watchers. Each
decision is applied in the turn of the loop in which it was made, so that the newest is the last
one applied, however many are asked for at a time. To block takes the store, which is asked first;
who is blocked is decided about again right before.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

import structlog

from presence.core_service import Core, Listener, identity_of
from presence.live import LiveResource, LiveSubscription
from presence.policy.policy import SubHandling
from presence.subscriptions.subscription import Cause
from presence.subscriptions.waiting_service import decide_waiting
from sip.uri import AoR
from sip.wheel import Timer
from store.errors import StoreError
from store.values import Resource

log = structlog.get_logger(__name__)

BATCH: Final = 64
"""Watchers decided about between two turns of the loop: some 4 ms with their NOTIFYs."""
HOLD: Final = 5.0
"""Seconds that one who is blocked hears of no change while the store is asked to end it; longer
than from one try to the next."""
WORKERS: Final = 16
"""Presentities decided about at a time; each may wait for its rules to be read."""


class ReauthorizeService:
    """Asks again for watchers that are subscribed."""

    def __init__(self, core: Core, schedule: Callable[[float, Callable[[], None]], Timer]) -> None:
        self._core = core
        self.schedule = schedule
        """Calls back at an instant, Unix seconds, or soon after."""
        self._due: OrderedDict[AoR, bool] = OrderedDict()
        """In the order in which they were asked for; whether those who wait are meant too."""
        self._workers = 0

    def is_watched(self, aor: AoR) -> bool:
        """Whether anybody here watches anything of `aor`."""
        index = self._core.engine.index
        return any(
            index.resource(Resource(aor, package)) is not None for package in self._core.packages
        )

    def soon(self, aor: AoR) -> None:
        """The rules of `aor` may have changed."""
        self._due[aor] = True
        self._begin()

    def everybody(self) -> None:
        """The rules of anybody may have changed; the process where they did has seen to those who
        wait and are not subscribed."""
        for resource in self._core.engine.index.resources:
            self._due.setdefault(AoR(resource.aor), False)
        self._begin()

    def listen(self, listener: Listener) -> None:
        """Have `listener` told of every change of published state."""
        self._core.listeners.append(listener)

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run `work` beside everything else."""
        self._core.spawn(work)

    def _begin(self) -> None:
        for _ in range(min(len(self._due), WORKERS - self._workers)):
            self._workers += 1
            self._core.spawn(self._work())

    async def _work(self) -> None:
        try:
            while self._due:
                await self._try(*self._due.popitem(last=False))
        finally:
            self._workers -= 1

    async def _try(self, aor: AoR, waiting: bool) -> None:
        """Decide about `aor`; what the store did not answer is asked again."""
        try:
            await self._watching(aor)
            if waiting:
                await decide_waiting(self._core, aor)
        except StoreError as error:
            log.warning("reauthorize-delayed", aor=aor, error=str(error))
            await asyncio.sleep(self._core.config.sweep_interval)
            self._due[aor] = waiting or self._due.get(aor, False)
        except Exception:
            log.exception("reauthorize-failed", aor=aor)

    async def now(self, aor: AoR) -> None:
        """Decide anew about all who watch `aor`, or wait to. Raises StoreError."""
        await self._watching(aor)
        await decide_waiting(self._core, aor)

    async def _watching(self, aor: AoR) -> None:
        for package in self._core.packages:
            watched = self._core.engine.index.resource(Resource(aor, package))
            if watched is not None:
                await self._decide_all(watched)

    async def _decide_all(self, watched: LiveResource) -> None:
        lives = tuple(watched.subscriptions.values())
        for start in range(0, len(lives), BATCH):
            batch = lives[start : start + BATCH]
            blocked = [live for live in batch if not await self._let_in(live)]
            still = [live for live in blocked if not await self._let_in(live)]
            if still:
                await self._end(still)
            if self._core.unsettled:
                await self._core.settle()
            await asyncio.sleep(0)

    async def _let_in(self, live: LiveSubscription) -> bool:
        """Apply the newest decision; False when it is to end `live`."""
        core = self._core
        resource = live.resource
        watcher = identity_of(live.watcher)
        decision = await core.decide(resource.aor, watcher, resource.package)
        if core.engine.index.get(live.id) is not live:
            return True
        if decision.handling is SubHandling.BLOCK:
            core.policy_moved += 1
            live.quiet_until = core.clock() + HOLD
            return False
        view = live.view
        if core.engine.decided(live, decision):
            core.policy_moved += 1
            core.unsettled[live.id] = live
            core.engine.notifier.force(live)
        elif live.view != view:
            core.policy_moved += 1
            self._tell_now(live)
        return True

    def _tell_now(self, live: LiveSubscription) -> None:
        """Show what `live` may see now, if it differs, however lately it was told something."""
        live.quiet_until = 0.0
        self._core.engine.notifier.hear(live, self._core.clock())

    async def _end(self, lives: Sequence[LiveSubscription]) -> None:
        """End what is blocked, in the store first; one commit for all.

        Raises what the store said of one, once all were tried.
        """
        core = self._core
        ends = (core.end_live(live, Cause.DENIED) for live in lives)
        results = await asyncio.gather(*ends, return_exceptions=True)
        for live, result in zip(lives, results, strict=True):
            if result is None and core.engine.index.get(live.id) is live:
                core.engine.finish(live, Cause.DENIED)
        for result in results:
            if result is not None:
                raise result
