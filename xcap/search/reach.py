"""The documents that a search may look at: those that its sender could read one by one.

Pure but for its look-ups. These are the sender's own, and what others granted it or its
whole domain; trusted users reach everybody's. Nothing is public for being a profile.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from sip.uri import AoR
from store.values import DocumentInfo, DocumentKey, Grant
from xcap.access import ALL
from xcap.computed import Offered, Sources
from xcap.errors import ConstraintFailure, NotFound
from xcap.search.errors import TooExpensive
from xcap.search.query import Collection
from xcap.uri import Tree, owner_of

PAGE: Final = 50
"""Documents that are listed at a time; none of them is read for it."""
MAX_OWNERS: Final = 200
"""Users whose documents are looked through for one search."""


@dataclass(frozen=True, slots=True)
class Searcher:
    """Who searches."""

    aor: AoR
    trusted: bool

    @property
    def domain(self) -> str:
        return self.aor.rpartition("@")[2]


async def reach(
    collection: Collection, domain: str, searcher: Searcher, sources: Sources
) -> AsyncIterator[list[DocumentInfo]]:
    """The documents of `collection` that `searcher` may read, listed PAGE at a time at most.

    There may be nothing in a page, so that who asks may stop. `domain`: only those of its
    users; empty for all. Raises ConstraintFailure for what is no collection, and
    TooExpensive when there are too many users.
    """
    usage = sources.usages.get(collection.auid)
    if usage is None or usage.post is not None:
        raise ConstraintFailure(f"there is no collection of {collection.auid[:80]}")
    if collection.tree is Tree.USERS and not collection.xui and searcher.trusted:
        async for page in _pages(usage, None, sources):
            yield [info for info in page if info.key.owner and _in_domain(info.key.owner, domain)]
        return
    for owner in await _owners(collection, usage, searcher, sources):
        if _in_domain(owner, domain):
            async for page in _readable(usage, owner, searcher, sources):
                yield page


async def _pages(
    usage: Offered, after: DocumentKey | None, sources: Sources
) -> AsyncIterator[Sequence[DocumentInfo]]:
    """All documents of `usage` after one, ordered by owner."""
    while page := await sources.store.infos_of_usage(usage.stored_as, after, PAGE):
        yield page
        after = page[-1].key


async def _owners(
    collection: Collection, usage: Offered, searcher: Searcher, sources: Sources
) -> Sequence[AoR]:
    """Whose documents there may be for `searcher`, itself first; "" for the global ones."""
    if collection.tree is Tree.GLOBAL:
        return (AoR(""),)
    if collection.xui:
        try:
            return (owner_of(collection.xui, sources.default_domain),)
        except NotFound:
            return ()
    grants = await sources.store.granted((searcher.aor, f"@{searcher.domain}"), MAX_OWNERS + 1)
    if len(grants) > MAX_OWNERS:
        raise TooExpensive("too many users gave you leave, name one of them")
    return tuple(dict.fromkeys([searcher.aor, *_granters(grants, usage, sources)]))


def _granters(grants: Sequence[Grant], usage: Offered, sources: Sources) -> list[AoR]:
    """Who granted something of `usage`, by any name that it has."""
    auids = {other.auid for other in sources.usages.values() if other.stored_as == usage.stored_as}
    return [AoR(grant.owner) for grant in grants if grant.owner and grant.auid in {ALL, *auids}]


async def _readable(
    usage: Offered, owner: AoR, searcher: Searcher, sources: Sources
) -> AsyncIterator[list[DocumentInfo]]:
    """The documents of `owner` that a GET by `searcher` would give."""
    readable = await sources.readable(searcher.aor, usage, owner)
    before_all = DocumentKey(usage.stored_as, owner, "")
    async for page in _pages(usage, before_all, sources):
        own = list(takewhile(lambda info: info.key.owner == owner, page))
        names = [usage.name_of(info.key.auid, info.key.path) for info in own]
        yield [
            info
            for info, name in zip(own, names, strict=True)
            if name is not None and readable(name)
        ]
        if len(own) < len(page):
            return


def _in_domain(owner: str, domain: str) -> bool:
    return not domain or not owner or owner.rpartition("@")[2] == domain
