"""The privacy filter: a presence document with only what is granted (RFC 5025 §3.3, §4). Pure.

What is left is valid whatever is taken away: only optional elements go, and a tuple whose status
would be left empty goes with it (RFC 3863 §4.1.3). When nothing is left there is a document
without children (RFC 3863 §4.1.1), and no closed tuple that nobody published. Filtering again
changes nothing (RFC 5025 §4). What is taken away leaves no trace, neither white space nor a
namespace, so that watchers who do not see it are not told when it changes.

What RFC 5025 does not mention is decided for privacy: notes of the whole document are notes;
other children of `<presence>` are shown to who sees everything; what a status says beside basic is
an attribute of its tuple; foreign XML attributes of components need provide-all-attributes, those
of what is shown in them go with it; comments and processing instructions go.
"""

from collections.abc import Iterator, Set
from typing import Final

from lxml import etree

from presence.rules.grants import token
from presence.rules.names import (
    ALWAYS,
    CLASS,
    CONTACT,
    DEVICE,
    DEVICE_ID,
    NOTE,
    PERSON,
    SERVICE_DESCRIPTION,
    SERVICE_ID,
    STATUS,
    TUPLE,
    USER_INPUT,
    XML,
    XSI,
)
from presence.rules.permissions import ALL, Member, MemberKind, Members, Permissions, UserInput
from presence.rules.uris import any_uri_key, scheme_of, service_key
from xmldoc.parse import PARSER

HARMLESS: Final = (f"{{{XML}}}", f"{{{XSI}}}")
"""Foreign attributes that say nothing of a presentity."""
DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'
INPUT_ATTRIBUTES: Final = {
    UserInput.BARE: frozenset({"id"}),
    UserInput.THRESHOLDS: frozenset({"id", "idle-threshold"}),
}
"""What is left on user-input (RFC 5025 §3.3.2.12). The RFC leaves no `id` under thresholds,
but does under bare, which is to show less; it only names the element."""


def transform(document: bytes, permissions: Permissions) -> bytes:
    """`document` without what `permissions` do not grant; the same object when all is granted.

    Deviation: a component that is chosen by a class which is not provided itself is shown without
    it, as RFC 5025 §3.3.2.2 says, though a second filter would then not know it again (§4).
    """
    if not document or permissions.everything:
        return document
    root = etree.fromstring(document, PARSER)
    if not _filter(root, permissions) and not _has_remarks(document):
        return document
    if XSI.encode() not in document:  # the value of xsi:type is a name as well
        etree.cleanup_namespaces(root)
    return DECLARATION + etree.tostring(root, encoding="utf-8") + b"\n"


def _has_remarks(document: bytes) -> bool:
    """Whether there may be comments or processing instructions, which the parser left out."""
    return b"<!--" in document or document.count(b"<?") > document.startswith(b"<?xml ")


def _filter(root: etree._Element, permissions: Permissions) -> bool:
    """Take away what is not granted; whether there was anything."""
    members = {
        TUPLE: permissions.services,
        PERSON: permissions.persons,
        DEVICE: permissions.devices,
    }
    changed = not permissions.all_attributes and _take_foreign(root)
    for child in list(root):
        chosen_by = members.get(child.tag)
        if not _is_shown(child, chosen_by, permissions):
            _remove(child)
            changed = True
        elif chosen_by is not None and not permissions.all_attributes:
            changed |= _reduce(child, permissions)
    return changed


def _is_shown(child: etree._Element, chosen_by: Members | None, permissions: Permissions) -> bool:
    """Whether a child of `<presence>` is shown; `chosen_by` is None for what is no component."""
    if chosen_by is None:
        noted = permissions.all_attributes or NOTE in permissions.attributes
        return noted and child.tag == NOTE
    return ALL in chosen_by or _is_chosen(child, chosen_by)


def _is_chosen(component: etree._Element, members: Members) -> bool:
    return bool(members) and not members.isdisjoint(_identifiers(component))


def _identifiers(component: etree._Element) -> Iterator[Member]:
    """All members of a set that would choose `component` (RFC 5025 §3.3.1)."""
    yield Member(MemberKind.OCCURRENCE_ID, component.get("id") or "")
    for child in component:
        tag = child.tag
        if tag == CLASS:
            yield Member(MemberKind.CLASS, token(child))
        elif tag == DEVICE_ID:
            yield Member(MemberKind.DEVICE_ID, any_uri_key(token(child)))
        elif tag == CONTACT:
            yield from _of_service(token(child))
        elif tag == SERVICE_DESCRIPTION:
            for name in child.iterchildren(SERVICE_ID):
                yield Member(MemberKind.SERVICE_ID, token(name))


def _of_service(uri: str) -> Iterator[Member]:
    yield Member(MemberKind.SERVICE_URI_SCHEME, scheme_of(uri))
    bare, rest = service_key(uri)
    yield Member(MemberKind.SERVICE_URI, bare + rest)
    yield Member(MemberKind.SERVICE_URI if rest else MemberKind.BARE_SERVICE_URI, bare)


def _reduce(component: etree._Element, permissions: Permissions) -> bool:
    """Take from `component` what is not granted, or all of it; whether there was anything."""
    changed = _take_foreign(component)
    for status in component.iterchildren(STATUS):
        if _take_children(status, ALWAYS[STATUS], permissions):
            changed = True
            if len(status) == 0:
                _remove(component)
                return True
    return _take_children(component, ALWAYS[str(component.tag)], permissions) or changed


def _take_children(
    parent: etree._Element, always: frozenset[str], permissions: Permissions
) -> bool:
    """Take away the children that are neither shown `always` nor granted."""
    granted = permissions.attributes
    changed = False
    for child in list(parent):
        tag = child.tag
        if tag in always or tag in granted:
            continue
        if tag == USER_INPUT and permissions.user_input:
            changed |= _take_input(child, permissions.user_input)
        else:
            _remove(child)
            changed = True
    return changed


def _take_input(user_input: etree._Element, level: UserInput) -> bool:
    """Leave the attributes of user-input that are shown at `level`."""
    if level is UserInput.FULL:
        return False
    return _take_attributes(user_input, _names(user_input) - INPUT_ATTRIBUTES[level])


def _take_foreign(element: etree._Element) -> bool:
    """Take away XML attributes of other namespaces."""
    names = _names(element)
    if len(names) == 1:
        return False
    foreign = {name for name in names if name.startswith("{") and not name.startswith(HARMLESS)}
    return _take_attributes(element, foreign)


def _names(element: etree._Element) -> set[str]:
    return {str(name) for name in element.keys()}  # noqa: SIM118 - iterating gives the children


def _take_attributes(element: etree._Element, names: Set[str]) -> bool:
    for name in names:
        del element.attrib[name]
    return bool(names)


def _remove(element: etree._Element) -> None:
    """Take `element` out with the white space before it, as though it had never been there."""
    parent, previous = element.getparent(), element.getprevious()
    assert parent is not None, "the root is no component"
    if previous is None:
        parent.text = element.tail
    else:
        previous.tail = element.tail
    parent.remove(element)
