"""Credentials kept in memory, also the knowledge that there is none. Pure.

A value read before an invalidation must not enter after it: the reader notes
`generation` before it asks, and the cache takes only answers of the current one.
"""

from collections import OrderedDict
from typing import Final

from store.values import Credential

CAPACITY: Final = 100_000


class CredentialCache:
    """Bounded; when full, the oldest entry makes room."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.generation = 0
        self._capacity = capacity
        self._entries: OrderedDict[str, Credential | None] = OrderedDict()

    def __contains__(self, aor: str) -> bool:
        return aor in self._entries

    def __getitem__(self, aor: str) -> Credential | None:
        return self._entries[aor]

    def put(self, aor: str, credential: Credential | None, generation: int) -> None:
        """Remember what was read in `generation`."""
        if generation != self.generation:
            return
        if len(self._entries) >= self._capacity:
            self._entries.popitem(last=False)
        self._entries[aor] = credential

    def forget(self, aor: str) -> None:
        """Drop one entry, and whatever is being read."""
        self.generation += 1
        self._entries.pop(aor, None)

    def clear(self) -> None:
        """Drop everything."""
        self.generation += 1
        self._entries.clear()
