"""Client transactions: one for ready-made NOTIFYs, one for everything else (RFC 3261 §17.1).

Shell around the machines of `sip.transaction.client`: sends what they say and keeps their timer.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol, assert_never

from sip.errors import ParseError, TransportError
from sip.message import Request, Response, build_request, parse_message
from sip.transaction.client import (
    ClientEffect,
    ClientEvent,
    ClientState,
    Effects,
    InviteClient,
    NonInviteClient,
    event_of,
)
from sip.transaction.timers import NEVER
from sip.transport.flow import Flow
from sip.transport.timers import Timers
from sip.wheel import Timer

FIRST_FINAL: Final = 200
FIRST_FAILURE: Final = 300
TIMEOUT: Final = 408
UNAVAILABLE: Final = 503
RATE: Final = b"-rate"
"""How the parameters end by which a 2xx to a NOTIFY asks for another rate (RFC 6446 §9.3)."""


class Owner(Protocol):
    """What a client transaction needs of the layer that made it."""

    @property
    def timers(self) -> Timers:
        """The clock of the layer."""

    def finished(self, transaction: "Exchange") -> None:
        """The transaction is over: match nothing to it any more."""


class Exchange(Protocol):
    """What the layer needs of a client transaction."""

    @property
    def key(self) -> bytes:
        """What responses find it by (§17.1.3)."""

    @property
    def flow(self) -> Flow:
        """Where the request went."""

    def receive(self, status: int, data: bytes) -> None:
        """A response came whose top Via has the branch; ParseError when it is none after all."""

    def fail(self) -> None:
        """The flow is gone (§17.1.4)."""


class NotifyTransaction:
    """A request in ready bytes of which only the outcome counts. Slotted: every NOTIFY makes one.

    It ends with its final response; one that is sent again then matches nothing and is dropped,
    which is all that Completed would do with it (§17.1.2.2).
    """

    __slots__ = ("_data", "_done", "_machine", "_owner", "_timer", "flow", "key")

    def __init__(
        self,
        data: bytes,
        key: bytes,
        flow: Flow,
        *,
        done: Callable[[int, Response | None], None],
        owner: Owner,
    ) -> None:
        self.key = key
        self.flow = flow
        self._data = data
        self._done = done
        self._owner = owner
        timers = owner.timers
        self._machine = NonInviteClient(timers.now(), flow.reliable)
        self._timer = timers.schedule(self._machine.deadline, self._on_timer)

    def start(self) -> None:
        """Send the request; a failure is told by the timer, never from within this call."""
        try:
            self.flow.send(self._data)
        except TransportError:
            self._timer.cancel()
            timers = self._owner.timers
            self._timer = timers.schedule(timers.now(), self.fail)

    def receive(self, status: int, data: bytes) -> None:
        """See `Exchange`; a 2xx is not even parsed, unless it may ask for another rate."""
        if status < FIRST_FINAL:
            self._machine.step(ClientEvent.PROVISIONAL, 0.0)
            return
        response = None
        if status >= FIRST_FAILURE:
            response = _response(data)
        elif RATE in data or RATE.upper() in data:
            with suppress(ParseError):
                response = _response(data)
        self._finish(status, response)

    def fail(self) -> None:
        """See `Exchange`."""
        self._finish(UNAVAILABLE, None)

    def _finish(self, status: int, response: Response | None) -> None:
        self._timer.cancel()
        self._owner.finished(self)
        self._done(status, response)

    def _on_timer(self) -> None:
        timers = self._owner.timers
        effects = self._machine.on_deadline(timers.now())
        if ClientEffect.TELL_TIMEOUT in effects:
            self._finish(TIMEOUT, None)
            return
        self._timer = timers.schedule(self._machine.deadline, self._on_timer)
        self.start()


class ClientTransaction:
    """A request whose responses all matter to its TU: relayed ones, and our own."""

    __slots__ = (
        "_armed",
        "_data",
        "_machine",
        "_on_response",
        "_on_timeout",
        "_on_transport_error",
        "_owner",
        "_timer",
        "flow",
        "key",
        "method",
    )

    def __init__(
        self,
        data: bytes,
        *,
        method: str,
        key: bytes,
        flow: Flow,
        owner: Owner,
        on_response: Callable[[Response], None],
        on_timeout: Callable[[], None],
        on_transport_error: Callable[[], None],
    ) -> None:
        self.method = method
        self.key = key
        self.flow = flow
        self._data = data
        self._owner = owner
        self._on_response = on_response
        self._on_timeout = on_timeout
        self._on_transport_error = on_transport_error
        machine = InviteClient if method == "INVITE" else NonInviteClient
        self._machine: InviteClient | NonInviteClient = machine(owner.timers.now(), flow.reliable)
        self._armed = NEVER
        self._timer: Timer | None = None
        self._arm()

    @property
    def state(self) -> ClientState:
        """Where the machine is."""
        return self._machine.state

    def start(self) -> None:
        """Send the request; a failure is told by the timer, never from within this call."""
        try:
            self.flow.send(self._data)
        except TransportError:
            self._owner.timers.schedule(self._owner.timers.now(), self.fail)

    def end(self) -> None:
        """Forget the transaction; nothing is told any more (timer C of RFC 3261 §16.8)."""
        self._disarm()
        self._owner.finished(self)

    def receive(self, status: int, data: bytes) -> None:
        """See `Exchange`; a response to another method than ours is not for us (§17.1.3)."""
        self.take(_response(data))

    def take(self, response: Response) -> None:
        """The same, with the response read already."""
        if response.cseq.method == self.method:
            self._step(event_of(response.status), response)

    def fail(self) -> None:
        """See `Exchange`."""
        self._step(ClientEvent.TRANSPORT_ERROR)

    def _step(self, event: ClientEvent, response: Response | None = None) -> None:
        self._perform(self._machine.step(event, self._owner.timers.now()), response)

    def _on_timer(self) -> None:
        self._perform(self._machine.on_deadline(self._owner.timers.now()), None)

    def _perform(self, effects: Effects, response: Response | None) -> None:
        """Do as the machine says; the timer is set before the TU is told anything."""
        if self._machine.state is ClientState.TERMINATED:
            self.end()
        elif self._machine.deadline != self._armed:
            self._disarm()
            self._arm()
        for effect in effects:
            match effect:
                case ClientEffect.RESEND:
                    self.start()
                case ClientEffect.TO_TU:
                    assert response is not None
                    self._on_response(response)
                case ClientEffect.SEND_ACK:
                    assert response is not None
                    self._acknowledge(response)
                case ClientEffect.TELL_TIMEOUT:
                    self._on_timeout()
                case ClientEffect.TELL_TRANSPORT_ERROR:
                    self._on_transport_error()
                case _:
                    assert_never(effect)

    def _acknowledge(self, response: Response) -> None:
        request = parse_message(self._data)
        assert isinstance(request, Request)
        try:
            self.flow.send(ack_for(request, response))
        except TransportError:
            self._owner.timers.schedule(self._owner.timers.now(), self.fail)

    def _arm(self) -> None:
        self._armed = self._machine.deadline
        if self._armed < NEVER:
            self._timer = self._owner.timers.schedule(self._armed, self._on_timer)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def ack_for(invite: Request, response: Response) -> bytes:
    """The ACK of a final response that is no 2xx (RFC 3261 §17.1.1.3)."""
    headers = [
        ("Via", str(invite.via)),
        *(("Route", route) for route in invite.all("route")),
        ("Max-Forwards", invite.get("max-forwards") or "70"),
        ("From", invite.get("from") or ""),
        ("To", response.get("to") or ""),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{invite.cseq.number} ACK"),
    ]
    return bytes(build_request("ACK", invite.uri_text, headers))


def _response(data: bytes) -> Response:
    message = parse_message(data)
    assert isinstance(message, Response)
    return message
