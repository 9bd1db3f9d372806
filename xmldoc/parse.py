"""Hardened parsing: bytes from a stranger to a tree that is safe to walk.

Pure. Nothing is fetched, no entity but the five of XML is known, a document type
declaration is refused before the parser sees it. Comments and processing instructions
are left out of the tree, so that every child of an element is an element.

The limits cost no walk over the tree in Python. A document of n "<" cannot nest deeper
than (n + 1) / 2, and one of n "=" cannot have more than n attributes, so counting
octets clears nearly every document; only what they cannot clear is asked of the tree,
by an XPath expression that libxml2 evaluates. Namespaces are measured where they are
declared. Without these limits libxml2 itself stops at 256 levels.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from lxml import etree

from xmldoc.errors import Forbidden, NotUtf8, NotWellFormed, TooDeep, TooLarge, XmlError

MAX_OCTETS: Final = 262_144
MAX_ELEMENTS: Final = 20_000
MAX_DEPTH: Final = 64
MAX_ATTRIBUTES: Final = 64
MAX_NAMESPACE: Final = 512
"""Octets of a namespace as it is written. Whoever validates or walks a tree compares or copies
it for each name that is in it, so that one long namespace makes seconds and gigabytes of a
document of 250 kB."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a document may have at most."""

    octets: int = MAX_OCTETS
    elements: int = MAX_ELEMENTS
    depth: int = MAX_DEPTH
    """Levels of elements; the root is the first."""
    attributes: int = MAX_ATTRIBUTES
    """On one element, namespace declarations not counted."""


DEFAULT_LIMITS: Final = Limits()

DECLARED_ENCODING: Final = re.compile(
    rb"""(?:\xef\xbb\xbf)?<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]*)["']"""
)
"""EncodingDecl of XML 1.0 §4.3.3, in the declaration at the very start."""

LONG_NAMESPACE: Final = re.compile(
    rb"""xmlns(?<=[ \t\r\n]xmlns)(?::[^ \t\r\n:=<>"']*+)?"""
    rb"""[ \t\r\n]*+=[ \t\r\n]*+(?:"[^"<]{%(n)d}|'[^'<]{%(n)d})""" % {b"n": MAX_NAMESPACE + 1}
)
"""A declaration that is too long, or text that looks like one."""

UTF_8: Final = frozenset({b"utf-8", b"us-ascii"})
"""Declarations that hold for a document in UTF-8; ASCII is a part of it."""

RESOURCE_LIMIT: Final = 114
"""libxml2's XML_ERR_RESOURCE_LIMIT: of its limits only that of depth lies below ours."""

PARSER: Final = etree.XMLParser(
    encoding="utf-8",
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    dtd_validation=False,
    huge_tree=False,
    remove_comments=True,
    remove_pis=True,
)
"""One for all: making a parser costs more than parsing with it, and lxml locks its use."""


def parse(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> etree._Element:
    """The root element of document `data`. Raises an `XmlError`."""
    check_octets(data, limits)
    try:
        root = etree.fromstring(data, PARSER)
    except etree.XMLSyntaxError as error:
        raise syntax_error(error, limits) from None
    except ValueError as error:
        raise NotWellFormed(str(error)) from None
    check_shape(data, root, limits)
    return root


def check_octets(data: bytes, limits: Limits) -> None:
    """Refuse what can be refused without parsing."""
    if len(data) > limits.octets:
        raise TooLarge(f"{len(data)} octets, at most {limits.octets} are read")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise NotUtf8(f"octet {error.start} is not UTF-8") from None
    declared = DECLARED_ENCODING.match(data)
    if declared and declared[1].lower() not in UTF_8:
        raise NotUtf8(f"the encoding is declared as {declared[1].decode()}")
    if b"<!DOCTYPE" in data:
        raise Forbidden("document type declarations are not read")
    if data.count(b"<") > 2 * limits.elements:
        raise TooLarge(f"more than {limits.elements} elements")
    if len(data) > MAX_NAMESPACE and LONG_NAMESPACE.search(data):
        raise TooLarge(f"a namespace has more than {MAX_NAMESPACE} octets")


def check_shape(data: bytes, root: etree._Element, limits: Limits) -> None:
    """Refuse a tree that is too deep or has an element with too many attributes."""
    if data.count(b"<") > 2 * limits.depth and _deeper_than(limits.depth)(root):
        raise TooDeep(f"elements nest deeper than {limits.depth} levels")
    if data.count(b"=") > limits.attributes and _more_attributes_than(limits.attributes)(root):
        raise TooLarge(f"an element has more than {limits.attributes} attributes")


def syntax_error(error: etree.XMLSyntaxError, limits: Limits) -> XmlError:
    """What it is of ours that the parser complains about."""
    if getattr(error, "code", None) == RESOURCE_LIMIT:  # not in the stubs
        return TooDeep(f"elements nest deeper than {limits.depth} levels")
    return NotWellFormed(explain(error))


def explain(error: etree.XMLSyntaxError) -> str:
    """The parser's complaint with its place, in one line."""
    return " ".join((error.msg or "not well-formed").split())


@lru_cache(maxsize=8)
def _deeper_than(depth: int) -> etree.XPath:
    return etree.XPath("boolean(" + "/*" * (depth + 1) + ")")


@lru_cache(maxsize=8)
def _more_attributes_than(count: int) -> etree.XPath:
    return etree.XPath(f"boolean(//*[@*[{count + 1}]])")
