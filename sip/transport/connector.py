"""Opens connections to peers by TCP and TLS, once for all who want one (RFC 5922 §4). Shell."""

import asyncio
import ssl

from sip.errors import TransportError
from sip.locate import numeric
from sip.transport.connections import Connections
from sip.transport.flow import bracketed
from sip.transport.stream import StreamFlow
from sip.transport.target import Target
from sip.transport.tls_context import TlsContexts
from sip.transport.tls_transport import TlsTransport


class Connector:
    """Connections of our own making."""

    def __init__(self, connections: Connections, contexts: TlsContexts) -> None:
        self._connections = connections
        self._contexts = contexts
        self._config = connections.config
        self._attempts: dict[Target, asyncio.Task[StreamFlow]] = {}

    async def connect(self, target: Target) -> StreamFlow:
        """A new connection to `target`; TransportError when it fails, or is to somebody else.

        All who want the same one wait for one attempt.
        """
        attempt = self._attempts.get(target)
        if attempt is None:
            attempt = asyncio.create_task(self._connect(target))
            self._attempts[target] = attempt
            attempt.add_done_callback(lambda done: self._ended(target, done))
        return await asyncio.shield(attempt)

    def _ended(self, target: Target, attempt: asyncio.Task[StreamFlow]) -> None:
        del self._attempts[target]
        if not attempt.cancelled():
            attempt.exception()  # all who waited may have given up: then nobody else looks at it

    def close(self) -> None:
        """Give up what is not there yet."""
        for attempt in list(self._attempts.values()):
            attempt.cancel()

    async def _connect(self, target: Target) -> StreamFlow:
        stats = self._connections.stats
        try:
            flow = await self._try(target)
        except TransportError:
            stats.failed_connects[target.transport] += 1
            raise
        stats.opened[target.transport] += 1
        return flow

    async def _try(self, target: Target) -> StreamFlow:
        where = f"{bracketed(target.host)}:{target.port}"
        if len(self._connections) >= self._config.max_connections:
            raise TransportError(f"{where}: too many connections")
        try:
            async with asyncio.timeout(self._config.connect_timeout):
                flow = await (self._tls(target) if target.transport == "tls" else self._tcp(target))
        except TimeoutError as error:
            raise TransportError(f"{where}: no connection in time") from error
        except ssl.SSLCertVerificationError as error:
            raise TransportError(f"{where}: its certificate: {error.verify_message}") from error
        except OSError as error:
            raise TransportError(f"{where}: {error.strerror or error}") from error
        if flow.closed:
            raise TransportError(f"{where}: {_why_closed(flow, target)}")
        return flow

    async def _tcp(self, target: Target) -> StreamFlow:
        loop = asyncio.get_running_loop()
        _, flow = await loop.create_connection(
            lambda: StreamFlow(self._connections, "TCP"), target.host, target.port
        )
        return flow

    async def _tls(self, target: Target) -> StreamFlow:
        """With the name that we want asked for (RFC 6066 §3), unless it is but an address."""
        loop = asyncio.get_running_loop()
        flow = StreamFlow(self._connections, "TLS", wanted=target.domain)
        handshake: asyncio.Future[None] = loop.create_future()

        def done(error: Exception | None) -> None:
            if handshake.done():
                return
            if error is None:
                handshake.set_result(None)
            else:
                handshake.set_exception(error)

        wire = TlsTransport(
            self._contexts.client(),
            flow,
            done=done,
            server_side=False,
            server_name=None if numeric(target.domain) else target.domain,
        )
        try:
            await loop.create_connection(lambda: wire, target.host, target.port)
            await handshake
        except BaseException:
            handshake.cancel()
            wire.abort()
            raise
        return flow


def _why_closed(flow: StreamFlow, target: Target) -> str:
    """Why a connection was given up as soon as it was there."""
    certificate = flow.certificate
    if target.transport != "tls" or certificate is None or certificate.names(target.domain):
        return "the connection was closed"
    named = ", ".join((*certificate.domains, *certificate.addresses)) or "nobody"
    return f"its certificate is for {named}, not for {target.domain}"
