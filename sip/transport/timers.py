"""The one clock and timer of an endpoint: a wheel, turned by the event loop.

Shell. Whoever needs timers is given the `Timers` protocol; tests give one with a time of
their own.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from sip.wheel import Timer, TimerWheel


class Timers(Protocol):
    """Monotonic time and appointments."""

    def now(self) -> float:
        """The instant, monotonic seconds."""

    def schedule(self, at: float, callback: Callable[[], None]) -> Timer:
        """Call back at the instant `at` or within a tick after it."""


class LoopTimers:
    """`Timers` on a running event loop, holding one loop handle at a time."""

    def __init__(self, on_error: Callable[[Exception], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._wheel = TimerWheel()
        self._on_error = on_error
        self._handle: asyncio.TimerHandle | None = None
        self._armed_at = float("inf")
        self.now: Callable[[], float] = self._loop.time

    def schedule(self, at: float, callback: Callable[[], None]) -> Timer:
        """See `Timers`."""
        timer = self._wheel.schedule(at, callback)
        if at < self._armed_at:
            self._arm()
        return timer

    def close(self) -> None:
        """Fire nothing any more."""
        if self._handle is not None:
            self._handle.cancel()
        self._armed_at = float("-inf")

    def _arm(self) -> None:
        next_at = self._wheel.next_at()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if next_at is None:
            self._armed_at = float("inf")
            return
        self._armed_at = next_at
        self._handle = self._loop.call_at(next_at, self._turn)

    def _turn(self) -> None:
        """Fire what is due; one callback's exception is told and harms no other."""
        self._armed_at = float("-inf")
        for timer in self._wheel.due(self._loop.time()):
            try:
                timer.fire()
            except Exception as error:  # noqa: BLE001 - the one place for errors of timers
                self._on_error(error)
        self._arm()
