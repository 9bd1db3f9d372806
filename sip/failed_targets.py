"""Targets that did not answer a moment ago, and are therefore tried last (RFC 3263 §4.3).

Pure: `now` is monotonic seconds.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from sip.locate import Target

AVOIDED_FOR: Final = 30.0
"""Seconds; short of the 32 of a transaction's own time-out, so that recovery is soon noticed."""
MAX_FAILED: Final = 10_000


class FailedTargets:
    """The targets that are avoided; past MAX_FAILED the oldest are forgotten."""

    def __init__(self) -> None:
        self._until: OrderedDict[tuple[str, str, int], float] = OrderedDict()

    def add(self, target: Target, now: float) -> None:
        """`target` has just failed."""
        self._until[target[:3]] = now + AVOIDED_FOR
        self._until.move_to_end(target[:3])
        if len(self._until) > MAX_FAILED:
            self._until.popitem(last=False)

    def last(self, targets: Sequence[Target], now: float) -> Sequence[Target]:
        """`targets` with those that failed moved behind the others."""
        if not self._until or len(targets) < 2:
            return targets
        return sorted(targets, key=lambda target: self._until.get(target[:3], now) > now)
