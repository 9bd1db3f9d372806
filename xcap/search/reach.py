"""The documents that a search may look at: those that its sender could read one by one.

Pure but for its look-ups. These are the sender's own, and what others granted it or its
whole domain; trusted users reach everybody's. Nothing is public for being a profile.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from sip.uri import AoR
from store.values import Document, DocumentKey, Grant
from xcap.computed import Offered, Sources
from xcap.errors import ConstraintFailure, NotFound
from xcap.search.errors import TooExpensive
from xcap.search.query import Collection
from xcap.shared_rows import name_in
from xcap.uri import Tree, owner_of

PAGE: Final = 50
"""Documents that are read at a time where there may be many."""
MAX_OWNERS: Final = 200
"""Users whose documents are looked through for one search."""
ALL: Final = ""
"""In a grant: any application usage."""


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
) -> AsyncIterator[list[Document]]:
    """The documents of `collection` that `searcher` may read, some at a time.

    `domain`: only those of its users; empty for all. Raises ConstraintFailure for what is no
    collection, and TooExpensive when there are too many users.
    """
    usage = sources.usages.get(collection.auid)
    if usage is None or usage.post is not None:
        raise ConstraintFailure(f"there is no collection of {collection.auid[:80]}")
    if collection.tree is Tree.USERS and not collection.xui and searcher.trusted:
        async for page in _everybodys(usage, sources):
            yield [document for document in page if _in_domain(document.key.owner, domain)]
        return
    for owner in await _owners(collection, usage, searcher, sources):
        if _in_domain(owner, domain):
            yield await _readable(usage, owner, searcher, sources)


async def _everybodys(usage: Offered, sources: Sources) -> AsyncIterator[list[Document]]:
    stored_as = usage.shares or usage.auid
    after: DocumentKey | None = None
    while page := await sources.store.documents_of_usage(stored_as, after, PAGE):
        yield [document for document in page if document.key.owner]
        after = page[-1].key


async def _owners(
    collection: Collection, usage: Offered, searcher: Searcher, sources: Sources
) -> Sequence[AoR]:
    """Whose documents there may be for `searcher`, itself first; "" for the global ones."""
    if collection.tree is Tree.GLOBAL:
        return (AoR(""),)
    if collection.xui:
        try:
            return (owner_of(collection.xui, searcher.domain),)
        except NotFound:
            return ()
    grants = await sources.store.granted((searcher.aor, f"@{searcher.domain}"), MAX_OWNERS + 1)
    if len(grants) > MAX_OWNERS:
        raise TooExpensive("too many users gave you leave, name one of them")
    return tuple(dict.fromkeys([searcher.aor, *_granters(grants, usage)]))


def _granters(grants: Sequence[Grant], usage: Offered) -> list[AoR]:
    return [AoR(grant.owner) for grant in grants if grant.owner and grant.auid in (ALL, usage.auid)]


async def _readable(
    usage: Offered, owner: AoR, searcher: Searcher, sources: Sources
) -> list[Document]:
    """The documents of `owner` that a GET by `searcher` would give."""
    readable: list[Document] = []
    for document in await sources.store.documents(usage.shares or usage.auid, owner):
        name = name_in(usage, document.key.auid, document.key.path)
        if name is not None and await sources.readable(searcher.aor, usage, owner, name):
            readable.append(document)
    return readable


def _in_domain(owner: str, domain: str) -> bool:
    return not domain or not owner or owner.rpartition("@")[2] == domain
