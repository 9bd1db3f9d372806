"""What the operator does with anybody's documents: look, delete, purge, undo, grant. Shell.

No ownership and no grant is asked for; what is written is validated as everybody's. It is
kept with the author ADMIN, and told as any change.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from sip.uri import AoR
from store.operations import WriteDocument
from store.outcomes import DocumentPrecondition, DocumentWritten
from store.values import (
    Change,
    Document,
    DocumentInfo,
    DocumentKey,
    DocumentVersion,
    Grant,
    Kind,
    document_key,
)
from xcap.conditions import ANY, Conditions
from xcap.config import XcapConfig
from xcap.errors import ConstraintFailure, NotFound, PreconditionFailed
from xcap.locate import Located, place_of
from xcap.ports import Documents, OnChange
from xcap.service import XcapService, random_etag
from xcap.uri import Tree, XcapUri
from xcap.usage import Usage

ADMIN: Final = AoR("admin")
"""Author of what the operator writes; no user's AoR, which has a scheme."""
PAGE: Final = 1000
"""Versions that are read at once; the most that the settings let be kept."""


class Archive(Documents, Protocol):
    """The documents of a store with all that is kept of them."""

    async def document_versions(
        self, key: DocumentKey, *, after: int = 0, limit: int = 100
    ) -> list[DocumentVersion]: ...
    async def purge_documents(
        self, owner: str, *, author: str = "", source: str = ""
    ) -> list[DocumentKey]: ...
    async def put_grant(self, grant: Grant) -> None: ...
    async def delete_grant(self, owner: str, auid: str, path: str, grantee: str) -> bool: ...


class Administration:
    """The operator's hands. `owner` is an AoR everywhere, "" for the global tree."""

    def __init__(
        self,
        *,
        store: Archive,
        service: XcapService,
        config: XcapConfig,
        clock: Callable[[], float],
        on_change: OnChange,
    ) -> None:
        self._store = store
        self._service = service
        self._config = config
        self._clock = clock
        self._on_change = on_change

    async def documents(self, owner: AoR) -> Sequence[DocumentInfo]:
        """What an owner has under all application usages, also those no longer served."""
        return await self._store.documents_of_owner(owner)

    async def document(self, owner: AoR, auid: str, path: str) -> Document:
        """One document. Raises NotFound."""
        document = await self._store.document(self._key(owner, auid, path))
        if document is None:
            raise NotFound("no such document")
        return document

    async def delete(
        self, owner: AoR, auid: str, path: str, conditions: Conditions, source: str
    ) -> DocumentKey:
        """Delete one document. Raises NotFound and PreconditionFailed."""
        document = await self.document(owner, auid, path)
        key = document.key
        if_match = ANY if conditions.if_match is None else conditions.if_match
        outcome = await self._store.write_document(
            WriteDocument(
                key,
                None,
                document.content_type,
                random_etag(),
                if_match,
                None,
                self._clock(),
                author=ADMIN,
                source=source,
                claims=(),
            )
        )
        if isinstance(outcome, DocumentPrecondition):
            raise PreconditionFailed(outcome.current_etag)
        self._changed(key, outcome.version if isinstance(outcome, DocumentWritten) else 0)
        return key

    async def purge(self, owner: AoR, source: str) -> Sequence[DocumentKey]:
        """Delete all documents of an owner, and what is kept of earlier ones."""
        keys = await self._store.purge_documents(owner, author=ADMIN, source=source)
        for key in keys:
            self._changed(key, 0)
        return keys

    async def versions(
        self, owner: AoR, auid: str, path: str, *, after: int = 0
    ) -> list[DocumentVersion]:
        """The versions of a document that are kept, oldest first, those above `after`."""
        key = self._key(owner, auid, path)
        return await self._store.document_versions(key, after=after, limit=PAGE)

    async def version(self, owner: AoR, auid: str, path: str, number: int) -> DocumentVersion:
        """One version. Raises NotFound when it is not kept."""
        key = self._key(owner, auid, path)
        found = await self._store.document_versions(key, after=number - 1, limit=1)
        if not found or found[0].version != number:
            raise NotFound(f"version {number} is not kept")
        return found[0]

    async def undo(
        self,
        owner: AoR,
        auid: str,
        path: str,
        number: int,
        conditions: Conditions,
        source: str,
    ) -> DocumentWritten:
        """Write version `number` anew, over the document as it is now or was deleted.

        Raises NotFound, PreconditionFailed when somebody else writes meanwhile, and a
        Conflict: the rules may have changed, the version may be a deletion.
        """
        self._usage(auid)
        version = await self.version(owner, auid, path, number)
        if version.body is None:
            raise ConstraintFailure(f"version {number} is the deletion of the document")
        if conditions == Conditions():
            present = await self._store.document(self._key(owner, auid, path))
            tag = None if present is None else (present.etag,)
            conditions = Conditions(tag, ANY if tag is None else None)
        return await self.put(owner, auid, path, version.body, conditions, source)

    async def put(
        self, owner: AoR, auid: str, path: str, body: bytes, conditions: Conditions, source: str
    ) -> DocumentWritten:
        """Write a document. Raises NotFound, PreconditionFailed and a Conflict."""
        usage = self._usage(auid)
        located = self._located(owner, usage, path)
        root = usage.validate(body, located.place)
        outcome = await self._service.writer.put(
            located,
            body,
            root,
            if_match=conditions.if_match,
            if_none_match=conditions.if_none_match,
            source=source,
        )
        if isinstance(outcome, DocumentPrecondition):
            raise PreconditionFailed(outcome.current_etag)
        return outcome

    async def grants(self, owner: AoR) -> Sequence[Grant]:
        """The grants of an owner's documents."""
        return await self._store.grants(owner)

    async def grant(self, grant: Grant) -> None:
        """Add a grant, or change it. Raises NotFound for an unknown application usage."""
        if grant.auid:
            self._usage(grant.auid)
        await self._store.put_grant(grant)
        self._on_change(Change(Kind.GRANT, grant.owner, 0))

    async def revoke(self, owner: AoR, auid: str, path: str, grantee: str) -> None:
        """Take a grant back. Raises NotFound."""
        if not await self._store.delete_grant(owner, auid, path, grantee):
            raise NotFound("no such grant")
        self._on_change(Change(Kind.GRANT, owner, 0))

    def _usage(self, auid: str) -> Usage:
        usage = self._service.usages.get(auid)
        if usage is None:
            raise NotFound(f"no such application usage: {auid}")
        return usage

    def _key(self, owner: AoR, auid: str, path: str) -> DocumentKey:
        """Where a document is kept; usages no longer served keep theirs under their own name."""
        usage = self._service.usages.get(auid)
        auid, path = (auid, path) if usage is None else usage.row(path)
        return DocumentKey(auid, owner, path)

    def _located(self, owner: AoR, usage: Usage, path: str) -> Located:
        tree = Tree.USERS if owner else Tree.GLOBAL
        uri = XcapUri(usage.auid, tree, owner, path, None, "")
        place = place_of(self._config, tree, owner, path)
        return Located(uri, usage, self._key(owner, usage.auid, path), place, ADMIN)

    def _changed(self, key: DocumentKey, version: int) -> None:
        self._service.cache.forget(key)
        self._on_change(Change(Kind.DOCUMENT, document_key(key), version))
