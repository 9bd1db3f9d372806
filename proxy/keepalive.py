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
        self._queue: deque[tuple[float, str]] = deque()
        """In order of instants; one that is not in `_due_at` belongs to a flow that went."""
        self._due_at: dict[str, float] = {}
        self._missed: dict[str, int] = {}
        self._open: set[str] = set()

    def __len__(self) -> int:
        return len(self._due_at)

    def keep(self, flows: Iterable[str], now: float) -> None:
        """These are the flows now; a new one is due after one interval."""
        current = dict.fromkeys(flows)
        for gone in self._due_at.keys() - current.keys():
            del self._due_at[gone]
            self.answered(gone)
        for name in current:
            if name not in self._due_at:
                self._plan(name, now)

    def due(self, now: float, pause: float) -> list[str]:
        """The flows to send to now, when that is asked every `pause` seconds.

        Never more than an even share, so that many clients that came at once are not asked at
        once ever after.
        """
        share = ceil(len(self._due_at) * pause / self._interval)
        taken: list[str] = []
        while self._queue and len(taken) < share and len(self._open) < MAX_OPEN:
            due_at, name = self._queue[0]
            if due_at > now:
                break
            self._queue.popleft()
            if self._due_at.get(name) != due_at:
                continue
            self._plan(name, now)
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
        if name not in self._due_at:
            return False
        self._missed[name] = self._missed.get(name, 0) + 1
        return self._missed[name] >= LOST_AFTER

    def _plan(self, name: str, now: float) -> None:
        self._due_at[name] = now + self._interval
        self._queue.append((now + self._interval, name))
