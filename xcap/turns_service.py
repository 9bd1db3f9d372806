"""One writer after the other for each document, within this process. Shell.

Two writers of one node could both begin with the same version, and then one of them would
have to begin again; here the second waits. Writers of other processes are not seen: for
them the store compares the entity-tag.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from store.values import DocumentKey
from xcap.errors import Busy

MAX_WAITING: Final = 256
"""Writers in line for one document; more are refused."""
RETRY_AFTER: Final = 1
"""Seconds after which somebody who was refused may come back."""


class Turns:
    """The lines of writers, by document."""

    def __init__(self) -> None:
        self._locks: dict[DocumentKey, asyncio.Lock] = {}
        self._writers: dict[DocumentKey, int] = {}
        """How many have the turn or wait for it."""

    @asynccontextmanager
    async def turn(self, key: DocumentKey) -> AsyncIterator[bool]:
        """Wait for the turn; whether others were before. Raises Busy (503)."""
        before = self._writers.get(key, 0)
        if before > MAX_WAITING:
            raise Busy("too many writers wait for this document", RETRY_AFTER)
        self._writers[key] = before + 1
        lock = self._locks.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                yield before > 0
        finally:
            self._writers[key] -= 1
            if not self._writers[key]:
                del self._writers[key], self._locks[key]
