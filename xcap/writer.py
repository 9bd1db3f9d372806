"""Puts a document that is fit to be kept into the store, and tells who hears of changes.

Pure but for awaiting the store it is given. The preconditions go into the statement that
writes, so that no other write can come between (RFC 4825 §7.11).
"""

from collections.abc import Callable

from lxml import etree

from store.operations import WriteDocument
from store.outcomes import DocumentClaimed, DocumentPrecondition, DocumentWritten
from store.values import Change, Document, Kind, document_key
from xcap.claims import Claims
from xcap.document_cache import DocumentCache, Known
from xcap.locate import Located
from xcap.ports import Documents, OnChange
from xcap.usage import claim_nothing

Tags = tuple[str, ...] | None
"""Entity-tags of a precondition, as in `WriteDocument`."""


class Writer:
    """The one way to write a document."""

    def __init__(
        self,
        *,
        store: Documents,
        claims: Claims,
        cache: DocumentCache,
        clock: Callable[[], float],
        new_etag: Callable[[], str],
        on_change: OnChange,
    ) -> None:
        self._store = store
        self._claims = claims
        self._cache = cache
        self._clock = clock
        self._new_etag = new_etag
        self._on_change = on_change

    async def put(
        self,
        located: Located,
        body: bytes,
        root: etree._Element,
        *,
        if_match: Tags,
        if_none_match: Tags,
        source: str,
    ) -> DocumentWritten | DocumentPrecondition:
        """Write `body`, whose tree is `root`. Raises UniquenessFailure for URIs of others."""
        usage = located.usage
        uris = await self._claims.check(usage, located.key, root)
        op = WriteDocument(
            located.key,
            body,
            usage.media_type,
            self._new_etag(),
            if_match,
            if_none_match,
            self._clock(),
            author=located.user or "",
            source=source,
            claims=uris,
        )
        outcome = await self._store.write_document(op)
        if isinstance(outcome, DocumentClaimed):
            raise await self._claims.taken(usage, op.key, root, outcome.uri)
        if isinstance(outcome, DocumentWritten):
            written = Document(op.key, op.etag, op.content_type, body, op.now, outcome.version)
            self._cache.renew(Known(written, root))
            self._tell(located, outcome)
        return outcome

    async def delete(
        self, located: Located, *, if_match: Tags, if_none_match: Tags, source: str
    ) -> DocumentWritten | DocumentPrecondition:
        """Delete the document, and give back the URIs that it claimed."""
        outcome = await self._store.write_document(
            WriteDocument(
                located.key,
                None,
                located.usage.media_type,
                self._new_etag(),
                if_match,
                if_none_match,
                self._clock(),
                author=located.user or "",
                source=source,
                claims=None if located.usage.claims is claim_nothing else (),
            )
        )
        assert not isinstance(outcome, DocumentClaimed)
        if isinstance(outcome, DocumentWritten):
            self._cache.forget(located.key)
            self._tell(located, outcome)
        return outcome

    def _tell(self, located: Located, outcome: DocumentWritten) -> None:
        self._on_change(Change(Kind.DOCUMENT, document_key(located.key), outcome.version))
