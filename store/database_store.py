"""The store over a backend: lanes, loaders, the credential cache. Shell; see `store.store`."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from store.backend import Backend, SubscriptionOp
from store.credential_cache import CredentialCache
from store.errors import StoreRefused, StoreUnavailable
from store.lane import Lane
from store.loader import Loader
from store.operations import (
    EndSubscription,
    HoldWatcher,
    RefreshSubscription,
    SettleSubscription,
    SettleWatcher,
    WriteBindings,
    WriteDocument,
    WritePublication,
)
from store.outcomes import (
    BindingsOutcome,
    DocumentOutcome,
    Expired,
    PublicationOutcome,
    SubscriptionOutcome,
    SubscriptionWritten,
)
from store.stats import StoreStats
from store.touches import Touches
from store.values import (
    Binding,
    BindingSet,
    Change,
    Credential,
    Document,
    DocumentInfo,
    DocumentKey,
    DocumentVersion,
    Grant,
    Kind,
    Resource,
    ResourceState,
    SubscriptionRow,
    WatcherRow,
)

SECRET_SIZE: Final = 32
CONTENT_LIMIT: Final = 65_536
"""Characters that a subscription may keep of what its SUBSCRIBE's body asked for."""

log = structlog.get_logger()


class ChangeHub:
    """Passes changes on from the backend to whoever asked for them."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[Change], None]] = []

    def changed(self, change: Change) -> None:
        """Tell everybody; one listener's failure is not another's."""
        for callback in self.callbacks:
            try:
                callback(change)
            except Exception:
                log.exception("change-listener-failed", kind=change.kind.name, key=change.key)


class DatabaseStore:
    """Implements `store.store.Store`."""

    def __init__(
        self,
        backend: Backend,
        *,
        owner: str,
        stats: StoreStats,
        hub: ChangeHub,
        queue_limit: int,
        clock: Callable[[], float],
    ) -> None:
        self.owner = owner
        self.stats = stats
        self._backend = backend
        self._hub = hub
        self._clock = clock
        self._limit = queue_limit
        self._credentials = CredentialCache()
        self._touches = Touches(backend.subscriptions.touch)
        self._make_lanes()
        self._make_loaders()
        hub.callbacks.append(self._forget)

    def _make_lanes(self) -> None:
        backend, limit, lane = self._backend, self._limit, self.stats.lane
        self._publications: Lane[WritePublication, PublicationOutcome] = Lane(
            backend.publications.write, limit=limit, stats=lane("publications")
        )
        self._subscriptions: Lane[SubscriptionOp, SubscriptionOutcome | None] = Lane(
            lambda ops: backend.subscriptions.write(ops, self._clock()),
            limit=limit,
            stats=lane("subscriptions"),
        )
        self._bindings: Lane[WriteBindings, BindingsOutcome] = Lane(
            backend.bindings.write, limit=limit, stats=lane("bindings")
        )
        self._documents: Lane[WriteDocument, DocumentOutcome] = Lane(
            backend.documents.write, limit=limit, stats=lane("documents")
        )

    def _make_loaders(self) -> None:
        backend, limit, lane = self._backend, self._limit, self.stats.lane
        self._states: Loader[Resource, ResourceState] = Loader(
            lambda keys: backend.publications.read(keys, self._clock()),
            limit=limit,
            stats=lane("state reads"),
        )
        self._locations: Loader[str, BindingSet] = Loader(
            lambda keys: backend.bindings.read(keys, self._clock()),
            limit=limit,
            stats=lane("binding reads"),
        )
        self._document_reads: Loader[DocumentKey, Document | None] = Loader(
            backend.documents.read, limit=limit, stats=lane("document reads")
        )
        self._listings: Loader[tuple[str, str], list[Document]] = Loader(
            backend.documents.listings, limit=limit, stats=lane("document lists")
        )
        self._grant_reads: Loader[str, list[Grant]] = Loader(
            backend.grants.read, limit=limit, stats=lane("grant reads")
        )
        self._credential_reads: Loader[str, Credential | None] = Loader(
            backend.credentials.read, limit=limit, stats=lane("credential reads")
        )

    async def write_publication(self, op: WritePublication) -> PublicationOutcome:
        """Insert, modify, refresh or remove."""
        return await self._publications.submit(op.resource, op)

    async def shorten_publications(
        self, which: Sequence[tuple[Resource, str]], expires_at: float
    ) -> None:
        """Have publications end sooner."""
        await self._backend.publications.shorten(which, expires_at)

    async def write_subscription(self, row: SubscriptionRow) -> SubscriptionWritten:
        """Insert or replace by id."""
        _check_content(row.content)
        outcome = await self._subscriptions.submit(row.id, row)
        if not isinstance(outcome, SubscriptionWritten):
            raise StoreUnavailable("the subscription was not written")
        return outcome

    async def refresh_subscription(self, op: RefreshSubscription) -> SubscriptionOutcome:
        """Prolong, and take over when another process owned it."""
        _check_content(op.content)
        outcome = await self._subscriptions.submit(op.id, op)
        if outcome is None:
            raise StoreUnavailable("the subscription was not written")
        return outcome

    async def end_subscription(self, subscription_id: str, event: str = "timeout") -> None:
        """Delete, by a watcher event."""
        await self._subscriptions.submit(subscription_id, EndSubscription(subscription_id, event))

    async def settle_subscription(self, subscription_id: str, state: str, event: str) -> None:
        """Change its state, by a watcher event."""
        op = SettleSubscription(subscription_id, state, event)
        await self._subscriptions.submit(subscription_id, op)

    async def hold_watcher(self, row: SubscriptionRow) -> None:
        """Keep a watcher that waits."""
        await self._subscriptions.submit(row.id, HoldWatcher(row))

    async def settle_watcher(self, subscription_id: str, event: str) -> None:
        """End the wait of a watcher."""
        await self._subscriptions.submit(subscription_id, SettleWatcher(subscription_id, event))

    async def watching(self, resource: Resource, watcher: str | None) -> list[WatcherRow]:
        """Return what is known of the watchers of a resource."""
        return await self._backend.subscriptions.watching(resource, watcher)

    async def waiting(self, aor: str) -> list[WatcherRow]:
        """Return those that wait for a decision."""
        return await self._backend.subscriptions.waiting(aor)

    async def subscription(self, subscription_id: str) -> SubscriptionRow | None:
        """Return the row."""
        return (await self.subscriptions([subscription_id])).get(subscription_id)

    async def subscriptions(self, ids: Sequence[str]) -> Mapping[str, SubscriptionRow]:
        """Return the rows that are there."""
        return await self._backend.subscriptions.read(ids)

    async def watchers(self, aor: str) -> list[SubscriptionRow]:
        """Return the live subscriptions to an AoR."""
        return await self._backend.subscriptions.watchers(aor, self._clock())

    def touch_subscription(self, subscription_id: str, told_version: int, cseq: int) -> None:
        """Remember lazily what was told."""
        self._touches.add(subscription_id, told_version, cseq)

    async def adopt_subscriptions(self, limit: int) -> list[SubscriptionRow]:
        """Take over subscriptions of the dead."""
        return await self._backend.adopt(limit, self._clock())

    async def resource_state(self, resource: Resource) -> ResourceState:
        """Return version and live publications."""
        return await self._states.load(resource)

    async def versions(self, resources: Sequence[Resource]) -> dict[Resource, int]:
        """Return the version of each."""
        return await self._backend.versions(resources)

    async def silent_nodes(self) -> frozenset[str]:
        """Return the nodes that no life of is heard of any more."""
        return await self._backend.silent_nodes()

    async def write_bindings(self, op: WriteBindings) -> BindingsOutcome:
        """Write unless the AoR's version moved on."""
        return await self._bindings.submit(op.aor, op)

    async def bindings(self, aor: str) -> BindingSet:
        """Return version and live bindings."""
        return await self._locations.load(aor)

    async def bindings_after(self, aor: str, key: str, limit: int) -> list[tuple[str, Binding]]:
        """Return bindings in the order of AoR and key."""
        return await self._backend.bindings.after(aor, key, limit)

    async def document(self, key: DocumentKey) -> Document | None:
        """Return the document."""
        return await self._document_reads.load(key)

    async def documents(self, auid: str, owner: str) -> list[Document]:
        """Return an owner's documents."""
        return await self._listings.load((auid, owner))

    async def documents_of_owner(self, owner: str) -> list[DocumentInfo]:
        """Return what an owner has, without bodies."""
        return await self._backend.documents.infos(owner)

    async def documents_of_usage(
        self, auid: str, after: DocumentKey | None, limit: int
    ) -> list[Document]:
        """Return the next documents of an application usage."""
        owner, path = ("", "") if after is None else (after.owner, after.path)
        return await self._backend.documents.page(auid, owner, path, limit)

    async def infos_of_usage(
        self, auid: str, after: DocumentKey | None, limit: int
    ) -> list[DocumentInfo]:
        """Return facts about the next documents of an application usage."""
        owner, path = ("", "") if after is None else (after.owner, after.path)
        return await self._backend.documents.info_page(auid, owner, path, limit)

    async def usage_stamp(self, auid: str, path: str) -> str:
        """Return what changes with users' documents at `path`."""
        return await self._backend.documents.stamp(auid, path)

    async def claimant(self, uri: str) -> DocumentKey | None:
        """Return the document that claims `uri`."""
        return await self._backend.documents.claimant(uri)

    async def document_versions(
        self, key: DocumentKey, *, after: int = 0, limit: int = 100
    ) -> list[DocumentVersion]:
        """Return the versions that are kept."""
        return await self._backend.documents.versions(key, after, limit)

    async def document_version(self, key: DocumentKey, etag: str) -> DocumentVersion | None:
        """Return the version of an entity-tag."""
        return await self._backend.documents.version(key, etag)

    async def purge_documents(
        self, owner: str, *, author: str = "", source: str = ""
    ) -> list[DocumentKey]:
        """Delete all documents of `owner` with their versions."""
        return await self._backend.documents.purge(owner, self._clock(), author, source)

    async def grants(self, owner: str) -> list[Grant]:
        """Return the grants of an owner."""
        return await self._grant_reads.load(owner)

    async def granted(self, grantees: Sequence[str], limit: int) -> list[Grant]:
        """Return grants to any of `grantees`."""
        return await self._backend.grants.granted(grantees, limit)

    async def put_grant(self, grant: Grant) -> None:
        """Insert or replace."""
        await self._backend.grants.put(grant)

    async def delete_grant(self, owner: str, auid: str, path: str, grantee: str) -> bool:
        """Delete; False when there was none."""
        return await self._backend.grants.delete(owner, auid, path, grantee)

    async def write_document(self, op: WriteDocument) -> DocumentOutcome:
        """Put or delete if the preconditions hold."""
        return await self._documents.submit(op.key, op)

    async def credential(self, aor: str) -> Credential | None:
        """Return the subscriber's hashes from the cache, else from the database."""
        cache = self._credentials
        if aor in cache:
            self.stats.credential_hits += 1
            return cache[aor]
        self.stats.credential_misses += 1
        generation = cache.generation
        credential = await self._credential_reads.load(aor)
        cache.put(aor, credential, generation)
        return credential

    async def put_credential(self, credential: Credential) -> None:
        """Insert or replace."""
        await self.import_credentials([credential])

    async def import_credentials(self, rows: Sequence[Credential]) -> int:
        """Insert or replace many."""
        try:
            return await self._backend.credentials.write(rows)
        finally:
            for row in rows:
                self._credentials.forget(row.aor)

    async def delete_credential(self, aor: str) -> bool:
        """Delete; False when there was none."""
        try:
            return await self._backend.credentials.delete(aor)
        finally:
            self._credentials.forget(aor)

    async def list_credentials(self) -> list[str]:
        """Return the AoRs of all subscribers."""
        return await self._backend.credentials.list_aors()

    async def expire(self, now: float) -> Expired:
        """Delete what expired by `now`."""
        return await self._backend.expire(now)

    def on_change(self, callback: Callable[[Change], None]) -> None:
        """Call `callback` for each change made by another process."""
        self._hub.callbacks.append(callback)

    async def secret(self) -> bytes:
        """Return the database's secret."""
        return await self._backend.credentials.secret(secrets.token_bytes(SECRET_SIZE))

    async def ping(self) -> None:
        """Return when the database answers."""
        await self._backend.ping()

    async def close(self) -> None:
        """Commit what is queued, flush, leave."""
        for lane in (self._publications, self._subscriptions, self._bindings, self._documents):
            await lane.drain()
        for loader in (self._states, self._locations):
            await loader.drain()
        await self._document_reads.drain()
        await self._listings.drain()
        await self._grant_reads.drain()
        await self._credential_reads.drain()
        await self._touches.close()
        await self._backend.close()

    def _forget(self, change: Change) -> None:
        if change.kind is Kind.CREDENTIAL:
            self._credentials.forget(change.key)
        elif change.kind is Kind.RESYNC:
            self._credentials.clear()


def _check_content(content: str) -> None:
    if len(content) > CONTENT_LIMIT:
        raise StoreRefused(f"a subscription keeps at most {CONTENT_LIMIT} characters of a body")
