"""What a watcher may see of all that it follows, at one moment. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from store.values import DocumentKey, DocumentVersion
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


class Element(NamedTuple):
    """An element that is there."""

    content: bytes
    """Its octets in the document."""
    namespaces: Mapping[str | None, str]
    """In scope of it: what its prefixes may mean; None is the default one."""


Content = Element | str
"""Of an XCAP component: an element, or the value of an attribute."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """By the `sel` that it is told with, in the order of the list."""

    wanted: Wanted
    documents: Mapping[str, Found] = field(default_factory=dict)
    components: Mapping[str, Content | None] = field(default_factory=dict)
    """None for one that is not there; without those that may not be read."""
    attributes: frozenset[str] = frozenset()
    """Those of the components that are attributes, there or not."""
    hidden: frozenset[str] = frozenset()
    """Documents told before that may not be read any more."""
    histories: Mapping[str, tuple[DocumentVersion, ...]] = field(default_factory=dict)
    """Versions since the one told, that one first if it is kept, of documents that changed."""
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
