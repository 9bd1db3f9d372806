"""Who is on a list of a resource-lists document, with all that the list takes in. Shell.

References are read as RFC 4826 §3.2 has them: `ref` of an entry-ref relative to the XCAP root,
`anchor` of an external absolute; both, and the anchors of rules, may be either here. A server has
many names, so the host is not compared.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from lxml import etree

from presence.rules.uris import uri_key
from sip.uri import AoR
from store.values import Document, DocumentKey
from xcap.access import Access, Action
from xcap.config import XcapConfig
from xcap.errors import XcapError
from xcap.nodes.evaluate import Resolved, element_at, resolve
from xcap.uri import Tree, XcapUri, origin_form, owner_of, parse
from xcap.usage import parse_document
from xcap.usages import resource_lists

USAGE: Final = resource_lists.USAGE
ENTRY: Final = f"{{{resource_lists.NAMESPACE}}}entry"
REFERENCES: Final = {resource_lists.ENTRY_REF: "ref", resource_lists.EXTERNAL: "anchor"}
"""Elements that refer to others, and the attribute that does."""

MAX_MEMBERS: Final = 20_000
"""URIs on one list with all that it takes in."""
MAX_REFERENCES: Final = 256
"""References that are followed for one list, one within another counted as well."""
MAX_DOCUMENTS: Final = 16
"""Documents that are parsed for one list."""

ReadDocument = Callable[[DocumentKey], Awaitable[Document | None]]
OnUse = Callable[[str], None]
"""Told of an owner, "" for the global tree, before its documents are looked at."""


class ListWalk:
    """One look at one list, by a presentity."""

    def __init__(
        self,
        presentity: AoR,
        *,
        read: ReadDocument,
        access: Access,
        config: XcapConfig,
        on_use: OnUse,
    ) -> None:
        self._presentity = presentity
        self._read = read
        self._access = access
        self._config = config
        self._on_use = on_use
        self._seen: set[str] = set()
        """References that were followed: loops end here."""
        self._trees: dict[DocumentKey, etree._Element | None] = {}
        self.uris: set[str] = set()
        """As `uri_key` spells them."""
        self.owners: set[str] = set()
        """Whose documents were looked at."""

    @property
    def full(self) -> bool:
        """Whether a bound was met, so that some may be missing."""
        return len(self.uris) >= MAX_MEMBERS or len(self._seen) >= MAX_REFERENCES

    async def gather(self, anchor: str) -> bool:
        """Find all who are on the list at `anchor`; False when there is none. StoreError passes."""
        found = await self._follow(anchor)
        if found is None or found.tag != resource_lists.LIST:
            return False
        waiting = [found]
        while waiting and not self.full:
            waiting += await self._gather(waiting.pop())
        return True

    async def _gather(self, element: etree._Element) -> list[etree._Element]:
        """Take over the entries of a list, and return the lists that it takes in."""
        lists: list[etree._Element] = []
        for child in element:
            if self.full:
                break
            attribute = REFERENCES.get(str(child.tag))
            found = child
            if attribute is not None:
                followed = await self._follow(child.get(attribute, ""))
                if followed is None:
                    continue
                found = followed
            if found.tag == ENTRY:
                self.uris.add(uri_key(found.get("uri", "")))
            elif found.tag == resource_lists.LIST:
                lists.append(found)
        return lists

    async def _follow(self, reference: str) -> etree._Element | None:
        """The element that `reference` selects, for the presentity to read and not seen yet."""
        if reference in self._seen:
            return None
        self._seen.add(reference)
        await asyncio.sleep(0)
        uri = self._named(reference)
        if uri is None:
            return None
        try:
            owner = self._owner(uri)
            resolved = resolve(uri.node_selector or "", uri.query, USAGE.default_namespace)
        except XcapError:
            return None
        return await self._select(owner, uri.path, resolved)

    async def _select(self, owner: AoR, path: str, resolved: Resolved) -> etree._Element | None:
        self._on_use(owner)
        self.owners.add(owner)
        if not await self._access.may(Action.READ, USAGE, owner, path, self._presentity):
            return None
        auid, path = USAGE.row(path)
        root = await self._tree(DocumentKey(auid, owner, path))
        if root is None or resolved.attribute is not None or resolved.namespaces:
            return None
        return element_at(root, resolved.steps)

    async def _tree(self, key: DocumentKey) -> etree._Element | None:
        """The root element of a document, None when there is none that can be read."""
        if key not in self._trees:
            document = await self._read(key) if len(self._trees) < MAX_DOCUMENTS else None
            self._trees[key] = None if document is None else _parsed(document)
        return self._trees[key]

    def _named(self, reference: str) -> XcapUri | None:
        """The resource-lists document that `reference` names below a root of ours."""
        for root in dict.fromkeys(
            (self._config.public_root or self._config.root, self._config.root)
        ):
            try:
                target = origin_form(reference) if "://" in reference else reference
                uri = parse(target if target.startswith("/") else f"{root}/{target}", root)
            except XcapError:
                continue
            if uri.auid == USAGE.auid and uri.path:
                return uri
        return None

    def _owner(self, uri: XcapUri) -> AoR:
        """Whose document it is, "" in the global tree. Raises NotFound."""
        if uri.tree is Tree.GLOBAL:
            return AoR("")
        return owner_of(uri.xui, self._config.domains[0])


def _parsed(document: Document) -> etree._Element | None:
    try:
        return parse_document(document.body)
    except XcapError:
        return None
