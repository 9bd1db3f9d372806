"""Conference documents, taken apart and put together as bytes (RFC 4575 §5). Pure.

What has a key (users, their endpoints: §4.5) is kept piece by piece, so that a part of it can
be told; everything else is an atom. A document with users or endpoints whose key is missing or
there twice can only be told whole.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from xml.sax.saxutils import quoteattr

from lxml import etree

from xmldoc.parse import parse

CONTENT_TYPE: Final = "application/conference-info+xml"
CONFERENCE_INFO: Final = "urn:ietf:params:xml:ns:conference-info"
ROOT: Final = f"{{{CONFERENCE_INFO}}}conference-info"
USERS: Final = f"{{{CONFERENCE_INFO}}}users"
USER: Final = f"{{{CONFERENCE_INFO}}}user"
ENDPOINT: Final = f"{{{CONFERENCE_INFO}}}endpoint"
DESCRIPTION: Final = "conference-description"
CONFERENCE_STATE: Final = "conference-state"
BEFORE_USERS: Final = (DESCRIPTION, "host-info", CONFERENCE_STATE)
AFTER_USERS: Final = ("sidebars-by-ref", "sidebars-by-val")
EMPTY: Final = f'<conference-info xmlns="{CONFERENCE_INFO}"/>'.encode()
CACHED_DOCUMENTS: Final = 512
NO_DESCRIPTION: Final = b"<conference-description/>"
"""A document that is told whole must have one (RFC 4575 §5.2)."""


@dataclass(frozen=True, slots=True)
class User:
    """One `user` element."""

    start: bytes
    """Its start tag, all but the last character and the state."""
    before: bytes
    """Its children up to the endpoints."""
    endpoints: Mapping[str, bytes]
    after: bytes
    """Its children of other namespaces."""


@dataclass(frozen=True, slots=True)
class Conference:
    """One document."""

    atoms: Mapping[str, bytes]
    """By local name: what RFC 4575 defines below the root, but `users`."""
    users: Mapping[str, User]
    others: bytes = b""
    """Children of other namespaces, of the root and of `users`."""
    keyed: bool = field(default=True)
    """Whether all users and endpoints have keys of their own."""


NOBODY: Final = Conference({DESCRIPTION: NO_DESCRIPTION}, {})
"""A conference that nobody has published."""


@lru_cache(CACHED_DOCUMENTS)
def cut(body: bytes) -> Conference:
    """The conference of a document that was checked when it was published."""
    root = _plain(body)
    atoms: dict[str, bytes] = {}
    users: dict[str, User] = {}
    others: list[bytes] = []
    keyed = True
    for child in root:
        name = etree.QName(child)
        if child.tag == USERS:
            keyed = _cut_users(child, users, others)
        elif name.namespace == CONFERENCE_INFO:
            child.attrib.pop("state", "")
            atoms[name.localname] = text(child)
        else:
            others.append(text(child))
    return Conference(atoms, users, b"".join(others), keyed)


def _cut_users(element: etree._Element, users: dict[str, User], others: list[bytes]) -> bool:
    keyed = True
    for child in element:
        if child.tag != USER:
            others.append(text(child))
            keyed = False
            continue
        entity = child.get("entity", "")
        user, has_keys = _cut_user(child)
        keyed = keyed and has_keys and bool(entity) and entity not in users
        while entity in users:
            entity += " "
        users[entity] = user
    return keyed


def _cut_user(element: etree._Element) -> tuple[User, bool]:
    element.attrib.pop("state", "")
    start = text(element).partition(b">")[0].rstrip(b"/")
    before: list[bytes] = []
    after: list[bytes] = []
    endpoints: dict[str, bytes] = {}
    keyed = True
    for child in element:
        if child.tag == ENDPOINT:
            entity = child.get("entity", "")
            keyed = keyed and bool(entity) and entity not in endpoints
            while entity in endpoints:
                entity += " "
            child.attrib.pop("state", "")
            endpoints[entity] = text(child)
        else:
            (after if endpoints else before).append(text(child))
    return User(start, b"".join(before), endpoints, b"".join(after)), keyed


def _plain(body: bytes) -> etree._Element:
    """The root of `body`, with the namespace of RFC 4575 as the default everywhere."""
    root = parse(EMPTY)
    root.extend(parse(body))
    etree.cleanup_namespaces(root)
    return root


def text(element: etree._Element) -> bytes:
    """The element as it stands below a root that declares the namespace."""
    data = etree.tostring(element, encoding="utf-8", with_tail=False)
    start, end, rest = data.partition(b">")
    return start.replace(f' xmlns="{CONFERENCE_INFO}"'.encode(), b"", 1) + end + rest


def user(one: User) -> bytes:
    """All of a `user` element."""
    parts = (one.start, b">", one.before, *one.endpoints.values(), one.after, b"</user>")
    return b"".join(parts)


def user_part(entity: str, state: str, endpoints: Iterable[bytes] = ()) -> bytes:
    """A `user` element that says what is left of the user, or that nothing is."""
    start = f'<user entity={quoteattr(entity)} state="{state}">'
    return b"".join((start.encode(), *endpoints, b"</user>"))


def whole(entity: str, conference: Conference, version: int) -> bytes:
    """The full document (RFC 4575 §4.4)."""
    users = b"".join(map(user, conference.users.values()))
    parts = [conference.atoms.get(name, b"") for name in BEFORE_USERS]
    parts[0] = parts[0] or NO_DESCRIPTION
    parts.append(b"<users>%b</users>" % users)
    parts += [conference.atoms.get(name, b"") for name in AFTER_USERS]
    return wrap(entity, "full", version, [*parts, conference.others])


def wrap(entity: str, state: str, version: int, parts: Iterable[bytes]) -> bytes:
    """A document of these children."""
    start = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<conference-info xmlns="{CONFERENCE_INFO}" '
        f'entity={quoteattr(entity)} state="{state}" version="{version}">'
    )
    return b"".join((start.encode(), *parts, b"</conference-info>\n"))
