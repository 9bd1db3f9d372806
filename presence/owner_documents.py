"""The documents of presentities that decide what is told of them, kept while they hold. Shell.

Rules, the lists that rules refer to and hard state are read for nearly every SUBSCRIBE and change
rarely. A document stays until the change feed says that it was written, and so does the news that
there is none; what was read meanwhile is answered and not kept, since nobody knows on which
side of the change it was read.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from store.values import Change, Document, DocumentKey, Kind

MAX_OCTETS: Final = 32 * 1024 * 1024
"""Of all documents that are kept, as `weight` estimates them."""
ENTRY_WEIGHT: Final = 512
"""Octets for what an entry needs beside the body; the whole of one that says there is none."""

Load = Callable[[DocumentKey], Awaitable[Document | None]]
"""Reads a document from the store. Raises StoreError."""


class _Reading:
    """The reads of one document that began since it last changed."""

    __slots__ = ("readers",)

    def __init__(self) -> None:
        self.readers = 0


class OwnerDocuments:
    """Bounded by octets; what was not used for longest goes first."""

    def __init__(self, load: Load, *, max_octets: int = MAX_OCTETS) -> None:
        self._load = load
        self._max = max_octets
        self._kept: OrderedDict[DocumentKey, Document | None] = OrderedDict()
        self._reading: dict[DocumentKey, _Reading] = {}
        self.octets = 0
        """Estimated, of all entries."""

    def __len__(self) -> int:
        return len(self._kept)

    async def read(self, key: DocumentKey) -> Document | None:
        """The document as it is now, None when there is none. Raises StoreError."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        reading = self._reading.setdefault(key, _Reading())
        reading.readers += 1
        try:
            document = await self._load(key)
            if self._reading.get(key) is reading:
                self._keep(key, document)
            return document
        finally:
            reading.readers -= 1
            if not reading.readers and self._reading.get(key) is reading:
                del self._reading[key]

    def on_change(self, change: Change) -> None:
        """Forget what may have changed; to be told before those who will read it anew."""
        match change.kind:
            case Kind.DOCUMENT:
                self._forget(change.document)
                self._reading.pop(change.document, None)
            case Kind.RESYNC:
                self._kept.clear()
                self._reading.clear()
                self.octets = 0
            case _:
                pass

    def _keep(self, key: DocumentKey, document: Document | None) -> None:
        self._forget(key)
        added = weight(document)
        if added > self._max:
            return
        while self.octets + added > self._max:
            self._forget(next(iter(self._kept)))
        self._kept[key] = document
        self.octets += added

    def _forget(self, key: DocumentKey) -> None:
        if key in self._kept:
            self.octets -= weight(self._kept.pop(key))


def weight(document: Document | None) -> int:
    """Octets of memory that an entry takes, estimated."""
    return ENTRY_WEIGHT + (len(document.body) if document is not None else 0)
