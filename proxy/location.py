"""Bindings that this process has seen, by version, and never more than a bound of them. Pure.

A cached set may be behind the store; the store's compare-and-swap tells, and the change feed
brings the version below which nothing may be believed any more.
"""

from collections import OrderedDict
from typing import Final

from sip.uri import AoR
from store.values import BindingSet

CACHED_AORS: Final = 50_000
"""Addresses-of-record whose bindings are kept in memory, about 1 KB each."""


class BindingCache:
    """The last known bindings of the addresses-of-record that were used last."""

    __slots__ = ("_capacity", "_entries")

    def __init__(self, capacity: int = CACHED_AORS) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[AoR, BindingSet | int] = OrderedDict()
        """A number stands for nothing known, and sets of a lower version refused."""

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, aor: AoR) -> BindingSet | None:
        """What is known, or None."""
        entry = self._entries.get(aor)
        if entry is None or isinstance(entry, int):
            return None
        self._entries.move_to_end(aor)
        return entry

    def put(self, aor: AoR, bindings: BindingSet) -> None:
        """Remember `bindings`, unless something newer is known to exist."""
        entry = self._entries.get(aor)
        floor = entry if isinstance(entry, int) else entry.version if entry else 0
        if bindings.version >= floor:
            self._remember(aor, bindings)

    def forget(self, aor: AoR, version: int) -> BindingSet | None:
        """Another process made `version` of `aor`: give up what is older, and return it."""
        entry = self._entries.get(aor)
        if isinstance(entry, BindingSet) and entry.version >= version:
            return None
        self._remember(aor, max(version, entry) if isinstance(entry, int) else version)
        return entry if isinstance(entry, BindingSet) else None

    def clear(self) -> None:
        """Forget everything: changes may have been missed."""
        self._entries.clear()

    def _remember(self, aor: AoR, entry: BindingSet | int) -> None:
        self._entries[aor] = entry
        self._entries.move_to_end(aor)
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)
