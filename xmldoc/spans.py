"""Where elements and attributes are among the octets of a document. Pure.

For documents that `xmldoc.parse` has accepted: what the parser has checked is not
checked again. The tree says which start tag in document order an element has, by an
XPath count in C; a regular expression walks to it at the speed of C too. No "<" stands
anywhere in a tag but at its start, so that start tags are counted without being read.
Both passes take time in proportion to the document.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from lxml import etree

XML_NAMESPACE: Final = "http://www.w3.org/XML/1998/namespace"
DECLARATION: Final = "xmlns"
"""Name of the declaration of the default namespace, prefix of those of others."""
MISC: Final = rb"!--.*?-->|!\[CDATA\[.*?\]\]>|\?.*?\?>"
"""What begins with "<" and is no tag; the "<" itself is left out."""

START: Final = re.compile(rb"<(?:(?:/|%s)[^<]*+(?:<|\Z))*+(?:[^/!?]|\Z)" % MISC, re.DOTALL)
"""All that precedes a start tag, and its first two octets. After the last start tag it
matches once more, up to the end, so that no search begins inside of a comment."""
TAG: Final = re.compile(rb"""<[^"'>]*+(?:(?:"[^"]*+"|'[^']*+')[^"'>]*+)*+>""")
END: Final = re.compile(rb"[^<]*+(?:<(?:%s)[^<]*+)*+(</[^>]*+>)" % MISC, re.DOTALL)
"""The next end tag, where no start tag comes before it."""
NAME: Final = re.compile(rb"<([^ \t\r\n/>]+)")
ATTRIBUTE: Final = re.compile(
    rb"""[ \t\r\n]+([^ \t\r\n=/>]+)[ \t\r\n]*=[ \t\r\n]*("[^"]*"|'[^']*')"""
)

START_TAGS_BEFORE: Final = etree.XPath("count(preceding::*) + count(ancestor::*)")
DESCENDANTS: Final = etree.XPath("count(descendant::*)")


class ElementSpan(NamedTuple):
    """Offsets of the parts of an element, in octets."""

    start: int
    """Of its start tag."""
    content: int
    """Of what follows the start tag."""
    content_end: int
    """Of its end tag; for an empty-element tag the same as `content` and `end`."""
    end: int
    """Of what follows the element."""

    @property
    def empty_tag(self) -> bool:
        """Whether it is written as one empty-element tag (XML 1.0 §3.1)."""
        return self.content == self.end


class AttributeSpan(NamedTuple):
    """Offsets of the parts of an attribute, in octets, and its name as it is written."""

    name: str
    start: int
    """Of the white space before it."""
    value: int
    """Of the quotation mark that opens its value."""
    end: int
    """Of what follows the quotation mark that closes it."""


def element_span(document: bytes, element: etree._Element) -> ElementSpan:
    """Where `element`, of the tree that was parsed from `document`, is."""
    starts = START.finditer(document)
    start = _nth(starts, _count(START_TAGS_BEFORE, element))
    content = _tag_end(document, start)
    if _is_empty_tag(document, content):
        return ElementSpan(start, content, content, content)
    descendants = _count(DESCENDANTS, element)
    position = content
    if descendants:
        position = _tag_end(document, _nth(starts, descendants - 1))
    depth = _depth_of_last(element)
    if descendants and _is_empty_tag(document, position):
        depth -= 1
    content_end, end = _nth_end_tag(document, position, depth)
    return ElementSpan(start, content, content_end, end)


def attribute_spans(document: bytes, span: ElementSpan) -> Iterator[AttributeSpan]:
    """The attributes in the start tag of the element at `span`, namespace declarations too."""
    for found in ATTRIBUTE.finditer(document, _name_end(document, span.start), span.content):
        yield AttributeSpan(found[1].decode(), found.start(), found.start(2), found.end())


def attribute_span(
    document: bytes, span: ElementSpan, element: etree._Element, name: str
) -> AttributeSpan | None:
    """Where the attribute of `element` at `span` with the expanded name `name` is."""
    for found in attribute_spans(document, span):
        if expanded(found.name, element) == name:
            return found
    return None


def attributes_end(document: bytes, span: ElementSpan) -> int:
    """Where the last attribute of the element at `span` ends, or else its name."""
    end = _name_end(document, span.start)
    for found in attribute_spans(document, span):
        end = found.end
    return end


def tag_name(document: bytes, span: ElementSpan) -> bytes:
    """The name of the element at `span` as it is written."""
    return document[span.start + 1 : _name_end(document, span.start)]


def expanded(name: str, element: etree._Element) -> str | None:
    """The expanded name of an attribute of `element` that is written `name`.

    None for a namespace declaration, which is no attribute.
    """
    prefix, colon, local = name.rpartition(":")
    if DECLARATION in (prefix, name):
        return None
    if not colon:
        return name
    namespace = XML_NAMESPACE if prefix == "xml" else element.nsmap[prefix]
    return f"{{{namespace}}}{local}"


def _count(expression: etree.XPath, element: etree._Element) -> int:
    result: Any = expression(element)
    return int(result)


def _nth(starts: Iterator[re.Match[bytes]], count: int) -> int:
    """Where the start tag is that comes after `count` others."""
    return next(islice(starts, count, None)).end() - 2


def _tag_end(document: bytes, start: int) -> int:
    """Where the tag that begins at `start` ends."""
    found = TAG.match(document, start)
    assert found is not None, "a tag of an accepted document is closed"
    return found.end()


def _name_end(document: bytes, start: int) -> int:
    found = NAME.match(document, start)
    assert found is not None, "a start tag has a name"
    return found.end()


def _is_empty_tag(document: bytes, end: int) -> bool:
    """Whether the tag that ends at `end` is an empty-element tag."""
    return document.endswith(b"/>", 0, end)


def _depth_of_last(element: etree._Element) -> int:
    """How many elements are open, from `element` on, in its last descendant."""
    depth = 0
    last: etree._Element | None = element
    while last is not None:
        depth += 1
        last = next(last.iterchildren(reversed=True), None)
    return depth


def _nth_end_tag(document: bytes, position: int, count: int) -> tuple[int, int]:
    """Start and end of the end tag number `count` after `position`."""
    start = end = position
    for _ in range(count):
        found = END.match(document, end)
        assert found is not None, "an open element of an accepted document is closed"
        start, end = found.span(1)
    return start, end
