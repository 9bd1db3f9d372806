"""What the service hands to HTTP: a resource as it is now, and what a write came to. Pure."""

from typing import NamedTuple

from store.values import Document


class Representation(NamedTuple):
    """A document, a node of one, or the answer to a POST."""

    content_type: str
    body: bytes
    etag: str
    """That of the whole document (RFC 4825 §8.5), also for a node; empty when there is none."""
    document: Document | None = None
    """The stored document it is, or is a part of; None for what the server computes."""


class Written(NamedTuple):
    """A document or node that was put."""

    created: bool
    """201, else 200 (RFC 4825 §8.2.7)."""
    etag: str
    """That of the whole document."""
