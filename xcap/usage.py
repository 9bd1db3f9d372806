"""The record that makes an application usage (RFC 4825 §5). Pure.

A new usage is a value of `Usage` in a file of `xcap/usages` and a line in
`xcap/registry.py`; nothing else knows one usage from another.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from lxml import etree

from sip.uri import AoR
from xcap.errors import (
    ConstraintFailure,
    NotUtf8,
    NotWellFormed,
    SchemaValidationError,
)
from xcap.ports import Documents
from xcap.uri import Tree, XcapUri
from xmldoc.errors import NotUtf8 as NotUtf8Document
from xmldoc.errors import NotWellFormed as NotWellFormedDocument
from xmldoc.errors import XmlError
from xmldoc.parse import parse
from xmldoc.schema import Schema, schema


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document is about to be put, for constraints that depend on it."""

    tree: Tree
    owner: AoR
    """Empty in the global tree."""
    default_domain: str
    """Domain of an XUI without one."""
    path: str = ""
    """The document's, below its directory."""
    root: str = ""
    """Path of the XCAP root, without a slash at its end."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A URI that a document wants for itself, on the whole server (RFC 4826 §4.4.5)."""

    uri: str
    field: str
    """Where the document says so, as in `Exists.field`."""


Check = Callable[[etree._Element, Place], None]
"""Raises a `Conflict` when the document breaks a constraint that no schema can state."""


class Sources(Protocol):
    """What a usage may ask when it computes a document or answers a POST."""

    @property
    def usages(self) -> Mapping[str, "Usage"]: ...
    @property
    def store(self) -> Documents: ...
    def now(self) -> float:
        """Unix seconds."""
        ...

    async def readable(self, user: AoR | None, owner: AoR, auid: str) -> bool:
        """Whether `user` may read the documents of `owner`, in the global tree if empty."""
        ...


@dataclass(frozen=True, slots=True)
class PostRequest:
    """What was posted, and by whom."""

    user: AoR | None
    body: bytes
    content_type: str
    uri: XcapUri


class Posted(NamedTuple):
    """The answer to a POST."""

    content_type: str
    body: bytes


Compute = Callable[[Place, Sources], Awaitable[bytes | None]]
"""The computed document at a place, or None when there is none by that name."""
Post = Callable[[PostRequest, Sources], Awaitable[Posted]]
"""Raises what the client is to be told, an `XcapError`."""


def stored(tree: Tree, path: str) -> bool:
    """The `computes` of a usage whose documents are all stored."""
    return False


def unconstrained(root: etree._Element, place: Place) -> None:
    """The check of a usage that adds no constraint to its schema."""


def claim_nothing(root: etree._Element) -> tuple[Claim, ...]:
    """The claims of a usage whose documents want no URI for themselves."""
    return ()


@dataclass(frozen=True, slots=True)
class Usage:
    """One application usage."""

    auid: str
    media_type: str
    default_namespace: str
    """That of unprefixed names in node selectors (RFC 4825 §6.4)."""
    schema: str | Schema
    """Its name in `xmldoc.schema.SCHEMAS`, or the operator's own."""
    root: str
    """Name of the root element, as "{namespace}name"."""
    check: Check = unconstrained
    claims: Callable[[etree._Element], tuple[Claim, ...]] = claim_nothing
    documents: frozenset[str] | None = None
    """The only document names there may be below a home directory; None: any."""
    private_global: bool = False
    """The global tree is for trusted users only."""
    public: bool = False
    """Anybody may read, without credentials."""
    computes: Callable[[Tree, str], bool] = stored
    """Whether the document at a path of a tree is computed; such are read-only."""
    compute: Compute | None = None
    """Makes the documents that `computes` names."""
    post: Post | None = None
    """Answers POST; None: the usage knows no POST."""
    shares: str | None = None
    """AUID of the usage whose documents these are, under another URI."""
    renamed: tuple[str, str] | None = None
    """A document's name here, and its name in the usage that is shared."""

    def validator(self) -> Schema:
        """The compiled schema."""
        return self.schema if isinstance(self.schema, Schema) else schema(self.schema)

    def row(self, path: str) -> tuple[str, str]:
        """AUID and path under which document `path` is stored."""
        if self.renamed is not None and path == self.renamed[0]:
            path = self.renamed[1]
        return self.shares or self.auid, path

    def validate(self, body: bytes, place: Place) -> etree._Element:
        """The root of document `body`, valid for this usage (RFC 4825 §8.2.5).

        Raises the `Conflict` that says why it is not: first what makes it no XML, then the
        schema, then uniqueness and the other constraints.
        """
        root = _parse(body)
        if root.tag != self.root:
            raise SchemaValidationError(f"the root element must be {self.root}, not {root.tag}")
        reason = self.validator().check(root)
        if reason is not None:
            raise SchemaValidationError(reason)
        self.check(root, place)
        return root


def _parse(body: bytes) -> etree._Element:
    """The root element, with what is wrong named in the words of a conflict report."""
    try:
        return parse(body)
    except NotUtf8Document as error:
        raise NotUtf8(str(error)) from None
    except NotWellFormedDocument as error:
        raise NotWellFormed(str(error)) from None
    except XmlError as error:
        raise ConstraintFailure(str(error)) from None
