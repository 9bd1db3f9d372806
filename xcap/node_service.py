"""Elements, attributes and namespaces of documents (RFC 4825 §8.2 to §8.4). Shell.

A write reads the document, or begins with the version that was seen last, makes the next
one, and has the store write it if the entity-tag is still the one it began with. If it is not,
it begins again with what is there now: a client's own conditions are compared each time,
so that a lost race is its 412, and a client without conditions loses nothing.
"""

from typing import Final

from store.outcomes import DocumentWritten
from xcap.conditions import Conditions
from xcap.document_cache import DocumentCache, Known
from xcap.document_service import DocumentService
from xcap.errors import Busy, NoDocument, NoParent, PreconditionFailed, XcapError
from xcap.locate import Located
from xcap.node_change import Changed, DeleteNode, NodeChange, PutNode
from xcap.nodes.evaluate import Resolved, resolve
from xcap.nodes.node import read_node
from xcap.representation import Representation, Written
from xcap.turns_service import RETRY_AFTER, Turns
from xcap.usage import parse_document
from xcap.writer import Writer
from xmldoc.parse import Limits, parse

ATTEMPTS: Final = 50
"""How often a write begins again before its client is asked to come back."""


class NodeService:
    """Reads, puts and deletes nodes."""

    def __init__(self, *, documents: DocumentService, writer: Writer, cache: DocumentCache) -> None:
        self._documents = documents
        self._writer = writer
        self._cache = cache
        self._turns = Turns()
        self.races = 0
        """Writes that had to begin again, since another process was first."""

    async def read(self, located: Located, conditions: Conditions) -> Representation:
        """The node, also when If-None-Match names its document's tag (§8.3).

        Raises NotFound, BadRequest, and PreconditionFailed when If-Match does not hold.
        """
        resolved = resolved_node(located)
        known = await self._present(located)
        document = known.document
        node = read_node(document.body, known.root, resolved)
        if not conditions.match(document.etag):
            raise PreconditionFailed(document.etag)
        stored = None if located.computed else document
        return Representation(node.content_type, node.body, document.etag, stored)

    async def put(
        self, located: Located, conditions: Conditions, body: bytes, source: str
    ) -> Written:
        """Create or replace the node (§8.2). Raises a Conflict and PreconditionFailed."""
        resolved = resolved_node(located)
        change = PutNode(resolved, conditions, located.usage, located.place, located.uri, body)
        try:
            return await self._write(located, change, source)
        except NoDocument:
            directory = located.uri.directory(located.place.root)
            raise NoParent("there is no such document", directory) from None

    async def delete(self, located: Located, conditions: Conditions, source: str) -> str:
        """Remove the node; the document's new entity-tag (§8.4).

        Raises NotFound, a Conflict and PreconditionFailed.
        """
        resolved = resolved_node(located)
        change = DeleteNode(resolved, conditions, located.usage, located.place)
        return (await self._write(located, change, source)).etag

    async def _write(self, located: Located, change: NodeChange, source: str) -> Written:
        """Apply `change` to the newest version, whichever that turns out to be.

        Who had to wait for others reads the store first, since another process may have been
        let in between.
        """
        async with self._turns.turn(located.key) as line:
            seen = self._cache.newest(located.key)
            known = None if line.turns else seen
            for _ in range(ATTEMPTS):
                old, new = await self._prepare(located, change, known)
                line.rivals = seen is not None and seen.document.etag != old.document.etag
                outcome = await self._writer.put(
                    located,
                    new.body,
                    new.root,
                    if_match=(old.document.etag,),
                    if_none_match=None,
                    source=source,
                )
                if isinstance(outcome, DocumentWritten):
                    return Written(new.created, outcome.etag)
                self.races += 1
                known = None
        raise Busy("others keep changing this document", RETRY_AFTER)

    async def _prepare(
        self, located: Located, change: NodeChange, known: Known | None
    ) -> tuple[Known, Changed]:
        """The version to begin with, and the next one.

        A refusal is for the client only if it is about what the store has now.
        """
        if known is None:
            present = await self._present(located)
            return present, change.apply(present)
        try:
            return known, change.apply(known)
        except XcapError:
            present = await self._present(located)
            if present.document.etag == known.document.etag:
                raise
        return present, change.apply(present)

    async def _present(self, located: Located) -> Known:
        """The document as it is now, with its tree. Raises NoDocument.

        What is computed may be a part of its document, so its tree is not for others; it
        may be larger than what anybody puts.
        """
        document = await self._documents.present(located)
        if located.computed:
            size = len(document.body)
            return Known(document, parse(document.body, limits=Limits(size, elements=size)))
        root = self._cache.root(document)
        if root is not None:
            return Known(document, root)
        known = Known(document, parse_document(document.body))
        self._cache.put(known)
        return known


def resolved_node(located: Located) -> Resolved:
    """The node selector of the URI. Raises BadRequest and NotFound."""
    uri = located.uri
    return resolve(uri.node_selector or "", uri.query, located.usage.default_namespace)
