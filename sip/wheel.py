"""A hashed timer wheel: many timers, one loop handle.

Pure: instants are numbers the caller passes in, monotonic seconds. Timers fire late by up
to one tick and never early. `schedule` and `cancel` cost the same however many wait.
"""

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import Final

TICK: Final = 0.05
"""Seconds per slot of the transaction timers: a tenth of T1 (RFC 3261 §17.1.1.1)."""


class Timer:
    """One appointment. A cancelled one lets go of its callback at once."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Never call back; harmless on a timer that has fired."""
        self._callback = None

    def fire(self) -> None:
        """Call back, unless cancelled or fired before."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class TimerWheel:
    """Timers by the slot they are due in; slots by a heap of slot numbers."""

    __slots__ = ("_per_second", "_slots", "_turns", "tick")

    def __init__(self, tick: float = TICK) -> None:
        self.tick = tick
        self._per_second = 1.0 / tick
        self._slots: dict[int, list[Timer]] = {}
        self._turns: list[int] = []

    def schedule(self, at: float, callback: Callable[[], None]) -> Timer:
        """Call back at `at` or within one tick after it."""
        timer = Timer(callback)
        slot = int(at * self._per_second) + 1
        timers = self._slots.get(slot)
        if timers is None:
            self._slots[slot] = [timer]
            heappush(self._turns, slot)
        else:
            timers.append(timer)
        return timer

    def next_at(self) -> float | None:
        """When `advance` next has something to do; None while nothing waits."""
        return self._turns[0] * self.tick if self._turns else None

    def due(self, now: float) -> Iterator[Timer]:
        """The timers due at `now`, earliest slot first, each to be fired before the next.

        What a fired one schedules for `now` or before comes out of the same iteration.
        """
        while self._turns and self._turns[0] * self.tick <= now:
            yield from self._slots.pop(heappop(self._turns))

    def advance(self, now: float) -> None:
        """Fire what is due at `now`."""
        for timer in self.due(now):
            timer.fire()
