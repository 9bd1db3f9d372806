"""The `presence` package (RFC 3856 §6): documents are PIDF (RFC 3863). Pure."""

from typing import Final, Literal

from presence.composition import composer
from presence.errors import BadBody, Forbidden
from presence.package import EventPackage
from presence.pidf import CONTENT_TYPE, PRESENCE
from sip.errors import ParseError
from sip.uri import AoR, aor_of
from xmldoc.errors import XmlError
from xmldoc.parse import parse
from xmldoc.schema import schema

NAME: Final = "presence"
DEFAULT_EXPIRES: Final = 3600
"""Seconds (RFC 3856 §6.4)."""
MIN_INTERVAL: Final = 5.0
"""Seconds between two NOTIFYs (RFC 3856 §6.10)."""


def presence_package(
    *, min_interval: float = MIN_INTERVAL, neutral: Literal["closed", "empty"] = "closed"
) -> EventPackage:
    """The record; `neutral` is what a watcher gets when nothing is published (PRS-05)."""
    return EventPackage(
        name=NAME,
        content_types=(CONTENT_TYPE,),
        compose=composer(neutral),
        default_expires=DEFAULT_EXPIRES,
        min_interval=min_interval,
        publish_types=(CONTENT_TYPE,),
        check_body=check_body,
    )


def check_body(body: bytes, content_type: str, aor: AoR) -> None:
    """Raise BadBody unless `body` is a valid presence document, Forbidden unless it is of `aor`.

    The entity is compared as an AoR: scheme `pres`, port and parameters make no difference
    (PUB-06). Elements of unknown namespaces are let through unseen (RFC 3863 §4.2.3).
    """
    try:
        root = parse(body)
    except XmlError as error:
        raise BadBody(str(error)) from None
    if root.tag != PRESENCE:
        raise BadBody("the root element is not presence of urn:ietf:params:xml:ns:pidf")
    reason = schema("pidf").check(root)
    if reason is not None:
        raise BadBody(reason)
    try:
        entity = aor_of(root.get("entity") or "")
    except ParseError:
        raise BadBody("the entity is not the URI of a presentity") from None
    if entity != aor:
        raise Forbidden("the entity is another presentity")
