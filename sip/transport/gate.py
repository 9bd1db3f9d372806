"""Whether one more connection may be let in, or opened by us. Pure.

Asked before anything is allocated for it, so that a flood of connections costs a close each.
Those that we open count against the peer's address as well: peers have a say in that.
"""

from collections import Counter
from collections.abc import Callable
from enum import StrEnum

from sip.origin import origin_of


class Refusal(StrEnum):
    """Why a connection was not let in."""

    TOTAL = "total"
    SOURCE = "source"


class Gate:
    """Counts what is open, by source."""

    def __init__(
        self,
        *,
        total: int,
        per_source: int,
        trusted: Callable[[str], bool] = lambda address: False,
    ) -> None:
        """At most `total` connections, and `per_source` of one address (of one network, with
        IPv6) unless it is `trusted`."""
        self.total = total
        self._per_source = per_source
        self._trusted = trusted
        self._sources: Counter[str] = Counter()
        self.open = 0
        """Accepted or opened by us, and not closed."""

    def admit(self, source: str) -> Refusal | None:
        """Count one from or to `source` in; or why not."""
        if self.open >= self.total:
            return Refusal.TOTAL
        origin = origin_of(source)
        if self._sources.get(origin, 0) >= self._per_source and not self._trusted(source):
            return Refusal.SOURCE
        self.open += 1
        self._sources[origin] += 1
        return None

    def leave(self, source: str) -> None:
        """One that was admitted is closed."""
        self.open -= 1
        origin = origin_of(source)
        self._sources[origin] -= 1
        if not self._sources[origin]:
            del self._sources[origin]
