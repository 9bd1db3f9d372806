"""What a watcher may see of a resource, and the bytes that show it.

Pure. Watchers with the same view share the same bytes, so a fan-out composes once.
"""

from collections.abc import Hashable
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

from presence.coding import Coding, compress

TAG_LENGTH: Final = 24
"""Hexadecimal digits of an entity-tag: two states of one resource do not meet in 96 bits."""

KNOWN_VIEWS: Final = 4096
"""Views that are the same value for all who have them."""


class View(NamedTuple):
    """The outcome of authorization and negotiation; equal views have equal bytes."""

    content_type: str
    """The media type of the document, out of the package's `content_types`."""
    grant: Hashable = None
    """What the rules leave to be seen, in the words of the package; None is everything."""
    filter: str = ""
    """What the watcher asked to see of that, in one spelling (RFC 4660); "" is everything."""
    coding: Coding | None = None
    """How the bytes are compressed; None is not at all."""

    @property
    def plain(self) -> "View":
        """The same before the filter and any compression."""
        return self._replace(filter="", coding=None)


@lru_cache(KNOWN_VIEWS)
def shared(view: View) -> View:
    """The one value for all views that equal `view`."""
    return view


class Rendered(NamedTuple):
    """One view's document, ready for any number of NOTIFYs."""

    body: bytes
    """Not compressed."""
    tail: bytes
    """SIP-ETag, Content-Type, Content-Length, the blank line and the body, as they are sent."""
    etag: str
    """Names the state it shows (RFC 5839 §4), whoever shows it and when."""


def render_content(content_type: str, body: bytes, coding: str = "") -> bytes:
    """The end of a NOTIFY that carries `body`; no Content-Type when it is empty."""
    if not body:
        return b"Content-Length: 0\r\n\r\n"
    return b"%bContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        f"Content-Encoding: {coding}\r\n".encode() if coding else b"",
        content_type.encode(),
        len(body),
        body,
    )


def rendered(
    content_type: str, body: bytes, entity: bytes | None = None, coding: Coding | None = None
) -> Rendered:
    """The shared bytes of one document, compressed in `coding` if that makes them fewer.

    `entity`: the whole state, when `body` may tell a part of it or tell it in several ways. Its
    tag is the same in every coding, as the state is (RFC 5839 §4).
    """
    content = render_content(content_type, body)
    etag = sha256(content if entity is None else entity).hexdigest()[:TAG_LENGTH]
    packed = None if coding is None else compress(body, coding)
    if coding is not None and packed is not None:
        content = render_content(content_type, packed, coding.name)
    return Rendered(body, b"SIP-ETag: %b\r\n%b" % (etag.encode(), content), etag)


def without_body(shown: Rendered) -> Rendered:
    """The same for a watcher that has the document (RFC 5839 §6.2)."""
    tail = b"SIP-ETag: %b\r\n%b" % (shown.etag.encode(), render_content("", b""))
    return shown._replace(tail=tail)


EMPTY = rendered("", b"")
"""A NOTIFY without a body: what a pending watcher is told (RFC 3856 §6.7)."""
