"""Opens connections to peers by TCP and TLS, once for all who want one (RFC 5922 §4). Shell."""

import asyncio
import socket
import ssl
from collections import Counter
from sys import intern
from typing import Final

from sip.dns_records import domain_name
from sip.errors import TransportError
from sip.locate import numeric
from sip.transport.connections import Connections
from sip.transport.counted_socket import CountedSocket
from sip.transport.flow import bracketed
from sip.transport.gate import Gate
from sip.transport.stream import StreamFlow
from sip.transport.target import Target
from sip.transport.tls_context import TlsContexts
from sip.transport.tls_transport import TlsTransport

CONNECTING_SHARE: Final = 4
"""At most one in so many of all connections is one that is not there yet."""
MAX_SHOWN: Final = 64
"""Characters of a peer's name in an error."""


class Connector:
    """Connections of our own making."""

    def __init__(self, connections: Connections, contexts: TlsContexts, gate: Gate) -> None:
        """`gate` counts them with those that others open."""
        self._connections = connections
        self._contexts = contexts
        self._gate = gate
        self._config = connections.config
        self._limit = min(self._config.max_connecting, max(1, gate.total // CONNECTING_SHARE))
        self._attempts: dict[Target, asyncio.Task[StreamFlow]] = {}
        self._to_host: Counter[str] = Counter()

    async def connect(self, target: Target) -> StreamFlow:
        """A new connection to `target`; TransportError when it fails, or is to somebody else.

        All who want the same one wait for one attempt. Attempts are bounded in number, as peers
        have a say in where they go.
        """
        if target.transport == "tcp":
            target = target._replace(domain=target.host)  # where it is all the same
        attempt = self._attempts.get(target) or self._begin(target)
        return await asyncio.shield(attempt)

    def _begin(self, target: Target) -> asyncio.Task[StreamFlow]:
        host = target.host
        if (
            len(self._attempts) >= self._limit
            or self._to_host[host] >= self._config.max_connecting_per_host
        ):
            raise TransportError(f"{_where(target)}: too many connects at once")
        attempt = asyncio.create_task(self._connect(target))
        self._attempts[target] = attempt
        self._to_host[host] += 1
        attempt.add_done_callback(lambda done: self._ended(target, done))
        return attempt

    def _ended(self, target: Target, attempt: asyncio.Task[StreamFlow]) -> None:
        del self._attempts[target]
        self._to_host[target.host] -= 1
        if not self._to_host[target.host]:
            del self._to_host[target.host]
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
        where = _where(target)
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
        flow = StreamFlow(self._connections, "TCP")
        await self._open(target, flow)
        return flow

    async def _tls(self, target: Target) -> StreamFlow:
        """With the name that we want asked for (RFC 6066 §3), unless it is but an address."""
        flow = StreamFlow(self._connections, "TLS", wanted=target.domain)
        handshake: asyncio.Future[None] = asyncio.get_running_loop().create_future()

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
            server_name=_server_name(target),
        )
        try:
            await self._open(target, wire)
            await handshake
        except BaseException:
            handshake.cancel()
            wire.abort()
            raise
        return flow

    async def _open(self, target: Target, protocol: asyncio.BaseProtocol) -> None:
        """Connect `protocol`, and count its socket from before it is allocated."""
        host = intern(target.host)
        if self._gate.admit(host) is not None:
            raise TransportError(f"{_where(target)}: too many connections")
        loop = asyncio.get_running_loop()
        try:
            sock = CountedSocket(_new_socket(host), self._gate, host)
        except OSError:
            self._gate.leave(host)
            raise
        try:
            await loop.sock_connect(sock, (host, target.port))
            await loop.create_connection(lambda: protocol, sock=sock)
        except BaseException:
            sock.close()
            raise


def _new_socket(host: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)


def _where(target: Target) -> str:
    return f"{bracketed(target.host)}:{target.port}"


def _server_name(target: Target) -> str | None:
    """What to ask for; TransportError for what no certificate can name."""
    if numeric(target.domain):
        return None
    name = domain_name(target.domain)
    if name is None:
        shown = target.domain[:MAX_SHOWN]
        raise TransportError(f"{_where(target)}: no certificate can be for {shown}")
    return name


def _why_closed(flow: StreamFlow, target: Target) -> str:
    """Why a connection was given up as soon as it was there."""
    certificate = flow.certificate
    if target.transport != "tls" or certificate is None or certificate.names(target.domain):
        return "the connection was closed"
    named = ", ".join((*certificate.domains, *certificate.addresses)) or "nobody"
    return f"its certificate is for {named}, not for {target.domain}"
