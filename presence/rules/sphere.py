"""The sphere that a presentity is in, out of what is published (RFC 5025 §3.1.2). Pure."""

from collections.abc import Iterable
from typing import Final

from lxml import etree

from presence.rules.names import PERSON, SPHERE
from xmldoc.parse import PARSER

MENTION: Final = b"sphere"
"""Documents without these octets are not parsed."""


def spheres(document: bytes) -> frozenset[str] | None:
    """The sphere that one document says, see `sphere_of`."""
    return sphere_of((document,))


def sphere_of(documents: Iterable[bytes]) -> frozenset[str] | None:
    """The names that all spheres of all published `documents` agree on, in lower case.

    None, undefined, when there is no sphere element in any of them, or two differ. The documents
    were checked when they were published.
    """
    said = {value for document in documents for value in _said(document)}
    return said.pop() if len(said) == 1 else None


def _said(document: bytes) -> Iterable[frozenset[str]]:
    if MENTION not in document:
        return ()
    root = etree.fromstring(document, PARSER)
    return [
        _value(element)
        for person in root.iterchildren(PERSON)
        for element in person.iterchildren(SPHERE)
    ]


def _value(sphere: etree._Element) -> frozenset[str]:
    """The names of its children (RFC 4480 §3.11), or words, as its example has them (§4)."""
    words = (sphere.text or "").split()
    names = (etree.QName(child).localname for child in sphere)
    return frozenset(name.lower() for name in (*words, *names))
