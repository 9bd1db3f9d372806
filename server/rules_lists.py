"""External lists of rules: who is on a list in an XCAP document (OMA Presence XDM, AUT-07). Shell.

Only what the presentity may read counts: documents of its own, those of others that it was
granted, the global tree. What a list takes in from others, nested, referred to or external, is on
it too; what cannot be found, is no list, or comes after the bounds of `server.list_walk` is left
out, so that rules grant less and never more.
"""

from functools import partial
from typing import Final

import structlog

from presence.policy.kept import Kept
from presence.policy.rule_sources import Members
from server.list_walk import USAGE, ListWalk, ReadDocument
from sip.uri import AoR
from store.values import Change, Kind
from xcap.access import Access
from xcap.config import XcapConfig

log = structlog.get_logger("rules")

MAX_OCTETS: Final = 32 * 1024 * 1024
"""Of all lists that are kept, as `weight` estimates them."""
ENTRY_WEIGHT: Final = 600
"""Octets for what a list needs beside its members."""
MEMBER_WEIGHT: Final = 120
"""Octets of one member."""
MAX_USES: Final = 200_000
"""Pairs of a list and an owner whose documents it was made of; beyond, all is read anew."""

Anchored = tuple[AoR, str]
"""Whose rules, and the anchor in them."""
NO_LIST: Final = Members(None)


class ExternalLists:
    """Implements `presence.policy.rule_sources.Lists` over the documents of the XCAP server."""

    def __init__(self, *, read: ReadDocument, access: Access, config: XcapConfig) -> None:
        """`read` may keep documents, if it forgets them before `on_change` is called here."""
        self._read = read
        self._access = access
        self._config = config
        self._kept: Kept[Anchored, Members] = Kept(
            self._load, nothing=NO_LIST, weigh=weight, max_octets=MAX_OCTETS
        )
        self._uses: dict[str, set[Anchored]] = {}
        """By the owner of documents, "" for the global tree, the lists made of them."""
        self._used = 0

    async def members(self, presentity: AoR, anchor: str) -> Members:
        """Who is on the list with `anchor`. Raises StoreError."""
        return await self._kept.read((presentity, anchor))

    def on_change(self, change: Change) -> None:
        """Forget the lists for which documents or grants of an owner were looked at."""
        match change.kind:
            case Kind.DOCUMENT if change.document.auid == USAGE.stored_as:
                self._moved(change.document.owner)
            case Kind.GRANT:
                self._moved(change.key)
            case Kind.RESYNC:
                self._clear()
            case _:
                pass

    def _moved(self, owner: str) -> None:
        anchored = self._uses.pop(owner, set())
        self._used -= len(anchored)
        for each in anchored:
            self._kept.forget(each)

    def _clear(self) -> None:
        self._kept.clear()
        self._uses.clear()
        self._used = 0

    def _use(self, anchored: Anchored, owner: str) -> None:
        """Remember it before documents of `owner` are read, so that no change is missed."""
        if self._used >= MAX_USES:
            self._clear()
        users = self._uses.setdefault(owner, set())
        if anchored not in users:
            users.add(anchored)
            self._used += 1

    async def _load(self, anchored: Anchored) -> Members:
        presentity, anchor = anchored
        walk = ListWalk(
            presentity,
            read=self._read,
            access=self._access,
            config=self._config,
            on_use=partial(self._use, anchored),
        )
        found = await walk.gather(anchor)
        if walk.full:
            log.warning("list-too-large", presentity=presentity, anchor=anchor)
        owners = frozenset(walk.owners - {presentity})
        if not found:
            return Members(None, owners) if owners else NO_LIST
        return Members(frozenset(walk.uris), owners)


def weight(members: Members) -> int:
    """Octets of memory that a list takes, estimated."""
    return ENTRY_WEIGHT + MEMBER_WEIGHT * len(members.uris or ())
