"""Default documents are there for whoever asks for them (AUT-08). Shell.

Decisions are made by the default rules of a user who has none without anything being stored, so
an account costs no more for them, however it came about. The first XCAP request that reads one of
the documents, a GET as well as the PUT of one entry into a list of it, has it written first: from
then on it is a document as any other, with its entity-tag, versions and changes. A user that
deletes it has the default again.
"""

from collections.abc import Callable

from presence.policy.rulebook import PRES_RULES
from server.oma_documents import default_document
from store.operations import WriteDocument
from store.outcomes import DocumentWritten
from store.store import Store
from store.values import Change, Document, DocumentKey, Kind, document_key
from xcap.administration import ADMIN
from xcap.conditions import ANY
from xcap.ports import OnChange
from xcap.service import random_etag


class ProvisionedDocuments:
    """Implements `xcap.ports.Documents` over a store."""

    def __init__(
        self, store: Store, *, root_url: str, clock: Callable[[], float], on_change: OnChange
    ) -> None:
        self._store = store
        self._root_url = root_url
        self._clock = clock
        self._on_change = on_change
        self.documents_of_owner = store.documents_of_owner
        self.documents_of_usage = store.documents_of_usage
        self.infos_of_usage = store.infos_of_usage
        self.claimant = store.claimant
        self.usage_stamp = store.usage_stamp
        self.watchers = store.watchers
        self.waiting = store.waiting
        self.granted = store.granted
        self.write_document = store.write_document
        self.grants = store.grants
        self.credential = store.credential

    async def document(self, key: DocumentKey) -> Document | None:
        """The document, the default one when there is none.

        Who asks has made sure that the owner is a user of ours. Rules under another name are rules
        too, which default ones would add to.
        """
        document = await self._store.document(key)
        default = default_document(key, self._root_url) if document is None else None
        if default is None or await self._has_rules(key):
            return document
        return await self._provide(default)

    async def _has_rules(self, key: DocumentKey) -> bool:
        rules = key.auid == PRES_RULES
        return rules and bool(await self._store.documents(key.auid, key.owner))

    async def _provide(self, default: Document) -> Document | None:
        """Write `default` unless somebody else has just written the document."""
        outcome = await self._store.write_document(
            WriteDocument(
                default.key,
                default.body,
                default.content_type,
                random_etag(),
                None,
                ANY,
                self._clock(),
                author=ADMIN,
                source="",
                claims=None,
            )
        )
        if isinstance(outcome, DocumentWritten):
            self._on_change(Change(Kind.DOCUMENT, document_key(default.key), outcome.version))
        return await self._store.document(default.key)
