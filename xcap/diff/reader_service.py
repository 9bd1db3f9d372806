"""Reads what a watcher follows, as far as a GET would show it (RFC 5875 §4.7, §7). Shell."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from presence.package import Asking
from sip.authenticator import Identity
from sip.uri import AoR
from store.values import DocumentInfo, DocumentKey
from xcap.access import Access, Action
from xcap.conditions import UNCONDITIONAL, Conditions
from xcap.diff.history_service import Histories, Versions
from xcap.diff.naming import addresses, sel_of
from xcap.diff.pace_service import Pace
from xcap.diff.part_service import PartFinder
from xcap.diff.request import Mode, Wanted
from xcap.diff.selection import Collection, DocumentSelection, Selection
from xcap.diff.shared_service import Shared
from xcap.diff.shown import Absent, Shown, components_of, named_documents, nodes_by_document
from xcap.diff.snapshot import Address, DocumentEntry, Found, Memory, Snapshot
from xcap.diff.topics import GLOBAL, owner_in
from xcap.document_cache import DocumentCache
from xcap.errors import NotFound, XcapError
from xcap.locate import Located
from xcap.nodes.evaluate import Resolved
from xcap.representation import Representation
from xcap.uri import Tree, XcapUri
from xcap.usage import Usage

MAX_DOCUMENTS: Final = 256
"""That the collections of one subscription may hold; those beyond are left out (RFC 5875 §7)."""
MAX_PATCHED: Final = 16
"""Documents with patches in one NOTIFY; of others that changed there are the entity-tags."""
PAGE: Final = 50
"""Documents that are listed, and looked at, in one turn of the loop."""


class Reading(Protocol):
    """The XCAP server, as far as it is read here; `xcap.service.XcapService` is one."""

    usages: dict[str, Usage]
    access: Access
    cache: DocumentCache

    async def located(self, uri: XcapUri, identity: Identity) -> Located: ...
    async def read(
        self, uri: XcapUri, identity: Identity, conditions: Conditions
    ) -> Representation: ...


class Listings(Versions, Protocol):
    """The part of the store that is read past the XCAP server."""

    async def infos_of_usage(
        self, auid: str, after: DocumentKey | None, limit: int
    ) -> Sequence[DocumentInfo]: ...


class Reader:
    """Makes the snapshots of all subscriptions."""

    def __init__(self, *, service: Reading, store: Listings, default_domain: str) -> None:
        self._service = service
        self._store = store
        self._domain = default_domain
        self._pace = Pace()
        self._parts = PartFinder(service.cache, self._pace)
        self._history = Histories(store, self._pace)
        self._owned = Shared(self._read_owned)
        self._everybodys = Shared(self._read_everybodys)

    async def snapshot(
        self, asking: Asking, wanted: Wanted, selections: Sequence[Selection]
    ) -> Snapshot:
        """What the watcher of `asking` may see of `selections` now.

        It is given back in a turn of the loop in which nobody else's is. StoreError passes; so
        does an error of what computes a document.
        """
        watcher = AoR(asking.watcher)
        shown = await self._shown(selections, watcher)
        documents = named_documents(selections, shown)
        documents |= await self._collected(selections, watcher, documents)
        components, attributes = components_of(selections, shown)
        known = asking.answered
        if isinstance(known, Memory) and known.uris == wanted.uris:
            hidden, chains = await asyncio.gather(
                self._hidden(known, documents, watcher),
                self._chains(known, documents, wanted.mode, watcher),
            )
            found = Snapshot(wanted, documents, components, attributes, hidden, chains)
        else:
            removed = await self._removed(selections, shown) if asking.version else {}
            found = Snapshot(wanted, documents, components, attributes, removed=removed)
        await self._pace.turn()
        return found

    async def _shown(
        self, selections: Sequence[Selection], watcher: AoR
    ) -> Mapping[XcapUri, Shown | Absent]:
        """The documents that are named, or whose parts are; bodies are read one by one."""
        nodes = nodes_by_document(selections)
        located = await asyncio.gather(*(self._located(uri, watcher) for uri in nodes))
        stored = [one for one in located if isinstance(one, Located) and not one.computed]
        homes = list({(one.key.auid, one.key.owner) for one in stored})
        listings = dict(zip(homes, await asyncio.gather(*map(self._owned, homes)), strict=True))
        infos = {info.key: info for listing in listings.values() for info in listing}
        shown: dict[XcapUri, Shown | Absent] = {}
        for uri, one in zip(nodes, located, strict=True):
            if isinstance(one, Absent):
                shown[uri] = one
            elif one.key in infos:
                shown[uri] = await self._show(one, infos[one.key], nodes[uri], watcher)
            elif len(listings.get(one.key[:2], ())) < MAX_DOCUMENTS and not one.computed:
                shown[uri] = Absent.MISSING
            else:
                shown[uri] = await self._read(one, nodes[uri], watcher)
        return shown

    async def _located(self, uri: XcapUri, watcher: AoR) -> Located | Absent:
        try:
            return await self._service.located(uri, Identity(watcher, "asserted"))
        except NotFound:
            return Absent.MISSING
        except XcapError:
            return Absent.HIDDEN

    async def _show(
        self, located: Located, info: DocumentInfo, nodes: Sequence[Resolved], watcher: AoR
    ) -> Shown | Absent:
        parts = self._parts.known(info.key, info.etag, nodes)
        if parts is None:
            return await self._read(located, nodes, watcher)
        return Shown(found_of(self._address(located.uri), info), parts)

    async def _read(
        self, located: Located, nodes: Sequence[Resolved], watcher: AoR
    ) -> Shown | Absent:
        """The document as it is when it is read, which may be later than it was listed."""
        identity = Identity(watcher, "asserted")
        async with self._parts.readers:
            try:
                read = await self._service.read(located.uri, identity, UNCONDITIONAL)
            except NotFound:
                return Absent.MISSING
            except XcapError:
                return Absent.HIDDEN
            parts = await self._parts.find(read, nodes) if nodes else {}
        address, size, stored = self._address(located.uri), len(read.body), read.document
        if stored is None:
            found = Found(address, DocumentKey(*address), read.etag, 0, 0.0, size)
        else:
            version, updated_at = stored.version, stored.updated_at
            found = Found(address, stored.key, read.etag, version, updated_at, size)
        return Shown(found, parts)

    def _address(self, uri: XcapUri) -> Address:
        owner = owner_in(uri.tree, uri.xui, self._domain) or GLOBAL
        return Address(uri.auid, owner, uri.path)

    async def _collected(
        self, selections: Sequence[Selection], watcher: AoR, named: Mapping[str, Found]
    ) -> dict[str, Found]:
        """The documents of all collections that are not named beside them."""
        seen = {found.address for found in named.values()}
        collected: dict[str, Found] = {}
        for collection in selections:
            if not isinstance(collection, Collection):
                continue
            for number, info in enumerate(await self._listed(collection, watcher)):
                if number % PAGE == 0:
                    await self._pace.turn()
                for address in addresses(collection, info.key, self._service.usages):
                    if len(collected) >= MAX_DOCUMENTS:
                        return collected
                    if address in seen or not await self._may(address, watcher):
                        continue
                    seen.add(address)
                    collected[sel_of(collection, address)] = found_of(address, info)
        return collected

    async def _listed(self, collection: Collection, watcher: AoR) -> Sequence[DocumentInfo]:
        """The documents that may be in `collection`.

        Of all users' directories only the watcher's own, unless it may read every one.
        """
        auids = self._stored_as(collection)
        if collection.is_home:
            owner = owner_in(collection.tree, collection.xui, self._domain)
            owners = [] if owner is None else [owner]
        elif collection.auid is not None and self._service.access.trusts(watcher):
            users_only = collection.tree is Tree.USERS
            infos = await self._everybodys(*auids)
            return [info for info in infos if info.key.owner or not users_only]
        else:
            owners = [watcher] if collection.tree is Tree.USERS else [watcher, GLOBAL]
        homes = [(auid, owner) for owner in owners for auid in auids]
        listings = await asyncio.gather(*map(self._owned, homes))
        return [info for listing in listings for info in listing]

    def _stored_as(self, collection: Collection) -> Sequence[str]:
        """The application usages that the rows of its documents belong to."""
        usages = self._service.usages
        if collection.auid is not None:
            return (usages[collection.auid].row("")[0],)
        return tuple(usage.auid for usage in usages.values() if usage.shares is None)

    async def _may(self, address: Address, watcher: AoR) -> bool:
        usage = self._service.usages.get(address.auid)
        if usage is None:
            return False
        owner = AoR(address.owner)
        return await self._service.access.may(Action.READ, usage, owner, address.path, watcher)

    async def _hidden(
        self, known: Memory, documents: Mapping[str, Found], watcher: AoR
    ) -> frozenset[str]:
        """Those told before of which nothing may be told any more, not even that they went.

        Nor is that told of those that are there, beyond what a collection may hold.
        """
        missing = [sel for sel in known.documents if sel not in documents]
        readable = await asyncio.gather(
            *(self._may(known.documents[sel].address, watcher) for sel in missing)
        )
        hidden = {sel for sel, may in zip(missing, readable, strict=True) if not may}
        if len(documents) >= MAX_DOCUMENTS:
            keys = {sel: known.documents[sel].key for sel in missing}
            homes = list({(key.auid, key.owner) for key in keys.values()})
            listings = await asyncio.gather(*map(self._owned, homes))
            there = {info.key for listing in listings for info in listing}
            hidden |= {sel for sel, key in keys.items() if key in there}
        return frozenset(hidden)

    async def _chains(
        self, known: Memory, documents: Mapping[str, Found], mode: Mode, watcher: AoR
    ) -> dict[str, tuple[DocumentEntry, ...]]:
        """How documents changed, of the first few that did.

        Of those of others only from the version told to the one that is there: what was between
        may have been written while the watcher had no right to see it (RFC 5875 §7).
        """
        chains: dict[str, tuple[DocumentEntry, ...]] = {}
        if mode is Mode.NO_PATCHING:
            return chains
        for sel, mark in known.documents.items():
            found = documents.get(sel)
            if mark.version and (found is None or found.etag != mark.etag):
                whole = mark.key.owner in (watcher, GLOBAL) or mode is not Mode.XCAP_PATCHING
                told_in = mode if whole else Mode.AGGREGATE
                chains[sel] = await self._history.between(mark, found, told_in)
            if len(chains) >= MAX_PATCHED:
                break
        return chains

    async def _read_owned(self, home: tuple[str, str]) -> Sequence[DocumentInfo]:
        """An owner's documents in a usage."""
        auid, owner = home
        infos = await self._read_pages(auid, DocumentKey(auid, owner, ""), owner)
        return [info for info in infos if info.key.owner == owner]

    async def _read_everybodys(self, auid: str) -> Sequence[DocumentInfo]:
        return await self._read_pages(auid, None, None)

    async def _read_pages(
        self, auid: str, after: DocumentKey | None, owner: str | None
    ) -> Sequence[DocumentInfo]:
        """The documents of a usage, up to MAX_DOCUMENTS; while they are those of `owner`."""
        infos: list[DocumentInfo] = []
        while len(infos) < MAX_DOCUMENTS:
            page = await self._store.infos_of_usage(auid, after, PAGE)
            infos += page
            if len(page) < PAGE or owner not in (None, page[-1].key.owner):
                break
            after = page[-1].key
        return infos

    async def _removed(
        self, selections: Iterable[Selection], shown: Mapping[XcapUri, Shown | Absent]
    ) -> dict[str, str]:
        """The last entity-tags of documents that are named and were deleted."""
        removed: dict[str, str] = {}
        for selection in selections:
            if not isinstance(selection, DocumentSelection):
                continue
            usage = self._service.usages[selection.uri.auid]
            owner = owner_in(selection.uri.tree, selection.uri.xui, self._domain)
            if shown[selection.uri] is Absent.MISSING and owner is not None:
                auid, path = usage.row(selection.uri.path)
                etag = await self._history.last_etag(DocumentKey(auid, owner, path))
                if etag is not None:
                    removed[selection.sel] = etag
        return removed


def found_of(address: Address, info: DocumentInfo) -> Found:
    """The document at `address`, as it was listed."""
    return Found(address, info.key, info.etag, info.version, info.updated_at, info.size)
