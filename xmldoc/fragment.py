"""One element on its own, as it would stand inside of a document. Pure.

Unlike a document it may use prefixes that are declared around it, has no XML
declaration, and nothing is beside it.
"""

from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import quoteattr

from lxml import etree

from xmldoc.errors import NotWellFormed
from xmldoc.parse import DEFAULT_LIMITS, Limits, check_octets, check_shape, syntax_error

WHITE_SPACE: Final = b" \t\r\n"
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

PARSER: Final = etree.XMLParser(
    encoding="utf-8",
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    dtd_validation=False,
    huge_tree=False,
)
"""As that of `xmldoc.parse`, but it keeps comments and processing instructions."""


def bare(fragment: bytes) -> bytes:
    """`fragment` without a byte order mark and white space around it."""
    return fragment.removeprefix(BYTE_ORDER_MARK).strip(WHITE_SPACE)


def parse_fragment(
    fragment: bytes, namespaces: Mapping[str | None, str], *, limits: Limits = DEFAULT_LIMITS
) -> etree._Element:
    """The one element that `fragment` is, where `namespaces` are in scope.

    `namespaces` has the default namespace under None. Raises an `XmlError`; NotWellFormed
    also for text, comments and processing instructions beside the element.
    """
    check_octets(fragment, limits)
    if not fragment.startswith(b"<"):
        raise NotWellFormed("there is text before the element, or no element at all")
    try:
        around = etree.fromstring(_wrapped(fragment, namespaces), PARSER)
    except etree.XMLSyntaxError as error:
        raise syntax_error(error, limits) from None
    if len(around) != 1 or not isinstance(around[0].tag, str) or around[0].tail:
        raise NotWellFormed("there must be one element and nothing beside it")
    check_shape(fragment, around[0], limits)
    return around[0]


def _wrapped(fragment: bytes, namespaces: Mapping[str | None, str]) -> bytes:
    """`fragment` in an element that declares `namespaces`.

    A fragment cannot break out of it: an end tag too many ends the document.
    """
    declarations = "".join(
        f" xmlns{':' if prefix else ''}{prefix or ''}={quoteattr(namespace)}"
        for prefix, namespace in namespaces.items()
    )
    return b"<a%s>%s</a>" % (declarations.encode(), fragment)
