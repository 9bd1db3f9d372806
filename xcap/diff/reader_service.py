"""Reads what a watcher follows, as far as a GET would show it (RFC 5875 §4.7, §7). Shell."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from presence.package import Asking
from sip.authenticator import Identity
from sip.uri import AoR
from store.values import Document, DocumentInfo, DocumentKey, DocumentVersion
from xcap.access import Access, Action
from xcap.conditions import UNCONDITIONAL, Conditions
from xcap.diff.naming import addresses, sel_of
from xcap.diff.request import Mode, Wanted
from xcap.diff.selection import Collection, DocumentSelection, Selection
from xcap.diff.shared_service import Shared
from xcap.diff.shown import Absent, Shown, components_of, named_documents
from xcap.diff.snapshot import Address, Found, Mark, Memory, Snapshot
from xcap.diff.topics import GLOBAL, owner_in
from xcap.errors import NotFound, XcapError
from xcap.representation import Representation
from xcap.uri import Tree, XcapUri
from xcap.usage import Usage

MAX_DOCUMENTS: Final = 1000
"""That the collections of one subscription may hold; those beyond are left out (RFC 5875 §7)."""
HISTORY: Final = 100
"""Versions of one document in one NOTIFY."""


class Reading(Protocol):
    """The XCAP server, as far as it is read here; `xcap.service.XcapService` is one."""

    usages: dict[str, Usage]
    access: Access

    async def read(
        self, uri: XcapUri, identity: Identity, conditions: Conditions
    ) -> Representation: ...


class Versions(Protocol):
    """The part of the store that is read past the XCAP server."""

    async def documents_of_owner(self, owner: str) -> list[DocumentInfo]: ...
    async def documents_of_usage(
        self, auid: str, after: DocumentKey | None, limit: int
    ) -> list[Document]: ...
    async def document_versions(
        self, key: DocumentKey, *, after: int = 0, limit: int = HISTORY
    ) -> list[DocumentVersion]: ...
    async def document_version(self, key: DocumentKey, etag: str) -> DocumentVersion | None: ...


class Reader:
    """Makes the snapshots of all subscriptions."""

    def __init__(self, *, service: Reading, store: Versions, default_domain: str) -> None:
        self._service = service
        self._store = store
        self._domain = default_domain
        self._listing = Shared(self._read_listing)
        self._version = Shared(self._read_version)
        self._versions = Shared(self._read_versions)

    async def snapshot(
        self, asking: Asking, wanted: Wanted, selections: Sequence[Selection]
    ) -> Snapshot:
        """What the watcher of `asking` may see of `selections` now.

        StoreError passes; so does an error of what computes a document.
        """
        watcher = AoR(asking.watcher)
        shown = await self._shown(selections, watcher)
        documents = named_documents(selections, shown)
        documents |= await self._collected(selections, watcher, documents)
        components, attributes = components_of(selections, shown)
        known = asking.answered
        if isinstance(known, Memory) and known.uris == wanted.uris:
            hidden, histories = await asyncio.gather(
                self._hidden(known, documents, watcher),
                self._histories(known, documents, wanted.mode),
            )
            return Snapshot(wanted, documents, components, attributes, hidden, histories)
        removed = await self._removed(selections, shown) if asking.version else {}
        return Snapshot(wanted, documents, components, attributes, removed=removed)

    async def _shown(
        self, selections: Sequence[Selection], watcher: AoR
    ) -> Mapping[XcapUri, Shown | Absent]:
        """The documents that are named, or whose parts are, each read once."""
        uris = dict.fromkeys(s.uri for s in selections if not isinstance(s, Collection))
        shown = await asyncio.gather(*(self._show(uri, watcher) for uri in uris))
        return dict(zip(uris, shown, strict=True))

    async def _show(self, uri: XcapUri, watcher: AoR) -> Shown | Absent:
        try:
            read = await self._service.read(uri, Identity(watcher, "asserted"), UNCONDITIONAL)
        except NotFound:
            return Absent.MISSING
        except XcapError:
            return Absent.HIDDEN
        owner = owner_in(uri.tree, uri.xui, self._domain) or GLOBAL
        address = Address(uri.auid, owner, uri.path)
        stored = read.document
        if stored is None:
            return Shown(Found(address, DocumentKey(*address), read.etag, 0, 0.0), read.body)
        found = Found(address, stored.key, read.etag, stored.version, stored.updated_at)
        return Shown(found, read.body)

    async def _collected(
        self, selections: Sequence[Selection], watcher: AoR, named: Mapping[str, Found]
    ) -> dict[str, Found]:
        """The documents of all collections that are not named beside them."""
        seen = {found.address for found in named.values()}
        collected: dict[str, Found] = {}
        for collection in selections:
            if not isinstance(collection, Collection):
                continue
            for info in await self._listed(collection, watcher):
                for address in addresses(collection, info.key, self._service.usages):
                    if len(collected) >= MAX_DOCUMENTS:
                        return collected
                    if address in seen or not await self._may(address, watcher):
                        continue
                    seen.add(address)
                    found = Found(address, info.key, info.etag, info.version, info.updated_at)
                    collected[sel_of(collection, address)] = found
        return collected

    async def _listed(
        self, collection: Collection, watcher: AoR
    ) -> Sequence[DocumentInfo | Document]:
        """The documents that may be in `collection`.

        Of all users' directories only the watcher's own, unless it may read every one.
        """
        if collection.is_home:
            owner = owner_in(collection.tree, collection.xui, self._domain)
            return [] if owner is None else await self._listing(owner)
        if collection.auid is not None and self._service.access.trusts(watcher):
            auid = self._service.usages[collection.auid].row("")[0]
            documents = await self._store.documents_of_usage(auid, None, MAX_DOCUMENTS)
            users_only = collection.tree is Tree.USERS
            return [one for one in documents if one.key.owner or not users_only]
        own = await self._listing(watcher)
        if collection.tree is Tree.USERS:
            return own
        return [*own, *await self._listing(GLOBAL)]

    async def _may(self, address: Address, watcher: AoR) -> bool:
        usage = self._service.usages.get(address.auid)
        if usage is None:
            return False
        owner = AoR(address.owner)
        return await self._service.access.may(Action.READ, usage, owner, address.path, watcher)

    async def _hidden(
        self, known: Memory, documents: Mapping[str, Found], watcher: AoR
    ) -> frozenset[str]:
        """Those told before of which nothing may be told any more, not even that they went."""
        missing = [sel for sel in known.documents if sel not in documents]
        readable = await asyncio.gather(
            *(self._may(known.documents[sel].address, watcher) for sel in missing)
        )
        return frozenset(sel for sel, may in zip(missing, readable, strict=True) if not may)

    async def _histories(
        self, known: Memory, documents: Mapping[str, Found], mode: Mode
    ) -> dict[str, tuple[DocumentVersion, ...]]:
        """What the store keeps between the versions told and the present ones."""
        if mode is Mode.NO_PATCHING:
            return {}
        changed = [
            (sel, mark, documents.get(sel))
            for sel, mark in known.documents.items()
            if mark.version and (sel not in documents or documents[sel].etag != mark.etag)
        ]
        histories = await asyncio.gather(
            *(self._history(mark, found, mode) for _, mark, found in changed)
        )
        return {sel: history for (sel, _, _), history in zip(changed, histories, strict=True)}

    async def _history(
        self, mark: Mark, found: Found | None, mode: Mode
    ) -> tuple[DocumentVersion, ...]:
        """Every version for the patches of each, the first and last for one over all."""
        if mode is Mode.XCAP_PATCHING:
            return await self._versions((mark.key, mark.version - 1))
        if found is None:
            return ()
        ends = await asyncio.gather(
            *(self._version((mark.key, etag)) for etag in (mark.etag, found.etag))
        )
        return tuple(version for version in ends if version is not None)

    async def _read_listing(self, owner: str) -> list[DocumentInfo]:
        return await self._store.documents_of_owner(owner)

    async def _read_version(self, named: tuple[DocumentKey, str]) -> DocumentVersion | None:
        return await self._store.document_version(*named)

    async def _read_versions(self, since: tuple[DocumentKey, int]) -> tuple[DocumentVersion, ...]:
        key, after = since
        return tuple(await self._store.document_versions(key, after=after, limit=HISTORY))

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
                key = DocumentKey(auid, owner, path)
                versions = await self._versions((key, 0))
                etags = [version.etag for version in versions if version.body is not None]
                if etags:
                    removed[selection.sel] = etags[-1]
        return removed
