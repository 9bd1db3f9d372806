"""Documents that the server makes when they are asked for, and answers to a POST. Types.

A usage whose `Usage.compute` is set makes those documents that `Usage.computes` says;
they are read only (RFC 4825 §5.7 lets a usage say who writes, RFC 4826 §4.4.8 has
one made of many). A usage whose `Usage.post` is set answers POST. Both see the rest of
the server through `Sources` only.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Protocol

from sip.uri import AoR
from store.values import Document, DocumentInfo, DocumentKey, Grant, SubscriptionRow, WatcherRow
from xcap.uri import Tree

ETAG_OCTETS: Final = 9


@dataclass(frozen=True, slots=True)
class Asked:
    """A document that somebody who may read it asks for."""

    tree: Tree
    owner: AoR
    """Empty in the global tree."""
    path: str
    node_selector: str | None = None
    """Decoded, as in `XcapUri`; a document may be made with just what this selects."""
    query: str = ""
    """The bindings of prefixes of the node selector, decoded."""


@dataclass(frozen=True, slots=True)
class Computed:
    """A document as it is now, or as much of it as `Asked.node_selector` needs."""

    body: bytes
    etag: str
    """Of the whole document, also when `body` is a part of it: no key for a cache of trees."""


@dataclass(frozen=True, slots=True)
class PostRequest:
    """A POST to a usage, whose media type has been checked already."""

    reader: AoR | None
    """Who asks; None when nobody is known."""
    trusted: bool
    """Whether `reader` may read all documents."""
    query: str
    """The query component of the request target, as received without its question mark."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Posted:
    """The answer to a POST."""

    content_type: str
    body: bytes


class Offered(Protocol):
    """What one usage may know of another; `xcap.usage.Usage` is one."""

    @property
    def auid(self) -> str: ...
    @property
    def media_type(self) -> str: ...
    @property
    def default_namespace(self) -> str: ...
    @property
    def namespaces(self) -> tuple[str, ...]:
        """Those that its schema checks, that of the root element first."""

    @property
    def computes(self) -> "Computes": ...
    @property
    def post(self) -> "Post | None": ...
    @property
    def stored_as(self) -> str:
        """AUID under which its documents are stored."""

    def row(self, path: str) -> tuple[str, str]:
        """AUID and path under which document `path` is stored."""

    def name_of(self, auid: str, path: str) -> str | None:
        """The name that row `auid`, `path` is shown under here; None: it is not shown."""


class Records(Protocol):
    """What computed documents and searches read of the store."""

    async def document(self, key: DocumentKey) -> Document | None: ...
    async def documents_of_owner(self, owner: str) -> Sequence[DocumentInfo]: ...
    async def documents_of_usage(
        self, auid: str, after: DocumentKey | None, limit: int
    ) -> Sequence[Document]: ...
    async def infos_of_usage(
        self, auid: str, after: DocumentKey | None, limit: int
    ) -> Sequence[DocumentInfo]: ...
    async def claimant(self, uri: str) -> DocumentKey | None: ...
    async def usage_stamp(self, auid: str, path: str) -> str:
        """Changes whenever users' documents of that name do, or one comes or goes."""

    async def watchers(self, aor: str) -> Sequence[SubscriptionRow]: ...
    async def waiting(self, aor: str) -> Sequence[WatcherRow]: ...
    async def granted(self, grantees: Sequence[str], limit: int) -> Sequence[Grant]:
        """Grants to any of `grantees`, AoRs and "@domain", ordered by owner."""


class Sources(Protocol):
    """The rest of the server, as whatever computes may see it."""

    @property
    def root(self) -> str:
        """Path of the XCAP root, without a slash at its end."""

    @property
    def default_domain(self) -> str:
        """That of an XUI without one."""

    @property
    def usages(self) -> Mapping[str, Offered]:
        """All usages there are, by AUID, in the order of the registry."""

    @property
    def store(self) -> Records: ...

    def now(self) -> float:
        """Unix seconds."""

    async def readable(self, reader: AoR, usage: Offered, owner: AoR) -> Callable[[str], bool]:
        """Which documents of `owner`, by path, `reader` may read, by grants as well."""


Compute = Callable[[Asked, Sources], Awaitable[Computed | None]]
"""Makes a document; None when there is none at that path."""
Post = Callable[[PostRequest, Sources], Awaitable[Posted]]
"""Answers a POST. Raises an XcapError."""
Computes = Callable[[Tree, str], bool]
"""Whether the document at a path of a tree is computed, and so read only."""


def nothing_computed(tree: Tree, path: str) -> bool:
    """The `computes` of a usage all of whose documents are stored."""
    return False


def all_computed(tree: Tree, path: str) -> bool:
    """The `computes` of a usage none of whose documents are stored."""
    return True


def etag_of(body: bytes) -> str:
    """The entity-tag of octets: the same on every process, and new when they change."""
    return blake2b(body, digest_size=ETAG_OCTETS).hexdigest()


def computed(body: bytes) -> Computed:
    """A whole document, tagged by its octets."""
    return Computed(body, etag_of(body))
