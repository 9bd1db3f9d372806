"""What the store needs of a database: batches in, outcomes out.

A batch holds no key twice. An outcome that is an exception fails its own operation; an
exception raised fails the batch, of which then nothing was written.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

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
)
from store.values import (
    Binding,
    BindingSet,
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

WatcherOp = EndSubscription | SettleSubscription | HoldWatcher | SettleWatcher
SubscriptionOp = SubscriptionRow | RefreshSubscription | WatcherOp
"""A row is to be inserted or replaced."""


class Publications(Protocol):
    """Publications and the state of their resources."""

    async def write(
        self, ops: Sequence[WritePublication], /
    ) -> Sequence[PublicationOutcome | Exception]:
        """Write a batch."""

    async def read(
        self, keys: Sequence[Resource], now: float, /
    ) -> Mapping[Resource, ResourceState]:
        """Return a state for every key."""

    async def shorten(self, which: Sequence[tuple[Resource, str]], expires_at: float, /) -> None:
        """Have publications end by then at the latest, by resource and entity-tag."""


class Subscriptions(Protocol):
    """Subscriptions by id."""

    async def write(
        self, ops: Sequence[SubscriptionOp], now: float, /
    ) -> Sequence[SubscriptionOutcome | Exception | None]:
        """Write a batch; None answers what is no row and no refresh."""

    async def read(self, ids: Sequence[str], /) -> Mapping[str, SubscriptionRow]:
        """Return those that are there."""

    async def watchers(self, aor: str, now: float, /) -> list[SubscriptionRow]:
        """Return the live ones of an AoR, oldest first."""

    async def watching(self, resource: Resource, watcher: str | None, /) -> list[WatcherRow]:
        """Return what is known of the watchers of a resource, or of one of them, oldest first."""

    async def waiting(self, aor: str, /) -> list[WatcherRow]:
        """Return those that wait for a decision of an AoR, oldest first."""

    async def touch(self, touches: Sequence[tuple[str, int, int]], /) -> None:
        """Remember id, version told and CSeq used of subscriptions that are still ours."""


class Bindings(Protocol):
    """Bindings by AoR."""

    async def write(self, ops: Sequence[WriteBindings], /) -> Sequence[BindingsOutcome | Exception]:
        """Write a batch."""

    async def read(self, aors: Sequence[str], now: float, /) -> Mapping[str, BindingSet]:
        """Return a set for every AoR."""

    async def after(self, aor: str, key: str, limit: int, /) -> list[tuple[str, Binding]]:
        """Return the next `limit` bindings in the order of AoR and key."""


class Documents(Protocol):
    """Documents by key."""

    async def write(self, ops: Sequence[WriteDocument], /) -> Sequence[DocumentOutcome | Exception]:
        """Write a batch."""

    async def read(self, keys: Sequence[DocumentKey], /) -> Mapping[DocumentKey, Document | None]:
        """Return a document or None for every key."""

    async def listings(
        self, keys: Sequence[tuple[str, str]], /
    ) -> Mapping[tuple[str, str], list[Document]]:
        """Return the documents of each application usage and owner, ordered by path."""

    async def infos(self, owner: str, /) -> list[DocumentInfo]:
        """Return what an owner has, ordered by application usage and path."""

    async def page(self, auid: str, owner: str, path: str, limit: int, /) -> list[Document]:
        """Return the next `limit` documents in the order of owner and path."""

    async def info_page(
        self, auid: str, owner: str, path: str, limit: int, /
    ) -> list[DocumentInfo]:
        """Return facts about the next `limit` documents in the order of owner and path."""

    async def versions(self, key: DocumentKey, after: int, limit: int, /) -> list[DocumentVersion]:
        """Return the next `limit` versions that are kept, oldest first."""

    async def version(self, key: DocumentKey, etag: str, /) -> DocumentVersion | None:
        """Return the version of an entity-tag, if it is kept."""

    async def stamp(self, auid: str, path: str, /) -> str:
        """Return what changes with users' documents of that name."""

    async def claimant(self, uri: str, /) -> DocumentKey | None:
        """Return the document that claims `uri`."""

    async def purge(self, owner: str, now: float, author: str, source: str, /) -> list[DocumentKey]:
        """Delete an owner's documents and what their versions held."""


class Grants(Protocol):
    """Grants by owner."""

    async def read(self, owners: Sequence[str], /) -> Mapping[str, list[Grant]]:
        """Return a list for every owner."""

    async def granted(self, grantees: Sequence[str], limit: int, /) -> list[Grant]:
        """Return at most `limit` grants to any of `grantees`, ordered by owner."""

    async def put(self, grant: Grant, /) -> None:
        """Insert or replace."""

    async def delete(self, owner: str, auid: str, path: str, grantee: str, /) -> bool:
        """Delete; False when there was none."""


class Credentials(Protocol):
    """Credentials by AoR, and the database's secret."""

    async def read(self, aors: Sequence[str], /) -> Mapping[str, Credential | None]:
        """Return a credential or None for every AoR."""

    async def write(self, rows: Sequence[Credential], /) -> int:
        """Insert or replace in one transaction; return how many."""

    async def delete(self, aor: str, /) -> bool:
        """Delete; False when there was none."""

    async def list_aors(self) -> list[str]:
        """Return every AoR, in order."""

    async def secret(self, candidate: bytes, /) -> bytes:
        """Return the secret, which `candidate` becomes when there is none."""


class Backend(Protocol):
    """One database, opened for one process."""

    @property
    def publications(self) -> Publications: ...
    @property
    def subscriptions(self) -> Subscriptions: ...
    @property
    def bindings(self) -> Bindings: ...
    @property
    def documents(self) -> Documents: ...
    @property
    def grants(self) -> Grants: ...
    @property
    def credentials(self) -> Credentials: ...

    async def start(self) -> None:
        """Connect and be known to other processes."""

    async def adopt(self, limit: int, now: float, /) -> list[SubscriptionRow]:
        """Take over subscriptions of the dead."""

    async def expire(self, now: float, /) -> Expired:
        """Sweep."""

    async def versions(self, keys: Sequence[Resource], /) -> dict[Resource, int]:
        """Return a version for every resource."""

    async def silent_nodes(self) -> frozenset[str]:
        """Return the nodes that no life of is heard of any more."""

    async def ping(self) -> None:
        """Return when the database answers."""

    async def close(self) -> None:
        """Leave and disconnect."""
