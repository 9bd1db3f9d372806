"""PIDF documents taken apart and put together as octets (RFC 3863 §4.1, RFC 4479 §3).

Pure. A fragment is one child of `<presence>`, in the octets of its publisher, with the namespaces
that were declared around it: fragments of different publishers stand side by side unchanged,
prefixes in content (xsi:type, QNames) included (RFC 3863 §4.2.3).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from xmldoc.parse import parse
from xmldoc.pieces import (
    Scope,
    children,
    declarations,
    declared_in,
    declaring,
    mentioned,
    missing,
    start_tags,
    with_attribute,
)

PIDF: Final = "urn:ietf:params:xml:ns:pidf"
DATA_MODEL: Final = "urn:ietf:params:xml:ns:pidf:data-model"
RPID: Final = "urn:ietf:params:xml:ns:pidf:rpid"
CAPS: Final = "urn:ietf:params:xml:ns:pidf:caps"
CONTENT_TYPE: Final = "application/pidf+xml"
PRESENCE: Final = f"{{{PIDF}}}presence"
TUPLE: Final = f"{{{PIDF}}}tuple"
PERSON: Final = f"{{{DATA_MODEL}}}person"
DEVICE: Final = f"{{{DATA_MODEL}}}device"
DEVICE_ID: Final = f"{{{DATA_MODEL}}}deviceID"
CLASS: Final = f"{{{RPID}}}class"
CONTACT: Final = f"{{{PIDF}}}contact"
CACHED_DOCUMENTS: Final = 512
"""Documents kept cut: of resources with several publications, those that did not change."""

Kind = Enum("Kind", ["TUPLE", "PERSON", "DEVICE", "OTHER"])

_KINDS: Final = {TUPLE: Kind.TUPLE, PERSON: Kind.PERSON, DEVICE: Kind.DEVICE}
_IDENTIFIED: Final = (TUPLE, f"{{{DATA_MODEL}}}", f"{{{RPID}}}")
"""How the names of elements begin whose attribute `id` is an xs:ID: no two in a document are
alike."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """One child of `<presence>`."""

    kind: Kind
    id: str
    """Its id attribute, "" without one."""
    device_id: str
    """Of a device or tuple: its deviceID, "" without one."""
    timestamp: float | None
    """Its own timestamp, Unix seconds; None when it has none that can be read."""
    xml: bytes
    """As its publisher wrote it."""
    scope: Scope
    """The namespaces that are declared around it, those that it can mean."""
    own: frozenset[str] = frozenset()
    """The prefixes that its start tag declares."""
    ids: tuple[tuple[int, str], ...] = ()
    """Every xs:ID in it, and which of its start tags has it."""
    rpid_class: str = ""
    """Its class (RFC 4480 §3.3), "" without one."""
    contact: str = ""
    """Of a tuple: its contact, "" without one."""
    priority: float = 0.0
    """Of its contact; without one it is the lowest (RFC 3863 §4.1.5)."""


@lru_cache(CACHED_DOCUMENTS)
def cut(document: bytes) -> tuple[Fragment, ...]:
    """The children of a document that was checked when it was published, in order."""
    root = parse(document)
    scope = {prefix or "": uri for prefix, uri in root.nsmap.items()}
    return tuple(
        fragment(child, document[piece.start : piece.end], scope)
        for child, piece in zip(root, children(document), strict=True)
    )


def fragment(element: etree._Element, xml: bytes, scope: Scope) -> Fragment:
    """One child, whose octets are `xml`, out of an element in `scope`."""
    kind = _KINDS.get(element.tag, Kind.OTHER)
    contact = element.find(CONTACT)
    return Fragment(
        kind,
        (element.get("id") or "").strip(),
        (element.findtext(DEVICE_ID) or "").strip(),
        timestamp_of(element),
        xml,
        mentioned(scope, xml),
        declared_in(xml),
        ids_of(element),
        (element.findtext(CLASS) or "").strip(),
        "" if contact is None else (contact.text or "").strip(),
        0.0 if contact is None else float(contact.get("priority") or 0),
    )


def ids_of(element: etree._Element) -> tuple[tuple[int, str], ...]:
    """Every xs:ID in `element`, and which of its start tags has it."""
    return tuple(
        (place, str(one.attrib["id"]).strip())
        for place, one in enumerate(element.iter())
        if "id" in one.attrib and str(one.tag).startswith(_IDENTIFIED)
    )


def timestamp_of(element: etree._Element) -> float | None:
    """What its timestamp child says, in either namespace that has one."""
    for namespace in (PIDF, DATA_MODEL):
        text = element.findtext(f"{{{namespace}}}timestamp")
        if text:
            return instant(text.strip())
    return None


def instant(text: str) -> float | None:
    """Unix seconds of an xs:dateTime; None for one without zone, or that is none."""
    try:
        moment = datetime.fromisoformat(text.upper().replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else None


def element_of(one: Fragment) -> etree._Element:
    """A fragment as a tree, to be looked at."""
    return parse(within(one, {}))


def within(one: Fragment, around: Scope) -> bytes:
    """The octets of `one` in an element where `around` is declared."""
    return declaring(one.xml, missing(one.scope, one.own, around))


def renamed(one: Fragment, names: Mapping[int, str]) -> Fragment:
    """`one` with other ids, by which of its start tags has them."""
    xml, tags = one.xml, list(start_tags(one.xml))
    for place, _ in reversed(one.ids):
        if place in names:
            xml = with_attribute(xml, tags[place], b"id", names[place])
    ids = tuple((place, names.get(place, name)) for place, name in one.ids)
    return replace(one, id=names.get(0, one.id), xml=xml, ids=ids)


def document(entity: str, fragments: Sequence[Fragment]) -> bytes:
    """A presence document of these children.

    What they agree on stands on the root; a child that has another meaning for a prefix, or
    none for the default namespace, says so itself.
    """
    scope: Scope = {"": PIDF}
    for one in fragments:
        for prefix, uri in one.scope.items():
            scope.setdefault(prefix, uri)
    return b"".join(
        (
            b'<?xml version="1.0" encoding="UTF-8"?>\n<presence',
            declarations(scope),
            b" entity=",
            quoteattr(entity).encode(),
            b">\n",
            *(within(one, scope) + b"\n" for one in fragments),
            b"</presence>\n",
        )
    )


def closed(entity: str) -> bytes:
    """The neutral document: one closed tuple whose contact is the AoR (PRS-05)."""
    contact = escape(entity)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="{PIDF}"'
        f' entity={quoteattr(entity)}>\n<tuple id="none"><status><basic>closed</basic></status>'
        f"<contact>{contact}</contact></tuple>\n</presence>\n"
    ).encode()
