"""What a watcher may see of a resource, and the bytes that show it.

Pure. Watchers with the same view share the same bytes, so a fan-out composes once.
"""

from collections.abc import Hashable
from typing import NamedTuple


class View(NamedTuple):
    """The outcome of authorization and negotiation; equal views have equal bytes."""

    content_type: str
    """The media type of the document, out of the package's `content_types`."""
    grant: Hashable = None
    """What the rules leave to be seen, in the words of the package; None is everything."""


class Rendered(NamedTuple):
    """One view's document, ready for any number of NOTIFYs."""

    body: bytes
    tail: bytes
    """Content-Type, Content-Length, the blank line and the body."""


def render_tail(content_type: str, body: bytes) -> bytes:
    """The end of a NOTIFY that carries `body`; no Content-Type when it is empty."""
    if not body:
        return b"Content-Length: 0\r\n\r\n"
    return b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        content_type.encode(),
        len(body),
        body,
    )


def rendered(content_type: str, body: bytes) -> Rendered:
    """The shared bytes of one document."""
    return Rendered(body, render_tail(content_type, body))


EMPTY = rendered("", b"")
"""A NOTIFY without a body: what a pending watcher is told (RFC 3856 §6.7)."""
