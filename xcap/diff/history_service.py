"""Reads what the store keeps of documents that changed, and makes patches of it. Shell.

Bodies are read for few documents at a time and let go before the next, and a patch is made
once for all watchers, in a turn of the loop of its own.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Protocol

from store.values import DocumentKey, DocumentVersion
from xcap.diff.chain import Allowance, Link, links, patched
from xcap.diff.pace_service import Pace
from xcap.diff.request import Mode
from xcap.diff.snapshot import DocumentEntry, Found, Mark

HISTORY: Final = 20
"""Versions of one document in one NOTIFY, if there are no more octets of them than these."""
MAX_OCTETS: Final = 2_097_152
AT_A_TIME: Final = 2
"""Documents whose versions are in memory at the same time."""
KEPT: Final = 256
"""Documents of which it is remembered how they changed, with at most `MAX_PATCH` octets each."""

Change = tuple[DocumentKey, str, str, Mode]
"""A document, the entity-tag told, the present one, and how it is to be told."""


class Versions(Protocol):
    """The part of the store that keeps what documents were."""

    async def document_versions(
        self, key: DocumentKey, *, after: int = 0, limit: int = HISTORY
    ) -> list[DocumentVersion]: ...
    async def document_version(self, key: DocumentKey, etag: str) -> DocumentVersion | None: ...


class Histories:
    """How documents changed, for all subscriptions."""

    def __init__(self, store: Versions, pace: Pace) -> None:
        self._store = store
        self._pace = pace
        self._readers = asyncio.Semaphore(AT_A_TIME)
        self._kept: OrderedDict[Change, tuple[DocumentEntry, ...]] = OrderedDict()
        self._making: dict[Change, asyncio.Task[tuple[DocumentEntry, ...]]] = {}

    async def between(
        self, mark: Mark, found: Found | None, mode: Mode
    ) -> tuple[DocumentEntry, ...]:
        """The entries, without `sel`, that lead from `mark` to `found`."""
        if found is None:
            return await self._make(mark, found, mode)
        change = (mark.key, mark.etag, found.etag, mode)
        kept = self._kept.get(change)
        if kept is not None:
            self._kept.move_to_end(change)
            return kept
        task = self._making.get(change)
        if task is None:
            task = self._making[change] = asyncio.create_task(self._keep(change, mark, found))
        return await asyncio.shield(task)

    async def _keep(self, change: Change, mark: Mark, found: Found) -> tuple[DocumentEntry, ...]:
        try:
            made = self._kept[change] = await self._make(mark, found, change[-1])
        finally:
            del self._making[change]
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return made

    async def _make(self, mark: Mark, found: Found | None, mode: Mode) -> tuple[DocumentEntry, ...]:
        async with self._readers:
            history = await self._history(mark, found, mode)
            return await self._entries(links(mark, found, history, mode))

    async def _entries(self, states: Sequence[Link]) -> tuple[DocumentEntry, ...]:
        left, entries = Allowance(), []
        for before, after in pairwise(states):
            if before.body is not None and after.body is not None:
                await self._pace.turn()
            entry, left = patched(before, after, left)
            entries.append(entry)
        return tuple(entries)

    async def _history(
        self, mark: Mark, found: Found | None, mode: Mode
    ) -> Sequence[DocumentVersion]:
        """Every version for the patches of each, the first and last for one over all."""
        if mode is Mode.XCAP_PATCHING:
            fit = MAX_OCTETS // max(1, found.size if found is not None else 1)
            limit = min(HISTORY, max(fit, 1))
            return await self._store.document_versions(
                mark.key, after=mark.version - 1, limit=limit
            )
        if found is None:
            return ()
        ends = await asyncio.gather(
            *(self._store.document_version(mark.key, etag) for etag in (mark.etag, found.etag))
        )
        return tuple(version for version in ends if version is not None)

    async def last_etag(self, key: DocumentKey) -> str | None:
        """The entity-tag that a document had last, if a version of it is kept."""
        etag, after, more = None, 0, True
        while more:
            async with self._readers:
                versions = await self._store.document_versions(key, after=after, limit=HISTORY)
            for version in versions:
                etag = version.etag if version.body is not None else etag
                after = version.version
            more = len(versions) == HISTORY
        return etag
