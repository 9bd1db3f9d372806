"""What a write came to. Lost races are outcomes; only a store that cannot answer raises."""

from dataclasses import dataclass, field
from typing import NamedTuple

from store.values import BindingSet, Publication, Resource, ResourceState


class PublicationWritten(NamedTuple):
    """The publication is committed; `others` is every other live one of the resource."""

    version: int
    others: tuple[Publication, ...]
    """Ordered by published_at, oldest first."""


@dataclass(frozen=True, slots=True)
class EtagMismatch:
    """No live publication has the expected entity-tag (RFC 3903 §6, 412)."""


class SubscriptionWritten(NamedTuple):
    """The subscription is committed; `state` is its resource as of that statement."""

    state: ResourceState


@dataclass(frozen=True, slots=True)
class SubscriptionGone:
    """There is no such live subscription, or the refresh's CSeq is not above the stored."""


class BindingsWritten(NamedTuple):
    """The bindings are committed at this version."""

    version: int


class BindingsChanged(NamedTuple):
    """Somebody else wrote first; here is what is there now."""

    current: BindingSet


@dataclass(frozen=True, slots=True)
class DocumentWritten:
    """The document is committed; `created` when it was not there before."""

    etag: str
    created: bool
    version: int


@dataclass(frozen=True, slots=True)
class DocumentPrecondition:
    """A precondition failed; the current entity-tag, None when there is no document."""

    current_etag: str | None


@dataclass(frozen=True, slots=True)
class DocumentClaimed:
    """Nothing was written: another document has a URI that this one claims."""

    uri: str


@dataclass(frozen=True, slots=True)
class Expired:
    """What a sweep deleted; each is reported by exactly one sweep of one process."""

    resources: list[tuple[Resource, int]]
    """With the version that the loss of a publication raised each to."""
    subscriptions: list[str]
    bindings: list[str]
    """AoRs that lost bindings."""
    watched: list[tuple[Resource, str]] = field(default_factory=list)
    """Which watchers of which resources changed."""


PublicationOutcome = PublicationWritten | EtagMismatch
SubscriptionOutcome = SubscriptionWritten | SubscriptionGone
BindingsOutcome = BindingsWritten | BindingsChanged
DocumentOutcome = DocumentWritten | DocumentPrecondition | DocumentClaimed
