"""One listening socket for streams of any kind: TCP, TLS, WebSocket. Shell.

Who may come in is decided by address, before anything is allocated and before a TLS handshake
begins. When the host has no descriptors or memory left the socket is left alone for a moment:
neither a loop that spins nor an end of the process.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from errno import ECONNABORTED, EINTR, errorcode
from sys import intern
from typing import Any, Final

from sip.transport.config import BadListener, EndpointConfig, ListenAddress
from sip.transport.connection_stats import ConnectionStats
from sip.transport.gate import Gate, Refusal
from sip.transport.timers import Timers
from sip.transport.tls_transport import TlsTransport
from sip.wheel import Timer

BACKLOG: Final = 1024
BURST: Final = 64
"""Connections taken at one wake-up, before the loop sees to others."""
PAUSE: Final = 0.5
"""Seconds without accepting after the host refused us a descriptor."""

_ONE_CONNECTION: Final = frozenset({ECONNABORTED, EINTR})
"""Errors of accept(2) that are over with the connection they concern."""

ProtocolFactory = Callable[[], asyncio.BaseProtocol]


class AcceptedSocket(socket.socket):
    """A connection that was let in; leaves the gate once it is closed, by whomever and whyever.

    A subclass because closing the socket is the one thing that every road has in common:
    failed handshakes, event loops of either kind, and protocols that are not ours.
    """

    __slots__ = ("_gate", "_source")

    def __init__(self, taken: socket.socket, gate: Gate, source: str) -> None:
        family, kind, number = taken.family, taken.type, taken.proto
        super().__init__(family, kind, number, fileno=taken.detach())
        self.setblocking(False)
        self._gate: Gate | None = gate
        self._source = source

    def close(self) -> None:
        """Close, and leave."""
        super().close()
        self._leave()

    def detach(self) -> int:
        """What uvloop does in place of `close`, when it has closed the descriptor itself."""
        self._leave()
        return super().detach()

    def _leave(self) -> None:
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.leave(self._source)


class Acceptor:
    """Accepts until it is closed."""

    def __init__(
        self,
        address: ListenAddress,
        config: EndpointConfig,
        *,
        gate: Gate,
        stats: ConnectionStats,
        timers: Timers,
        factory: ProtocolFactory,
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        """Bind and listen; BadListener when that cannot be. `tls` gives the context of the next
        connection, so that new certificates need no new socket."""
        self._loop = asyncio.get_running_loop()
        self._transport = address.transport
        self._handshake_timeout = config.handshake_timeout
        self._gate = gate
        self._stats = stats
        self._timers = timers
        self._factory = factory
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._handshakes: dict[TlsTransport, Timer] = {}
        self._socket = bind_stream(address, config)
        self.closed = False
        host, port = self._socket.getsockname()[:2]
        self.listening = ListenAddress(address.transport, host, port)
        """Where it really listens."""
        self._resume()

    def close(self) -> None:
        """Let the port go, and those whose handshake is not done."""
        if not self.closed:
            self.closed = True
            self._loop.remove_reader(self._socket)
            self._socket.close()
            for task in self._tasks:
                task.cancel()
            for wire in list(self._handshakes):
                wire.abort()

    def _resume(self) -> None:
        if not self.closed:
            self._loop.add_reader(self._socket, self._on_readable)

    def _on_readable(self) -> None:
        """Take up to a burst of connections."""
        for _ in range(BURST):
            if self.closed:
                return
            try:
                taken, address = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in _ONE_CONNECTION:
                    self._pause(error)
                    return
            else:
                self._take(taken, address)

    def _pause(self, error: OSError) -> None:
        """Accept nothing for a moment: what failed once would fail at once again."""
        self._stats.refuse(self._transport, errorcode.get(error.errno or 0, "error").lower())
        self._loop.remove_reader(self._socket)
        self._timers.schedule(self._timers.now() + PAUSE, self._resume)

    def _take(self, taken: socket.socket, address: tuple[Any, ...]) -> None:
        source = intern(address[0])
        refusal = self._gate.admit(source, secure=self._tls is not None)
        if refusal is Refusal.HANDSHAKES and self._give_up_oldest():
            refusal = self._gate.admit(source, secure=True)
        if refusal is not None:
            taken.close()
            self._stats.refuse(self._transport, refusal)
            return
        sock = AcceptedSocket(taken, self._gate, source)
        self._stats.accepted[self._transport] += 1
        factory = self._factory if self._tls is None else self._secured(self._tls())
        task = self._loop.create_task(self._connect(sock, factory))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, sock: AcceptedSocket, factory: ProtocolFactory) -> None:
        try:
            await self._loop.connect_accepted_socket(factory, sock)
        except OSError:
            sock.close()

    def _secured(self, context: ssl.SSLContext) -> ProtocolFactory:
        """Makes a protocol that shakes hands, for so long as is allowed."""

        def secure() -> TlsTransport:
            wire = TlsTransport(context, self._factory(), done=lambda error: ended(wire, error))
            limit = self._timers.now() + self._handshake_timeout
            self._handshakes[wire] = self._timers.schedule(limit, wire.abort)
            return wire

        def ended(wire: TlsTransport, error: Exception | None) -> None:
            if self._forget(wire) and error is not None:
                self._stats.failed_handshakes[self._transport] += 1

        self._gate.handshaking += 1
        return secure

    def _forget(self, wire: TlsTransport) -> bool:
        """A handshake is over; False when it was given up before."""
        timer = self._handshakes.pop(wire, None)
        if timer is None:
            return False
        timer.cancel()
        self._gate.handshaking -= 1
        return True

    def _give_up_oldest(self) -> bool:
        """Let the handshake go that takes longest: who only holds a place loses it to the next."""
        oldest = next(iter(self._handshakes), None)
        if oldest is None:
            return False
        self._forget(oldest)
        self._stats.failed_handshakes[self._transport] += 1
        oldest.abort()
        return True


def bind_stream(address: ListenAddress, config: EndpointConfig) -> socket.socket:
    """A listening, non-blocking socket; BadListener names the address and the reason."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what it accepts inherits it
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if config.reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((address.host, address.port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise BadListener(f"cannot listen on {address}: {error.strerror or error}") from error
    return sock
