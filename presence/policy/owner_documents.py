"""The documents of presentities that decide what is told of them, kept while they hold. Shell.

Rules, the lists that rules refer to and hard state are read for nearly every SUBSCRIBE and change
rarely. A document stays until the change feed says that it was written, and so does the news that
there is none.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from presence.policy.kept import Kept
from store.values import Change, Document, DocumentKey, Kind

MAX_OCTETS: Final = 32 * 1024 * 1024
"""Of all documents that are kept, as `weight` estimates them."""
ENTRY_WEIGHT: Final = 512
"""Octets for what an entry needs beside the body."""

Load = Callable[[DocumentKey], Awaitable[Document | None]]
"""Reads a document from the store. Raises StoreError."""


class OwnerDocuments:
    """What the store has under a key, as of the last change that was heard."""

    def __init__(self, load: Load, *, max_octets: int = MAX_OCTETS) -> None:
        self._kept: Kept[DocumentKey, Document | None] = Kept(
            load, nothing=None, weigh=weight, max_octets=max_octets
        )

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def octets(self) -> int:
        """Estimated, of all that is kept."""
        return self._kept.octets

    async def read(self, key: DocumentKey) -> Document | None:
        """The document as it is now, None when there is none. Raises StoreError."""
        return await self._kept.read(key)

    def on_change(self, change: Change) -> None:
        """Forget what may have changed; to be told before those who will read it anew."""
        match change.kind:
            case Kind.DOCUMENT:
                self._kept.forget(change.document)
            case Kind.RESYNC:
                self._kept.clear()
            case _:
                pass


def weight(document: Document | None) -> int:
    """Octets of memory that an entry takes, estimated."""
    return ENTRY_WEIGHT + (len(document.body) if document is not None else 0)
