"""What callers ask the store to write: values handed to a lane.

Pure. Every `_at` and `now` is Unix seconds.
"""

from typing import NamedTuple

from store.values import Binding, DocumentKey, Resource, SubscriptionRow


class WritePublication(NamedTuple):
    """Insert, modify, refresh or remove one publication (RFC 3903 §6).

    `expected` None inserts; otherwise the stored entity-tag must equal it. `body` None
    keeps the body (a refresh, which raises no version). `expires_at` 0 removes.
    """

    resource: Resource
    id: str
    expected: str | None
    entity_tag: str
    expires_at: float
    body: bytes | None
    content_type: str
    published_at: float
    now: float


class RefreshSubscription(NamedTuple):
    """Prolong a subscription; taken only when `remote_cseq` is above the stored one.

    What a refresh may change is given whole, whether it changed or not. A refresh that
    arrives at another process moves the subscription there.
    """

    id: str
    expires_at: float
    remote_cseq: int
    remote_target: str
    cseq_ceiling: int
    state: str
    accept: str
    content_type: str
    local_contact: str
    transport: str
    flow: str
    content: str = ""
    """As in `SubscriptionRow`."""
    condition: str = ""
    """As in `SubscriptionRow`."""


class EndSubscription(NamedTuple):
    """Delete a subscription because of a watcher event (RFC 3857 §4.7.1).

    A pending one that timed out is kept among those that wait.
    """

    id: str
    event: str


class SettleSubscription(NamedTuple):
    """Change the state of a subscription because of a watcher event."""

    id: str
    state: str
    event: str


class HoldWatcher(NamedTuple):
    """Keep the watcher of a subscription that was never stored among those that wait."""

    row: SubscriptionRow


class SettleWatcher(NamedTuple):
    """End the wait of a watcher because of a watcher event."""

    id: str
    event: str


class WriteBindings(NamedTuple):
    """Put bindings, and remove those of the keys `remove`, if the version of the AoR is still
    `expected_version`.

    0 expects an AoR that never registered. No key is in both `put` and `remove`.
    """

    aor: str
    expected_version: int
    put: tuple[Binding, ...]
    remove: tuple[str, ...]
    now: float

    @property
    def active_at(self) -> float:
        """When it registers something; 0 when it only removes."""
        return self.now if self.put else 0.0


class WriteDocument(NamedTuple):
    """Put a document, or delete it (`body` None), under its preconditions.

    `if_match` and `if_none_match` hold entity-tags, or "*" (RFC 9110 §13.1); None asks
    nothing. Deleting what is not there fails its precondition.

    `claims`, when not None, replaces the URIs that the document claims, each of which one
    document of the deployment may have (RFC 4826 §4.4.5); a deletion gives up all.
    """

    key: DocumentKey
    body: bytes | None
    content_type: str
    etag: str
    if_match: tuple[str, ...] | None
    if_none_match: tuple[str, ...] | None
    now: float
    author: str = ""
    source: str = ""
    """Author and source are kept with the version, see `DocumentVersion`."""
    claims: tuple[str, ...] | None = None
