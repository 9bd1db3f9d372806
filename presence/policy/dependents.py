"""Whose rules ask for more than who is watching: lists, the sphere, the time. Pure but for timers.

Kept for those who are watched here, so that a change of a list or of a sphere, or an hour that
strikes, leads to the subscriptions it may decide anew.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from presence.policy.rulebook import SCHEMAS, BookKey
from sip.uri import AoR
from sip.wheel import Timer

PRUNE_FROM: Final = 1024
"""Entries from which on those of presentities that nobody watches any more are looked for, each
time that their number has doubled."""
MAX_WAIT: Final = 86_400.0
"""Seconds after which a decision that holds longer is made again, to keep the wheel small."""

Schedule = Callable[[float, Callable[[], None]], Timer]
"""Calls back at an instant, Unix seconds."""


@dataclass(slots=True)
class _Needs:
    """What the decisions by one book were made of."""

    own_lists: bool = False
    """Whether lists were looked at, which may have been the presentity's own."""
    lists: frozenset[str] = frozenset()
    """Owners of the others; "" for the global tree."""
    sphere: bool = False
    timer: Timer | None = None
    due_at: float = 0.0


@dataclass(slots=True)
class Dependents:
    """Finds presentities by what their rules ask for."""

    schedule: Schedule
    clock: Callable[[], float]
    is_watched: Callable[[AoR], bool]
    due: Callable[[AoR], None]
    """Told whose decisions may have changed because time has passed."""
    _needs: dict[BookKey, _Needs] = field(default_factory=dict)
    _by_list: dict[str, set[BookKey]] = field(default_factory=dict)
    _prune_at: int = PRUNE_FROM

    def __len__(self) -> int:
        return len(self._needs)

    def note(
        self,
        key: BookKey,
        *,
        own_lists: bool,
        lists: frozenset[str],
        sphere: bool,
        until: float | None,
    ) -> None:
        """A decision by book `key` was made of lists of its owner, of `lists` of others and of the
        sphere, and holds `until` then at most, Unix seconds."""
        needs = self._needs.get(key)
        if needs is None:
            if not own_lists and not sphere and until is None:
                return
            self._prune()
            needs = self._needs[key] = _Needs()
        needs.own_lists = own_lists
        if needs.lists != lists:
            self._unlist(key, needs)
            needs.lists = lists
            for owner in lists:
                self._by_list.setdefault(owner, set()).add(key)
        needs.sphere = sphere
        if until is not None:
            self._wake(key, needs, until)

    def of_lists(self, owner: str) -> Iterator[AoR]:
        """Whose rules look at lists of `owner`."""
        if any(needs.own_lists for needs in self._of(owner)):
            yield AoR(owner)
        for key in tuple(self._by_list.get(owner, ())):
            yield key.owner

    def of_sphere(self, owner: AoR) -> bool:
        """Whether rules of `owner` ask for the sphere."""
        return any(needs.sphere for needs in self._of(owner))

    def _of(self, owner: str) -> Iterator[_Needs]:
        found = (self._needs.get(BookKey(auid, AoR(owner))) for auid in SCHEMAS)
        return (needs for needs in found if needs is not None)

    def _wake(self, key: BookKey, needs: _Needs, until: float) -> None:
        """See to it that `due` is called by `until`; one timer for each book, the earliest."""
        until = min(until, self.clock() + MAX_WAIT)
        if needs.timer is not None:
            if needs.due_at <= until:
                return
            needs.timer.cancel()
        needs.due_at = until
        needs.timer = self.schedule(until, lambda: self._woken(key))

    def _woken(self, key: BookKey) -> None:
        needs = self._needs.get(key)
        if needs is not None:
            needs.timer = None
            self.due(key.owner)

    def _prune(self) -> None:
        """Forget whom nobody watches any more, once there are many."""
        if len(self._needs) < self._prune_at:
            return
        for key in [key for key in self._needs if not self.is_watched(key.owner)]:
            self._forget(key)
        self._prune_at = max(PRUNE_FROM, 2 * len(self._needs))

    def _forget(self, key: BookKey) -> None:
        needs = self._needs.pop(key)
        self._unlist(key, needs)
        if needs.timer is not None:
            needs.timer.cancel()

    def _unlist(self, key: BookKey, needs: _Needs) -> None:
        for owner in needs.lists:
            keys = self._by_list.get(owner, set())
            keys.discard(key)
            if not keys:
                self._by_list.pop(owner, None)
