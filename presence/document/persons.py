"""Persons of several publications as one (RFC 4479 §3.1, PRS-04). Pure.

Persons of one class (RFC 4480 §3.3) become one when no two elements of theirs conflict. Elements
conflict when they have the same name and language and not the same content; a timestamp never
does. What is added to a person is in the octets of who published it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from lxml import etree

from presence.document.pidf import DATA_MODEL, RPID, Fragment, Kind, element_of, ids_of
from xmldoc.pieces import Piece, Scope, children, declared_in, declaring, missing, start_tags

XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
NOTE: Final = f"{{{DATA_MODEL}}}note"
TIMESTAMP: Final = f"{{{DATA_MODEL}}}timestamp"
ACTIVITIES: Final = f"{{{RPID}}}activities"
UNKNOWN: Final = f"{{{RPID}}}unknown"
ON_THE_PHONE: Final = f"{{{RPID}}}on-the-phone"
ON_THE_PHONE_XML: Final = f'<on-the-phone xmlns="{RPID}"/>'.encode()
ACTIVITIES_XML: Final = b'<activities xmlns="%b"><on-the-phone/></activities>' % RPID.encode()
CALLING_ID: Final = "on-the-phone"

Key = tuple[str, str]
Meaning = tuple[object, ...]


class Child(NamedTuple):
    """One element of a person."""

    key: Key
    """Name and language."""
    meaning: Meaning
    xml: bytes
    scope: Scope
    """The namespaces that are declared around it."""


def merged(persons: Sequence[Fragment]) -> Fragment | None:
    """The first of `persons` with what only the others say, or None when some conflict."""
    first, *others = persons
    own = elements(first)
    said = meanings(own)
    added: list[Child] = []
    for other in others:
        theirs = elements(other)
        told = meanings(theirs)
        if any(key in said and said[key] != told[key] and key[0] != TIMESTAMP for key in told):
            return None
        added += [child for child in theirs if child.key not in said]
        said = told | said
    return with_children(first, own, added) if added else first


def elements(person: Fragment) -> list[Child]:
    """What stands in `person`."""
    root = element_of(person)
    scope = {prefix or "": uri for prefix, uri in root.nsmap.items()}
    return [
        Child(
            (str(child.tag), child.get(XML_LANG, "")),
            meaning(child),
            person.xml[piece.start : piece.end],
            scope,
        )
        for child, piece in zip(root, children(person.xml), strict=True)
    ]


def meanings(elements: Sequence[Child]) -> dict[Key, list[Meaning]]:
    """What is said under each key; the order of several says nothing."""
    said: dict[Key, list[Meaning]] = defaultdict(list)
    for child in elements:
        said[child.key].append(child.meaning)
    return {key: sorted(told, key=repr) for key, told in said.items()}


def meaning(element: etree._Element) -> Meaning:
    """What `element` says, however its publisher spells prefixes and white space."""
    return (
        str(element.tag),
        tuple(sorted((str(name), str(value)) for name, value in element.attrib.items())),
        (element.text or "").strip(),
        tuple((meaning(child), (child.tail or "").strip()) for child in element),
    )


def with_children(person: Fragment, own: Sequence[Child], added: Sequence[Child]) -> Fragment:
    """`person` with more elements, in the order that the schema of RFC 4479 §5 wants."""
    everything = sorted((*own, *added), key=lambda child: place(child.key[0]))
    around = around_children(person)
    content = b"".join(
        declaring(child.xml, missing(child.scope, declared_in(child.xml), around))
        for child in everything
    )
    return rewritten(person, content)


def around_children(person: Fragment) -> Scope:
    """The namespaces that are declared where the elements of `person` stand."""
    return {prefix or "": uri for prefix, uri in element_of(person).nsmap.items()}


def rewritten(person: Fragment, content: bytes) -> Fragment:
    """`person` with another content."""
    tag = next(start_tags(person.xml))
    opening = person.xml[: tag.end]
    if tag.empty:
        opening = opening[: -len(b"/>")] + b">"
    name = opening[1:].split(None, 1)[0].rstrip(b">/")
    changed = b"%b%b</%b>" % (opening, content, name)
    return with_octets(person, changed)


def with_octets(person: Fragment, xml: bytes) -> Fragment:
    """`person` as `xml`, with the ids that are there now."""
    changed = replace(person, xml=xml)
    return replace(changed, ids=ids_of(element_of(changed)))


def place(name: str) -> int:
    """Extensions, then notes, then the timestamp (RFC 4479 §5)."""
    if name == TIMESTAMP:
        return 2
    return 1 if name == NOTE else 0


def on_the_phone(person: Fragment) -> Fragment:
    """`person` with that activity (RFC 4480 §3.2): in those it has, unless they have an end."""
    root = element_of(person)
    pieces = children(person.xml)
    if root.find(f"{ACTIVITIES}/{ON_THE_PHONE}") is not None:
        return person
    for child, piece in zip(root, pieces, strict=True):
        if child.tag == ACTIVITIES and not {"from", "until"} & set(child.attrib):
            return _replaced(person, piece, with_activity(child, person.xml[slice(*piece)]))
    own = b"".join(person.xml[slice(*piece)] for piece in pieces)
    return rewritten(person, ACTIVITIES_XML + own)


def with_activity(activities: etree._Element, xml: bytes) -> bytes:
    """`xml`, which is `activities`, with on-the-phone; `unknown` stands alone and so goes."""
    pieces = [
        xml[slice(*piece)]
        for child, piece in zip(activities, children(xml), strict=True)
        if child.tag != UNKNOWN
    ]
    tag = next(start_tags(xml))
    opening = xml[: tag.end - 2] + b">" if tag.empty else xml[: tag.end]
    name = opening[1:].split(None, 1)[0].rstrip(b">/")
    return b"%b%b%b</%b>" % (opening, b"".join(pieces), ON_THE_PHONE_XML, name)


def _replaced(person: Fragment, piece: Piece, by: bytes) -> Fragment:
    xml = person.xml[: piece.start] + by + person.xml[piece.end :]
    return with_octets(person, xml)


def calling() -> Fragment:
    """A person of whom nothing is known but that it is on the phone."""
    xml = b'<person xmlns="%b" id="%b">%b</person>' % (
        DATA_MODEL.encode(),
        CALLING_ID.encode(),
        ACTIVITIES_XML,
    )
    own = frozenset({""})
    ids = ((0, CALLING_ID),)
    return Fragment(Kind.PERSON, CALLING_ID, "", None, xml, {}, own, ids)
