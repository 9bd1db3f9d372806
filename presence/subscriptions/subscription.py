"""One subscription as its notifier sees it (RFC 6665 §4.2).

Pure: no clock, socket or database. `now` and `expires_at` are Unix seconds, since they are
stored. A change of the resource is no step of this machine, nor is a refresh: `hears_changes`
says whether one is told, `refreshed` moves the end.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Final, Self

from presence.errors import SubscriptionUnknown


class State(StrEnum):
    """substate-value (RFC 6665 §8.4)."""

    PENDING = "pending"
    ACTIVE = "active"
    TERMINATED = "terminated"


class Reason(StrEnum):
    """event-reason-value (RFC 6665 §4.1.3)."""

    DEACTIVATED = "deactivated"
    PROBATION = "probation"
    REJECTED = "rejected"
    TIMEOUT = "timeout"
    GIVEUP = "giveup"
    NORESOURCE = "noresource"
    INVARIANT = "invariant"


class Cause(Enum):
    """What can happen to a subscription."""

    APPROVED = "policy grants"
    SUSPENDED = "policy takes the grant back until it knows more"
    DENIED = "policy refuses"
    LAPSED = "expired, or unsubscribed"
    MIGRATED = "we ask the watcher to subscribe elsewhere"
    VANISHED = "the resource is gone"
    FAILED = "a NOTIFY failed in a way that ends it"


@dataclass(frozen=True, slots=True)
class Notify:
    """A NOTIFY to send now; its body is the event package's affair."""

    state: State
    expires: int
    """Whole seconds left, rounded down; 0 once terminated."""
    reason: Reason | None = None


Next = tuple[State, Reason | None]

_ENDINGS: Final[Mapping[Cause, Next]] = {
    Cause.DENIED: (State.TERMINATED, Reason.REJECTED),
    Cause.LAPSED: (State.TERMINATED, Reason.TIMEOUT),
    Cause.MIGRATED: (State.TERMINATED, Reason.DEACTIVATED),
    Cause.VANISHED: (State.TERMINATED, Reason.NORESOURCE),
    Cause.FAILED: (State.TERMINATED, None),
}

TRANSITIONS: Final[Mapping[tuple[State, Cause], Next]] = {
    (State.PENDING, Cause.APPROVED): (State.ACTIVE, None),
    (State.ACTIVE, Cause.SUSPENDED): (State.PENDING, None),
    **{
        (state, cause): after
        for state in (State.PENDING, State.ACTIVE)
        for cause, after in _ENDINGS.items()
    },
}
"""The figure of RFC 6665 §4.2.2, and RFC 5025 §4 for the way back from active to pending."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One watcher's usage of one event package within one dialog."""

    state: State
    expires_at: float
    reason: Reason | None = None
    """Why it was terminated."""
    granted: bool = True
    """Whether policy grants the state; the last NOTIFY of a pending watcher shows none either."""

    @classmethod
    def begin(cls, *, granted: bool, expires_at: float) -> Self:
        """A new one, active or pending."""
        return cls(State.ACTIVE if granted else State.PENDING, expires_at, None, granted)

    @classmethod
    def fetch(cls, *, granted: bool, now: float) -> Self:
        """One that is over with its first NOTIFY (RFC 6665 §4.4.3)."""
        return cls(State.TERMINATED, now, Reason.TIMEOUT, granted)

    @property
    def hears_changes(self) -> bool:
        """Whether a change of the resource is told; a pending watcher is told nothing."""
        return self.state is State.ACTIVE

    @property
    def shows_state(self) -> bool:
        """Whether its NOTIFYs carry the resource's state; the last one does, after a time-out."""
        return self.granted and self.reason in (None, Reason.TIMEOUT)

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.state is State.TERMINATED

    def refreshed(self, expires_at: float) -> Self:
        """This subscription with a new end, as a re-SUBSCRIBE grants it (RFC 6665 §4.2.1.4).

        Raises SubscriptionUnknown once it has ended.
        """
        if self.ended:
            raise SubscriptionUnknown
        return replace(self, expires_at=expires_at)

    def step(self, cause: Cause, now: float) -> tuple[Self, Notify | None]:
        """Apply `cause`; a pair missing from TRANSITIONS lost a race and is a no-op.

        A failed NOTIFY ends it without another (RFC 6665 §4.2.2).
        """
        if (self.state, cause) not in TRANSITIONS:
            return self, None
        state, reason = TRANSITIONS[self.state, cause]
        granted = self.granted if state is State.TERMINATED else state is State.ACTIVE
        after = replace(self, state=state, reason=reason, granted=granted)
        if cause is Cause.FAILED:
            return after, None
        return after, after.notify(now)

    def notify(self, now: float) -> Notify:
        """What a NOTIFY sent at `now` says of the subscription."""
        left = 0 if self.ended else max(0, int(self.expires_at - now))
        return Notify(self.state, left, self.reason)
