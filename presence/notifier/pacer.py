"""How many NOTIFYs leave this process in a second, and who waits for a turn (EVT-17).

Pure: instants are given, Unix seconds. What waits is a subscription, once, whatever happens to
it meanwhile: its NOTIFY is made when its turn comes and holds the newest state. Who waits for the
first NOTIFY after a SUBSCRIBE, or for the last one, goes before those who hear of a change
(RFC 6665 §4.1.2.4 gives up on the first after 32 s), yet not always, so that a storm of
SUBSCRIBEs leaves them some turns.
"""

from typing import Final

from presence.live import Due, LiveSubscription

EVERY: Final = 4
"""Of so many turns one is for a change, if any waits."""


class Pacer:
    """A token bucket and two queues."""

    def __init__(self, rate: float) -> None:
        """`rate`: NOTIFYs a second; as many may leave at once after a second without any."""
        self._rate = rate
        self._burst = max(1.0, rate)
        self._tokens = self._burst
        self._filled_at = 0.0
        self._urgent: dict[str, LiveSubscription] = {}
        self._changed: dict[str, LiveSubscription] = {}
        self._turn = 0
        self.delayed = 0
        """How many have waited."""

    def __len__(self) -> int:
        return len(self._urgent) + len(self._changed)

    def admits(self, live: LiveSubscription, now: float) -> bool:
        """Whether `live` may be told now; if not it waits, and is given by `take` later."""
        if not len(self) and self._spend(now):
            return True
        before = len(self)
        if live.due is Due.FORCED:
            self._changed.pop(live.id, None)
            self._urgent.setdefault(live.id, live)
        elif live.id not in self._urgent:
            self._changed.setdefault(live.id, live)
        self.delayed += len(self) - before
        return False

    def take(self, now: float) -> LiveSubscription | None:
        """Whose turn it is at `now`; None when nobody waits, or all must wait on."""
        if not len(self) or not self._spend(now):
            return None
        self._turn += 1
        for_change = not self._urgent or (self._turn % EVERY == 0 and bool(self._changed))
        queue = self._changed if for_change else self._urgent
        return queue.pop(next(iter(queue)))

    def give_back(self) -> None:
        """A turn came to nothing: nothing was sent."""
        self._tokens = min(self._burst, self._tokens + 1)

    def forget(self, live: LiveSubscription) -> None:
        """`live` has nothing to wait for."""
        if self._urgent.get(live.id) is live:
            del self._urgent[live.id]
        if self._changed.get(live.id) is live:
            del self._changed[live.id]

    def endings(self) -> list[LiveSubscription]:
        """Those who wait to hear that their subscription is over; they wait no more."""
        over = [live for live in self._urgent.values() if live.usage.ended]
        for live in over:
            del self._urgent[live.id]
        return over

    @property
    def pause(self) -> float:
        """Seconds until another turn may come."""
        return 1 / self._rate

    def _spend(self, now: float) -> bool:
        passed = max(0.0, now - self._filled_at)
        self._filled_at = now
        self._tokens = min(self._burst, self._tokens + passed * self._rate)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
