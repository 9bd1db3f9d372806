"""PIDF documents taken apart and put together as bytes (RFC 3863 §4.1, RFC 4479 §3).

Pure. A fragment is one child of `<presence>` with every namespace declaration it needs, so
that fragments of different publishers stand side by side unchanged (RFC 3863 §4.2.3).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from xmldoc.parse import parse

PIDF: Final = "urn:ietf:params:xml:ns:pidf"
DATA_MODEL: Final = "urn:ietf:params:xml:ns:pidf:data-model"
CONTENT_TYPE: Final = "application/pidf+xml"
PRESENCE: Final = f"{{{PIDF}}}presence"
CACHED_DOCUMENTS: Final = 512
"""Documents kept cut: of resources with several publications, those that did not change."""

Kind = Enum("Kind", ["TUPLE", "PERSON", "DEVICE", "OTHER"])

_KINDS: Final = {
    f"{{{PIDF}}}tuple": Kind.TUPLE,
    f"{{{DATA_MODEL}}}person": Kind.PERSON,
    f"{{{DATA_MODEL}}}device": Kind.DEVICE,
}


@dataclass(frozen=True, slots=True)
class Fragment:
    """One child of `<presence>`."""

    kind: Kind
    id: str
    """Its id attribute, "" without one."""
    device_id: str
    """Of a device: its deviceID, "" without one."""
    timestamp: float | None
    """Its own timestamp, Unix seconds; None when it has none that can be read."""
    xml: bytes


@lru_cache(CACHED_DOCUMENTS)
def cut(document: bytes) -> tuple[Fragment, ...]:
    """The children of a document that was checked when it was published, in order."""
    return tuple(fragment(child) for child in parse(document))


def fragment(element: etree._Element) -> Fragment:
    """One child, cut out."""
    kind = _KINDS.get(element.tag, Kind.OTHER)
    device_id = element.findtext(f"{{{DATA_MODEL}}}deviceID") or ""
    return Fragment(
        kind,
        element.get("id") or "",
        device_id.strip() if kind is Kind.DEVICE else "",
        timestamp_of(element),
        etree.tostring(element, encoding="utf-8", with_tail=False),
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


def element_of(xml: bytes) -> etree._Element:
    """A fragment as a tree again, to be changed."""
    return parse(xml)


def document(entity: str, fragments: tuple[bytes, ...]) -> bytes:
    """A presence document of these children."""
    return b"".join(
        (
            b'<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="',
            PIDF.encode(),
            b'" entity=',
            quoteattr(entity).encode(),
            b">\n",
            b"\n".join(fragments),
            b"\n</presence>\n" if fragments else b"</presence>\n",
        )
    )


def closed(entity: str) -> bytes:
    """The neutral document: one closed tuple whose contact is the AoR (PRS-05)."""
    return document(
        entity,
        (
            f'<tuple id="none"><status><basic>closed</basic></status>'
            f"<contact>{escape(entity)}</contact></tuple>".encode(),
        ),
    )
