"""What this process knows of bindings, and tells of them: each change once, in order (LOC-04).

Pure. Everything read from the store or written to it passes here, so that whoever applies the
events of an address-of-record one after the other has what the store has.
"""

from collections import Counter
from collections.abc import Sequence

from proxy.changes import BindingsChange, BindingsListener, Cause, likely_cause
from proxy.location import BindingCache
from proxy.registrar import Decision
from sip.uri import AoR
from store.values import Binding, BindingSet


class Ledger:
    """The known bindings, and those who listen to their changes."""

    def __init__(self, cache: BindingCache | None = None) -> None:
        self._cache = cache or BindingCache()
        self._listeners: list[BindingsListener] = []
        self.changes: Counter[Cause] = Counter()
        """Changes that this process made, by cause, heard or not."""

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    def subscribe(self, listener: BindingsListener) -> None:
        """Tell `listener` of every change from now on."""
        self._listeners.append(listener)

    def get(self, aor: AoR) -> BindingSet | None:
        """What is believed of `aor`, or None."""
        return self._cache.get(aor)

    def outdated(self, aor: AoR, version: int) -> bool:
        """Others made `version` of `aor`; whether it has to be read so that it can be told."""
        return self._cache.forget(aor, version) and self.is_heard

    def swept(self, aor: AoR) -> bool:
        """Bindings of `aor` expired in the store; whether it has to be read."""
        self.changes[Cause.EXPIRED] += 1
        if self.is_heard and self._cache.last(aor) is None:
            self._cache.forget(aor, 1)
        return self.is_heard

    def doubt(self) -> Sequence[AoR]:
        """Changes may have been missed; what has to be read."""
        if self.is_heard:
            return self._cache.doubt()
        self._cache.clear()
        return ()

    def read(self, aor: AoR, found: BindingSet, cause: Cause, now: float) -> BindingSet:
        """The store has `found`; tell what is news. What it is with what has expired since.

        Decisions are made on the latter, so that the expiry is told before what they do.
        """
        before, owed = self._cache.last(aor), self._cache.is_stale(aor)
        if before is not None and before.version == found.version:
            # Kept as it was: what expired since is told when the sweep raises the version.
            self._cache.put(aor, before)
            return before
        self._cache.put(aor, found)
        if not self._listeners or (before is None and not owed):
            return found
        if before is not None and before.version > found.version:
            return found
        held = None if before is None else before.bindings
        if cause is Cause.ELSEWHERE:
            cause = likely_cause(held, found.bindings, now)
        self._tell(BindingsChange(aor, held, found.bindings, found.version, cause))
        return found

    def wrote(
        self, aor: AoR, before: BindingSet, decision: Decision, version: int, cause: Cause
    ) -> None:
        """`decision` upon `before` is committed; expiry that nobody had noticed is told first."""
        self.changes[cause] += 1
        after = BindingSet(version, decision.bindings)
        if not self._listeners:
            self._cache.put(aor, after)
            return
        known = self._cache.last(aor)
        self._cache.put(aor, after)
        if known is not None and known.version >= version:
            return
        held = before.bindings
        if decision.lapsed:
            left = tuple(binding for binding in held if binding not in decision.lapsed)
            self._tell(BindingsChange(aor, held, left, version, Cause.EXPIRED))
            held = left
        self._tell_unless_same(aor, held, after, cause)

    def _tell_unless_same(
        self, aor: AoR, held: tuple[Binding, ...], after: BindingSet, cause: Cause
    ) -> None:
        if after.bindings != held:
            self._tell(BindingsChange(aor, held, after.bindings, after.version, cause))

    def _tell(self, change: BindingsChange) -> None:
        for listener in self._listeners:
            listener(change)
