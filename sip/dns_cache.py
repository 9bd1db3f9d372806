"""What DNS answered, for as long as it said, and a while longer for when it cannot be reached.

Pure: `now` is monotonic seconds, time to live is seconds.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from sip.dns_records import Naptr, Srv

MAX_ENTRIES: Final = 10_000
MAX_TTL: Final = 86_400
"""Longer times to live are cut."""
NEGATIVE_TTL: Final = 10
"""That a name is not there; the resolver underneath keeps it as long as the zone's SOA says."""
STALE_LIMIT: Final = 3_600
"""How long past its time an answer is used while no better one can be had."""
RETRY_INTERVAL: Final = 30
"""After a failed look-up, so long the old answer is used before DNS is asked again."""
FAILURE_TTL: Final = 5
"""A failed look-up without an old answer fails for so long without asking."""

Record = Naptr | Srv | str
"""An address is a str."""


class Question(NamedTuple):
    """What is looked up: the records of one type of one name."""

    kind: str
    """"NAPTR", "SRV", "A", "AAAA" or "A+AAAA"."""
    name: str


class Failure(NamedTuple):
    """Why there is no answer."""

    reason: str
    reached: bool
    """Whether a DNS server answered at all, if only that it cannot say."""


@dataclass(frozen=True, slots=True)
class Held:
    """An answer and how long it may be given."""

    records: tuple[Record, ...]
    failure: Failure | None
    fresh_until: float
    good_until: float
    """Until then it may be given if nothing newer can be had."""


class DnsCache:
    """Answers by question; past MAX_ENTRIES those that were used longest ago go."""

    def __init__(self) -> None:
        self._held: OrderedDict[Question, Held] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def fresh(self, question: Question, now: float) -> Held | None:
        """What may be answered without asking, None when DNS must be asked."""
        held = self._held.get(question)
        if held is None or held.fresh_until <= now:
            return None
        self._held.move_to_end(question)
        return held

    def answered(
        self, question: Question, records: tuple[Record, ...], ttl: float, now: float
    ) -> Held:
        """Keep an answer; without records it is that there are none."""
        fresh_until = now + min(ttl if records else NEGATIVE_TTL, MAX_TTL)
        return self._keep(question, Held(records, None, fresh_until, fresh_until + STALE_LIMIT))

    def failed(self, question: Question, failure: Failure, now: float) -> Held:
        """What to answer now that DNS gave nothing: the old answer while it is good."""
        old = self.good(question, now)
        if old is not None:
            fresh_until = min(now + RETRY_INTERVAL, old.good_until)
            return self._keep(question, replace(old, fresh_until=fresh_until))
        until = now + FAILURE_TTL
        return self._keep(question, Held((), failure, until, until))

    def good(self, question: Question, now: float) -> Held | None:
        """The answer there was, if it is not too old to be of use."""
        held = self._held.get(question)
        return held if held and not held.failure and now < held.good_until else None

    def _keep(self, question: Question, held: Held) -> Held:
        self._held[question] = held
        self._held.move_to_end(question)
        if len(self._held) > MAX_ENTRIES:
            self._held.popitem(last=False)
        return held
