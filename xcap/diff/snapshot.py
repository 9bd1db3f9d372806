"""What a watcher may see of all that it follows, at one moment. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from store.values import DocumentKey
from xcap.diff.request import Wanted


class Address(NamedTuple):
    """A document by its URI, which may be another than where it is stored."""

    auid: str
    owner: str
    """Empty in the global tree."""
    path: str


class Found(NamedTuple):
    """A document that is there."""

    address: Address
    key: DocumentKey
    etag: str
    version: int
    """0 for what the server computes."""
    updated_at: float
    size: int = 0
    """Octets, as far as known."""


class Element(NamedTuple):
    """An element that is there."""

    content: bytes
    """Its octets in the document."""
    namespaces: Mapping[str | None, str]
    """In scope of it: what its prefixes may mean; None is the default one."""


Content = Element | str
"""Of an XCAP component: an element, or the value of an attribute."""


class Part(NamedTuple):
    """An XCAP component that is there."""

    digest: bytes
    """Differs when what a watcher is shown of the content does."""
    content: Content | None
    """None for an element that is too large to be shown."""


class DocumentEntry(NamedTuple):
    """One `document` of an xcap-diff document (RFC 5874 §3, figure 1)."""

    sel: str
    previous: str | None
    """Entity-tag; None for what was not there, or not known."""
    new: str | None
    """None for what is not there any more."""
    patch: tuple[bytes, ...] = ()
    """Operations of RFC 5261; without any the document is got by HTTP."""
    unchanged: bool = False
    """Only the entity-tag is another."""
    at: float = 0.0
    """When it changed, Unix seconds."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """By the `sel` that it is told with, in the order of the list."""

    wanted: Wanted
    documents: Mapping[str, Found] = field(default_factory=dict)
    components: Mapping[str, Part | None] = field(default_factory=dict)
    """None for one that is not there; without those that may not be read."""
    attributes: frozenset[str] = frozenset()
    """Those of the components that are attributes, there or not."""
    hidden: frozenset[str] = frozenset()
    """Documents told before that may not be read any more."""
    chains: Mapping[str, tuple[DocumentEntry, ...]] = field(default_factory=dict)
    """How documents changed since they were told, of those of which more than that is known."""
    removed: Mapping[str, str] = field(default_factory=dict)
    """The last entity-tag of documents that are named, not there, and were there once."""


class Mark(NamedTuple):
    """A document as the watcher was told of it."""

    address: Address
    key: DocumentKey
    etag: str
    version: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What the watcher knows from the last NOTIFY that it answered."""

    uris: tuple[str, ...] = ()
    """The list that this was told for."""
    documents: Mapping[str, Mark] = field(default_factory=dict)
    components: Mapping[str, bytes] = field(default_factory=dict)
    """Digests of the contents of those that it knows to be there."""
