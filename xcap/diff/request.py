"""What a SUBSCRIBE to xcap-diff asks for (RFC 5875 §4.3, §4.4). Pure.

The list of URIs is a resource-lists document with one flat list. What is known of it, and
the mode, is kept with the subscription as text (`Wanted.__str__`).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from lxml import etree

from presence.errors import BadBody, BadRequest, UnsupportedType
from sip.message import Request
from xmldoc.errors import XmlError
from xmldoc.parse import parse

MEDIA_TYPE: Final = "application/resource-lists+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:resource-lists"
PARAMETER: Final = "diff-processing"
MAX_URIS: Final = 128
"""URIs that one subscription may follow (RFC 5875 §7)."""
MAX_URI: Final = 2048
"""Characters of one of them."""
MAX_CONTENT: Final = 16_384
"""Characters of all of them."""
KEPT_READ: Final = 512

LIST: Final = f"{{{NAMESPACE}}}list"
ENTRY: Final = f"{{{NAMESPACE}}}entry"
HIERARCHY: Final = frozenset(f"{{{NAMESPACE}}}{name}" for name in ("list", "entry-ref", "external"))


class Mode(StrEnum):
    """How changes of documents are told, the simplest first (RFC 5875 §4.3)."""

    NO_PATCHING = "no-patching"
    XCAP_PATCHING = "xcap-patching"
    AGGREGATE = "aggregate"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a watcher follows, and how it wants to hear of it."""

    mode: Mode
    uris: tuple[str, ...]
    """As the watcher wrote them, each once, in its order."""

    def __str__(self) -> str:
        return json.dumps([self.mode, *self.uris], ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> "Wanted":
        """The value that `str` made `text` of; nothing is wanted by ""."""
        return _read(text)


@lru_cache(maxsize=KEPT_READ)
def _read(text: str) -> Wanted:
    if not text:
        return Wanted(Mode.NO_PATCHING, ())
    mode, *uris = json.loads(text)
    return Wanted(Mode(mode), tuple(uris))


def read_wanted(request: Request, before: str) -> Wanted:
    """What `request` asks for; one without a body keeps the list of the one `before` it.

    Its body is without Content-Encoding (`presence.coding.decoded`). Raises BadRequest (400) and
    UnsupportedType (415).
    """
    mode = mode_of(request)
    if not request.body:
        if not before:
            raise BadRequest("the body must list the XCAP URIs to follow")
        return Wanted(mode, Wanted.parse(before).uris)
    media_type = (request.content_type or "").partition(";")[0].strip().lower()
    if media_type != MEDIA_TYPE:
        raise UnsupportedType((MEDIA_TYPE,))
    return Wanted(mode, read_uris(request.body))


def mode_of(request: Request) -> Mode:
    """The mode asked for; no patching when none is, or one that is unknown."""
    event = request.event
    value = event.parameters.value(PARAMETER) if event is not None else None
    try:
        return Mode((value or "").strip('"').lower())
    except ValueError:
        return Mode.NO_PATCHING


def read_uris(body: bytes) -> tuple[str, ...]:
    """The `uri` of every entry of a flat list; elements not understood are passed over.

    Raises BadBody for what is no such document, nested lists and references to entries.
    """
    try:
        root = parse(body)
    except XmlError as error:
        raise BadBody(str(error)) from None
    if root.tag != f"{{{NAMESPACE}}}resource-lists":
        raise BadBody("the root element is not resource-lists")
    entries = [child for part in root.iterchildren(LIST) for child in part]
    if any(child.tag in HIERARCHY for child in entries):
        raise BadBody("the list must be flat: entries with a uri, and no lists or references")
    uris = dict.fromkeys(_uri(child) for child in entries if child.tag == ENTRY)
    if not uris:
        raise BadBody("the list has no entries")
    if len(uris) > MAX_URIS or sum(map(len, uris)) > MAX_CONTENT:
        raise BadBody(f"more than {MAX_URIS} URIs or {MAX_CONTENT} characters of them")
    return tuple(uris)


def write_uris(uris: Iterable[str]) -> bytes:
    """The body of a SUBSCRIBE that follows `uris`."""
    root = etree.Element(f"{{{NAMESPACE}}}resource-lists", nsmap={"rl": NAMESPACE})
    listed = etree.SubElement(root, LIST)
    for uri in uris:
        etree.SubElement(listed, ENTRY, uri=uri)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _uri(entry: etree._Element) -> str:
    uri = (entry.get("uri") or "").strip()
    if not uri or len(uri) > MAX_URI:
        raise BadBody(f"an entry needs a uri of at most {MAX_URI} characters")
    return uri
