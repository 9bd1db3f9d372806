"""Server transactions, INVITE and other (RFC 3261 §17.2 as RFC 6026 §7.1 and RFC 4320 change it).

Pure. A machine takes an event and an instant (monotonic seconds) and gives effects for its
shell to perform; `deadline` is when it wants `on_deadline` called. A pair of state and event
that its table lacks is a documented nothing: the event lost a race or has no meaning there.

Deviation: a failed send ends no transaction, not only with INVITE (RFC 6026 §7.1) but with any
method, since the request would take effect again when it is retransmitted (RFC 3261 §17.2.4).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from sip.transaction.timers import (
    NEVER,
    T1,
    TIMER_I,
    TRANSACTION,
    TRYING_INVITE,
    TRYING_OTHER,
    backoff,
)

TRYING_STATUS: Final = 100
FIRST_FINAL: Final = 200
FIRST_FAILURE: Final = 300
REQUEST_TIMEOUT: Final = 408


class ServerState(StrEnum):
    """States of figures 7 and 8, and Accepted of RFC 6026 §7.1."""

    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class ServerEvent(StrEnum):
    """What can happen to a server transaction."""

    REQUEST = "request"  # the request once more
    ACK = "ack"
    PROVISIONAL = "provisional"  # responses, from the TU
    SUCCESS = "success"
    FAILURE = "failure"
    SILENCE = "silence"  # the TU has not answered in time for a 100
    RESEND = "resend"  # timer G
    EXPIRE = "expire"  # timers H, I, J, L
    TRANSPORT_ERROR = "transport-error"


class ServerEffect(StrEnum):
    """What the shell does next."""

    SEND = "send"  # the response just given
    RESEND = "resend"  # the response last sent
    SEND_TRYING = "send-trying"
    ACK_TO_TU = "ack-to-tu"
    TELL_NO_ACK = "tell-no-ack"
    TELL_TRANSPORT_ERROR = "tell-transport-error"


Effects = tuple[ServerEffect, ...]
Row = tuple[ServerState, Effects]

_S = ServerState
_E = ServerEvent
_SEND: Final[Effects] = (ServerEffect.SEND,)
_RESEND: Final[Effects] = (ServerEffect.RESEND,)
_TRYING: Final[Effects] = (ServerEffect.SEND_TRYING,)
_TELL_ERROR: Final[Effects] = (ServerEffect.TELL_TRANSPORT_ERROR,)

INVITE_SERVER: Final[Mapping[tuple[ServerState, ServerEvent], Row]] = {
    (_S.PROCEEDING, _E.REQUEST): (_S.PROCEEDING, _RESEND),
    (_S.PROCEEDING, _E.PROVISIONAL): (_S.PROCEEDING, _SEND),
    (_S.PROCEEDING, _E.SILENCE): (_S.PROCEEDING, _TRYING),
    (_S.PROCEEDING, _E.SUCCESS): (_S.ACCEPTED, _SEND),
    (_S.PROCEEDING, _E.FAILURE): (_S.COMPLETED, _SEND),
    (_S.PROCEEDING, _E.TRANSPORT_ERROR): (_S.PROCEEDING, _TELL_ERROR),
    (_S.ACCEPTED, _E.REQUEST): (_S.ACCEPTED, ()),
    (_S.ACCEPTED, _E.SUCCESS): (_S.ACCEPTED, _SEND),
    (_S.ACCEPTED, _E.ACK): (_S.ACCEPTED, (ServerEffect.ACK_TO_TU,)),
    (_S.ACCEPTED, _E.EXPIRE): (_S.TERMINATED, ()),
    (_S.ACCEPTED, _E.TRANSPORT_ERROR): (_S.ACCEPTED, _TELL_ERROR),
    (_S.COMPLETED, _E.REQUEST): (_S.COMPLETED, _RESEND),
    (_S.COMPLETED, _E.RESEND): (_S.COMPLETED, _RESEND),
    (_S.COMPLETED, _E.ACK): (_S.CONFIRMED, ()),
    (_S.COMPLETED, _E.EXPIRE): (_S.TERMINATED, (ServerEffect.TELL_NO_ACK,)),
    (_S.COMPLETED, _E.TRANSPORT_ERROR): (_S.COMPLETED, _TELL_ERROR),
    (_S.CONFIRMED, _E.EXPIRE): (_S.TERMINATED, ()),
}

NON_INVITE_SERVER: Final[Mapping[tuple[ServerState, ServerEvent], Row]] = {
    (_S.TRYING, _E.REQUEST): (_S.TRYING, ()),
    (_S.TRYING, _E.PROVISIONAL): (_S.PROCEEDING, _SEND),
    (_S.TRYING, _E.SILENCE): (_S.PROCEEDING, _TRYING),
    (_S.TRYING, _E.SUCCESS): (_S.COMPLETED, _SEND),
    (_S.TRYING, _E.FAILURE): (_S.COMPLETED, _SEND),
    (_S.TRYING, _E.EXPIRE): (_S.TERMINATED, ()),
    (_S.PROCEEDING, _E.REQUEST): (_S.PROCEEDING, _RESEND),
    (_S.PROCEEDING, _E.PROVISIONAL): (_S.PROCEEDING, _SEND),
    (_S.PROCEEDING, _E.SUCCESS): (_S.COMPLETED, _SEND),
    (_S.PROCEEDING, _E.FAILURE): (_S.COMPLETED, _SEND),
    (_S.PROCEEDING, _E.EXPIRE): (_S.TERMINATED, ()),
    (_S.PROCEEDING, _E.TRANSPORT_ERROR): (_S.PROCEEDING, _TELL_ERROR),
    (_S.COMPLETED, _E.REQUEST): (_S.COMPLETED, _RESEND),
    (_S.COMPLETED, _E.EXPIRE): (_S.TERMINATED, ()),
    (_S.COMPLETED, _E.TRANSPORT_ERROR): (_S.COMPLETED, _TELL_ERROR),
}


def event_of(status: int) -> ServerEvent:
    """The event that a response with `status` is, coming from the TU."""
    if status >= FIRST_FAILURE:
        return ServerEvent.FAILURE
    return ServerEvent.SUCCESS if status >= FIRST_FINAL else ServerEvent.PROVISIONAL


def may_send(status: int, age: float, reliable: bool) -> bool:
    """Whether a request other than INVITE may be answered `status`, `age` seconds after it came.

    Never with 408, which would come too late (RFC 4320 §4.2); of the 1xx only with 100, and that
    over an unreliable transport not before the client's timer E has reached T2 (RFC 4320 §4.1).
    """
    if status >= FIRST_FINAL:
        return status != REQUEST_TIMEOUT
    return status == TRYING_STATUS and (reliable or age >= TRYING_OTHER)


class NonInviteServer:
    """Figure 8. Slotted and mutable: every request makes one (tests/bench/bench_endpoint.py)."""

    __slots__ = ("_reliable", "deadline", "state")

    def __init__(self, now: float, reliable: bool) -> None:
        self.state = ServerState.TRYING
        self.deadline = now + TRYING_OTHER
        self._reliable = reliable

    def step(self, event: ServerEvent, now: float) -> Effects:
        """Apply `event`; the shell performs the effects in order."""
        row = NON_INVITE_SERVER.get((self.state, event))
        if row is None:
            return ()
        before, (self.state, effects) = self.state, row
        if self.state is ServerState.COMPLETED and before is not self.state:
            self.deadline = now if self._reliable else now + TRANSACTION  # timer J
        return effects

    def on_deadline(self, now: float) -> Effects:
        """A 100 for a slow TU; in the end, timer J or a client that has long given up."""
        if self.state is ServerState.TRYING:
            self.deadline = now + TRANSACTION - TRYING_OTHER
            return self.step(ServerEvent.SILENCE, now)
        return self.step(ServerEvent.EXPIRE, now)


class InviteServer:
    """Figure 5 of RFC 6026 §8: INVITE, its retransmissions, its ACK."""

    __slots__ = ("_expires_at", "_interval", "_reliable", "_resend_at", "state")

    def __init__(self, now: float, reliable: bool) -> None:
        self.state = ServerState.PROCEEDING
        self._reliable = reliable
        self._resend_at = now + TRYING_INVITE
        self._interval = T1
        self._expires_at = NEVER

    @property
    def deadline(self) -> float:
        """When `on_deadline` is due."""
        return min(self._resend_at, self._expires_at)

    def step(self, event: ServerEvent, now: float) -> Effects:
        """Apply `event`; the shell performs the effects in order."""
        row = INVITE_SERVER.get((self.state, event))
        if row is None:
            return ()
        before, (self.state, effects) = self.state, row
        if self.state is not before:
            self._enter(now)
        elif event in (ServerEvent.PROVISIONAL, ServerEvent.SILENCE):
            self._resend_at = NEVER
        return effects

    def _enter(self, now: float) -> None:
        """Set the timers of the state just entered."""
        self._resend_at = self._expires_at = NEVER
        if self.state is ServerState.COMPLETED:
            self._expires_at = now + TRANSACTION  # timer H
            if not self._reliable:
                self._resend_at = now + T1  # timer G
        elif self.state is ServerState.ACCEPTED:
            self._expires_at = now + TRANSACTION  # timer L
        elif self.state is ServerState.CONFIRMED:
            self._expires_at = now if self._reliable else now + TIMER_I

    def on_deadline(self, now: float) -> Effects:
        """Send 100, retransmit (timer G) or end (timers H, I, L), whichever is due."""
        if now >= self._expires_at:
            return self.step(ServerEvent.EXPIRE, now)
        if self.state is ServerState.PROCEEDING:
            return self.step(ServerEvent.SILENCE, now)
        self._interval = backoff(self._interval)
        self._resend_at = now + self._interval
        return self.step(ServerEvent.RESEND, now)
