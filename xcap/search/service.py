"""Answers searches, each in a thread for a bounded time. Shell."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sip.uri import AoR
from store.values import DocumentInfo
from xcap.computed import Posted, PostRequest, Sources
from xcap.errors import BadRequest, Busy, Forbidden
from xcap.search.errors import TooExpensive
from xcap.search.evaluate import Budget, Search
from xcap.search.exchange import (
    MEDIA_TYPE,
    Scope,
    SearchRequest,
    answer,
    read_scope,
    read_search_set,
)
from xcap.search.grammar import parse_query
from xcap.search.reach import Searcher, reach

SECONDS: Final = 2.0
"""For all searches of a set together, documents listed and read included."""
MAX_DOCUMENTS: Final = 2_000
"""That one set looks at."""
MAX_OCTETS: Final = 16_777_216
"""Of all these documents."""
BATCH: Final = 1_048_576
"""Octets that are read at a time; no less than one document."""
MAX_RUNNING: Final = 2
"""Sets that are searched at a time, one for each user; they share one processor with
everything else."""
RETRY_AFTER: Final = 2


class SearchService:
    """Searches on behalf of whoever posts them."""

    def __init__(self) -> None:
        self._running: set[AoR] = set()

    async def post(self, request: PostRequest, sources: Sources) -> Posted:
        """The answer to a search set.

        Raises BadRequest, ConstraintFailure for a query that is not understood, Forbidden,
        AnswerTooLarge, TooExpensive, and Busy when enough others are searching.
        """
        scope = read_scope(request.query)
        wanted = read_search_set(request.body)
        if request.reader is None:
            raise Forbidden("a search is made on behalf of a user")
        searcher = Searcher(request.reader, request.trusted)
        if searcher.aor in self._running or len(self._running) >= MAX_RUNNING:
            raise Busy("other searches are running, try again", RETRY_AFTER)
        self._running.add(searcher.aor)
        try:
            run = _Run(searcher, scope, sources)
            found = [(search.id, await run.search(search)) for search in wanted]
        finally:
            self._running.discard(searcher.aor)
        return Posted(MEDIA_TYPE, answer(found))


class _Run:
    """The searches of one set, with what they may use together."""

    def __init__(self, searcher: Searcher, scope: Scope, sources: Sources) -> None:
        self._searcher = searcher
        self._scope = scope
        self._sources = sources
        self._budget = Budget(_clock, _clock() + SECONDS)
        self._documents = MAX_DOCUMENTS
        self._octets = MAX_OCTETS

    async def search(self, request: SearchRequest) -> list[bytes]:
        """What one search found."""
        query = parse_query(request.query)
        target = self._scope.collection
        if target is not None and target != query.collection:
            raise BadRequest("the query is about another collection than the request target")
        limit = min(request.max_results, self._scope.max_results)
        search = await asyncio.to_thread(Search, query, self._budget, limit)
        pages = reach(query.collection, self._scope.domain, self._searcher, self._sources)
        async for page in pages:
            self._budget.check()
            for batch in batches(page):
                await asyncio.to_thread(search.look_at, await self._read(batch))
                if not search.wants_more:
                    return search.found
        return search.found

    async def _read(self, batch: Sequence[DocumentInfo]) -> list[bytes]:
        """The documents of `batch` that are still there, once they are paid for."""
        self._documents -= len(batch)
        self._octets -= sum(info.size for info in batch)
        if self._documents < 0 or self._octets < 0:
            raise TooExpensive("the search looks at too many documents, name a user")
        self._budget.check()
        reads = (self._sources.store.document(info.key) for info in batch)
        return [document.body for document in await asyncio.gather(*reads) if document is not None]


def batches(page: Iterable[DocumentInfo]) -> Iterator[list[DocumentInfo]]:
    """`page` in parts of BATCH octets at most; a larger document is alone."""
    batch: list[DocumentInfo] = []
    octets = 0
    for info in page:
        if batch and octets + info.size > BATCH:
            yield batch
            batch, octets = [], 0
        batch.append(info)
        octets += info.size
    if batch:
        yield batch


def _clock() -> float:
    """Seconds; the event loop's thread gets its turn each time that a search looks."""
    time.sleep(0)
    return time.monotonic()
