"""Throttled NOTIFYs wait in one wheel behind one loop handle. Shell."""

import asyncio
from collections.abc import Callable

import structlog

from sip.wheel import Timer, TimerWheel

log = structlog.get_logger(__name__)


class Alarm:
    """A timer wheel that rings by itself; instants are Unix seconds of `clock`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._wheel = TimerWheel()
        self._handle: asyncio.TimerHandle | None = None
        self._rings_at = 0.0

    def schedule(self, at: float, callback: Callable[[], None]) -> Timer:
        """Call back at `at`, or soon after."""
        timer = self._wheel.schedule(at, callback)
        self._arm()
        return timer

    def stop(self) -> None:
        """Ring no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        at = self._wheel.next_at()
        if at is None or (self._handle is not None and self._rings_at <= at):
            return
        self.stop()
        self._rings_at = at
        delay = max(0.0, at - self._clock())
        self._handle = asyncio.get_running_loop().call_later(delay, self._ring)

    def _ring(self) -> None:
        """Fire what is due; the failure of one harms no other."""
        self._handle = None
        for timer in self._wheel.due(self._clock()):
            try:
                timer.fire()
            except Exception:
                log.exception("alarm-failed")
        self._arm()
