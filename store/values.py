"""What the store keeps, as values.

Pure. Every `_at` is Unix seconds; bodies are octets as they came. The store does not
interpret AoRs, header values or media types: it gives back what it was handed.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Resource(NamedTuple):
    """What is published and subscribed to: one AoR under one event package."""

    aor: str
    package: str


class Publication(NamedTuple):
    """One stored event state (RFC 3903 §2)."""

    id: str
    """The part of the entity-tag before the dot: the same for the publication's whole life."""
    entity_tag: str
    expires_at: float
    content_type: str
    body: bytes
    published_at: float


class ResourceState(NamedTuple):
    """A resource at one version, with its live publications."""

    version: int
    """0 for a resource that was never published."""
    publications: tuple[Publication, ...]
    """Ordered by published_at, oldest first."""


class Binding(NamedTuple):
    """One Contact of an AoR (RFC 3261 §10.3), or one flow of one instance (RFC 5626 §6)."""

    contact: str
    expires_at: float
    q: float | None
    call_id: str
    cseq: int
    received: str
    path: tuple[str, ...]
    instance: str
    reg_id: int | None
    user_agent: str
    updated_at: float
    flow: str
    worker: str
    parameters: str
    begun_at: float = 0.0
    """When the registration began that this binding goes on with."""

    @property
    def key(self) -> str:
        """Tells the bindings of one AoR apart; a contact that is a flow has that in it too."""
        if self.reg_id is None:
            return self.contact
        return f"{self.contact} {self.reg_id} {self.instance}"


class BindingSet(NamedTuple):
    """The live bindings of an AoR; version is 0 for an AoR that never registered."""

    version: int
    bindings: tuple[Binding, ...]
    active_at: float = 0.0
    """When anything was last registered; 0 for never, or before this was kept."""


class SubscriptionRow(NamedTuple):
    """A subscription as it survives its process; the notifier is the local side."""

    id: str
    """The local tag, which names the dialog usage here."""
    resource: Resource
    event_id: str | None
    event_parameters: str
    watcher: str
    state: str
    call_id: str
    local_tag: str
    remote_tag: str
    local_address: str
    remote_address: str
    remote_target: str
    route_set: tuple[str, ...]
    local_contact: str
    remote_cseq: int
    cseq_ceiling: int
    """No NOTIFY had a CSeq above it when the row was written; see `Store.adopt_subscriptions`."""
    expires_at: float
    accept: str
    content_type: str
    told_version: int
    owner: str
    """The life of the process that serves it. The store fills it in on every write."""
    transport: str
    flow: str
    created_at: float
    content: str = ""
    """What the SUBSCRIBE's body asked for, as the package keeps it; "" for nothing."""
    condition: str = ""
    """"*" when it asked for no state at all until the next SUBSCRIBE (RFC 5839 §5.2)."""


class WatcherRow(NamedTuple):
    """A watcher as its presentity hears of it (RFC 3857 §4.7.1)."""

    id: str
    """Of the subscription."""
    resource: Resource
    watcher: str
    """AoR; "" for an anonymous one."""
    status: str
    """pending, active, waiting or terminated."""
    event: str
    """What brought the status about (RFC 3858 §3)."""
    expires_at: float
    """When the subscription ends, or what is known of one that is over."""
    address: str
    """The From of its SUBSCRIBE, as received."""
    created_at: float


class DocumentKey(NamedTuple):
    """Where a document lives: application usage, owner's AoR ("" for global), path."""

    auid: str
    owner: str
    path: str


@dataclass(frozen=True, slots=True)
class Document:
    """One XCAP document (RFC 4825 §7)."""

    key: DocumentKey
    etag: str
    content_type: str
    body: bytes
    updated_at: float
    version: int = 0


class DocumentInfo(NamedTuple):
    """A document without its body."""

    key: DocumentKey
    etag: str
    content_type: str
    size: int
    """Octets of the body."""
    updated_at: float
    version: int


class DocumentVersion(NamedTuple):
    """What one write made of a document, and whose it was."""

    version: int
    etag: str
    content_type: str
    body: bytes | None
    """None when the write deleted the document."""
    author: str
    """AoR of who wrote it, "admin" for the operator, "" for nobody known."""
    source: str
    """Address that the write came from, "" when it came from none."""
    created_at: float


class Grant(NamedTuple):
    """An owner's leave for somebody else to read, or to write too."""

    owner: str
    """AoR, "" for global documents."""
    auid: str
    """"" for every application usage."""
    path: str
    """"" for every document of the usage."""
    grantee: str
    """AoR, or "@domain" for everybody in it."""
    write: bool


@dataclass(frozen=True, slots=True)
class Credential:
    """Digest hashes of one subscriber: HA1 of "alice" and of "alice@example.com"."""

    aor: str
    md5: str
    sha256: str
    md5_full: str
    sha256_full: str


class Kind(StrEnum):
    """What a change is about; the value is its letter in the feed."""

    RESOURCE = "R"
    """Key "aor package"; `Change.resource` takes it apart."""
    BINDING = "B"
    """Key: the AoR."""
    DOCUMENT = "D"
    """Key "auid owner path"; `Change.document` takes it apart."""
    CREDENTIAL = "C"
    """Key: the AoR; version is 0."""
    GRANT = "G"
    """Key: the owner whose grants changed; version is 0."""
    SUBSCRIPTION = "S"
    """Key: the id. It ended, or another process serves it now; version is 0."""
    WATCHER = "W"
    """Key "aor package watcher"; `Change.watcher` takes it apart. What is known of that watcher
    changed, and somebody watches that; version is 0."""
    RESYNC = "*"
    """Changes may have been missed: compare the versions of all that is watched."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something another process changed."""

    kind: Kind
    key: str
    version: int

    @property
    def resource(self) -> Resource:
        """The resource that a RESOURCE change names."""
        aor, _, package = self.key.rpartition(" ")
        return Resource(aor, package)

    @property
    def watcher(self) -> tuple[Resource, str]:
        """The resource and watcher that a WATCHER change names."""
        aor, package, watcher = self.key.split(" ", 2)
        return Resource(aor, package), watcher

    @property
    def document(self) -> DocumentKey:
        """The document that a DOCUMENT change names."""
        auid, owner, path = self.key.split(" ", 2)
        return DocumentKey(auid, owner, path)


def watcher_key(resource: Resource, watcher: str) -> str:
    """Return the feed's key of a watcher."""
    return f"{resource.aor} {resource.package} {watcher}"


def resource_key(resource: Resource) -> str:
    """Return the feed's key of `resource`."""
    return f"{resource.aor} {resource.package}"


def document_key(key: DocumentKey) -> str:
    """Return the feed's key of a document."""
    return f"{key.auid} {key.owner} {key.path}"
