"""Whole documents (RFC 4825 §8.2 to §8.4). Shell."""

from sip.uri import AoR
from store.outcomes import DocumentPrecondition
from store.values import Document
from xcap.computed import Asked, Sources
from xcap.conditions import ANY, Conditions
from xcap.errors import ConstraintFailure, NoDocument, NoParent, PreconditionFailed
from xcap.locate import Located
from xcap.ports import Documents
from xcap.representation import Representation, Written
from xcap.writer import Writer


class DocumentService:
    """Reads, puts and deletes documents, stored or computed."""

    def __init__(self, *, store: Documents, sources: Sources, writer: Writer) -> None:
        self._store = store
        self._sources = sources
        self._writer = writer

    async def present(self, located: Located) -> Document:
        """The document as it is now, or enough of it for the node that is asked for.

        Raises NoDocument (§8.3).
        """
        if located.computed:
            document = await self._compute(located)
        else:
            document = await self._store.document(located.key)
        if document is None:
            raise NoDocument("no such document")
        return document

    async def read(self, located: Located, conditions: Conditions) -> Representation:
        """The document, also when If-None-Match names it (§8.3).

        Raises NoDocument, and PreconditionFailed when If-Match does not hold.
        """
        document = await self.present(located)
        if not conditions.match(document.etag):
            raise PreconditionFailed(document.etag)
        stored = None if located.computed else document
        return Representation(document.content_type, document.body, document.etag, stored)

    async def put(
        self, located: Located, conditions: Conditions, body: bytes, source: str
    ) -> Written:
        """Create or replace the document (§8.2). Raises a Conflict and PreconditionFailed."""
        check_directory(located)
        root = located.usage.validate(body, located.place)
        outcome = await self._writer.put(
            located,
            body,
            root,
            if_match=conditions.if_match,
            if_none_match=conditions.if_none_match,
            source=source,
        )
        if isinstance(outcome, DocumentPrecondition):
            raise PreconditionFailed(outcome.current_etag)
        return Written(outcome.created, outcome.etag)

    async def delete(self, located: Located, conditions: Conditions, source: str) -> None:
        """Delete the document (§8.4). Raises NoDocument and PreconditionFailed."""
        outcome = await self._writer.delete(
            located,
            if_match=ANY if conditions.if_match is None else conditions.if_match,
            if_none_match=conditions.if_none_match,
            source=source,
        )
        match outcome:
            case DocumentPrecondition(None):
                raise NoDocument("no such document")
            case DocumentPrecondition(etag):
                raise PreconditionFailed(etag)

    async def _compute(self, located: Located) -> Document | None:
        compute, uri = located.usage.compute, located.uri
        if compute is None:
            return None
        owner = AoR(located.key.owner)
        asked = Asked(uri.tree, owner, uri.path, uri.node_selector, uri.query)
        made = await compute(asked, self._sources)
        if made is None:
            return None
        media_type, now = located.usage.media_type, self._sources.now()
        return Document(located.key, made.etag, media_type, made.body, now)


def check_directory(located: Located) -> None:
    """Refuse a document where there is no directory for it (§8.2.1) or no such name."""
    uri, usage = located.uri, located.usage
    if not usage.has_directory(uri.path):
        raise NoParent("there is no such directory", uri.directory(located.place.root))
    if not usage.is_name(uri.path):
        names = [*sorted(usage.documents or ()), *(f"{name}/..." for name in usage.directories)]
        raise ConstraintFailure(f"the document must be called {', '.join(names)}")
