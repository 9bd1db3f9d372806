"""HTTP servers on their sockets: XCAP and the operator's pages. Shell.

Connections come by the acceptor that SIP's streams have, so they are bounded in number, in all
and from one source, before anything is allocated; `HttpGuard` closes those that are slow. So
neither many clients nor slow ones keep others from being served.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from aiohttp import web

from server.addresses import HostPort
from server.errors import ServerError
from server.host import cannot_listen
from sip.transport.acceptor import Acceptor
from sip.transport.config import BadListener, EndpointConfig, ListenAddress
from sip.transport.connection_stats import ConnectionStats
from sip.transport.descriptors import HTTP_SHARE, affordable_connections
from sip.transport.gate import Gate
from sip.transport.http_guard import HttpBounds, HttpGuard
from sip.transport.timers import LoopTimers

TRANSPORT: Final = "http"
MAX_CONNECTIONS: Final = 10_000
"""Of one listener."""
MAX_CONNECTIONS_PER_SOURCE: Final = 1_000

BOUNDS: Final = HttpBounds()

Trusted = Callable[[str], bool]

log = structlog.get_logger("server")


class HttpListener:
    """One server and its sockets: a host name may have several addresses."""

    def __init__(self, runner: web.BaseRunner, bounds: HttpBounds, gate: Gate) -> None:
        """`runner` is set up."""
        server = runner.server
        assert server is not None
        self.stats = ConnectionStats()
        self._runner = runner
        self._timers = LoopTimers(lambda error: log.error("http-timer-failed", exc_info=error))
        self._guard = HttpGuard(server, bounds, timers=self._timers)
        self._gate = gate
        self._acceptors: list[Acceptor] = []

    @property
    def address(self) -> HostPort:
        """Where it really listens, the first of its addresses."""
        listening = self._acceptors[0].listening
        return HostPort(listening.host, listening.port)

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._guard)

    @property
    def overdue(self) -> int:
        """Connections that were closed for being slow."""
        return self._guard.overdue

    def listen(self, host: str, port: int) -> None:
        """Accept on one more address, `host` numeric; BadListener when that cannot be."""
        acceptor = Acceptor(
            ListenAddress(TRANSPORT, host, port),
            EndpointConfig(),
            gate=self._gate,
            stats=self.stats,
            timers=self._timers,
            factory=self._guard,
        )
        self._acceptors.append(acceptor)

    async def stop(self) -> None:
        """Take no more, and end what is under way within the runner's time."""
        for acceptor in self._acceptors:
            acceptor.close()
        self._guard.close()
        try:
            await self._runner.cleanup()
        finally:
            self._timers.close()


async def start_http(
    runner: web.BaseRunner,
    listen: str,
    key: str,
    *,
    trusted: Trusted = lambda address: False,
    bounds: HttpBounds = BOUNDS,
    max_connections: int = MAX_CONNECTIONS,
    max_per_source: int = MAX_CONNECTIONS_PER_SOURCE,
) -> HttpListener:
    """Serve what `runner` runs on `listen`. ServerError names the setting `key`.

    `trusted` tells of an address whether the limit of one source is not for it: proxies.
    """
    await runner.setup()
    gate = Gate(
        total=min(max_connections, affordable_connections(HTTP_SHARE)),
        per_source=max_per_source,
        trusted=trusted,
    )
    listener = HttpListener(runner, bounds, gate)
    try:
        await _listen(listener, HostPort.parse(listen))
    except (OSError, BadListener) as error:
        await listener.stop()
        raise _named(key, listen, error) from error
    return listener


async def _listen(listener: HttpListener, address: HostPort) -> None:
    """Listen on every address of `address.host`, all with the port of the first."""
    port = address.port
    for host in await _numeric(address.host):
        listener.listen(host, port)
        port = listener.address.port


async def _numeric(host: str) -> Sequence[str]:
    """The addresses of `host`, each once, in the system's order; OSError when it has none."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _named(key: str, listen: str, error: Exception) -> ServerError:
    """The operator's line; a BadListener has what the system said as its cause."""
    cause = error.__cause__ or error
    if isinstance(cause, OSError):
        return cannot_listen(key, listen, cause)
    return ServerError(f"{key}: {error}")
