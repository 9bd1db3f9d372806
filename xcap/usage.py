"""The record that makes an application usage (RFC 4825 §5). Pure.

A new usage is a value of `Usage` in a file of `xcap/usages` and a line in
`xcap/registry.py`; nothing else knows one usage from another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from lxml import etree

from sip.uri import AoR
from xcap.computed import Compute, Computes, Post, nothing_computed
from xcap.errors import (
    ConstraintFailure,
    NotUtf8,
    NotWellFormed,
    SchemaValidationError,
)
from xcap.uri import Tree
from xmldoc.errors import NotUtf8 as NotUtf8Document
from xmldoc.errors import NotWellFormed as NotWellFormedDocument
from xmldoc.errors import XmlError
from xmldoc.parse import parse
from xmldoc.schema import Schema, schema

WHITE_SPACE: Final = " \t\r\n"
"""That of XML (XML 1.0 §2.3)."""


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
    public_root: str = ""
    """The same where a front end shows it under another; empty: it does not."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A URI that a document wants for itself, on the whole server (RFC 4826 §4.4.5)."""

    uri: str
    field: str
    """Where the document says so, as in `Exists.field`."""

    @classmethod
    def of(cls, element: etree._Element, field: str) -> Self:
        """That of attribute `uri` of `element`: an xs:anyURI, to which white space around it
        does not belong (XML Schema part 2 §4.3.6)."""
        return cls(element.get("uri", "").strip(WHITE_SPACE), field)


Check = Callable[[etree._Element, Place], None]
"""Raises a `Conflict` when the document breaks a constraint that no schema can state."""


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
    schema: str | Schema | None
    """Its name in `xmldoc.schema.SCHEMAS`, or the operator's own; None: any document will do."""
    root: str
    """Name of the root element, as "{namespace}name"; empty: any that the schema declares."""
    check: Check = unconstrained
    claims: Callable[[etree._Element], tuple[Claim, ...]] = claim_nothing
    documents: frozenset[str] | None = None
    """The only names of documents in a home directory; None: any."""
    directories: frozenset[str] = frozenset()
    """Directories there may be in a home directory or the global tree, for any documents."""
    private_global: bool = False
    """The global tree is for trusted users only."""
    public: bool = False
    """Anybody may read, without credentials."""
    computes: Computes = nothing_computed
    """Whether the document at a path of a tree is computed; such are read-only."""
    compute: Compute | None = None
    """Makes the documents that `computes` names."""
    post: Post | None = None
    """Answers POST; None: the usage knows no POST."""
    shares: str | None = None
    """AUID of the usage whose documents these are, under another URI."""
    renamed: tuple[str, str] | None = None
    """A document's name here, and its name in the usage that is shared."""

    def validator(self) -> Schema | None:
        """The compiled schema."""
        return schema(self.schema) if isinstance(self.schema, str) else self.schema

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Those that its schema knows, that of the root element first."""
        validator = self.validator()
        return (self.default_namespace,) if validator is None else validator.namespaces

    def has_directory(self, path: str) -> bool:
        """Whether there is a directory for a document at `path` (RFC 4825 §8.2.1)."""
        directory, slash, _ = path.rpartition("/")
        return not slash or directory in self.directories

    def is_name(self, path: str) -> bool:
        """Whether a document in a directory that there is may be called so."""
        return "/" in path or self.documents is None or path in self.documents

    def row(self, path: str) -> tuple[str, str]:
        """AUID and path under which document `path` is stored."""
        if self.renamed is not None and path == self.renamed[0]:
            path = self.renamed[1]
        return self.stored_as, path

    @property
    def stored_as(self) -> str:
        """AUID under which its documents are stored."""
        return self.shares or self.auid

    def name_of(self, auid: str, path: str) -> str | None:
        """The name that row `auid`, `path` is shown under here; None: it is not shown.

        Of two names the usage's own, not that under which the row is stored.
        """
        if auid != self.stored_as:
            return None
        if self.renamed is None:
            return path
        shown, stored = self.renamed
        if path == shown:
            return None
        return shown if path == stored else path

    def validate(self, body: bytes, place: Place) -> etree._Element:
        """The root of document `body`, valid for this usage (RFC 4825 §8.2.5).

        Raises the `Conflict` that says why it is not: first what makes it no XML, then what
        `check_tree` raises.
        """
        root = parse_document(body)
        self.check_tree(root, place)
        return root

    def check_tree(self, root: etree._Element, place: Place) -> None:
        """Refuse a document that is not valid: schema, uniqueness, other constraints (§8.2.5)."""
        if self.root and root.tag != self.root:
            raise SchemaValidationError(f"the root element must be {self.root}, not {root.tag}")
        validator = self.validator()
        reason = None if validator is None else validator.check(root)
        if reason is not None:
            raise SchemaValidationError(reason)
        self.check(root, place)


def parse_document(body: bytes) -> etree._Element:
    """The root element of `body`; what is wrong is named in the words of a conflict report."""
    try:
        return parse(body)
    except NotUtf8Document as error:
        raise NotUtf8(str(error)) from None
    except NotWellFormedDocument as error:
        raise NotWellFormed(str(error)) from None
    except XmlError as error:
        raise ConstraintFailure(str(error)) from None
