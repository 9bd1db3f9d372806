"""Accept: which of the media types we can make a peer wants (RFC 3261 §20.1, RFC 7231 §5.3.2).

Pure.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sip.errors import ParseError
from sip.grammar import TOKEN
from sip.parameters import Parameters

_RANGE: Final = re.compile(rf"({TOKEN})[ \t]*/[ \t]*({TOKEN})[ \t]*(;.*)?")
_Q: Final = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One item of Accept."""

    type: str
    """In lower case, "*" for any."""
    subtype: str
    """In lower case, "*" for any."""
    q: float = 1.0

    @classmethod
    def parse(cls, text: str) -> "MediaRange":
        """Read one item; ParseError when it is none. Parameters but q are passed over."""
        match = _RANGE.fullmatch(text)
        if match is None or (match[1] == "*" and match[2] != "*"):
            raise ParseError("media range", text)
        q = Parameters.parse(match[3] or "").get("q", "1")
        if q is None or not _Q.fullmatch(q):
            raise ParseError("media range q", text)
        return cls(match[1].lower(), match[2].lower(), float(q))

    def specificity(self, media_type: str) -> int:
        """How closely this range names `media_type`: 0 not at all, 3 exactly."""
        major, _, minor = media_type.partition("/")
        if self.type == "*":
            return 1
        if self.type != major:
            return 0
        return 2 if self.subtype == "*" else 3 * (self.subtype == minor)


def best(accept_values: Sequence[str], offered: Sequence[str]) -> str | None:
    """Of `offered`, best first, the type that the peer likes most; None when it takes none.

    `accept_values` are the items of Accept. With none the first one offered is taken: a SUBSCRIBE
    without Accept wants the package's default (RFC 6665 §3.1.3). Items that cannot be read are
    passed over.
    """
    if not accept_values:
        return offered[0]
    ranges = list(_readable(accept_values))
    liked = {media_type: _quality(ranges, media_type) for media_type in offered}
    chosen = max(offered, key=lambda media_type: liked[media_type])
    return chosen if liked[chosen] > 0 else None


def _readable(values: Sequence[str]) -> Sequence[MediaRange]:
    ranges = []
    for value in values:
        try:
            ranges.append(MediaRange.parse(value))
        except ParseError:
            continue
    return ranges


def _quality(ranges: Sequence[MediaRange], media_type: str) -> float:
    """The q of the range that names `media_type` most closely; 0 when none does."""
    closest = max(ranges, key=lambda one: one.specificity(media_type), default=None)
    return closest.q if closest and closest.specificity(media_type) else 0.0
