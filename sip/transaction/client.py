"""Client transactions, INVITE and other (RFC 3261 §17.1 as RFC 6026 §7.2 changes it).

Pure. A machine takes an event and an instant (monotonic seconds) and gives effects for its
shell to perform; `deadline` is when it wants `on_deadline` called. A pair of state and event
that its table lacks is a documented nothing: a late response, or a timer that lost a race.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from sip.transaction.timers import (
    NEVER,
    T1,
    T2,
    TIMER_D,
    TIMER_K,
    TRANSACTION,
    backoff,
)

FIRST_FINAL: Final = 200
FIRST_FAILURE: Final = 300


class ClientState(StrEnum):
    """States of figures 5 and 6, and Accepted of RFC 6026 §7.2."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    TERMINATED = "terminated"


class ClientEvent(StrEnum):
    """What can happen to a client transaction."""

    PROVISIONAL = "provisional"  # responses, from the network
    SUCCESS = "success"
    FAILURE = "failure"
    RESEND = "resend"  # timers A and E
    EXPIRE = "expire"  # timers B, D, F, K, M
    TRANSPORT_ERROR = "transport-error"


class ClientEffect(StrEnum):
    """What the shell does next."""

    RESEND = "resend"  # the request
    TO_TU = "to-tu"  # the response
    SEND_ACK = "send-ack"
    TELL_TIMEOUT = "tell-timeout"
    TELL_TRANSPORT_ERROR = "tell-transport-error"


Effects = tuple[ClientEffect, ...]
Row = tuple[ClientState, Effects]

_S = ClientState
_E = ClientEvent
_RESEND: Final[Effects] = (ClientEffect.RESEND,)
_TO_TU: Final[Effects] = (ClientEffect.TO_TU,)
_REFUSED: Final[Effects] = (ClientEffect.SEND_ACK, ClientEffect.TO_TU)
_TIMEOUT: Final[Effects] = (ClientEffect.TELL_TIMEOUT,)
_TELL_ERROR: Final[Effects] = (ClientEffect.TELL_TRANSPORT_ERROR,)

INVITE_CLIENT: Final[Mapping[tuple[ClientState, ClientEvent], Row]] = {
    (_S.CALLING, _E.RESEND): (_S.CALLING, _RESEND),
    (_S.CALLING, _E.PROVISIONAL): (_S.PROCEEDING, _TO_TU),
    (_S.CALLING, _E.SUCCESS): (_S.ACCEPTED, _TO_TU),
    (_S.CALLING, _E.FAILURE): (_S.COMPLETED, _REFUSED),
    (_S.CALLING, _E.EXPIRE): (_S.TERMINATED, _TIMEOUT),
    (_S.CALLING, _E.TRANSPORT_ERROR): (_S.TERMINATED, _TELL_ERROR),
    (_S.PROCEEDING, _E.PROVISIONAL): (_S.PROCEEDING, _TO_TU),
    (_S.PROCEEDING, _E.SUCCESS): (_S.ACCEPTED, _TO_TU),
    (_S.PROCEEDING, _E.FAILURE): (_S.COMPLETED, _REFUSED),
    (_S.ACCEPTED, _E.SUCCESS): (_S.ACCEPTED, _TO_TU),
    (_S.ACCEPTED, _E.EXPIRE): (_S.TERMINATED, ()),
    (_S.COMPLETED, _E.FAILURE): (_S.COMPLETED, (ClientEffect.SEND_ACK,)),
    (_S.COMPLETED, _E.EXPIRE): (_S.TERMINATED, ()),
    (_S.COMPLETED, _E.TRANSPORT_ERROR): (_S.TERMINATED, _TELL_ERROR),
}

NON_INVITE_CLIENT: Final[Mapping[tuple[ClientState, ClientEvent], Row]] = {
    (_S.TRYING, _E.RESEND): (_S.TRYING, _RESEND),
    (_S.TRYING, _E.PROVISIONAL): (_S.PROCEEDING, _TO_TU),
    (_S.TRYING, _E.SUCCESS): (_S.COMPLETED, _TO_TU),
    (_S.TRYING, _E.FAILURE): (_S.COMPLETED, _TO_TU),
    (_S.TRYING, _E.EXPIRE): (_S.TERMINATED, _TIMEOUT),
    (_S.TRYING, _E.TRANSPORT_ERROR): (_S.TERMINATED, _TELL_ERROR),
    (_S.PROCEEDING, _E.RESEND): (_S.PROCEEDING, _RESEND),
    (_S.PROCEEDING, _E.PROVISIONAL): (_S.PROCEEDING, _TO_TU),
    (_S.PROCEEDING, _E.SUCCESS): (_S.COMPLETED, _TO_TU),
    (_S.PROCEEDING, _E.FAILURE): (_S.COMPLETED, _TO_TU),
    (_S.PROCEEDING, _E.EXPIRE): (_S.TERMINATED, _TIMEOUT),
    (_S.PROCEEDING, _E.TRANSPORT_ERROR): (_S.TERMINATED, _TELL_ERROR),
    (_S.COMPLETED, _E.EXPIRE): (_S.TERMINATED, ()),
}


def event_of(status: int) -> ClientEvent:
    """The event that a response with `status` is, coming from the network."""
    if status < FIRST_FINAL:
        return ClientEvent.PROVISIONAL
    return ClientEvent.SUCCESS if status < FIRST_FAILURE else ClientEvent.FAILURE


class NonInviteClient:
    """Figure 6. Slotted and mutable: every NOTIFY makes one (tests/bench/bench_endpoint.py)."""

    __slots__ = ("_expires_at", "_interval", "_reliable", "_resend_at", "state")

    def __init__(self, now: float, reliable: bool) -> None:
        self.state = ClientState.TRYING
        self._reliable = reliable
        self._interval = T1
        self._resend_at = NEVER if reliable else now + T1  # timer E
        self._expires_at = now + TRANSACTION  # timer F

    @property
    def deadline(self) -> float:
        """When `on_deadline` is due."""
        return min(self._resend_at, self._expires_at)

    def step(self, event: ClientEvent, now: float) -> Effects:
        """Apply `event`; the shell performs the effects in order."""
        row = NON_INVITE_CLIENT.get((self.state, event))
        if row is None:
            return ()
        before, (self.state, effects) = self.state, row
        if self.state is ClientState.COMPLETED and before is not self.state:
            self._resend_at = NEVER
            self._expires_at = now if self._reliable else now + TIMER_K
        return effects

    def on_deadline(self, now: float) -> Effects:
        """Retransmit (timer E) or end (timers F, K), whichever is due."""
        if now >= self._expires_at:
            return self.step(ClientEvent.EXPIRE, now)
        proceeding = self.state is ClientState.PROCEEDING
        self._interval = T2 if proceeding else backoff(self._interval)
        self._resend_at = now + self._interval
        return self.step(ClientEvent.RESEND, now)


class InviteClient:
    """Figure 5 of RFC 6026 §8. A Proceeding without end is ended by its TU (RFC 3261 §16.8)."""

    __slots__ = ("_expires_at", "_interval", "_reliable", "_resend_at", "state")

    def __init__(self, now: float, reliable: bool) -> None:
        self.state = ClientState.CALLING
        self._reliable = reliable
        self._interval = T1
        self._resend_at = NEVER if reliable else now + T1  # timer A
        self._expires_at = now + TRANSACTION  # timer B

    @property
    def deadline(self) -> float:
        """When `on_deadline` is due."""
        return min(self._resend_at, self._expires_at)

    def step(self, event: ClientEvent, now: float) -> Effects:
        """Apply `event`; the shell performs the effects in order."""
        row = INVITE_CLIENT.get((self.state, event))
        if row is None:
            return ()
        before, (self.state, effects) = self.state, row
        if self.state is not before:
            self._enter(now)
        return effects

    def _enter(self, now: float) -> None:
        """Set the timers of the state just entered."""
        self._resend_at = self._expires_at = NEVER
        if self.state is ClientState.ACCEPTED:
            self._expires_at = now + TRANSACTION  # timer M
        elif self.state is ClientState.COMPLETED:
            self._expires_at = now if self._reliable else now + TIMER_D

    def on_deadline(self, now: float) -> Effects:
        """Retransmit (timer A, doubling without end) or end (timers B, D, M)."""
        if now >= self._expires_at:
            return self.step(ClientEvent.EXPIRE, now)
        self._interval *= 2
        self._resend_at = now + self._interval
        return self.step(ClientEvent.RESEND, now)
