"""TLS handshakes of clients, on every listener of an endpoint, bounded in time and number. Shell.

Past the bound the oldest is given up, at whichever listener: who only holds a place loses it to
the next, and nobody who merely begins handshakes keeps others from theirs.
"""

import asyncio
import ssl
from collections.abc import Callable

from sip.transport.config import EndpointConfig
from sip.transport.connection_stats import ConnectionStats
from sip.transport.timers import Timers
from sip.transport.tls_transport import TlsTransport
from sip.wheel import Timer

ProtocolFactory = Callable[[], asyncio.BaseProtocol]


class Handshakes:
    """Those under way, the oldest first."""

    def __init__(self, config: EndpointConfig, *, timers: Timers, stats: ConnectionStats) -> None:
        self._limit = config.max_handshakes
        self._timeout = config.handshake_timeout
        self._timers = timers
        self._stats = stats
        self._under_way: dict[TlsTransport, tuple[str, Timer]] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._under_way)

    def secured(
        self, transport: str, context: Callable[[], ssl.SSLContext], factory: ProtocolFactory
    ) -> ProtocolFactory:
        """Makes protocols that shake hands before those of `factory` get their connection.

        `transport` in lower case, to be counted by; `context` gives that of the next connection,
        so that new certificates need no new socket.
        """

        def secure() -> TlsTransport:
            wire = TlsTransport(context(), factory(), done=lambda error: self._ended(wire, error))
            self._begin(wire, transport)
            return wire

        return secure

    def close(self) -> None:
        """Give up all that are under way, and whatever still comes."""
        self._closed = True
        for wire in list(self._under_way):
            self._give_up(wire)

    def _begin(self, wire: TlsTransport, transport: str) -> None:
        limit = self._timers.now() + self._timeout
        timer = self._timers.schedule(limit, lambda: self._give_up(wire))
        self._under_way[wire] = (transport, timer)
        if self._closed or len(self._under_way) > self._limit:
            self._give_up(next(iter(self._under_way)))

    def _give_up(self, wire: TlsTransport) -> None:
        self._failed(wire)
        wire.abort()

    def _ended(self, wire: TlsTransport, error: Exception | None) -> None:
        if error is not None:
            self._failed(wire)
        elif wire in self._under_way:
            _, timer = self._under_way.pop(wire)
            timer.cancel()

    def _failed(self, wire: TlsTransport) -> None:
        """Count a failure, unless `wire` was given up before."""
        if wire in self._under_way:
            transport, timer = self._under_way.pop(wire)
            timer.cancel()
            self._stats.failed_handshakes[transport] += 1
