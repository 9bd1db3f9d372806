"""Elements and attributes as their watchers are shown them (RFC 5874 §3). Pure."""

from functools import lru_cache
from typing import Final

from lxml import etree

from xcap.diff.snapshot import Content, Element
from xcap.evaluate import Resolved, element_at
from xcap.node import read_node
from xmldoc.errors import XmlError
from xmldoc.parse import parse

KEPT_TREES: Final = 8


def component(document: bytes, node: Resolved) -> Content | None:
    """What `node` selects in `document`; None when that is not exactly one node."""
    root = _tree(document)
    element = None if root is None else element_at(root, node.steps)
    if root is None or element is None:
        return None
    if node.attribute is not None:
        return element.get(node.attribute)
    return Element(read_node(document, root, node).body, dict(element.nsmap))


@lru_cache(maxsize=KEPT_TREES)
def _tree(document: bytes) -> etree._Element | None:
    """For reading only: the same tree is given to whoever asks for it next."""
    try:
        return parse(document)
    except XmlError:
        return None
