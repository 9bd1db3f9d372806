"""HTTP servers on their sockets: XCAP and the operator's pages. Shell.

Connections come by the acceptor that SIP's streams have, so they are bounded in number, in all
and from one source, before anything is allocated; `HttpGuard` closes those that are slow. So
neither many clients nor slow ones keep others from being served. HTTPS is the same behind the
TLS transport that SIP has, with its certificates, which may change while it listens.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from aiohttp import web

from server.addresses import HostPort
from server.errors import ServerError
from server.host import cannot_listen
from sip.errors import TransportError
from sip.transport.acceptor import Acceptor, ProtocolFactory
from sip.transport.config import BadListener, EndpointConfig, ListenAddress
from sip.transport.connection_stats import ConnectionStats
from sip.transport.descriptors import HTTP_SHARE, affordable_connections
from sip.transport.gate import Gate
from sip.transport.handshakes import Handshakes
from sip.transport.http_guard import HttpBounds, HttpGuard
from sip.transport.timers import LoopTimers

HTTP: Final = "http"
HTTPS: Final = "https"
MAX_CONNECTIONS: Final = 10_000
"""Of one listener."""
MAX_CONNECTIONS_PER_SOURCE: Final = 1_000

BOUNDS: Final = HttpBounds()

Trusted = Callable[[str], bool]
Context = Callable[[], ssl.SSLContext]
"""The TLS context of the next connection; TransportError when there is none to be had."""

log = structlog.get_logger("server")


class HttpListener:
    """One server and its sockets: there may be several addresses, and a host name has several."""

    def __init__(
        self, runner: web.BaseRunner, bounds: HttpBounds, gate: Gate, context: Context | None
    ) -> None:
        """`runner` is set up; `context` is for addresses with TLS."""
        server = runner.server
        assert server is not None
        self.stats = ConnectionStats()
        self._runner = runner
        self._timers = LoopTimers(lambda error: log.error("http-timer-failed", exc_info=error))
        self._guard = HttpGuard(server, bounds, timers=self._timers)
        self._gate = gate
        self._context = context
        self._config = EndpointConfig()
        self._handshakes = Handshakes(self._config, timers=self._timers, stats=self.stats)
        self._acceptors: list[Acceptor] = []

    @property
    def address(self) -> HostPort:
        """Where it really listens, the first of its addresses."""
        listening = self._acceptors[0].listening
        return HostPort(listening.host, listening.port)

    @property
    def origins(self) -> Sequence[str]:
        """`http://host:port` or `https://host:port` of each address."""
        return [
            f"{at.transport}://{HostPort(at.host, at.port)}"
            for at in (acceptor.listening for acceptor in self._acceptors)
        ]

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._guard)

    @property
    def overdue(self) -> int:
        """Connections that were closed for being slow."""
        return self._guard.overdue

    @property
    def failed_handshakes(self) -> int:
        """TLS handshakes that failed or stalled."""
        return self.stats.failed_handshakes.total()

    def listen(self, scheme: str, host: str, port: int) -> int:
        """Accept on one more address, `host` numeric; the port that it got.

        Raises BadListener when that cannot be, and TransportError for HTTPS without certificates.
        """
        factory: ProtocolFactory = self._guard
        if scheme == HTTPS:
            factory = self._secured()
        acceptor = Acceptor(
            ListenAddress(scheme, host, port),
            self._config,
            gate=self._gate,
            stats=self.stats,
            timers=self._timers,
            factory=factory,
        )
        self._acceptors.append(acceptor)
        return acceptor.listening.port

    def _secured(self) -> ProtocolFactory:
        """Protocols behind TLS, once it is certain that there is a certificate."""
        if self._context is None:
            raise TransportError("HTTPS is not offered here")
        self._context()
        return self._handshakes.secured(HTTPS, self._context, self._guard)

    async def stop(self) -> None:
        """Take no more, and end what is under way within the runner's time."""
        for acceptor in self._acceptors:
            acceptor.close()
        self._handshakes.close()
        self._guard.close()
        try:
            await self._runner.cleanup()
        finally:
            self._timers.close()


async def start_http(
    runner: web.BaseRunner,
    listen: Sequence[str],
    key: str,
    *,
    context: Context | None = None,
    trusted: Trusted = lambda address: False,
    bounds: HttpBounds = BOUNDS,
    max_connections: int = MAX_CONNECTIONS,
    max_per_source: int = MAX_CONNECTIONS_PER_SOURCE,
) -> HttpListener:
    """Serve what `runner` runs on all of `listen`: "HOST:PORT" or "https:HOST:PORT".

    `context` has the certificates of the latter. `trusted` tells of an address whether the limit
    of one source is not for it: proxies. ServerError names the setting `key`.
    """
    await runner.setup()
    gate = Gate(
        total=min(max_connections, affordable_connections(HTTP_SHARE)),
        per_source=max_per_source,
        trusted=trusted,
    )
    listener = HttpListener(runner, bounds, gate, context)
    for address in listen:
        try:
            await _listen(listener, address)
        except (OSError, TransportError) as error:
            await listener.stop()
            raise _named(key, address, error) from error
    return listener


async def _listen(listener: HttpListener, text: str) -> None:
    """Listen on every address of the host of `text`, all with the port of the first."""
    secure = text.startswith(f"{HTTPS}:")
    address = HostPort.parse(text.removeprefix(f"{HTTPS}:"))
    port = address.port
    for host in await _numeric(address.host):
        port = listener.listen(HTTPS if secure else HTTP, host, port)


async def _numeric(host: str) -> Sequence[str]:
    """The addresses of `host`, each once, in the system's order; OSError when it has none."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _named(key: str, listen: str, error: Exception) -> ServerError:
    """The operator's line; a BadListener has what the system said as its cause."""
    cause = error.__cause__ if isinstance(error, BadListener) else error
    if isinstance(cause, OSError):
        return cannot_listen(key, listen, cause)
    return ServerError(f"{key}: {listen}: {error}")
