"""Who guessed wrong too often, and is not listened to for a while (RFC 3261 §26.1, §22.4).

Pure. Instants are Unix seconds. A lock is on one account *from one origin*, so that nobody can
lock a user out from afar; an origin that tries many accounts is locked for all of them, but for
those that showed the right password from there. An origin is where a nonce was sent to, not
where a packet claims to be from: see `sip.authenticator`.

Memory is bounded: of each table the younger half is kept when it is full.
"""

from typing import Final

FAILURES_PER_ORIGIN: Final = 10
"""Times the failures allowed on one account that an origin may make on all accounts together."""
MAX_TALLIES: Final = 65_536
"""Pairs of origin and account whose failures, and as many whose success, are remembered."""

_ALL: Final = ""
"""Stands for every account of an origin."""

Pair = tuple[str, str]


class Tally:
    """The failures of one pair since `since`, and until when it is locked."""

    __slots__ = ("count", "since", "until")

    def __init__(self, now: float) -> None:
        self.count = 0
        self.since = now
        self.until = 0.0


class Lockout:
    """Counts failures and says who is locked."""

    __slots__ = ("_capacity", "_failures", "_old", "_old_good", "_seconds", "_young", "_young_good",
                 "locks")  # fmt: skip

    def __init__(self, failures: int, seconds: float, *, capacity: int = MAX_TALLIES) -> None:
        """`failures` of one pair within `seconds` lock it for `seconds`; 0 of either locks none."""
        self._failures = failures if seconds > 0 else 0
        self._seconds = seconds
        self._capacity = max(1, capacity // 2)
        self._young: dict[Pair, Tally] = {}
        self._old: dict[Pair, Tally] = {}
        self._young_good: set[Pair] = set()
        self._old_good: set[Pair] = set()
        self.locks = 0
        """Times that a pair or an origin was locked."""

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def locked(self, origin: str, account: str, now: float) -> bool:
        """Whether credentials of `account` from `origin` are not to be looked at."""
        if not self._young and not self._old:
            return False
        pair = (origin, account)
        if self._is_locked(pair, now):
            return True
        return self._is_locked((origin, _ALL), now) and not self._is_good(pair)

    def failed(self, origin: str, account: str, now: float) -> bool:
        """Take note of a wrong password or user; True when that was one too many."""
        if not self._failures:
            return False
        pair_locks = self._add((origin, account), self._failures, now)
        origin_locks = self._add((origin, _ALL), self._failures * FAILURES_PER_ORIGIN, now)
        return pair_locks or origin_locks

    def succeeded(self, origin: str, account: str) -> None:
        """Take note of the right password: earlier failures were typing errors."""
        if not self._failures:
            return
        pair = (origin, account)
        if self._young or self._old:
            self._young.pop(pair, None)
            self._old.pop(pair, None)
        if pair not in self._young_good:
            if len(self._young_good) >= self._capacity:
                self._old_good, self._young_good = self._young_good, set()
            self._young_good.add(pair)

    def _add(self, pair: Pair, limit: int, now: float) -> bool:
        tally = self._tally(pair, now)
        if not 0 <= now - tally.since <= self._seconds:
            tally.since, tally.count = now, 0
        tally.count += 1
        if tally.count < limit or self._is_locked(pair, now):
            return False
        tally.since, tally.count, tally.until = now, 0, now + self._seconds
        self.locks += 1
        return True

    def _tally(self, pair: Pair, now: float) -> Tally:
        """The tally of `pair`, old or new, in the younger generation."""
        tally = self._young.get(pair)
        if tally is None:
            tally = self._old.pop(pair, None) or Tally(now)
            if len(self._young) >= self._capacity:
                self._old, self._young = self._young, {}
            self._young[pair] = tally
        return tally

    def _is_locked(self, pair: Pair, now: float) -> bool:
        tally = self._young.get(pair) or self._old.get(pair)
        return tally is not None and 0 < tally.until - now <= self._seconds

    def _is_good(self, pair: Pair) -> bool:
        return pair in self._young_good or pair in self._old_good
