"""Elements and attributes as their watchers are shown them (RFC 5874 §3). Pure."""

from hashlib import blake2b
from typing import Final

from lxml import etree

from xcap.diff.snapshot import Content, Element, Part
from xcap.nodes.evaluate import Resolved, element_at
from xcap.nodes.node import read_node

DIGEST_OCTETS: Final = 12
MAX_ELEMENT: Final = 24_576
"""Octets of an element; one that is larger is told without content."""


def part(document: bytes, root: etree._Element, node: Resolved) -> Part | None:
    """What `node` selects in `document`, whose root is `root`; None unless exactly one node."""
    content = component(document, root, node)
    if content is None:
        return None
    small = isinstance(content, str) or len(content.content) <= MAX_ELEMENT
    return Part(digest(content), content if small else None)


def component(document: bytes, root: etree._Element, node: Resolved) -> Content | None:
    """The same with all its content."""
    element = element_at(root, node.steps)
    if element is None:
        return None
    if node.attribute is not None:
        return element.get(node.attribute)
    return Element(read_node(document, root, node).body, dict(element.nsmap))


def digest(content: Content) -> bytes:
    """Differs when what a watcher is shown of `content` does."""
    if isinstance(content, Element):
        scope = sorted((prefix or "", uri) for prefix, uri in content.namespaces.items())
        return blake2b(repr(scope).encode() + content.content, digest_size=DIGEST_OCTETS).digest()
    return blake2b(content.encode(), digest_size=DIGEST_OCTETS).digest()
