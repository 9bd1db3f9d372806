"""How long a subscription or a publication may last, in seconds. Pure.

A package's own bounds come before the server's. What is granted is never more than was asked
for (RFC 6665 §4.2.1.1, RFC 3903 §6); it may be shortened by a share drawn at random, so that
clients which came together do not all come back together (EVT-17).
"""

from typing import Final, NamedTuple

from presence.config import PresenceConfig
from presence.errors import IntervalTooBrief
from presence.package import EventPackage

SUBSCRIBE_CEILING: Final = 3600
"""A SUBSCRIBE for an hour or more is never too brief (RFC 6665 §4.2.1.1)."""


class Bounds(NamedTuple):
    """Of one package."""

    least: int
    """Less is answered 423."""
    most: int
    """More is shortened."""
    default: int
    """Granted to those who ask for nothing in particular."""


def bounds_of(package: EventPackage, config: PresenceConfig) -> Bounds:
    """Those of `package`, or else the server's."""
    least = config.min_expires if package.min_expires is None else package.min_expires
    most = config.max_expires if package.max_expires is None else package.max_expires
    return Bounds(least, most, min(package.default_expires, most))


def granted_subscription(asked: int | None, bounds: Bounds, share: float = 0.0) -> int:
    """Seconds granted to a SUBSCRIBE; IntervalTooBrief when it asks for too little.

    `share`: what is taken off, from 0 to 1.
    """
    return _granted(asked, bounds, share, too_brief=min(bounds.least, SUBSCRIBE_CEILING))


def granted_publication(asked: int | None, bounds: Bounds, share: float = 0.0) -> int:
    """The same for a PUBLISH (RFC 3903 §6 step 4), which knows no ceiling."""
    return _granted(asked, bounds, share, too_brief=bounds.least)


def _granted(asked: int | None, bounds: Bounds, share: float, *, too_brief: int) -> int:
    if asked is not None and 0 < asked < too_brief:
        raise IntervalTooBrief(bounds.least)
    seconds = min(bounds.default if asked is None else asked, bounds.most)
    return max(int(seconds * (1 - share)), min(seconds, bounds.least))
