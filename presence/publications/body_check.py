"""Bodies that were found good, so that the same octets are not validated twice.

A bounded memory: the oldest goes first once the octets kept pass the bound.
"""

from collections import OrderedDict
from typing import Final

from presence.package import EventPackage
from sip.uri import AoR

KEPT_OCTETS: Final = 4 * 1024 * 1024

Checked = tuple[str, str, str, bytes]


class CheckedBodies:
    """Remembers what passed; the key holds all that a check may look at."""

    __slots__ = ("_bodies", "_limit", "_octets")

    def __init__(self, limit: int = KEPT_OCTETS) -> None:
        self._bodies: OrderedDict[Checked, None] = OrderedDict()
        self._limit = limit
        self._octets = 0

    def check(self, package: EventPackage, aor: AoR, content_type: str, body: bytes) -> None:
        """Let `package` check `body` unless it did before. Raises what the package raises."""
        key = (package.name, aor, content_type, body)
        if key in self._bodies:
            return
        package.check_body(body, content_type, aor)
        self._bodies[key] = None
        self._octets += len(body)
        while self._octets > self._limit:
            oldest, _ = self._bodies.popitem(last=False)
            self._octets -= len(oldest[3])
