"""What a search is asked with, and what it answers (OMA XDM Core). Pure.

The body is a `search-set` of one or more `search`es, each with a `request` that holds the
`query`; the answer has them again, each with a `response`. The request target may name
the collection (`target`), whose documents are wanted (`domain`) and how many results. The
greatest number of results may be said there, at the search or at its request.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl
from xml.sax.saxutils import quoteattr

from lxml import etree

from xcap.errors import BadRequest, NotFound
from xcap.search.grammar import parse_collection
from xcap.search.query import Collection
from xmldoc.errors import XmlError
from xmldoc.parse import parse
from xmldoc.schema import schema

MEDIA_TYPE: Final = "application/vnd.oma.search+xml"
NAMESPACE: Final = "urn:oma:xml:xdm:search"
ROOT: Final = f"{{{NAMESPACE}}}search-set"
REQUEST: Final = f"{{{NAMESPACE}}}request"
QUERY: Final = f"{{{NAMESPACE}}}query"

MAX_SEARCHES: Final = 8
"""In one set."""
MAX_RESULTS: Final = 500
"""Of one search; that many also when it does not say how many it wants."""
MAX_PARAMETERS: Final = 16
EVERYWHERE: Final = frozenset({"", "all", "home"})
"""Values of `domain` for whatever this server has; other domains are not asked."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search of a set."""

    id: str
    query: str
    max_results: int


@dataclass(frozen=True, slots=True)
class Scope:
    """What the request target says about all searches of the set."""

    collection: Collection | None = None
    domain: str = ""
    """Only the documents of this domain's users; empty for all."""
    max_results: int = MAX_RESULTS


def read_scope(query: str) -> Scope:
    """The query component of the request target. Raises BadRequest (400)."""
    try:
        parameters = dict(parse_qsl(query, max_num_fields=MAX_PARAMETERS))
    except ValueError:
        raise BadRequest("the request target has too many parameters") from None
    domain = parameters.get("domain", "").lower()
    return Scope(
        _target(parameters.get("target", "")),
        "" if domain in EVERYWHERE else domain,
        _count(parameters.get("max-results", "")),
    )


def read_search_set(body: bytes) -> tuple[SearchRequest, ...]:
    """The searches in `body`. Raises BadRequest (400)."""
    try:
        root = parse(body)
    except XmlError as error:
        raise BadRequest(f"the body is no search: {error}") from None
    if root.tag != ROOT:
        raise BadRequest(f"the root element must be {ROOT}, not {root.tag}")
    reason = schema("search").check(root)
    if reason is not None:
        raise BadRequest(f"the body is no search: {reason}")
    if len(root) > MAX_SEARCHES:
        raise BadRequest(f"a set may hold {MAX_SEARCHES} searches at most")
    return tuple(map(_search, root))


def answer(found: Sequence[tuple[str, Sequence[bytes]]]) -> bytes:
    """The document with the results of each search, by its id; results are well-formed."""
    searches = b"".join(
        f"<search id={quoteattr(name)}><response>".encode()
        + b"".join(results)
        + b"</response></search>\n"
        for name, results in found
    )
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<search-set xmlns="{NAMESPACE}">\n'
    return head.encode() + searches + b"</search-set>\n"


def _search(search: etree._Element) -> SearchRequest:
    request = search.find(REQUEST)
    if request is None:
        raise BadRequest("a search must have a request")
    wanted = request.get("max-results") or search.get("max-results") or ""
    query = request.findtext(QUERY) or ""
    return SearchRequest(search.get("id", ""), query, _count(wanted))


def _target(text: str) -> Collection | None:
    try:
        return parse_collection(text) if text else None
    except NotFound as error:
        raise BadRequest(str(error)) from None


def _count(text: str) -> int:
    """How many results are wanted, at most MAX_RESULTS; "" for as many as there may be."""
    if not text:
        return MAX_RESULTS
    if not (text.isascii() and text.isdigit()):
        raise BadRequest(f"max-results must be a number, not {text[:20]!r}")
    return min(int(text[:9]), MAX_RESULTS)
