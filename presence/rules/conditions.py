"""When a rule holds, apart from who asks: sphere and validity (RFC 4745 §7.3, §7.4). Pure."""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from math import inf
from typing import Final, Self

from lxml import etree

from presence.rules.names import POLICY

FROM: Final = f"{{{POLICY}}}from"
UNTIL: Final = f"{{{POLICY}}}until"
MAX_YEAR: Final = 9999
YEAR_DIGITS: Final = 6
"""Of a year are read, with its sign; whether it is beyond MAX_YEAR shows in them."""

_DATE_TIME: Final = re.compile(
    r"(-?[0-9]{4,})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2}(?:\.[0-9]+)?)"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))?",
    re.ASCII,
)
"""xs:dateTime (XML Schema part 2 §3.2.7)."""


@dataclass(frozen=True, slots=True)
class Sphere:
    """A sphere condition: true in any of the spheres it names."""

    tokens: frozenset[str]
    """In lower case, as they are compared without regard to case."""

    @classmethod
    def parse(cls, element: etree._Element) -> Self:
        """The condition `element`."""
        return cls(frozenset((element.get("value") or "").lower().split()))

    def holds(self, sphere: frozenset[str] | None) -> bool:
        """Whether it is true; never in a sphere that is undefined (RFC 5025 §3.1.2)."""
        return sphere is not None and not self.tokens.isdisjoint(sphere)


@dataclass(frozen=True, slots=True)
class Validity:
    """A validity condition: true from each `from` on, until the `until` that follows it."""

    edges: tuple[float, ...]
    """Unix seconds, rising; where it becomes true, where false, where true again and so on."""

    @classmethod
    def parse(cls, element: etree._Element) -> Self:
        """The condition `element`."""
        starts = (instant(child.text or "") for child in element.iterchildren(FROM))
        ends = (instant(child.text or "") for child in element.iterchildren(UNTIL))
        pairs = zip(starts, ends, strict=False)
        windows = [(a, b) for a, b in pairs if a is not None and b is not None]
        return cls(_edges(sorted(windows)))

    def holds(self, now: float) -> bool:
        """Whether it is true at `now`."""
        return bisect_right(self.edges, now) % 2 == 1

    def next_edge(self, now: float) -> float:
        """When it changes next; infinity for never."""
        place = bisect_right(self.edges, now)
        return self.edges[place] if place < len(self.edges) else inf


def instant(text: str) -> float | None:
    """Unix seconds of an xs:dateTime, None for what is none; a time without zone is UTC.

    Years that the calendar of Python has not are for ever, or for ever ago.
    """
    match = _DATE_TIME.fullmatch(text.strip())
    if match is None:
        return None
    year = int(match[1][:YEAR_DIGITS])
    if not 0 < year <= MAX_YEAR:
        return inf if year > 0 else -inf
    hours, minutes, seconds = int(match[4]), int(match[5]), float(match[6])
    try:
        midnight = datetime(year, int(match[2]), int(match[3]), tzinfo=_zone(match))
        return midnight.timestamp() + (hours * 60 + minutes) * 60 + seconds
    except ValueError:
        return None


def _zone(match: re.Match[str]) -> timezone:
    """The zone that a time names; ValueError for one of a day or more."""
    if match[7] is None:
        return UTC
    offset = timedelta(hours=int(match[8]), minutes=int(match[9]))
    return timezone(-offset if match[7] == "-" else offset)


def _edges(windows: Iterable[tuple[float, float]]) -> tuple[float, ...]:
    """Sorted windows as edges; those that overlap or touch become one."""
    edges: list[float] = []
    for start, end in windows:
        if not start < end:
            continue
        if edges and start <= edges[-1]:
            edges[-1] = max(edges[-1], end)
        else:
            edges += (start, end)
    return tuple(edges)
