"""What one PUT or DELETE of a node makes of a document (RFC 4825 §8.2, §8.4). Pure.

From a version of the document to the next, with every check between but those that ask
the store. The same change is applied again when another write came first.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol
from urllib.parse import quote

from lxml import etree

from xcap.conditions import Conditions
from xcap.document_cache import Known
from xcap.errors import NoParent, PreconditionFailed
from xcap.nodes.evaluate import Resolved
from xcap.nodes.node import check_deleted, check_put, delete_node, put_node
from xcap.uri import PCHAR, QUERY_CHARS, SEPARATOR, XcapUri
from xcap.usage import Place, Usage, parse_document


class Changed(NamedTuple):
    """The next version of a document, fit to be kept."""

    body: bytes
    root: etree._Element
    created: bool
    """A node is there that was not before."""


class NodeChange(Protocol):
    """A change of one node, of a document yet to be read."""

    def apply(self, known: Known) -> Changed:
        """The next version. Raises a Conflict, NotFound and PreconditionFailed."""


@dataclass(frozen=True, slots=True)
class PutNode:
    """Create or replace an element or attribute (§8.2.3, §8.2.4)."""

    resolved: Resolved
    conditions: Conditions
    usage: Usage
    place: Place
    uri: XcapUri
    body: bytes

    def apply(self, known: Known) -> Changed:
        """See `NodeChange`. The node has the entity-tag of its document already (§8.2.6)."""
        check_conditions(self.conditions, known.document.etag)
        old = known.document.body
        try:
            edited = put_node(old, known.root, self.resolved, self.body)
        except NoParent as error:
            ancestor = node_uri(self.uri, self.place.root, error.ancestor)
            raise NoParent(error.phrase, ancestor) from None
        root = parse_document(edited.body)
        check_put(edited, root, self.resolved)
        self.usage.check_tree(root, self.place)
        return Changed(edited.body, root, edited.created)


@dataclass(frozen=True, slots=True)
class DeleteNode:
    """Remove an element or attribute (§8.4)."""

    resolved: Resolved
    conditions: Conditions
    usage: Usage
    place: Place

    def apply(self, known: Known) -> Changed:
        """See `NodeChange`. What is not there is NotFound, whatever the conditions are."""
        body = delete_node(known.document.body, known.root, self.resolved)
        check_conditions(self.conditions, known.document.etag)
        root = parse_document(body)
        check_deleted(root, self.resolved)
        self.usage.check_tree(root, self.place)
        return Changed(body, root, created=False)


def check_conditions(conditions: Conditions, etag: str) -> None:
    """Apply If-Match, then If-None-Match, to a write (RFC 9110 §13.2.2). Raises on the first."""
    if not conditions.match(etag) or not conditions.none_match(etag):
        raise PreconditionFailed(etag)


def node_uri(uri: XcapUri, root: str, node_selector: str | None) -> str:
    """The path and query of a node of the document at `uri`, or of the document itself.

    `node_selector` is percent-encoded; its prefixes are those that the request has bound.
    """
    document = uri.directory(root) + quote(uri.path, safe="/" + PCHAR)
    if not node_selector:
        return document
    query = f"?{quote(uri.query, safe=QUERY_CHARS)}" if uri.query else ""
    return f"{document}/{SEPARATOR}/{node_selector}{query}"
