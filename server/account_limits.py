"""How many requests one account may send, whoever its owner gave the password to. Shell."""

from collections.abc import Callable
from typing import Final

from proxy.errors import Headers, ProxyError
from sip.token_bucket import TokenBuckets
from sip.uri import AoR

RETRY_AFTER: Final = 5
"""Seconds."""


class AccountBusy(ProxyError):
    """More requests of one account than it may send (RFC 3261 §21.5.4)."""

    status = 503
    reason = "Too Many Requests"

    @property
    def headers(self) -> Headers:
        return [("Retry-After", str(RETRY_AFTER))]


class AccountLimits:
    """Token buckets by the account that a request was authenticated as."""

    def __init__(self, rate: float, burst: float, *, now: Callable[[], float]) -> None:
        """`rate`: requests a second, 0 for no limit; `burst`: at once; `now`: monotonic seconds."""
        self._buckets: TokenBuckets[AoR] | None = TokenBuckets(rate, burst) if rate else None
        self._now = now
        self.refused = 0
        """Requests that were too many."""

    def take(self, aor: AoR) -> None:
        """Count one request of `aor`. Raises AccountBusy."""
        if self._buckets is not None and not self._buckets.take(aor, self._now()):
            self.refused += 1
            raise AccountBusy
