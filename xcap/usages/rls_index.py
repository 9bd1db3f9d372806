"""The one document of all users' services (RFC 4826 §4.4.7, §4.4.8). Pure but for look-ups.

`rls-services/global/index` is the union of the `index` documents below all home
directories, made when it is asked for. Who serves lists asks for one service by its URI,
and for that no more than one document is read.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from lxml import etree

from store.values import Document, DocumentKey
from xcap.claims import claimed_as
from xcap.computed import Asked, Computed, Records, Sources, etag_of
from xcap.errors import AnswerTooLarge
from xcap.nodes.evaluate import Resolved, ResolvedStep, resolve
from xcap.uri import Tree
from xmldoc.parse import parse

AUID: Final = "rls-services"
NAMESPACE: Final = "urn:ietf:params:xml:ns:rls-services"
INDEX: Final = "index"
SERVICE: Final = f"{{{NAMESPACE}}}service"
ROOT: Final = f"{{{NAMESPACE}}}rls-services"

BY_URI: Final = (ResolvedStep(ROOT, None, None, None), ResolvedStep(SERVICE, None, "uri", None))
"""How a selector of one service begins, its URI aside (§4.5)."""

PAGE: Final = 50
"""Documents that are in memory at a time."""
MAX_OCTETS: Final = 4_194_304
"""Of the whole index; who needs more asks for one service at a time."""
ATTEMPTS: Final = 3
"""How often all documents are read because one changed meanwhile."""

HEAD: Final = (
    f'<?xml version="1.0" encoding="UTF-8"?>\n<rls-services xmlns="{NAMESPACE}">\n'.encode()
)
TAIL: Final = b"</rls-services>\n"


def computes(tree: Tree, path: str) -> bool:
    """The documents of users are stored, and so are others of the global tree."""
    return tree is Tree.GLOBAL and path == INDEX


async def compute(asked: Asked, sources: Sources) -> Computed | None:
    """The index, or as much of it as the node selector is about. Raises AnswerTooLarge."""
    uri = service_uri(asked)
    if uri is not None:
        etag = await _etag(sources.store)
        return Computed(await _one(uri, sources.store), etag)
    return await _all(sources.store)


def service_uri(asked: Asked) -> str | None:
    """The URI of the one service that is asked for, when it is asked for by its URI."""
    if asked.node_selector is None:
        return None
    return _uri_of(resolve(asked.node_selector, asked.query, NAMESPACE))


def _uri_of(selected: Resolved) -> str | None:
    """X where the selector is or begins `rls-services/service[@uri="X"]`."""
    if len(selected.steps) < len(BY_URI):
        return None
    uri = selected.steps[1].value
    by_uri = (selected.steps[0], selected.steps[1]._replace(value=None)) == BY_URI
    return uri if by_uri else None


async def _etag(store: Records) -> str:
    """Of the whole index, without reading it."""
    return etag_of((await store.usage_stamp(AUID, INDEX)).encode())


async def _one(uri: str, store: Records) -> bytes:
    """The index with nothing in it but the service called `uri`, if there is one."""
    key = await store.claimant(claimed_as(uri))
    document = await store.document(key) if key is not None and is_part(key) else None
    if document is None:
        return HEAD + TAIL
    found = (part for part in parse(document.body).iterchildren(SERVICE) if part.get("uri") == uri)
    return HEAD + b"".join(map(_octets, found)) + TAIL


async def _all(store: Records) -> Computed:
    """The whole index, with the tag that held while it was read."""
    body = b""
    for _ in range(ATTEMPTS):
        etag = await _etag(store)
        body = await _union(store)
        if await _etag(store) == etag:
            return Computed(body, etag)
    return Computed(body, etag_of(body))


async def _union(store: Records) -> bytes:
    chunks = [HEAD]
    left = MAX_OCTETS
    after: DocumentKey | None = None
    while page := await store.documents_of_usage(AUID, after, PAGE):
        for chunk in services(page):
            left -= len(chunk)
            if left < 0:
                raise AnswerTooLarge("there are too many services, ask for one by its URI")
            chunks.append(chunk)
        after = page[-1].key
    chunks.append(TAIL)
    return b"".join(chunks)


def services(documents: Iterable[Document]) -> Iterator[bytes]:
    """The service elements of those `documents` that are part of the index."""
    for document in documents:
        if is_part(document.key):
            yield from map(_octets, parse(document.body).iterchildren(SERVICE))


def is_part(key: DocumentKey) -> bool:
    """Whether the services in the document called `key` are in the index (§4.4.7)."""
    return key.auid == AUID and bool(key.owner) and key.path == INDEX


def _octets(service: etree._Element) -> bytes:
    """The element, with the prefixes that it needs declared."""
    return etree.tostring(service, encoding="utf-8", with_tail=False) + b"\n"
