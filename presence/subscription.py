"""One subscription as its notifier sees it (RFC 6665 §4.2).

Pure: no clock, socket or database. `now` and `expires_at` are Unix seconds, since they are
stored. A change of the resource is no step of this machine: it says in `hears_changes` whether
one is told.
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

    REFRESHED = "a SUBSCRIBE within the dialog"
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
    (State.PENDING, Cause.REFRESHED): (State.PENDING, None),
    (State.PENDING, Cause.APPROVED): (State.ACTIVE, None),
    (State.ACTIVE, Cause.REFRESHED): (State.ACTIVE, None),
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

    @property
    def hears_changes(self) -> bool:
        """Whether a change of the resource is told; a pending watcher is told nothing."""
        return self.state is State.ACTIVE

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.state is State.TERMINATED

    def refresh(self, expires: int, now: float) -> tuple[Self, Notify | None]:
        """Apply a re-SUBSCRIBE for `expires` seconds; 0 unsubscribes (RFC 6665 §4.2.1.4)."""
        if self.ended:
            raise SubscriptionUnknown
        cause = Cause.REFRESHED if expires else Cause.LAPSED
        return replace(self, expires_at=now + expires).step(cause, now)

    def step(self, cause: Cause, now: float) -> tuple[Self, Notify | None]:
        """Apply `cause`; a pair missing from TRANSITIONS lost a race and is a no-op.

        A failed NOTIFY ends it without another (RFC 6665 §4.2.2).
        """
        if (self.state, cause) not in TRANSITIONS:
            return self, None
        state, reason = TRANSITIONS[self.state, cause]
        after = replace(self, state=state, reason=reason)
        if cause is Cause.FAILED:
            return after, None
        return after, after.notify(now)

    def notify(self, now: float) -> Notify:
        """What a NOTIFY sent at `now` says of the subscription."""
        left = 0 if self.ended else max(0, int(self.expires_at - now))
        return Notify(self.state, left, self.reason)
