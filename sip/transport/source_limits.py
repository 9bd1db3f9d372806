"""How many requests one source address may send, and what those beyond are worth.

Shell: reads the clock it is given. A request is counted before anything is parsed. Beyond the
limit a small share is answered 503 and the rest dropped in silence, so that a flood under forged
addresses is never sent on to their owners as a flood of answers. Clients of IPv6 choose their
addresses freely within a network of 64 bits, so that network counts as one source.
"""

from collections.abc import Callable
from typing import Final

from sip.origin import origin_of
from sip.token_bucket import MAX_ORIGINS, TokenBuckets

ANSWERED_SHARE: Final = 0.1
"""Answers that a refused source may have, in parts of what is let through."""


class SourceLimits:
    """Counts by source address. `exempt` says of an address that it is never limited."""

    __slots__ = ("_answers", "_exempt", "_now", "_origins", "_requests", "answered", "refused")

    def __init__(
        self,
        rate: float,
        burst: float,
        *,
        now: Callable[[], float],
        exempt: Callable[[str], bool],
    ) -> None:
        """`rate`: requests a second; `burst`: how many at once; `now`: monotonic seconds."""
        self._requests: TokenBuckets[str] = TokenBuckets(rate, burst)
        self._answers: TokenBuckets[str] = TokenBuckets(rate * ANSWERED_SHARE, rate)
        self._now = now
        self._exempt = exempt
        self._origins: dict[str, str | None] = {}
        self.refused = 0
        """Messages not let through."""
        self.answered = 0
        """Those of them that were answered."""

    def admits(self, address: str) -> bool:
        """Count one message from `address`; False when it is one too many."""
        try:
            origin = self._origins[address]
        except KeyError:
            origin = self._learn(address)
        if origin is None or self._requests.take(origin, self._now()):
            return True
        self.refused += 1
        return False

    def answers(self, address: str) -> bool:
        """Whether a message that was not let through is answered all the same, with a refusal."""
        origin = self._origins.get(address) or self._learn(address)
        if origin is None or not self._answers.take(origin, self._now()):
            return False
        self.answered += 1
        return True

    def _learn(self, address: str) -> str | None:
        """Whom `address` counts as, None when it is exempt; asked once for each address."""
        if len(self._origins) >= MAX_ORIGINS:
            self._origins.clear()
        origin = None if self._exempt(address) else origin_of(address)
        self._origins[address] = origin
        return origin
