"""Which answers are still kept for a request that is sent again (timer J, RFC 3261 §17.2.2).

Pure. Keys are kept in generations, a list for every few seconds, so that an answer costs one
append and no timer of its own. It lives for timer J and at most one generation longer.
"""

from collections import deque
from typing import Final

from sip.transaction.timers import TRANSACTION

GENERATION: Final = 2.0
"""Seconds of answers that are forgotten together."""


class Answers:
    """Keys of answered transactions, oldest first; instants are monotonic seconds."""

    __slots__ = ("_count", "_generations", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._generations: deque[tuple[float, list[bytes]]] = deque()

    def __len__(self) -> int:
        return self._count

    def keep(self, key: bytes, now: float) -> None:
        """Remember that `key` was answered at `now`."""
        generations = self._generations
        if not generations or now - generations[-1][0] >= GENERATION:
            generations.append((now, []))
        generations[-1][1].append(key)
        self._count += 1

    def next_at(self) -> float | None:
        """When `expired` next gives something; None while nothing is kept."""
        if not self._generations:
            return None
        return self._generations[0][0] + GENERATION + TRANSACTION

    def expired(self, now: float) -> list[bytes]:
        """The keys to forget at `now`, and no longer kept here.

        Deviation: past `limit` the oldest generation goes before its time, so that a flood
        costs early answers their memory and not the process its own (RFC 3261 §17.2.2).
        """
        gone: list[bytes] = []
        while self._generations:
            began, keys = self._generations[0]
            if self._count <= self._limit and now < began + GENERATION + TRANSACTION:
                break
            self._generations.popleft()
            self._count -= len(keys)
            gone += keys
        return gone
