"""The dialog document of one NOTIFY (RFC 4235 §3.3, §3.7, §4.1). Pure.

Everything after a SUBSCRIBE, then what has changed. A dialog that is over is told once, with
the reason that its publisher gives, and never again; one that is gone without a word is told to
be over as well, since nothing else removes it from a watcher's table (RFC 4235 §4.3).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from presence.package import Telling, Told
from presence.packages.dialog.document import CONTENT_TYPE, CallState, Dialog, cut, write
from presence.packages.dialog.phones import Quirks
from presence.packages.dialog.request import Wanted, equals, wanted

CACHED_SELECTIONS: Final = 1024
"""What different subscriptions see of the newest documents."""
MATTERS: Final = (
    CallState.EARLY,
    CallState.CONFIRMED,
    CallState.PROCEEDING,
    CallState.TRYING,
    CallState.TERMINATED,
)
"""What a lamp that knows one dialog shows first: a call that can be picked up."""
IDLE: Final = b'<dialog id="idle"><state>terminated</state></dialog>'
"""What a phone is told that takes a document without dialogs for no answer."""


class Piece(NamedTuple):
    """One dialog as a subscription sees it."""

    id: str
    state: CallState
    xml: bytes
    ended: bytes

    @property
    def live(self) -> bool:
        return self.state is not CallState.TERMINATED


Pieces = tuple[Piece, ...]


def tell(telling: Telling) -> Told | None:
    """What one subscription is told now."""
    want = wanted(telling.parameters, telling.content)
    now = seen(telling.shown, want)
    entity = write(telling.aor, _lamp([one for one in now if one.live], want.quirks))
    before = telling.memory
    if telling.full or not isinstance(before, tuple):
        whole = _lamp([one for one in now if one.live], want.quirks)
        body = write(telling.aor, whole, version=telling.version)
        return Told(body, CONTENT_TYPE, now, entity)
    news = changes(before, now)
    if not news:
        return Told(b"", CONTENT_TYPE, now)
    if want.quirks.full:
        over = [one for one in news if not one.live]
        news = [*(one for one in now if one.live), *over]
    said = _lamp(news, want.quirks)
    body = write(telling.aor, said, version=telling.version, full=want.quirks.full)
    return Told(body, CONTENT_TYPE, now, entity)


def seen(document: bytes, want: Wanted) -> Pieces:
    """The dialogs of `document` that a subscription is about (RFC 4235 §3.3).

    Not those in which the subscriber is the other party, unless it names the dialog.
    """
    if want.call_id or not want.contact:
        return _selected(document, want._replace(contact=""))
    is_own = equals(want.contact)
    targets = {one.remote_target for one in cut(document) if one.remote_target}
    return _selected(document, want if any(map(is_own, targets)) else want._replace(contact=""))


@lru_cache(CACHED_SELECTIONS)
def _selected(document: bytes, want: Wanted) -> Pieces:
    is_own = equals(want.contact)
    return tuple(
        Piece(one.id, one.state, one.described if want.sessions else one.xml, one.ended)
        for one in cut(document)
        if _matches(one, want) and not (want.contact and is_own(one.remote_target))
    )


def _matches(dialog: Dialog, want: Wanted) -> bool:
    """Whether the identifiers of the Event header, if any, are those of `dialog`."""
    if not want.call_id:
        return True
    if (want.call_id, want.local_tag) != (dialog.call_id, dialog.local_tag):
        return False
    return not want.remote_tag or want.remote_tag == dialog.remote_tag


def changes(before: Pieces, now: Pieces) -> list[Piece]:
    """What differs, the ends of dialogs that are gone last; never one that is over already."""
    if before == now:
        return []
    known = {one.id: one for one in before}
    there = {one.id for one in now}
    news = [one for one in now if one != known.get(one.id)]
    news = [one for one in news if one.live or one.id not in known or known[one.id].live]
    gone = [one for one in before if one.live and one.id not in there]
    return [*news, *(_over(one) for one in gone)]


def _over(gone: Piece) -> Piece:
    return gone._replace(state=CallState.TERMINATED, xml=gone.ended)


def _lamp(pieces: Sequence[Piece], quirks: Quirks) -> list[bytes]:
    """The dialogs of a document as a class of phones takes them."""
    if quirks.single and len(pieces) > 1:
        pieces = [min(pieces, key=lambda one: MATTERS.index(one.state))]
    if quirks.dummy and not pieces:
        return [IDLE]
    return [one.xml for one in pieces]
