"""A server transaction as its TU holds it (RFC 3261 §17.2).

Shell around the machines of `sip.transaction.server`: sends what they say and keeps their timer.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol, assert_never

from sip.errors import TransportError
from sip.message import Request, build_response
from sip.transaction.kept_answer import shorten
from sip.transaction.key import acknowledges
from sip.transaction.server import (
    Effects,
    InviteServer,
    NonInviteServer,
    ServerEffect,
    ServerEvent,
    ServerState,
    event_of,
    may_send,
)
from sip.transaction.timers import NEVER
from sip.transport.flow import Flow
from sip.transport.top_via import Source
from sip.wheel import Timer

TRYING: Final = 100
SUCCESS: Final = 200
REDIRECTION: Final = 300
CHALLENGES: Final = frozenset({401, 407})


class WireFlow(Flow, Protocol):
    """A flow that messages arrive by."""

    @property
    def source(self) -> Source:
        """The remote address in the forms that a Via wants."""

    def beside(self, port: int) -> "WireFlow":
        """The flow to another port of the same peer; a connection is only ever itself."""

    def close(self) -> None:
        """End a connection once what waits is sent; over UDP there is none to end."""


class Keeper(Protocol):
    """What a server transaction needs of the layer that made it."""

    @property
    def now(self) -> Callable[[], float]:
        """The layer's clock, monotonic seconds."""

    @property
    def schedule(self) -> Callable[[float, Callable[[], None]], Timer]:
        """The layer's timers, see `Timers`."""

    @property
    def new_tag(self) -> Callable[[], str]:
        """Makes a tag of our own."""

    def answered(self, transaction: "ServerTransaction", now: float) -> None:
        """A request other than INVITE has its final response: keep that for timer J only."""

    def forget(self, transaction: "ServerTransaction") -> None:
        """The transaction is terminated."""

    def answer_elsewhere(self, flow: WireFlow, data: bytes) -> None:
        """Send a response whose connection is gone (RFC 3261 §18.2.2), or raise TransportError."""


class ServerTransaction:
    """One request and its answer. Slotted: every request makes one."""

    __slots__ = (
        "_armed",
        "_born",
        "_echo",
        "_is_invite",
        "_keeper",
        "_machine",
        "_tag",
        "_timer",
        "answer_flow",
        "cancelled_by",
        "flow",
        "key",
        "on_ack",
        "on_cancel",
        "on_failure",
        "received_at",
        "request",
        "response",
        "success_headers",
    )

    def __init__(
        self,
        request: Request,
        flow: WireFlow,
        key: bytes,
        port: int,
        received_at: float,
        keeper: Keeper,
    ) -> None:
        """`key` and `port` are those of `sip.transport.top_via.arrive`."""
        self.request = request
        """As received, with the sender's address in its top Via."""
        self.flow = flow
        """Where it came from."""
        self.received_at = received_at
        """Unix seconds."""
        self.on_cancel: Callable[[], None] | None = None
        """INVITE only: a CANCEL came before a final response (§9.2)."""
        self.cancelled_by: Request | None = None
        """That CANCEL, even if it came before anybody asked for it."""
        self.on_ack: Callable[[Request], None] | None = None
        """INVITE only: the ACK of a 2xx came (RFC 6026 §7.1)."""
        self.on_failure: Callable[[], None] | None = None
        """The response could not be sent, or no ACK came for it."""
        self.success_headers: Sequence[tuple[str, str]] = ()
        """What a 2xx has besides what it is given, such as Authentication-Info (§20.6)."""
        self.key = key
        self.answer_flow = flow if port == flow.source.port else flow.beside(port)
        self.response = b""
        """What was sent last."""
        self._echo: str | None = None
        """The To tag that `response` adds to what it copies of the request; None for a response
        that may copy something else."""
        self._keeper = keeper
        self._tag: str | None = None
        self._is_invite = request.method == "INVITE"
        self._born = now = keeper.now()
        machine = InviteServer if self._is_invite else NonInviteServer
        self._machine: InviteServer | NonInviteServer = machine(now, flow.reliable)
        self._armed = self._machine.deadline
        self._timer: Timer = keeper.schedule(self._armed, self._on_timer)

    @property
    def kept(self) -> bytes:
        """What is kept of `response` while timer J runs."""
        return self.response if self._echo is None else shorten(self.response, self._echo)

    @property
    def state(self) -> ServerState:
        """Where the machine is."""
        return self._machine.state

    @property
    def final(self) -> bool:
        """True once a final response was given."""
        return self._machine.state not in (ServerState.TRYING, ServerState.PROCEEDING)

    @property
    def local_tag(self) -> str:
        """The To tag that this transaction's responses bear when the TU names none."""
        if self._tag is None:
            self._tag = self._keeper.new_tag()
        return self._tag

    def respond(
        self,
        status: int,
        *,
        reason: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        to_tag: str | None = None,
    ) -> None:
        """Answer the request; a second final response is ignored (§17.2.2).

        A 408, an early 100 and other 1xx to anything but INVITE are not sent (RFC 4320 §4).
        """
        if self._is_invite and status in CHALLENGES and not self.final:
            self._answer_once()
        if to_tag is not None:
            self._tag = to_tag
        elif status > TRYING and ";tag=" not in (self.request.get("to") or ""):
            to_tag = self.local_tag
        if self.success_headers and SUCCESS <= status < REDIRECTION:
            headers = (*headers, *self.success_headers)
        data = build_response(
            self.request, status, reason=reason, headers=headers, body=body, to_tag=to_tag
        )
        self._give(status, data, echo=to_tag or "")

    def _answer_once(self) -> None:
        """A challenge of an INVITE is not sent again unasked, nor is an ACK waited for.

        So whoever never shows credentials, perhaps under another's address, neither holds a
        transaction nor has that address flooded (RFC 3261 §26.3.2.4).
        """
        self._timer.cancel()
        self._is_invite = False
        self._machine = NonInviteServer(self._keeper.now(), self.flow.reliable)
        self._armed = NEVER

    def respond_bytes(self, status: int, data: bytes) -> None:
        """Answer with a response that is already written, as a relay does."""
        self._give(status, data, echo=None)

    def _give(self, status: int, data: bytes, *, echo: str | None) -> None:
        if not self.final:
            self._echo = echo
        now = self._keeper.now()
        if self._is_invite or may_send(status, now - self._born, self.flow.reliable):
            self._perform(self._machine.step(event_of(status), now), now, data)

    def again(self) -> None:
        """The request came once more (§17.2.3)."""
        now = self._keeper.now()
        self._perform(self._machine.step(ServerEvent.REQUEST, now), now)

    def acknowledge(self, ack: Request) -> None:
        """An ACK for this INVITE came: absorbed, or of a 2xx and passed up (RFC 6026 §7.1)."""
        if not acknowledges(ack, self.response):
            return
        now = self._keeper.now()
        effects = self._machine.step(ServerEvent.ACK, now)
        if ServerEffect.ACK_TO_TU in effects and self.on_ack is not None:
            self.on_ack(ack)
        self._perform(effects, now)

    def cancel(self, by: Request) -> None:
        """The CANCEL `by` came: it does nothing once there is a final response (§9.2)."""
        if not self.final:
            self.cancelled_by = by
            if self.on_cancel is not None:
                self.on_cancel()

    def _perform(self, effects: Effects, now: float, data: bytes = b"") -> None:
        """Do as the machine says; `data` is the response just given."""
        for effect in effects:
            match effect:
                case ServerEffect.SEND:
                    self._send(data)
                case ServerEffect.RESEND:
                    self._send(self.response)
                case ServerEffect.SEND_TRYING:
                    self._send(build_response(self.request, TRYING))
                case ServerEffect.TELL_NO_ACK | ServerEffect.TELL_TRANSPORT_ERROR:
                    if self.on_failure is not None:
                        self.on_failure()
                case ServerEffect.ACK_TO_TU:
                    pass  # `acknowledge` has the ACK
                case _:
                    assert_never(effect)
        self._settle(now)

    def _send(self, data: bytes) -> None:
        self.response = data
        if not data:
            return
        try:
            self.answer_flow.send(data)
        except TransportError:
            self._send_elsewhere(data)

    def _send_elsewhere(self, data: bytes) -> None:
        """The road the request came by is gone (§18.2.2, §17.2.4)."""
        try:
            self._keeper.answer_elsewhere(self.answer_flow, data)
        except TransportError:
            now = self._keeper.now()
            self._perform(self._machine.step(ServerEvent.TRANSPORT_ERROR, now), now)

    def _settle(self, now: float) -> None:
        """After a step: hand over to timer J, end, or set the timer anew."""
        machine = self._machine
        if machine.state is ServerState.COMPLETED and not self._is_invite:
            self._timer.cancel()
            self._keeper.answered(self, now)
        elif machine.state is ServerState.TERMINATED:
            self._timer.cancel()
            self._keeper.forget(self)
        elif machine.deadline != self._armed:
            self._timer.cancel()
            self._arm()

    def _arm(self) -> None:
        self._armed = self._machine.deadline
        if self._armed < NEVER:
            self._timer = self._keeper.schedule(self._armed, self._on_timer)

    def _on_timer(self) -> None:
        now = self._keeper.now()
        self._perform(self._machine.on_deadline(now), now)
