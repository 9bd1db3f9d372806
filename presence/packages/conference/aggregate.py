"""How several publishers' views of one conference become one (PKG-05). Pure.

- The newest publication that has an atom (description, host, sidebars…) has it.
- Users are united by their entity, the endpoints of one user by theirs; the newest publication
  that knows one describes it.
- When more than one publication counts users, the number is that of the users there are.
- A publication whose document says that the conference is deleted adds nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from lxml import etree

from presence.packages.conference.document import (
    CACHED_DOCUMENTS,
    CONFERENCE_INFO,
    CONFERENCE_STATE,
    NOBODY,
    Conference,
    User,
    cut,
    text,
)
from store.values import Publication
from xmldoc.parse import parse

USER_COUNT: Final = f"{{{CONFERENCE_INFO}}}user-count"


def live(publications: Sequence[Publication]) -> list[Publication]:
    """Those of a conference that goes on, oldest first."""
    there = [one for one in publications if not says_deleted(one.body)]
    return sorted(there, key=lambda one: (one.published_at, one.id))


@lru_cache(CACHED_DOCUMENTS)
def says_deleted(body: bytes) -> bool:
    """Whether the document says that the conference is over (RFC 4575 §4.4)."""
    return parse(body).get("state") == "deleted"


def aggregate(publications: Sequence[Publication]) -> Conference:
    """The one conference that all of them describe."""
    views = [cut(one.body) for one in live(publications)]
    if not views:
        return NOBODY
    if len(views) == 1:
        return views[0]
    atoms: dict[str, bytes] = {}
    users: dict[str, User] = {}
    for view in views:
        atoms |= view.atoms
        for entity, user in view.users.items():
            users[entity] = _united(users.get(entity), user)
    counted = [view for view in views if _counts_users(view)]
    if len(counted) > 1:
        atoms[CONFERENCE_STATE] = _recounted(atoms[CONFERENCE_STATE], len(users))
    others = b"".join(dict.fromkeys(view.others for view in views))
    return Conference(atoms, users, others, all(view.keyed for view in views))


def _united(older: User | None, newer: User) -> User:
    if older is None:
        return newer
    return replace(newer, endpoints={**older.endpoints, **newer.endpoints})


def _counts_users(view: Conference) -> bool:
    return b"user-count" in view.atoms.get(CONFERENCE_STATE, b"")


def _recounted(state: bytes, users: int) -> bytes:
    root = parse(b'<c xmlns="%b">%b</c>' % (CONFERENCE_INFO.encode(), state))
    element = root[0]
    count = element.find(USER_COUNT)
    if count is None:
        count = etree.Element(USER_COUNT)
        element.insert(0, count)
    count.text = str(users)
    return text(element)
