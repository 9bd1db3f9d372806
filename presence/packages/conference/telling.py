"""The conference document of one NOTIFY (RFC 4575 §4.3, §4.4). Pure.

All after a SUBSCRIBE; then what has changed, as long as that can be said in parts and takes
fewer octets: users and endpoints by their keys, atoms whole. That an atom is gone cannot be
said in a valid part, so it makes a full document.
"""

from xml.sax.saxutils import quoteattr

from presence.package import Telling, Told
from presence.packages.conference.document import (
    AFTER_USERS,
    BEFORE_USERS,
    CONTENT_TYPE,
    Conference,
    User,
    cut,
    user,
    user_part,
    whole,
    wrap,
)


def tell(telling: Telling) -> Told | None:
    """What one subscription is told now."""
    now = cut(telling.shown)
    entity = whole(telling.aor, now, 0)
    before = telling.memory
    if not telling.full and isinstance(before, Conference):
        if before == now:
            return Told(b"", CONTENT_TYPE, now)
        partial = part(telling.aor, before, now, telling.version)
        if partial is not None and len(partial) < len(entity):
            return Told(partial, CONTENT_TYPE, now, entity)
    return Told(whole(telling.aor, now, telling.version), CONTENT_TYPE, now, entity)


def part(aor: str, before: Conference, now: Conference, version: int) -> bytes | None:
    """A partial document that makes `now` of `before`; None when there is none."""
    if not (before.keyed and now.keyed) or before.others != now.others:
        return None
    if before.atoms.keys() - now.atoms.keys():
        return None
    changed = {name: xml for name, xml in now.atoms.items() if before.atoms.get(name) != xml}
    parts = [changed.get(name, b"") for name in BEFORE_USERS]
    users = _users(before, now)
    if users:
        parts.append(b'<users state="partial">%b</users>' % b"".join(users))
    parts += [changed.get(name, b"") for name in AFTER_USERS]
    return wrap(aor, "partial", version, parts)


def _users(before: Conference, now: Conference) -> list[bytes]:
    """The users that differ, those that are gone last."""
    said = []
    for entity, one in now.users.items():
        known = before.users.get(entity)
        if known is None:
            said.append(user(one))
        elif known != one:
            said.append(_user(entity, known, one))
    gone = before.users.keys() - now.users.keys()
    return [*said, *(user_part(entity, "deleted") for entity in sorted(gone))]


def _user(entity: str, before: User, now: User) -> bytes:
    """One user: only the endpoints when nothing else differs."""
    if (before.start, before.before, before.after) != (now.start, now.before, now.after):
        return user(now)
    changed = [xml for key, xml in now.endpoints.items() if before.endpoints.get(key) != xml]
    gone = sorted(before.endpoints.keys() - now.endpoints.keys())
    return user_part(entity, "partial", [*changed, *map(_gone, gone)])


def _gone(entity: str) -> bytes:
    return f'<endpoint entity={quoteattr(entity)} state="deleted"/>'.encode()
