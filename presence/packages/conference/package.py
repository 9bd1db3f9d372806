"""The record of the `conference` package (RFC 4575 §3). Pure."""

from typing import Final

from presence.errors import BadBody, Forbidden
from presence.package import EventPackage, PackageState
from presence.packages.conference.aggregate import aggregate, live
from presence.packages.conference.document import CONTENT_TYPE, ROOT, whole
from presence.packages.conference.telling import tell
from presence.packages.entity import is_of
from presence.packages.xml_body import read_body
from sip.uri import AoR

NAME: Final = "conference"
DEFAULT_EXPIRES: Final = 3600
"""Seconds (RFC 4575 §3.3)."""
MIN_INTERVAL: Final = 5.0
"""Seconds between two NOTIFYs (RFC 4575 §3.9)."""


def conference_package(*, min_interval: float = MIN_INTERVAL) -> EventPackage:
    """The record."""
    return EventPackage(
        name=NAME,
        content_types=(CONTENT_TYPE,),
        compose=compose,
        default_expires=DEFAULT_EXPIRES,
        min_interval=min_interval,
        publish_types=(CONTENT_TYPE,),
        check_body=check_body,
        tell=tell,
        tell_types=frozenset({CONTENT_TYPE}),
        over=over,
    )


def compose(aor: AoR, state: PackageState) -> bytes:
    """The whole conference, or one without anybody when no focus has published."""
    return whole(aor, aggregate(state.publications), 0)


def over(state: PackageState) -> bool:
    """Whether there is no conference: no focus publishes it, or all say that it is deleted.

    Once there was one, that ends its subscriptions (RFC 4575 §3.3).
    """
    return not live(state.publications)


def check_body(body: bytes, content_type: str, aor: AoR) -> None:
    """Raise BadBody unless `body` is a valid conference document that is not partial, Forbidden
    unless it is of `aor`: a publication is all that its publisher knows (RFC 3903 §6)."""
    root = read_body(body, root=ROOT, named="conference-info of RFC 4575", by="conference-info")
    if root.xpath("boolean(//@state[. = 'partial'])"):
        raise BadBody("a publication is full or deleted, never partial")
    if not is_of(root.get("entity") or "", aor):
        raise Forbidden("the entity is another conference")
