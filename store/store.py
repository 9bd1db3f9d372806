"""The store as everybody else sees it, and how to open one. Shell.

Every write that has been answered is durable. Errors of all methods: `StoreFull` when
the queue in front is full, `StoreUnavailable` when the database does not answer.
Callers may be cancelled at any await: an operation is then written whole or not at all.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from store import migrate
from store.backend import Backend
from store.database_store import ChangeHub, DatabaseStore
from store.errors import StoreError
from store.operations import RefreshSubscription, WriteBindings, WriteDocument, WritePublication
from store.outcomes import (
    BindingsOutcome,
    DocumentOutcome,
    Expired,
    PublicationOutcome,
    SubscriptionOutcome,
    SubscriptionWritten,
)
from store.pg_backend import PgBackend
from store.role import Role
from store.sqlite_backend import SqliteBackend
from store.stats import StoreStats
from store.url import StoreUrl
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
    Resource,
    ResourceState,
    SubscriptionRow,
    WatcherRow,
)
from store.watching import KEEP_WAITING

LIFE_SIZE: Final = 4
"""Octets that tell one life of a node from the next."""
QUEUE_LIMIT: Final = 20_000
"""Operations that may wait in one lane before further ones are refused."""
KEEP_VERSIONS: Final = 20
"""Versions kept of each document."""


class Store(Protocol):
    """See the module. `owner` names this life of this process in what it owns."""

    owner: str
    stats: StoreStats

    async def write_publication(self, op: WritePublication) -> PublicationOutcome:
        """Insert, modify, refresh or remove; the version rises except on a refresh."""

    async def shorten_publications(
        self, which: Sequence[tuple[Resource, str]], expires_at: float
    ) -> None:
        """Have those that still have the entity-tag named end by then at the latest.

        No version rises; a refresh before or after is as ever.
        """

    async def write_subscription(self, row: SubscriptionRow) -> SubscriptionWritten:
        """Insert or replace by id, owned by this process."""

    async def refresh_subscription(self, op: RefreshSubscription) -> SubscriptionOutcome:
        """Prolong, and take over when another process owned it."""

    async def end_subscription(self, subscription_id: str, event: str = "timeout") -> None:
        """Delete, by a watcher event (RFC 3857 §4.7.1); nothing happens when it is not there.

        A pending one that timed out is kept among those that wait.
        """

    async def settle_subscription(self, subscription_id: str, state: str, event: str) -> None:
        """Change its state, by a watcher event."""

    async def hold_watcher(self, row: SubscriptionRow) -> None:
        """Keep the watcher of a fetch, which stores no subscription, among those that wait."""

    async def settle_watcher(self, subscription_id: str, event: str) -> None:
        """End the wait of a watcher, by a watcher event."""

    async def watching(self, resource: Resource, watcher: str | None) -> list[WatcherRow]:
        """Return who watches a resource, waits to, or has just ended; oldest first.

        Of one watcher, unless it is None. Ends are kept for a minute, where anybody is
        subscribed to the watchers.
        """

    async def waiting(self, aor: str) -> list[WatcherRow]:
        """Return those that wait for a decision of an AoR, oldest first."""

    async def subscription(self, subscription_id: str) -> SubscriptionRow | None:
        """Return the row, also one that has expired but was not swept yet."""

    async def subscriptions(self, ids: Sequence[str]) -> Mapping[str, SubscriptionRow]:
        """Return those of `ids` that are there, by id, in one statement."""

    async def watchers(self, aor: str) -> list[SubscriptionRow]:
        """Return the live subscriptions to an AoR under every package, oldest first."""

    def touch_subscription(self, subscription_id: str, told_version: int, cseq: int) -> None:
        """Remember, within seconds, the version told and the CSeq used. The last wins."""

    async def adopt_subscriptions(self, limit: int) -> list[SubscriptionRow]:
        """Take over at most `limit` live ones of this node's earlier life or of dead processes.

        Continue each at CSeq `cseq_ceiling` + 1: the store has raised the ceiling above all
        that its last owner can have used. Call until the list is empty, then every few seconds.
        """

    async def resource_state(self, resource: Resource) -> ResourceState:
        """Return version and live publications."""

    async def versions(self, resources: Sequence[Resource]) -> dict[Resource, int]:
        """Return the version of each; 0 for one that was never published."""

    async def silent_nodes(self) -> frozenset[str]:
        """Names of processes, as `open_store` was given them, that left or died; never our own."""

    async def write_bindings(self, op: WriteBindings) -> BindingsOutcome:
        """Write unless the AoR's version moved on."""

    async def bindings(self, aor: str) -> BindingSet:
        """Return version and live bindings, ordered by q, highest first."""

    async def bindings_after(self, aor: str, key: str, limit: int) -> list[tuple[str, Binding]]:
        """Return at most `limit` bindings with their AoRs, in the order of AoR and key.

        They begin after that binding; some may have expired.
        """

    async def document(self, key: DocumentKey) -> Document | None:
        """Return the document."""

    async def documents(self, auid: str, owner: str) -> list[Document]:
        """Return the documents of an owner under an application usage, ordered by path."""

    async def documents_of_owner(self, owner: str) -> list[DocumentInfo]:
        """Return what an owner has, without bodies, ordered by application usage and path."""

    async def documents_of_usage(
        self, auid: str, after: DocumentKey | None, limit: int
    ) -> list[Document]:
        """Return at most `limit` documents that come after one, ordered by owner and path."""

    async def infos_of_usage(
        self, auid: str, after: DocumentKey | None, limit: int
    ) -> list[DocumentInfo]:
        """Return what `documents_of_usage` does, without bodies."""

    async def write_document(self, op: WriteDocument) -> DocumentOutcome:
        """Put or delete if the preconditions hold and no URI is another document's."""

    async def usage_stamp(self, auid: str, path: str) -> str:
        """Return what changes whenever a user's document at `path` is written or deleted."""

    async def claimant(self, uri: str) -> DocumentKey | None:
        """Return the document that claims `uri`."""

    async def document_versions(
        self, key: DocumentKey, *, after: int = 0, limit: int = 100
    ) -> list[DocumentVersion]:
        """Return at most `limit` versions above `after` that are kept, in ascending order.

        They outlive the document, until it is written again often enough or purged.
        """

    async def document_version(self, key: DocumentKey, etag: str) -> DocumentVersion | None:
        """Return the version that had `etag`, if it is kept."""

    async def purge_documents(
        self, owner: str, *, author: str = "", source: str = ""
    ) -> list[DocumentKey]:
        """Delete all documents of `owner`, and what is kept of earlier ones; return which.

        Of each the version of this deletion stays, with its author. Told as any deletion.
        """

    async def grants(self, owner: str) -> list[Grant]:
        """Return the grants of an owner, ordered by usage, path and grantee."""

    async def granted(self, grantees: Sequence[str], limit: int) -> list[Grant]:
        """Return at most `limit` grants to any of `grantees`, ordered by owner."""

    async def put_grant(self, grant: Grant) -> None:
        """Insert, or replace `write`. Others hear of it as `Kind.GRANT`."""

    async def delete_grant(self, owner: str, auid: str, path: str, grantee: str) -> bool:
        """Delete; False when there was none."""

    async def credential(self, aor: str) -> Credential | None:
        """Return the subscriber's hashes; cached, also that there is none."""

    async def put_credential(self, credential: Credential) -> None:
        """Insert or replace."""

    async def delete_credential(self, aor: str) -> bool:
        """Delete; False when there was none."""

    async def list_credentials(self) -> list[str]:
        """Return the AoRs of all subscribers, in order."""

    async def import_credentials(self, rows: Sequence[Credential]) -> int:
        """Insert or replace many in one transaction; return how many."""

    async def expire(self, now: float) -> Expired:
        """Delete what expired by `now` and raise versions. Any process, any time."""

    def on_change(self, callback: Callable[[Change], None]) -> None:
        """Call `callback` for each change made by another process, in order."""

    async def secret(self) -> bytes:
        """Return 32 random octets, the same for every process on this database."""

    async def ping(self) -> None:
        """Return when the database answers."""

    async def close(self) -> None:
        """Commit what is queued, flush touches, tell the others, disconnect."""


async def open_store(
    url: str,
    *,
    node: str,
    queue_limit: int = QUEUE_LIMIT,
    keep_versions: int = KEEP_VERSIONS,
    keep_waiting: float = KEEP_WAITING,
    role: Role = Role.SERVER,
    clock: Callable[[], float] = time.time,
) -> Store:
    """Open the store at `url` for the process named `node` (unique among those alive).

    `clock` gives Unix seconds; `keep_versions` is how many are kept of each document,
    `keep_waiting` for how many seconds a watcher waits for a decision. Raises
    `StoreMisused` for a URL, schema or second process that cannot work, and
    `StoreUnavailable` when the database does not answer.
    """
    parsed = StoreUrl.parse(url)
    await asyncio.to_thread(migrate.check, url)
    owner = f"{node}.{secrets.token_hex(LIFE_SIZE)}"
    stats, hub = StoreStats(), ChangeHub()
    backend = _backend(parsed, node, owner, role, stats, hub, keep_versions, keep_waiting)
    store = DatabaseStore(
        backend, owner=owner, stats=stats, hub=hub, queue_limit=queue_limit, clock=clock
    )
    try:
        await backend.start()
    except StoreError:
        await backend.close()
        raise
    return store


def _backend(
    url: StoreUrl,
    node: str,
    owner: str,
    role: Role,
    stats: StoreStats,
    hub: ChangeHub,
    keep_versions: int,
    keep_waiting: float,
) -> Backend:
    if url.is_sqlite:
        return SqliteBackend(
            url.path,
            owner=owner,
            role=role,
            stats=stats,
            changed=hub.changed,
            keep_versions=keep_versions,
            keep_waiting=keep_waiting,
        )
    return PgBackend(
        url.asyncpg_dsn,
        node=node,
        owner=owner,
        role=role,
        stats=stats,
        changed=hub.changed,
        keep_versions=keep_versions,
        keep_waiting=keep_waiting,
    )
