"""Finds the elements and attributes that are followed, once in each version of a document. Shell.

A document that has not changed since is neither read nor parsed again, whoever asks; one that
has is parsed at most once while the service's cache of documents has room for its tree.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

from lxml import etree

from store.values import Document, DocumentKey
from xcap.diff.component import part
from xcap.diff.pace_service import Pace
from xcap.diff.snapshot import Element, Part
from xcap.document_cache import DocumentCache, Known
from xcap.nodes.evaluate import Resolved
from xcap.representation import Representation
from xmldoc.errors import XmlError
from xmldoc.parse import parse

MAX_OCTETS: Final = 16 * 1024 * 1024
"""Of all parts that are remembered, with about what they take beside their content."""
PART_OCTETS: Final = 512
AT_A_TIME: Final = 2
"""Documents that are in memory for this at the same time."""

Name = tuple[DocumentKey, str, Resolved]
"""A document, its entity-tag, and what is selected in it."""
Parts = Mapping[Resolved, Part | None]


class PartFinder:
    """The parts of documents, for all subscriptions."""

    def __init__(self, cache: DocumentCache, pace: Pace) -> None:
        self._cache = cache
        self._pace = pace
        self._kept: OrderedDict[Name, Part | None] = OrderedDict()
        self.octets = 0
        """Estimated, of all that is kept."""
        self.readers = asyncio.Semaphore(AT_A_TIME)
        """To be held by whoever has the body of a document."""

    def known(self, key: DocumentKey, etag: str, nodes: Sequence[Resolved]) -> Parts | None:
        """All of `nodes` in that version, if they are remembered."""
        found: dict[Resolved, Part | None] = {}
        for node in nodes:
            name = (key, etag, node)
            if name not in self._kept:
                return None
            self._kept.move_to_end(name)
            found[node] = self._kept[name]
        return found

    async def find(self, read: Representation, nodes: Sequence[Resolved]) -> Parts:
        """All of `nodes` in the document that was `read`."""
        root = await self._root(read)
        found: dict[Resolved, Part | None] = {}
        for node in nodes:
            await self._pace.turn()
            found[node] = None if root is None else part(read.body, root, node)
            if read.document is not None:
                self._keep((read.document.key, read.etag, node), found[node])
        return found

    async def _root(self, read: Representation) -> etree._Element | None:
        """For reading only; None for octets that are no XML."""
        stored: Document | None = read.document
        root = None if stored is None else self._cache.root(stored)
        if root is not None:
            return root
        await self._pace.turn()
        try:
            root = parse(read.body)
        except XmlError:
            return None
        if stored is not None:
            self._cache.put(Known(stored, root))
        return root

    def _keep(self, name: Name, found: Part | None) -> None:
        if name in self._kept:
            return
        self._kept[name] = found
        self.octets += _weight(found)
        while self.octets > MAX_OCTETS:
            _, oldest = self._kept.popitem(last=False)
            self.octets -= _weight(oldest)


def _weight(found: Part | None) -> int:
    content = None if found is None else found.content
    octets = content.content if isinstance(content, Element) else content or ""
    return PART_OCTETS + len(octets)
