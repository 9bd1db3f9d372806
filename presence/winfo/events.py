"""What brings a watcher into its state (RFC 3857 §4.7.1, RFC 3858 §3). Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from presence.policy.policy import Decision, SubHandling, granted
from presence.subscriptions.subscription import Cause, State


class Event(StrEnum):
    """The attribute `event` of a watcher; of those that a server may choose to cause, probation
    is the one that nothing here leads to."""

    SUBSCRIBE = "subscribe"
    APPROVED = "approved"
    DEACTIVATED = "deactivated"
    PROBATION = "probation"
    REJECTED = "rejected"
    TIMEOUT = "timeout"
    GIVEUP = "giveup"
    NORESOURCE = "noresource"


ENDINGS: Final[Mapping[Cause, Event]] = {
    Cause.DENIED: Event.REJECTED,
    Cause.LAPSED: Event.TIMEOUT,
    Cause.MIGRATED: Event.DEACTIVATED,
    Cause.VANISHED: Event.NORESOURCE,
    Cause.FAILED: Event.TIMEOUT,
}
"""A watcher that cannot be told any more has stopped refreshing as far as anybody knows."""


def settled(state: State) -> Event:
    """The event of a decision that left a live subscription in `state`.

    The machine has none for the way back to pending (RFC 5025 §3.2.1): it is then as a
    subscription that nobody has decided about.
    """
    return Event.APPROVED if state is State.ACTIVE else Event.SUBSCRIBE


def ends_wait(decision: Decision) -> Event | None:
    """The event by which `decision` ends the wait of a watcher; None when it goes on waiting."""
    if granted(decision):
        return Event.APPROVED
    return Event.REJECTED if decision.handling is SubHandling.BLOCK else None
