"""The two DNS records that name servers, and in which order each is used. Pure.

NAPTR is RFC 3403 as RFC 3263 §4.1 uses it, SRV is RFC 2782.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final, NamedTuple

MAX_RECORDS: Final = 32
"""Of one answer that are used, the first in their order; whoever gives more gains nothing."""
MAX_NAME: Final = 253
"""Characters of a domain name: 255 octets on the wire, less the first length and the root."""
TERMINAL: Final = "s"
"""The flag of a NAPTR whose replacement has SRV records (RFC 3263 §4.1)."""

_NAME: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_-]{1,63})*")
_LAST_LABEL_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")


class Naptr(NamedTuple):
    """A naming authority pointer (RFC 3403 §4.1)."""

    order: int
    preference: int
    flags: str
    service: str
    regexp: str
    replacement: str


class Srv(NamedTuple):
    """Where a service is (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str
    """The root, "." or "", says that the service is decidedly not available."""


def domain_name(text: str) -> str | None:
    """`text` in lower case without the final dot; None when it names no host or service.

    What looks like an IPv4 address is none, so that an answer cannot smuggle one in.
    """
    name = text.lower().removesuffix(".")
    if len(name) > MAX_NAME or not _NAME.fullmatch(name) or _LAST_LABEL_NUMERIC.fullmatch(name):
        return None
    return name


def preferred_pointers(records: Iterable[Naptr], services: Iterable[str]) -> tuple[Naptr, ...]:
    """The usable records of `services` (upper case), those with the lowest order alone.

    A record of another order is never gone on to (RFC 3403 §4.1): whoever can break a secure
    service must not thereby get the request sent in the clear.
    """
    wanted = frozenset(services)
    usable = [
        record
        for record in records
        if record.service.upper() in wanted
        and record.flags.lower() == TERMINAL
        and not record.regexp
        and domain_name(record.replacement)
    ]
    if not usable:
        return ()
    lowest = min(record.order for record in usable)
    chosen = [record for record in usable if record.order == lowest]
    return tuple(sorted(chosen, key=lambda record: record.preference)[:MAX_RECORDS])


def unavailable(records: Sequence[Srv]) -> bool:
    """Whether they say that there is no such service (RFC 2782, Target)."""
    return bool(records) and all(record.target in ("", ".") for record in records)


def ordered(records: Iterable[Srv], draws: Sequence[float]) -> tuple[Srv, ...]:
    """Those that name a host, by priority and within one by weight (RFC 2782, Usage rules).

    `draws` are random numbers, 0 <= draw < 1, at least as many as records.
    """
    usable = [record for record in records if record.port and domain_name(record.target)]
    usable.sort(key=lambda record: record.priority)
    left = iter(draws)
    result: list[Srv] = []
    for _, group in groupby(usable[:MAX_RECORDS], key=lambda record: record.priority):
        waiting = sorted(group, key=lambda record: record.weight > 0)
        while waiting:
            result.append(waiting.pop(_selected(waiting, next(left))))
    return tuple(result)


def _selected(records: Sequence[Srv], draw: float) -> int:
    """The index of the one that a draw falls on; those of weight 0 come first (RFC 2782, Weight).

    When no weight says anything, all are as likely.
    """
    total = sum(record.weight for record in records)
    if total == 0:
        return int(draw * len(records))
    drawn = int(draw * (total + 1))
    running = 0
    for index, record in enumerate(records):
        running += record.weight
        if running >= drawn:
            return index
    return len(records) - 1
