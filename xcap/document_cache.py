"""The newest known octets of documents with their trees, so that nodes cost no parsing. Pure.

An entry is good for one entity-tag; nothing in it is ever changed, so trees are shared.
What is here may be old: another process may have written since. A reader asks for the tree of
the octets that it has read; a writer may begin with what is here, since the store compares
the entity-tag when it writes.
"""

from collections import OrderedDict
from typing import Final, NamedTuple

from lxml import etree

from store.values import Document, DocumentKey

MAX_OCTETS: Final = 96 * 1024 * 1024
"""Of all entries together, as `weight` estimates them: some 6,500 lists of ten contacts.
While they fit, a tree saves 12 of 50 us (tests/bench/bench_xcap_service.py); when more are in
use in turn than fit, it costs 10."""
OCTET_WEIGHT: Final = 2
"""Octets in memory for each octet of a document: its own, and what libxml2 keeps of it."""
TAG_WEIGHT: Final = 200
"""Octets for each "<": an element, and perhaps text beside it."""
ATTRIBUTE_WEIGHT: Final = 220
"""Octets for each "=": an attribute with its text."""
ENTRY_WEIGHT: Final = 2048
"""Octets for what an entry needs beside."""


class Known(NamedTuple):
    """One version of a document."""

    document: Document
    root: etree._Element
    """Its root element; never to be changed."""


class DocumentCache:
    """Bounded by octets; what was not used for longest goes first."""

    def __init__(self, max_octets: int = MAX_OCTETS) -> None:
        self._max = max_octets
        self._known: OrderedDict[DocumentKey, Known] = OrderedDict()
        self.octets = 0
        """Estimated, of all entries."""
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._known)

    def newest(self, key: DocumentKey) -> Known | None:
        """The version that was seen or written last."""
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
        return known

    def root(self, document: Document) -> etree._Element | None:
        """The root of this very version."""
        known = self._known.get(document.key)
        if known is None or known.document.etag != document.etag:
            self.misses += 1
            return None
        self.hits += 1
        self._known.move_to_end(document.key)
        return known.root

    def put(self, known: Known) -> None:
        """Remember `known` in place of an earlier version."""
        self.forget(known.document.key)
        added = weight(known.document)
        if added > self._max:
            return
        while self.octets + added > self._max:
            _, oldest = self._known.popitem(last=False)
            self.octets -= weight(oldest.document)
        self._known[known.document.key] = known
        self.octets += added

    def renew(self, known: Known) -> None:
        """Remember `known` if its document is one whose nodes are used."""
        if known.document.key in self._known:
            self.put(known)

    def forget(self, key: DocumentKey) -> None:
        """Drop what is known of a document that was deleted or replaced."""
        known = self._known.pop(key, None)
        if known is not None:
            self.octets -= weight(known.document)


def weight(document: Document) -> int:
    """Octets of memory that an entry takes, estimated.

    A tree takes 2 to 48 times what its document does, so the size alone says little.
    """
    body = document.body
    tree = TAG_WEIGHT * body.count(b"<") + ATTRIBUTE_WEIGHT * body.count(b"=")
    return ENTRY_WEIGHT + OCTET_WEIGHT * len(body) + tree
