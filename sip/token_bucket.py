"""Token buckets: how many events of one origin are let through, on average and at once.

Pure. Instants are monotonic seconds. The table holds a bounded number of origins: two
generations of them, of which the older is forgotten as a whole when the younger is full. An
origin heard of since then is always in the younger, so the ones forgotten are those heard of
least lately, and a look-up costs one dictionary access.
"""

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

MAX_ORIGINS: Final = 65_536
"""Origins remembered; one that was forgotten begins again with a full bucket."""

Origin = TypeVar("Origin", bound=Hashable)


class TokenBucket:
    """One origin's allowance."""

    __slots__ = ("_at", "_tokens")

    def __init__(self, tokens: float, at: float) -> None:
        self._tokens = tokens
        self._at = at

    def take(self, now: float, rate: float, burst: float) -> bool:
        """Take one token if there is one; `rate` come in a second, up to `burst` of them."""
        tokens = self._tokens + (now - self._at) * rate
        if tokens > burst:
            tokens = burst
        self._at = now
        if tokens < 1.0:
            self._tokens = tokens
            return False
        self._tokens = tokens - 1.0
        return True


class TokenBuckets(Generic[Origin]):
    """The buckets of many origins: addresses, accounts."""

    __slots__ = ("_burst", "_capacity", "_old", "_rate", "_young")

    def __init__(self, rate: float, burst: float, *, max_origins: int = MAX_ORIGINS) -> None:
        """`rate`: tokens a second; `burst`: those of a full bucket, at least one."""
        self._rate = rate
        self._burst = max(1.0, burst)
        self._capacity = max(1, max_origins // 2)
        self._young: dict[Origin, TokenBucket] = {}
        self._old: dict[Origin, TokenBucket] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def take(self, origin: Origin, now: float) -> bool:
        """Take one token of `origin`; False when it has none."""
        bucket = self._young.get(origin)
        if bucket is None:
            bucket = self._move_up(origin, now)
        return bucket.take(now, self._rate, self._burst)

    def forget(self, origin: Origin) -> None:
        """Give `origin` a full bucket again."""
        self._young.pop(origin, None)
        self._old.pop(origin, None)

    def _move_up(self, origin: Origin, now: float) -> TokenBucket:
        """The bucket of `origin`, old or new, in the younger generation."""
        bucket = self._old.pop(origin, None) or TokenBucket(self._burst, now)
        if len(self._young) >= self._capacity:
            self._old, self._young = self._young, {}
        self._young[origin] = bucket
        return bucket
