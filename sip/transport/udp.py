"""UDP (RFC 3261 §18): our own reader and writer on the loop's readiness events.

Shell. asyncio's datagram transport costs several times as much a datagram, so the socket is
drained in a burst at each wake-up, and what a turn of the loop has to send goes out together
at its end: a peer that is woken once for many datagrams costs us one wake-up (docs/benchmarks.md).
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from sip.errors import TransportError
from sip.transport.config import (
    WILDCARDS,
    BadListener,
    EndpointConfig,
    ListenAddress,
    advertised,
)
from sip.transport.flow import bracketed, contact, flow_name, via_prefix
from sip.transport.server_transaction import WireFlow
from sip.transport.top_via import Source

BURST: Final = 64
"""Datagrams taken at one wake-up, before the loop sees to others."""
MAX_DATAGRAM: Final = 65_535
MAX_PAYLOAD: Final = 65_507
"""Octets of a message that fit into one datagram over IPv4."""
GATHERED: Final = 32
"""Datagrams that go out without waiting for the end of the turn."""
MAX_FLOWS: Final = 65_536
"""Flows remembered by address; past it all are forgotten, and made anew when needed."""
MAX_WAITING: Final = 1_000
"""Datagrams kept while the socket takes no more."""

SocketAddress = tuple[Any, ...]
"""(host, port) or, in IPv6, (host, port, flow information, scope)."""
Outgoing = tuple[bytes, "UdpFlow"]


class UdpFlow:
    """One remote address as seen from one of our sockets."""

    __slots__ = ("_listener", "_local", "address", "failure", "remote", "source")

    transport: Final = "UDP"
    reliable: Final = False
    secure: Final = False
    certificate: Final = None

    def __init__(self, listener: "UdpListener", address: SocketAddress) -> None:
        self.address = address
        self.remote: tuple[str, int] = (address[0], address[1])
        self.source = Source.of(address[0], address[1])
        self._listener = listener
        self._local: tuple[str, int] | None = None
        self.failure: str | None = None
        """Why the last datagram could not be sent; told to the next `send`, a retransmission."""

    @property
    def closed(self) -> bool:
        """See `Flow`."""
        return self._listener.closed

    @property
    def name(self) -> str:
        """See `Flow`."""
        host, port = self._listener.bound
        return f"{flow_name('UDP', (host, port))}>{bracketed(self.remote[0])}:{self.remote[1]}"

    @property
    def listener(self) -> "UdpListener":
        """The socket that this flow uses."""
        return self._listener

    @property
    def local(self) -> tuple[str, int]:
        """See `Flow`."""
        if self._local is None:
            self._local = self._listener.local_for(self.address)
        return self._local

    @property
    def via_prefix(self) -> str:
        """See `Flow`."""
        return via_prefix("UDP", self.local)

    @property
    def contact(self) -> str:
        """See `Flow`."""
        return contact("UDP", self.local)

    def send(self, data: bytes) -> None:
        """See `Flow`. The socket is asked at the end of the turn, so a network that cannot be
        reached is told when the message is sent again (RFC 3261 §18.4)."""
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise TransportError(f"{self.remote[0]}:{self.remote[1]}: {failure}")
        self._listener.send(data, self)

    def close(self) -> None:
        """See `WireFlow`."""

    def beside(self, port: int) -> "UdpFlow":
        """See `WireFlow`."""
        return self._listener.flow((self.address[0], port, *self.address[2:]))


class UdpListener:
    """One bound socket."""

    def __init__(
        self,
        address: ListenAddress,
        config: EndpointConfig,
        *,
        receive: Callable[[bytes, WireFlow], None],
    ) -> None:
        """Bind and start to read; BadListener when that cannot be."""
        self._loop = asyncio.get_running_loop()
        self._receive = receive
        self._advertise = config.advertise
        self._flows: dict[SocketAddress, UdpFlow] = {}
        self._outgoing: list[Outgoing] = []
        self._waiting: deque[Outgoing] = deque()
        self.closed = False
        self._socket = bind_udp(address, config)
        self.family = self._socket.family
        self.bound: tuple[str, int] = self._socket.getsockname()[:2]
        self._buffer = bytearray(MAX_DATAGRAM)
        self._loop.add_reader(self._socket, self._on_readable)

    @property
    def listening(self) -> ListenAddress:
        """Where it really listens."""
        return ListenAddress("udp", *self.bound)

    def flow(self, address: SocketAddress) -> UdpFlow:
        """The flow to `address`."""
        flow = self._flows.get(address)
        if flow is None:
            if len(self._flows) >= MAX_FLOWS:
                self._flows.clear()
            flow = self._flows[address] = UdpFlow(self, address)
        return flow

    def local_for(self, remote: SocketAddress) -> tuple[str, int]:
        """Host and port that `remote` reaches us at."""
        host, port = self.bound
        if host in WILDCARDS and not self._advertise:
            host = _source_address(self.family, remote) or host
        return advertised(self._advertise, (host, port))

    def send(self, data: bytes, flow: UdpFlow) -> None:
        """Send at the end of this turn of the loop, or as soon as the socket takes it.

        TransportError when the message is too large, or the socket closed or jammed.
        """
        if self.closed or len(data) > MAX_PAYLOAD:
            raise TransportError("the socket is closed" if self.closed else "too large for UDP")
        outgoing = self._outgoing
        if not outgoing:
            if len(self._waiting) >= MAX_WAITING:
                raise TransportError("the socket's queue is full")
            self._loop.call_soon(self._flush)
        outgoing.append((data, flow))
        if len(outgoing) >= GATHERED:
            self._flush()

    def close(self) -> None:
        """Stop reading and let the port go."""
        if not self.closed:
            self._flush()
            self.closed = True
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()

    def _on_readable(self) -> None:
        """Take up to a burst of datagrams; `receive` never raises."""
        buffer, receive, flows = self._buffer, self._receive, self._flows
        take = self._socket.recvfrom_into
        for _ in range(BURST):
            try:
                size, address = take(buffer)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                continue  # an ICMP error to something sent before
            receive(bytes(memoryview(buffer)[:size]), flows.get(address) or self.flow(address))
            if self.closed:
                return

    def _flush(self) -> None:
        """Hand everything gathered to the socket, behind what waits for it already."""
        outgoing, self._outgoing = self._outgoing, []
        if self.closed:
            return
        if not self._waiting:
            sent = self._hand_over(outgoing)
            outgoing = outgoing[sent:]
        if outgoing:
            if not self._waiting:
                self._loop.add_writer(self._socket, self._on_writable)
            self._waiting.extend(outgoing)

    def _hand_over(self, outgoing: Iterable[Outgoing]) -> int:
        """Send one after the other; how many the socket took before it would block."""
        sendto = self._socket.sendto
        sent = 0
        for data, flow in outgoing:
            try:
                sendto(data, flow.address)
            except (BlockingIOError, InterruptedError):
                return sent
            except OSError as error:
                flow.failure = error.strerror or str(error)
            sent += 1
        return sent

    def _on_writable(self) -> None:
        for _ in range(self._hand_over(self._waiting)):
            self._waiting.popleft()
        if not self._waiting:
            self._loop.remove_writer(self._socket)


def bind_udp(address: ListenAddress, config: EndpointConfig) -> socket.socket:
    """A bound, non-blocking socket; BadListener names the address and the reason."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if config.reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, config.receive_buffer)
        sock.bind((address.host, address.port))
    except OSError as error:
        sock.close()
        raise BadListener(f"cannot listen on {address}: {error.strerror or error}") from error
    return sock


def _source_address(family: int, remote: SocketAddress) -> str | None:
    """Our address on the route to `remote`, as the kernel chooses it; None without a route."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(remote)
            name: str = probe.getsockname()[0]
        except OSError:
            return None
        return name
