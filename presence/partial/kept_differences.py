"""Documents and differences, made once for all who are told the same. Pure.

A fan-out to many watchers that had the same and will have the same makes one difference. What
was not used for longest goes first once the octets kept pass the bound.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from presence.partial.document import Numbered, difference, full

KEPT_OCTETS: Final = 4 * 1024 * 1024

Key = tuple[bytes, bytes]
"""The old document and the new one; the old one is empty for a full document."""


class KeptDifferences:
    """The functions of `document`, with a memory."""

    __slots__ = ("_kept", "_limit", "octets")

    def __init__(self, limit: int = KEPT_OCTETS) -> None:
        self._kept: OrderedDict[Key, Numbered | None] = OrderedDict()
        self._limit = limit
        self.octets = 0
        """Of all that is kept."""

    def full(self, document: bytes) -> Numbered:
        """As `document.full`."""
        made = self._have((b"", document), lambda: full(document))
        assert made is not None, "a full document can always be had"
        return made

    def difference(self, old: bytes, new: bytes) -> Numbered | None:
        """As `document.difference`."""
        return self._have((old, new), lambda: difference(old, new))

    def _have(self, key: Key, make: Callable[[], Numbered | None]) -> Numbered | None:
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        made = self._kept[key] = make()
        self.octets += _weight(key, made)
        while self.octets > self._limit:
            self.octets -= _weight(*self._kept.popitem(last=False))
        return made


def _weight(key: Key, made: Numbered | None) -> int:
    return len(key[0]) + len(key[1]) + (made.octets if made is not None else 0)
