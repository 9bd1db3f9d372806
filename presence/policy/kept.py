"""Values made of what the store has, kept until a change is heard. Shell.

What is read while a change is heard is answered and not kept, since nobody knows on which side
of the change it was read.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

MAX_NOTHING: Final = 500_000
"""Keys known to have nothing, at 40 octets and the key; when there are more, all are read anew."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class _Reading:
    """The reads of one key that began since it last changed."""

    __slots__ = ("readers",)

    def __init__(self) -> None:
        self.readers = 0


class Kept(Generic[Key, Value]):
    """Bounded by octets; what was not used for longest goes first.

    Most keys have nothing, so that is kept in less.
    """

    def __init__(
        self,
        load: Callable[[Key], Awaitable[Value]],
        *,
        nothing: Value,
        weigh: Callable[[Value], int],
        max_octets: int,
    ) -> None:
        """`nothing` is what `load` gives for a key that has nothing; `weigh` estimates the octets
        of memory that any other entry takes, more than none."""
        self._load = load
        self._nothing = nothing
        self._empty: set[Key] = set()
        self._weigh = weigh
        self._max = max_octets
        self._kept: OrderedDict[Key, Value] = OrderedDict()
        self._reading: dict[Key, _Reading] = {}
        self.octets = 0
        """Estimated, of all entries that have something."""

    def __len__(self) -> int:
        return len(self._kept) + len(self._empty)

    def newest(self, key: Key) -> Value | None:
        """What is kept under `key`, None when nobody knows."""
        return self._nothing if key in self._empty else self._kept.get(key)

    async def read(self, key: Key) -> Value:
        """The value as it is now. Raises what `load` raises."""
        if key in self._empty:
            return self._nothing
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        reading = self._reading.setdefault(key, _Reading())
        reading.readers += 1
        try:
            value = await self._load(key)
            if self._reading.get(key) is reading:
                self._keep(key, value)
            return value
        finally:
            reading.readers -= 1
            if not reading.readers and self._reading.get(key) is reading:
                del self._reading[key]

    def forget(self, key: Key) -> None:
        """What `key` names has changed."""
        self._drop(key)
        self._reading.pop(key, None)

    def clear(self) -> None:
        """Anything may have changed."""
        self._kept.clear()
        self._empty.clear()
        self._reading.clear()
        self.octets = 0

    def _keep(self, key: Key, value: Value) -> None:
        self._drop(key)
        if value is self._nothing:
            if len(self._empty) >= MAX_NOTHING:
                self._empty.clear()
            self._empty.add(key)
            return
        added = self._weigh(value)
        if added > self._max:
            return
        while self.octets + added > self._max:
            self._drop(next(iter(self._kept)))
        self._kept[key] = value
        self.octets += added

    def _drop(self, key: Key) -> None:
        self._empty.discard(key)
        if key in self._kept:
            self.octets -= self._weigh(self._kept.pop(key))
