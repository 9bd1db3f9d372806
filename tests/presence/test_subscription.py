"""RFC 6665 §4.2.2: what each cause sends, and the state it leaves."""

import pytest

from presence.errors import SubscriptionUnknown
from presence.notifier.notification import subscription_state
from presence.subscriptions.subscription import (
    TRANSITIONS,
    Cause,
    Notify,
    Reason,
    State,
    Subscription,
)

END = 3600.0
NOW = 10.5
PENDING = Subscription.begin(granted=False, expires_at=END)
ACTIVE = Subscription.begin(granted=True, expires_at=END)
ENDED = ACTIVE.step(Cause.LAPSED, NOW)[0]
WITHOUT_NOTIFY = None

TABLE = {
    (State.PENDING, Cause.APPROVED): Notify(State.ACTIVE, 3589),
    (State.PENDING, Cause.SUSPENDED): WITHOUT_NOTIFY,
    (State.ACTIVE, Cause.APPROVED): WITHOUT_NOTIFY,
    (State.ACTIVE, Cause.SUSPENDED): Notify(State.PENDING, 3589),
    **{
        (state, cause): notify
        for state in (State.PENDING, State.ACTIVE)
        for cause, notify in {
            Cause.DENIED: Notify(State.TERMINATED, 0, Reason.REJECTED),
            Cause.LAPSED: Notify(State.TERMINATED, 0, Reason.TIMEOUT),
            Cause.MIGRATED: Notify(State.TERMINATED, 0, Reason.DEACTIVATED),
            Cause.VANISHED: Notify(State.TERMINATED, 0, Reason.NORESOURCE),
            Cause.FAILED: WITHOUT_NOTIFY,
        }.items()
    },
    **{(State.TERMINATED, cause): WITHOUT_NOTIFY for cause in Cause},
}
"""Every state with every cause."""


@pytest.mark.parametrize(
    ("before", "cause"),
    [
        pytest.param(before, cause, id=f"{before.state}-{cause.name.lower()}")
        for before in (PENDING, ACTIVE, ENDED)
        for cause in Cause
    ],
)
def test_every_cause_in_every_state(before: Subscription, cause: Cause) -> None:
    after, notify = before.step(cause, NOW)
    assert notify == TABLE[before.state, cause]
    if (before.state, cause) in TRANSITIONS:
        assert after.state is TRANSITIONS[before.state, cause][0]
    else:
        assert after == before


def test_refresh_moves_the_end() -> None:
    assert ACTIVE.refreshed(7200.0) == Subscription.begin(granted=True, expires_at=7200.0)


def test_refresh_after_the_end_is_481() -> None:
    """RFC 6665 §4.1.2.2."""
    with pytest.raises(SubscriptionUnknown):
        ENDED.refreshed(600.0)


@pytest.mark.parametrize(
    ("usage", "shows"),
    [
        pytest.param(ACTIVE, True, id="active"),
        pytest.param(PENDING, False, id="pending-sees-nothing"),
        pytest.param(ENDED, True, id="time-out-carries-state"),
        pytest.param(PENDING.step(Cause.LAPSED, NOW)[0], False, id="pending-that-lapsed"),
        pytest.param(ACTIVE.step(Cause.DENIED, NOW)[0], False, id="rejected"),
        pytest.param(ACTIVE.step(Cause.SUSPENDED, NOW)[0], False, id="suspended"),
        pytest.param(Subscription.fetch(granted=True, now=NOW), True, id="fetch"),
        pytest.param(Subscription.fetch(granted=False, now=NOW), False, id="fetch-unapproved"),
    ],
)
def test_only_a_granted_subscription_shows_state(usage: Subscription, shows: bool) -> None:
    """RFC 3856 §6.7, RFC 6665 §4.2.1.4."""
    assert usage.shows_state is shows


@pytest.mark.parametrize(
    ("notify", "retry_after", "value"),
    [
        (Notify(State.ACTIVE, 3589), None, "active;expires=3589"),
        (Notify(State.PENDING, 60), None, "pending;expires=60"),
        (Notify(State.TERMINATED, 0, Reason.TIMEOUT), None, "terminated;reason=timeout"),
        (Notify(State.TERMINATED, 0, Reason.REJECTED), 60, "terminated;reason=rejected"),
        (
            Notify(State.TERMINATED, 0, Reason.PROBATION),
            60,
            "terminated;reason=probation;retry-after=60",
        ),
    ],
)
def test_subscription_state_says_when_or_why(
    notify: Notify, retry_after: int | None, value: str
) -> None:
    """RFC 6665 §4.2.2, EVT-06: `expires` while it lives, `reason` after."""
    assert subscription_state(notify, retry_after) == value
