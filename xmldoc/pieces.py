"""A document as its root's start tag and the octets of each child, nothing written anew. Pure.

For documents that `xmldoc.parse` has accepted: comments, character references and white space
inside of a child stay as they are, and only the namespaces that are declared around it are lost.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from xml.sax.saxutils import quoteattr

from xmldoc.spans import ATTRIBUTE, DECLARATION, MISC, NAME, TAG

TOKEN: Final = re.compile(
    rb"""<(?:%s|[^"'>!?]*+(?:(?:"[^"]*+"|'[^']*+')[^"'>]*+)*+>)""" % MISC, re.DOTALL
)
"""A tag, or what is none and begins with "<"."""

NOTHING: Final[frozenset[str]] = frozenset()
_SLASH: Final = ord("/")
_NO_START: Final = frozenset(b"/!?")
"""The second octet of what begins with "<" and is no start tag."""

WORD: Final = re.compile(rb"""[^ \t\r\n<>='"/:]+""")
"""What may be a prefix."""
FEW: Final = 16
"""Namespaces that are looked for one by one, which costs least for as many as documents have."""

Scope = dict[str, str]
"""Namespaces by prefix, the default namespace under ""; absent where there is none."""


class Tag(NamedTuple):
    """A start tag among octets."""

    start: int
    end: int
    empty: bool
    """Whether it is an end tag as well (XML 1.0 §3.1)."""


class Piece(NamedTuple):
    """One child of an element."""

    start: int
    end: int


def start_tags(xml: bytes) -> Iterator[Tag]:
    """The start tags of `xml` in document order, that of `Element.iter()`."""
    for found in TOKEN.finditer(xml):
        start, end = found.span()
        if xml[start + 1] not in _NO_START:
            yield Tag(start, end, xml[end - 2] == _SLASH)


def children(xml: bytes) -> list[Piece]:
    """Where the children of the one element in `xml` are."""
    pieces: list[Piece] = []
    depth = begun = 0
    for found in TOKEN.finditer(xml):
        start, end = found.span()
        second = xml[start + 1]
        if second == _SLASH:
            depth -= 1
        elif second in _NO_START:
            continue
        else:
            if depth == 1:
                begun = start
            if xml[end - 2] != _SLASH:
                depth += 1
                continue
        if depth == 1:
            pieces.append(Piece(begun, end))
    return pieces


def declared_in(xml: bytes) -> frozenset[str]:
    """The prefixes that the first start tag of `xml` declares, "" for the default namespace."""
    tag = TAG.match(xml)
    assert tag is not None, "an element begins with its tag"
    if DECLARATION.encode() not in tag[0]:
        return NOTHING
    found = ATTRIBUTE.finditer(xml, _name_end(xml, 0), tag.end())
    names = (match[1].decode().partition(":") for match in found)
    return frozenset(local for prefix, _, local in names if prefix == DECLARATION)


def mentioned(scope: Scope, xml: bytes) -> Scope:
    """What `xml` can mean of `scope`: the default namespace, and prefixes that stand in it.

    In names or in content, where no parser knows of them.
    """
    if len(scope) <= FEW:
        return {name: uri for name, uri in scope.items() if not name or name.encode() in xml}
    words = set(WORD.findall(xml))
    return {name: uri for name, uri in scope.items() if not name or name.encode() in words}


def declaring(xml: bytes, namespaces: Scope) -> bytes:
    """The element `xml` with declarations of `namespaces`, which it has none of yet."""
    if not namespaces:
        return xml
    name = NAME.match(xml)
    assert name is not None, "an element begins with its name"
    return b"%b%b%b" % (xml[: name.end()], declarations(namespaces), xml[name.end() :])


def declarations(namespaces: Scope) -> bytes:
    """`namespaces` as attributes, each with a space before it."""
    return "".join(
        f" {DECLARATION}{':' if prefix else ''}{prefix}={quoteattr(uri)}"
        for prefix, uri in namespaces.items()
    ).encode()


def missing(scope: Scope, own: frozenset[str], around: Scope) -> Scope:
    """What an element that was written in `scope` must declare to mean the same in `around`.

    `own` are the prefixes that it declares already.
    """
    lacking = {
        prefix: uri
        for prefix, uri in scope.items()
        if around.get(prefix) != uri and prefix not in own
    }
    if around.get("") and "" not in scope and "" not in own:
        lacking[""] = ""
    return lacking


def with_attribute(xml: bytes, tag: Tag, name: bytes, value: str) -> bytes:
    """`xml` with another value of an attribute that `tag` has."""
    for match in ATTRIBUTE.finditer(xml, _name_end(xml, tag.start), tag.end):
        if match[1] == name:
            written = quoteattr(value).encode()
            return b"%b%b%b" % (xml[: match.start(2)], written, xml[match.end(2) :])
    return xml


def _name_end(xml: bytes, start: int) -> int:
    name = NAME.match(xml, start)
    assert name is not None, "a start tag has a name"
    return name.end()
