"""What the edits of elements and of attributes have in common. Pure."""

from itertools import count
from typing import Final, NamedTuple

from lxml import etree

from xcap.errors import NoParent, NotUtf8
from xcap.nodes.evaluate import Resolved, closest
from xcap.nodes.selector import NodeSelector, encode_selector
from xmldoc.parse import DECLARED_ENCODING

UTF_8: Final = b"utf-8"
NEW_PREFIX: Final = "ns"
"""A number follows."""


class Edited(NamedTuple):
    """A document after a PUT."""

    body: bytes
    created: bool
    """201, else 200 (RFC 4825 §8.2.7)."""
    path: tuple[int, ...]
    """Position among its siblings of each element from below the root to the one that
    was put, or whose attribute was."""


def splice(document: bytes, start: int, end: int, octets: bytes) -> bytes:
    """`document` with `octets` in place of those from `start` to `end`."""
    return b"".join((document[:start], octets, document[end:]))


def path_to(element: etree._Element) -> tuple[int, ...]:
    """`Edited.path` of an element that is there."""
    path: list[int] = []
    parent = element.getparent()
    while parent is not None:
        path.append(parent.index(element))
        element, parent = parent, parent.getparent()
    return tuple(reversed(path))


def no_parent(root: etree._Element, resolved: Resolved) -> NoParent:
    """The conflict of a PUT into an element that is not there (RFC 4825 §8.2.1, §11.1)."""
    there = closest(root, resolved)
    ancestor = NodeSelector(resolved.text.steps[:there]) if there else None
    return NoParent(
        "the element that this should be put into does not exist, or there are several",
        None if ancestor is None else encode_selector(ancestor),
    )


def check_encoding(document: bytes, body: bytes) -> None:
    """Refuse a `body` that the encoding declared by `document` has no room for.

    A document in UTF-8 may declare the part of it that is ASCII. Raises NotUtf8.
    """
    if body.isascii():
        return
    declared = DECLARED_ENCODING.match(document)
    if declared is not None and declared[1].lower() != UTF_8:
        raise NotUtf8(f"the document is declared to be {declared[1].decode()}")


def free_prefix(element: etree._Element, wanted: str) -> str:
    """`wanted`, or one that no declaration in scope of `element` has."""
    if wanted not in element.nsmap:
        return wanted
    numbered = (f"{NEW_PREFIX}{number}" for number in count(1))
    return next(prefix for prefix in numbered if prefix not in element.nsmap)
