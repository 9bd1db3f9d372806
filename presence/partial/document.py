"""Documents of application/pidf-diff+xml (RFC 5262 §3). Pure.

A `pidf-full` is the presence document octet by octet, with another root element. A `pidf-diff`
has operations, whose selectors begin with "*": the copy that a watcher keeps may have either
root (§6 shows `pidf-full`, and a selector that begins with `presence`).
"""

import re
from itertools import chain, count
from typing import Final, NamedTuple
from xml.sax.saxutils import quoteattr

from lxml import etree

from presence.document.pidf import PIDF
from xmldoc.diff import make_diff
from xmldoc.effort import Effort
from xmldoc.parse import PARSER, parse
from xmldoc.spans import ElementSpan, attribute_spans, element_span, tag_name

NAMESPACE: Final = "urn:ietf:params:xml:ns:pidf-diff"
MEDIA_TYPE: Final = "application/pidf-diff+xml"
PREFIX: Final = "pd"
"""Of the root element of a `pidf-full`; the root of the document is in another namespace."""
ANY_ROOT: Final = "*"

MAX_OCTETS: Final = 32_768
"""Of a document of which differences are made; larger ones are told in full."""
STEPS: Final = 6_000
"""The effort for one difference: some 3 ms. A change in a document of 20 tuples takes a tenth."""


class Numbered(NamedTuple):
    """A document but for its version."""

    before: bytes
    after: bytes

    def numbered(self, version: int) -> bytes:
        """The document with `version`."""
        return b"%b%d%b" % (self.before, version, self.after)

    @property
    def octets(self) -> int:
        """Without its version."""
        return len(self.before) + len(self.after)


NOTHING: Final = Numbered(b"", b"")
"""The difference between documents that are written in two ways, and are the same."""


def full(document: bytes) -> Numbered:
    """The `pidf-full` of a valid presence document, all of it as it is written there.

    It may be larger than what anybody may publish: many publications were put together.
    """
    span = element_span(document, etree.fromstring(document, PARSER))
    attributes = span.start + 1 + len(tag_name(document, span))
    prefix = _free_prefix(document).encode()
    start = b'<%b:pidf-full xmlns:%b="%b" version="' % (prefix, prefix, NAMESPACE.encode())
    if span.empty_tag:
        return Numbered(document[: span.start] + start, b'"' + document[attributes:])
    inside = document[attributes : span.content_end]
    end = b'"%b</%b:pidf-full>%b' % (inside, prefix, document[span.end :])
    return Numbered(document[: span.start] + start, end)


def difference(old: bytes, new: bytes) -> Numbered | None:
    """The `pidf-diff` that makes presence document `new` of `old`.

    None when the watcher is better told all of `new`: the difference takes too long to find or
    is not shorter, or it is in the name of the root element, which `full` has changed.
    """
    if max(len(old), len(new)) > MAX_OCTETS:
        return None
    if _is_used(PREFIX, old) or _is_used(PREFIX, new):
        return None
    made = make_diff(old, new, NAMESPACE, ANY_ROOT, effort=Effort(STEPS))
    if made is None:
        return None
    if not made.operations:
        return NOTHING
    name = f"{made.prefix}:pidf-diff"
    entity = quoteattr(parse(new).get("entity") or "")
    diff = Numbered(
        f'<{name}{made.declarations} entity={entity} version="'.encode(),
        f'">{made.operations}</{name}>'.encode(),
    )
    return diff if diff.octets < full(new).octets else None


def presence_of(document: bytes) -> bytes:
    """The presence document in a `pidf-full`: the other way round of `full`.

    What is below the root element stays as it is written. Raises an XmlError.
    """
    root = parse(document)
    span = element_span(document, root)
    free = _free_prefix(document)
    prefix = next((p or "" for p, namespace in root.nsmap.items() if namespace == PIDF), free)
    name = f"{prefix}:presence".encode() if prefix else b"presence"
    declared = f' xmlns:{free}="{PIDF}"'.encode() if prefix == free else b""
    start = b"%b<%b%b%b" % (document[: span.start], name, declared, _kept_tag(document, root, span))
    if span.empty_tag:
        return start + document[span.end :]
    inside = document[span.content : span.content_end]
    return b"%b%b</%b>%b" % (start, inside, name, document[span.end :])


def _kept_tag(document: bytes, root: etree._Element, span: ElementSpan) -> bytes:
    """The start tag of a `pidf-full` from after its name on, without what that alone has."""
    inside = document[span.content : span.content_end]
    gone = {"version"} | {
        f"xmlns:{prefix}"
        for prefix, namespace in root.nsmap.items()
        if prefix and namespace == NAMESPACE and not _in_names(prefix, inside)
    }
    kept, start = b"", span.start + 1 + len(tag_name(document, span))
    for attribute in attribute_spans(document, span):
        if attribute.name in gone:
            kept, start = kept + document[start : attribute.start], attribute.end
    return kept + document[start : span.content]


def _in_names(prefix: str, content: bytes) -> bool:
    """Whether `prefix` may be in use in `content`."""
    return re.search(rb"(?<![\w.\-])%b:" % re.escape(prefix.encode()), content) is not None


def _free_prefix(document: bytes) -> str:
    """PREFIX, or one like it that `document` declares nowhere."""
    prefixes = chain((PREFIX,), (f"{PREFIX}{number}" for number in count()))
    return next(prefix for prefix in prefixes if not _is_used(prefix, document))


def _is_used(prefix: str, document: bytes) -> bool:
    """Whether `document` may declare a prefix that begins like this."""
    return b"xmlns:" + prefix.encode() in document
