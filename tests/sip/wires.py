"""A network without sockets: flows that record or carry what is sent, and a time of our own."""

import asyncio
from collections.abc import Callable, Mapping

from sip.certificates import PeerCertificate
from sip.errors import TransportError
from sip.transport.config import EndpointConfig
from sip.transport.ids import Ids
from sip.transport.server_transaction import ServerTransaction
from sip.transport.source_limits import SourceLimits
from sip.transport.top_via import Source
from sip.transport.transactions import Stateless, TransactionLayer
from sip.wheel import Timer, TimerWheel

START = 1_000.0
CLOCK = 1_700_000_000.0


class FakeTimers:
    """`Timers` whose instant moves when a test says so."""

    def __init__(self) -> None:
        self.instant = START
        self._wheel = TimerWheel()

    def now(self) -> float:
        return self.instant

    def schedule(self, at: float, callback: Callable[[], None]) -> Timer:
        return self._wheel.schedule(at, callback)

    @property
    def waiting(self) -> bool:
        """Whether any timer is set."""
        return self._wheel.next_at() is not None

    def run_until(self, instant: float) -> None:
        """Fire everything due up to `instant`, each with the time standing at its slot."""
        while (at := self._wheel.next_at()) is not None and at <= instant:
            self.instant = max(self.instant, at)
            self._wheel.advance(self.instant)
        self.instant = instant

    def run_for(self, seconds: float) -> None:
        self.run_until(self.instant + seconds)


class FakeFlow:
    """A flow that keeps what is sent on it, or hands it to `deliver`."""

    def __init__(
        self,
        remote: tuple[str, int] = ("192.0.2.1", 5060),
        *,
        transport: str = "UDP",
        deliver: Callable[[bytes], None] | None = None,
    ) -> None:
        self.transport = transport
        self.reliable = transport != "UDP"
        self.remote = remote
        self.name = f"{transport.lower()}:{remote[0]}:{remote[1]}"
        self.secure = transport in ("TLS", "WSS")
        self.certificate: PeerCertificate | None = None
        self.local = ("192.0.2.9", 5060)
        self.closed = False
        self.source = Source.of(*remote)
        self.via_prefix = f"SIP/2.0/{transport} 192.0.2.9:5060"
        self.contact = "<sip:192.0.2.9:5060>"
        self.sent: list[bytes] = []
        self.siblings: dict[int, FakeFlow] = {remote[1]: self}
        self._deliver = deliver

    def send(self, data: bytes) -> None:
        if self.closed:
            raise TransportError("closed")
        self.sent.append(data)
        if self._deliver is not None:
            self._deliver(data)

    def close(self) -> None:
        self.closed = self.reliable

    def beside(self, port: int) -> "FakeFlow":
        if self.reliable:
            return self
        if port not in self.siblings:
            self.siblings[port] = FakeFlow((self.remote[0], port), transport=self.transport)
        return self.siblings[port]

    @property
    def statuses(self) -> list[int]:
        """The status codes of the responses sent."""
        return [int(data[8:11]) for data in self.sent if data.startswith(b"SIP/2.0 ")]


class Stack:
    """A transaction layer with the requests, and errors, that it passed up."""

    def __init__(
        self,
        timers: FakeTimers | None = None,
        config: EndpointConfig | None = None,
        stateless: Mapping[str, Stateless] | None = None,
        limits: SourceLimits | None = None,
    ) -> None:
        self.timers = timers or FakeTimers()
        self.ids = Ids("w1")
        self.requests: list[ServerTransaction] = []
        self.errors: list[tuple[Exception, str]] = []
        self.handle: Callable[[ServerTransaction], None] = lambda transaction: None
        self.layer = TransactionLayer(
            config or EndpointConfig(),
            ids=self.ids,
            timers=self.timers,
            clock=lambda: CLOCK,
            on_request=self._on_request,
            on_error=lambda error, call_id: self.errors.append((error, call_id)),
            stateless=stateless,
            limits=limits,
        )

    def _on_request(self, transaction: ServerTransaction) -> None:
        self.requests.append(transaction)
        self.handle(transaction)


def request(
    method: str = "OPTIONS",
    *,
    branch: str = "z9hG4bK1",
    via: str | None = None,
    cseq: int = 1,
    to: str = "<sip:bob@example.com>",
    headers: str = "",
) -> bytes:
    """A request as a phone at 192.0.2.1 sends it."""
    via = via or f"SIP/2.0/UDP 192.0.2.1:5060;branch={branch}"
    return (
        f"{method} sip:bob@example.com SIP/2.0\r\n"
        f"Via: {via}\r\n"
        "Max-Forwards: 70\r\n"
        "From: <sip:alice@example.com>;tag=a1\r\n"
        f"To: {to}\r\n"
        "Call-ID: c1@192.0.2.1\r\n"
        f"CSeq: {cseq} {method}\r\n"
        f"{headers}"
        "Content-Length: 0\r\n\r\n"
    ).encode()


TURNS = 200_000
"""Turns of the loop after which a condition is taken never to come true."""


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until `condition` holds."""
    for _ in range(TURNS):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come true")
