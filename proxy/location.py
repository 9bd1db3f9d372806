"""Bindings that this process has seen, by version, and never more than a bound of them. Pure.

A cached set may be behind the store; the store's compare-and-swap tells, and the change feed
brings the version below which nothing may be believed any more. What was believed before is
kept, for it is what listeners were told last.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

from sip.uri import AoR
from store.values import BindingSet

CACHED_AORS: Final = 50_000
"""Addresses-of-record whose bindings are kept in memory, about 1 KB a binding."""


class Stale(NamedTuple):
    """What is known of an AoR that others have changed."""

    floor: int
    """Sets of a lower version are refused."""
    last: BindingSet | None
    """Known before."""


class BindingCache:
    """The last known bindings of the addresses-of-record that were used last."""

    __slots__ = ("_capacity", "_entries")

    def __init__(self, capacity: int = CACHED_AORS) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[AoR, BindingSet | Stale] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, aor: AoR) -> BindingSet | None:
        """What is known, or None."""
        entry = self._entries.get(aor)
        if entry is None or isinstance(entry, Stale):
            return None
        self._entries.move_to_end(aor)
        return entry

    def last(self, aor: AoR) -> BindingSet | None:
        """What was known last, though it may have changed."""
        entry = self._entries.get(aor)
        return entry.last if isinstance(entry, Stale) else entry

    def is_stale(self, aor: AoR) -> bool:
        """Whether something is known to have changed that was not read yet."""
        return isinstance(self._entries.get(aor), Stale)

    def put(self, aor: AoR, bindings: BindingSet) -> None:
        """Remember `bindings`; when something newer is known to exist, as what was known last."""
        entry = self._entries.get(aor)
        if isinstance(entry, Stale):
            if bindings.version < entry.floor:
                if entry.last is None or entry.last.version < bindings.version:
                    self._remember(aor, Stale(entry.floor, bindings))
                return
        elif entry is not None and bindings.version < entry.version:
            return
        self._remember(aor, bindings)

    def forget(self, aor: AoR, version: int) -> bool:
        """Another process made `version` of `aor`; whether that is news."""
        entry = self._entries.get(aor)
        if isinstance(entry, Stale):
            news = version > entry.floor
            self._remember(aor, Stale(max(version, entry.floor), entry.last))
            return news
        if entry is not None and entry.version >= version:
            return False
        self._remember(aor, Stale(version, entry))
        return True

    def doubt(self) -> Sequence[AoR]:
        """Changes may have been missed: believe nothing until it is read again. All there is."""
        for aor, entry in self._entries.items():
            if not isinstance(entry, Stale):
                self._entries[aor] = Stale(entry.version, entry)
        return list(self._entries)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def _remember(self, aor: AoR, entry: BindingSet | Stale) -> None:
        self._entries[aor] = entry
        self._entries.move_to_end(aor)
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)
