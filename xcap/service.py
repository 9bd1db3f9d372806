"""The road of an XCAP request between HTTP and the store (RFC 4825 §8). Shell.

Locate the document, authorize, and go on by one of two roads: whole documents, or nodes of
them. Entity-tags are compared by the store in the statement that writes.
"""

import secrets
from collections.abc import Callable, Iterable
from typing import Final

from sip.authenticator import Identity
from sip.uri import AoR
from xcap.access import Access, Action
from xcap.claims import Claims
from xcap.computed import PostRequest
from xcap.conditions import Conditions
from xcap.config import XcapConfig
from xcap.document_cache import DocumentCache
from xcap.document_service import DocumentService
from xcap.errors import MethodNotAllowed
from xcap.locate import Located, Locator
from xcap.methods import READ_WRITE, methods
from xcap.node_service import NodeService
from xcap.nodes.evaluate import resolve
from xcap.nodes.node import node_media_type
from xcap.ports import Documents, Exists, OnChange, tell_nobody
from xcap.representation import Representation, Written
from xcap.sources import ServerSources
from xcap.uri import XcapUri
from xcap.usage import Usage
from xcap.writer import Writer

ETAG_OCTETS: Final = 9


def random_etag() -> str:
    """An entity-tag that no document had before."""
    return secrets.token_urlsafe(ETAG_OCTETS)


class XcapService:
    """Reads and writes documents and their nodes."""

    def __init__(
        self,
        *,
        store: Documents,
        usages: Iterable[Usage],
        config: XcapConfig,
        exists: Exists,
        clock: Callable[[], float],
        new_etag: Callable[[], str] = random_etag,
        on_change: OnChange = tell_nobody,
    ) -> None:
        self.usages = {usage.auid: usage for usage in usages}
        self.auids = frozenset(self.usages)
        self.access = Access(
            grants=store.grants,
            trusted_users=config.trusted_users,
            usages=self.usages.values(),
        )
        self.cache = DocumentCache()
        self._locator = Locator(
            usages=self.usages, config=config, access=self.access, exists=exists
        )
        self._sources = ServerSources(
            config.root, config.domains[0], self.usages, store, clock, self.access
        )
        self.writer = Writer(
            store=store,
            claims=Claims(store),
            cache=self.cache,
            clock=clock,
            new_etag=new_etag,
            on_change=on_change,
        )
        self._documents = DocumentService(store=store, sources=self._sources, writer=self.writer)
        self.nodes = NodeService(documents=self._documents, writer=self.writer, cache=self.cache)

    def media_type(self, uri: XcapUri) -> str:
        """That of what is put at `uri`, or posted. Raises NotFound for an unknown usage (§8)."""
        usage = self._locator.usage(uri.auid)
        if uri.node_selector is None:
            return usage.media_type
        return node_media_type(resolve(uri.node_selector, uri.query, usage.default_namespace))

    def allowed(self, uri: XcapUri) -> tuple[str, ...]:
        """The methods that the resource at `uri` knows, those of any document if it is none."""
        usage = self.usages.get(uri.auid)
        return READ_WRITE if usage is None else methods(uri, usage)

    def is_public(self, uri: XcapUri) -> bool:
        """Whether anybody may read what is at `uri`."""
        usage = self.usages.get(uri.auid)
        return usage is not None and usage.public

    async def located(self, uri: XcapUri, identity: Identity) -> Located:
        """Where the document of `uri` is stored, for who may read it; it may not be there.

        Raises NotFound and Forbidden.
        """
        return await self._locator.locate(uri, identity, Action.READ)

    async def read(
        self, uri: XcapUri, identity: Identity, conditions: Conditions
    ) -> Representation:
        """The document or node at `uri`, also when If-None-Match names it (§8.3).

        Raises NotFound, Forbidden, and PreconditionFailed when If-Match does not hold.
        """
        located = await self._locator.locate(uri, identity, Action.READ)
        if uri.node_selector is None:
            return await self._documents.read(located, conditions)
        return await self.nodes.read(located, conditions)

    async def write(
        self,
        uri: XcapUri,
        identity: Identity,
        conditions: Conditions,
        body: bytes,
        *,
        source: str,
    ) -> Written:
        """Put `body` at `uri` (§8.2); `source` is the address that it came from.

        Raises a Conflict, PreconditionFailed, Busy, or what `writable` raises.
        """
        located = await self.writable(uri, identity, "PUT")
        return await self.put(located, conditions, body, source=source)

    async def writable(self, uri: XcapUri, identity: Identity, method: str) -> Located:
        """What is at `uri`, for who may write it: all that is looked at before a body (§8).

        Raises MethodNotAllowed, NotFound and Forbidden.
        """
        allow = self.allowed(uri)
        if method not in allow:
            raise MethodNotAllowed(method, allow)
        return await self._locator.locate(uri, identity, Action.WRITE)

    async def put(
        self, located: Located, conditions: Conditions, body: bytes, *, source: str
    ) -> Written:
        """Put `body` at what is `writable`. Raises a Conflict, PreconditionFailed and Busy."""
        road = self._documents if located.uri.node_selector is None else self.nodes
        return await road.put(located, conditions, body, source)

    async def delete(
        self, uri: XcapUri, identity: Identity, conditions: Conditions, *, source: str
    ) -> str | None:
        """Delete what is at `uri` (§8.4); the document's new entity-tag if it stays.

        Raises what `write` raises.
        """
        located = await self.writable(uri, identity, "DELETE")
        if uri.node_selector is None:
            await self._documents.delete(located, conditions, source)
            return None
        return await self.nodes.delete(located, conditions, source)

    async def post(
        self, uri: XcapUri, identity: Identity, body: bytes, *, query: str
    ) -> Representation:
        """The answer to a POST; `query` as it was on the wire. Raises MethodNotAllowed (§8.1)."""
        usage = self._locator.usage(uri.auid)
        if usage.post is None or uri.path:
            raise MethodNotAllowed("POST", self.allowed(uri))
        reader = self._locator.user(AoR(""), identity)
        request = PostRequest(reader or None, self.access.trusts(reader), query, body)
        posted = await usage.post(request, self._sources)
        return Representation(posted.content_type, posted.body, "")
