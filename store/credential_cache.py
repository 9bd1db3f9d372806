"""Credentials kept in memory, also the knowledge that there is none. Pure.

A value read before an invalidation must not enter after it: the reader notes
`generation` before it asks, and the cache takes only answers of the current one.
Names of nobody, of which a guesser has plenty, have a room of their own.
"""

from collections import OrderedDict
from typing import Final

from store.values import Credential

CAPACITY: Final = 100_000
"""Subscribers remembered."""
UNKNOWN_CAPACITY: Final = 20_000
"""AoRs remembered of which there is no subscriber."""


class CredentialCache:
    """Bounded; when full, the oldest entry of its kind makes room."""

    def __init__(self, capacity: int = CAPACITY, unknown_capacity: int = UNKNOWN_CAPACITY) -> None:
        self.generation = 0
        self._known: _Room = _Room(capacity)
        self._unknown: _Room = _Room(unknown_capacity)

    def __contains__(self, aor: str) -> bool:
        return aor in self._known.entries or aor in self._unknown.entries

    def __getitem__(self, aor: str) -> Credential | None:
        found = self._known.entries.get(aor)
        return self._unknown.entries[aor] if found is None else found

    def put(self, aor: str, credential: Credential | None, generation: int) -> None:
        """Remember what was read in `generation`."""
        if generation != self.generation:
            return
        room, other = self._known, self._unknown
        if credential is None:
            room, other = other, room
        other.entries.pop(aor, None)
        room.put(aor, credential)

    def forget(self, aor: str) -> None:
        """Drop one entry, and whatever is being read."""
        self.generation += 1
        self._known.entries.pop(aor, None)
        self._unknown.entries.pop(aor, None)

    def clear(self) -> None:
        """Drop everything."""
        self.generation += 1
        self._known.entries.clear()
        self._unknown.entries.clear()


class _Room:
    """Entries of one kind, oldest first."""

    __slots__ = ("_capacity", "entries")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self.entries: OrderedDict[str, Credential | None] = OrderedDict()

    def put(self, aor: str, credential: Credential | None) -> None:
        if aor not in self.entries and len(self.entries) >= self._capacity:
            self.entries.popitem(last=False)
        self.entries[aor] = credential
