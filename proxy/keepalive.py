"""Which flow is due for a keep-alive, at an even pace (NAT help, sip.nat_keepalive). Pure.

Instants are seconds of any one clock.
"""

from collections import deque
from collections.abc import Iterable
from math import ceil
from typing import Final

LOST_AFTER: Final = 3
"""Keep-alives without an answer, one after the other, that mean the flow is gone."""
MAX_OPEN: Final = 1_000
"""Keep-alives that wait for an answer; while there are as many, none is sent."""


class Keepalives:
    """The flows to keep open, in the order in which they are due."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._queue: deque[str] = deque()
        self._due_at: dict[str, float] = {}
        self._missed: dict[str, int] = {}
        self._open: set[str] = set()

    def __len__(self) -> int:
        return len(self._due_at)

    def keep(self, flows: Iterable[str], now: float) -> None:
        """These are the flows now; a new one is due after one interval."""
        current = set(flows)
        for gone in self._due_at.keys() - current:
            del self._due_at[gone]
            self._missed.pop(gone, None)
        for name in current - self._due_at.keys():
            self._due_at[name] = now + self._interval
            self._queue.append(name)

    def due(self, now: float, pause: float) -> list[str]:
        """The flows to send to now, when that is asked every `pause` seconds.

        Never more than an even share, so that many clients that came at once are not asked at
        once ever after.
        """
        share = ceil(len(self._due_at) * pause / self._interval)
        taken: list[str] = []
        for _ in range(len(self._queue)):
            if len(taken) >= share or len(self._open) >= MAX_OPEN:
                break
            name = self._queue.popleft()
            due_at = self._due_at.get(name)
            if due_at is None:
                continue
            if due_at > now:
                self._queue.appendleft(name)
                break
            self._queue.append(name)
            self._due_at[name] = now + self._interval
            if name not in self._open:
                self._open.add(name)
                taken.append(name)
        return taken

    def answered(self, name: str) -> None:
        """Something came back."""
        self._open.discard(name)
        self._missed.pop(name, None)

    def missed(self, name: str) -> bool:
        """Nothing came back; whether the flow counts as gone."""
        self._open.discard(name)
        self._missed[name] = self._missed.get(name, 0) + 1
        return self._missed[name] >= LOST_AFTER
