"""What few watchers ask for: rates, and triggers of a filter. Mutable; most have none.

One value for each subscription that has any, in `LiveSubscription.terms`.
"""

from collections.abc import Callable
from typing import Self

from presence.filters.filter_set import Trigger
from presence.filters.triggers import fires
from presence.subscriptions.rates import Pace, Rates
from sip.wheel import Timer


class Terms:
    """The terms on which a watcher is told changes."""

    __slots__ = ("pace", "seen", "timer", "triggers")

    def __init__(self, rates: Rates, triggers: tuple[Trigger, ...], now: float) -> None:
        self.pace = Pace(rates, now) if rates else None
        self.triggers = triggers
        self.seen: bytes | None = None
        """What the watcher might have seen without a filter when it was last told; None: it has
        missed something, and the next change is told whatever the triggers say."""
        self.timer: Timer | None = None
        """Runs until the same is told again."""

    @classmethod
    def make(
        cls, rates: Rates, triggers: tuple[Trigger, ...], now: float, before: Self | None
    ) -> Self | None:
        """The terms after a SUBSCRIBE, None when there are none; `before` are those until then."""
        if before is not None:
            before.stop()
        if not rates and not triggers:
            return None
        terms = cls(rates, triggers, now)
        if before is not None:
            terms.seen = before.seen
            if before.pace is not None and before.pace.rates == rates:
                terms.pace = before.pace
        return terms

    @property
    def quiet_until(self) -> float:
        """No change is told before, Unix seconds."""
        return 0.0 if self.pace is None else self.pace.quiet_until

    @property
    def parameters(self) -> str:
        """For Subscription-State, with their semicolons."""
        return "" if self.pace is None else str(self.pace.rates)

    def stop(self) -> None:
        """Nothing is told again."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def wants(self, document: Callable[[], bytes]) -> bool:
        """Whether a change is to be told; `document` gives the newest, before the filter."""
        if not self.triggers or self.seen is None:
            return True
        return fires(self.triggers, self.seen, document())
