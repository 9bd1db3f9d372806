"""One listening socket for streams of any kind: TCP, TLS, WebSocket. Shell.

Who may come in is decided by address, before anything is allocated. When the host has no
descriptors or memory left the socket is left alone for a moment: neither a loop that spins nor
an end of the process.
"""

import asyncio
import socket
from collections.abc import Callable
from errno import ECONNABORTED, EINTR, errorcode
from sys import intern
from typing import Any, Final

from sip.transport.config import BadListener, EndpointConfig, ListenAddress
from sip.transport.connection_stats import ConnectionStats
from sip.transport.counted_socket import CountedSocket
from sip.transport.gate import Gate
from sip.transport.timers import Timers

BACKLOG: Final = 1024
BURST: Final = 64
"""Connections taken at one wake-up, before the loop sees to others."""
PAUSE: Final = 0.5
"""Seconds without accepting after the host refused us a descriptor."""

_ONE_CONNECTION: Final = frozenset({ECONNABORTED, EINTR})
"""Errors of accept(2) that are over with the connection they concern."""

ProtocolFactory = Callable[[], asyncio.BaseProtocol]


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
    ) -> None:
        """Bind and listen; BadListener when that cannot be. `factory` makes the protocol of each
        connection."""
        self._loop = asyncio.get_running_loop()
        self._transport = address.transport
        self._gate = gate
        self._stats = stats
        self._timers = timers
        self._factory = factory
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket = bind_stream(address, config)
        self.closed = False
        host, port = self._socket.getsockname()[:2]
        self.listening = ListenAddress(address.transport, host, port)
        """Where it really listens."""
        self._resume()

    def close(self) -> None:
        """Let the port go; only who was let in this very moment loses its connection."""
        if not self.closed:
            self.closed = True
            self._loop.remove_reader(self._socket)
            self._socket.close()
            for task in self._tasks:
                task.cancel()

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
        refusal = self._gate.admit(source)
        if refusal is not None:
            taken.close()
            self._stats.refuse(self._transport, refusal)
            return
        sock = CountedSocket(taken, self._gate, source)
        self._stats.accepted[self._transport] += 1
        task = self._loop.create_task(self._connect(sock))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._connected(done, sock))

    async def _connect(self, sock: CountedSocket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._factory, sock)
        except OSError:
            sock.close()

    def _connected(self, task: asyncio.Task[None], sock: CountedSocket) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            sock.close()
        elif (error := task.exception()) is not None:
            sock.close()
            self._loop.call_exception_handler({"message": "accepting failed", "exception": error})


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
