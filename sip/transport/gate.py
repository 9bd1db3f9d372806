"""How many connections are let in, in all and from one source. Pure.

An accepted socket counts from the moment it is accepted until it is closed, so that those which
never finish their TLS handshake count too. Whom we connect to ourselves is not counted here.
"""

from collections import Counter
from collections.abc import Callable
from enum import StrEnum

from sip.origin import origin_of


class Refusal(StrEnum):
    """Why a connection was not let in."""

    TOTAL = "total"
    SOURCE = "source"
    HANDSHAKES = "handshakes"


class Gate:
    """Counts what is open, by source."""

    def __init__(
        self,
        *,
        total: int,
        per_source: int,
        handshakes: int,
        trusted: Callable[[str], bool] = lambda address: False,
    ) -> None:
        """At most `total` connections, `per_source` of one address (of one network, with IPv6)
        unless it is `trusted`, and `handshakes` whose TLS handshake is not done."""
        self._total = total
        self._per_source = per_source
        self._handshakes = handshakes
        self._trusted = trusted
        self._sources: Counter[str] = Counter()
        self.open = 0
        """Accepted and not closed."""
        self.handshaking = 0

    def admit(self, source: str, *, secure: bool) -> Refusal | None:
        """Count one from `source` in; or why not."""
        if self.open >= self._total:
            return Refusal.TOTAL
        origin = origin_of(source)
        if self._sources.get(origin, 0) >= self._per_source and not self._trusted(source):
            return Refusal.SOURCE
        if secure and self.handshaking >= self._handshakes:
            return Refusal.HANDSHAKES
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
