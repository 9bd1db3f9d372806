"""The transport layer: our sockets, and which of them leads where (RFC 3261 §18). Shell.

UDP listeners, what accepts and opens connections, and the table of those that are open.
"""

from collections.abc import Callable, Sequence
from typing import Final

from sip.errors import TransportError
from sip.locate import SECURE, locate_numeric
from sip.transport.acceptor import Acceptor
from sip.transport.config import Address, BadListener, EndpointConfig, ListenAddress
from sip.transport.connection_stats import ConnectionStats
from sip.transport.connections import Connections
from sip.transport.connector import Connector
from sip.transport.descriptors import SIP_SHARE, affordable_connections
from sip.transport.flow import Flow
from sip.transport.gate import Gate
from sip.transport.handshakes import Handshakes, ProtocolFactory
from sip.transport.ports import shared_port
from sip.transport.server_transaction import WireFlow
from sip.transport.stream import StreamFlow
from sip.transport.target import Target
from sip.transport.timers import Timers
from sip.transport.tls_context import TlsContexts
from sip.transport.udp import UdpFlow, UdpListener
from sip.transport.websocket import WebSocketServer
from sip.uri import SipUri

WEBSOCKETS: Final = frozenset({"ws", "wss"})
SHARE_PORT: Final = frozenset({"udp", "tcp"})
"""Listeners at port 0 of one host get the same port if it is of these."""


class TransportLayer:
    """All flows of one endpoint."""

    def __init__(
        self,
        config: EndpointConfig,
        *,
        timers: Timers,
        receive: Callable[[bytes, WireFlow], None],
        refuse: Callable[[bytes, WireFlow, int], None],
        on_closed: Callable[[Flow], None],
        trusted: Callable[[str], bool],
    ) -> None:
        """`trusted` tells of an address whether the limits of one source are not for it."""
        self._config = config
        self._timers = timers
        self._receive = receive
        self._contexts = TlsContexts(config.tls)
        self._gate = Gate(
            total=min(config.max_connections, affordable_connections(SIP_SHARE)),
            per_source=config.max_connections_per_source,
            trusted=trusted,
        )
        self.connections = Connections(
            config, timers=timers, receive=receive, refuse=refuse, on_closed=on_closed
        )
        self._handshakes = Handshakes(config, timers=timers, stats=self.connections.stats)
        self._connector = Connector(self.connections, self._contexts, self._gate)
        self._udp: list[UdpListener] = []
        self._acceptors: list[Acceptor] = []
        self._websockets: list[WebSocketServer] = []
        self.transports: tuple[str, ...] = ("tcp", "tls")
        """What we can send by, the most preferred first."""

    @property
    def stats(self) -> ConnectionStats:
        """What happened to connections."""
        return self.connections.stats

    def listen(self, address: ListenAddress) -> ListenAddress:
        """Open one listener; BadListener when it cannot be. Where it really listens."""
        if address.port != 0 or address.transport not in SHARE_PORT:
            return self._open(address)
        listening = [*(one.listening for one in self._udp), *self._listening]
        shared = [one for one in listening if one.transport in SHARE_PORT]
        sibling = next((one for one in shared if one.host == address.host), None)
        if sibling is None:
            port = shared_port(address.host)
        else:
            port = sibling.port if sibling.transport != address.transport else 0
        try:
            return self._open(ListenAddress(address.transport, address.host, port))
        except BadListener:
            return self._open(address)  # taken meanwhile: any other will do

    def close(self) -> None:
        """Let every port and connection go."""
        for listener in self._udp:
            listener.close()
        for acceptor in self._acceptors:
            acceptor.close()
        self._handshakes.close()
        for server in self._websockets:
            server.close()
        self._connector.close()
        self.connections.close()

    def reload_tls(self) -> None:
        """Read certificates again, for the connections to come; TransportError changes nothing."""
        self._contexts.reload()

    def open_flow(self, target: Target, prefer: Flow | None = None) -> Flow | None:
        """The flow to `target` that is there already.

        `prefer` says which of our UDP sockets to use.
        """
        if target.transport == "udp":
            return self._udp_flow((target.host, target.port), prefer)
        return self.connections.leading_to(target)

    async def flow_for(self, target: Target, prefer: Flow | None = None) -> Flow:
        """A flow to `target`, its connection opened as needed; TransportError if it cannot be."""
        flow = self.open_flow(target, prefer)
        if flow is not None:
            return flow
        if target.transport not in ("tcp", "tls"):
            raise TransportError(f"no {target.transport} flow of ours leads to {target.host}")
        return await self._connector.connect(target)

    def flow_named(self, name: str) -> Flow | None:
        """The open flow of that `Flow.name`; one by UDP is there as long as its socket is."""
        ours, arrow, remote = name.partition(">")
        if not arrow:
            return self.connections.named(name)
        try:
            named = ListenAddress.parse(f"udp:{remote}")
        except BadListener:
            return None
        for listener in self._udp:
            if str(listener.listening) == ours and not listener.closed:
                return _flow(listener, (named.host, named.port))
        return None

    def numeric_target(self, uri: SipUri, size: int = 0) -> Target | None:
        """The one target of a URI that needs no look-up."""
        return locate_numeric(uri, self.transports, size)

    @property
    def _listening(self) -> Sequence[ListenAddress]:
        return [acceptor.listening for acceptor in self._acceptors]

    def _open(self, address: ListenAddress) -> ListenAddress:
        if address.transport == "udp":
            listener = UdpListener(address, self._config, receive=self._receive)
            self._udp.append(listener)
            self._sends_by("udp")
            return listener.listening
        acceptor = Acceptor(
            address,
            self._config,
            gate=self._gate,
            stats=self.stats,
            timers=self._timers,
            factory=self._factory(address),
        )
        self._acceptors.append(acceptor)
        self.connections.listens(acceptor.listening)
        self._sends_by(address.transport)
        if address.transport == "wss":
            self._sends_by("ws")  # which is what a sip URI calls either (RFC 7118 §5.2)
        return acceptor.listening

    def _factory(self, address: ListenAddress) -> ProtocolFactory:
        """Makes the protocol of a connection accepted at `address`; BadListener when TLS is
        wanted and has no certificate."""
        factory = self._plain(address.transport)
        if address.transport not in SECURE:
            return factory
        try:
            self._contexts.server()
        except TransportError as error:
            raise BadListener(f"cannot listen on {address}: {error}") from error
        return self._handshakes.secured(address.transport, self._contexts.server, factory)

    def _plain(self, transport: str) -> ProtocolFactory:
        """Makes the protocol of SIP itself."""
        if transport in WEBSOCKETS:
            server = WebSocketServer(self.connections, transport.upper())
            self._websockets.append(server)
            return server
        return lambda: StreamFlow(self.connections, transport.upper())

    def _sends_by(self, transport: str) -> None:
        if transport not in self.transports:
            first = transport == "udp"
            self.transports = (
                (transport, *self.transports) if first else (*self.transports, transport)
            )

    def _udp_flow(self, remote: Address, prefer: Flow | None) -> UdpFlow | None:
        """The UDP flow to `remote` from the socket of `prefer`, else from any that can."""
        ipv6 = ":" in remote[0]
        if isinstance(prefer, UdpFlow) and not prefer.closed and ipv6 == (":" in prefer.remote[0]):
            return (
                prefer.beside(remote[1])
                if prefer.remote[0] == remote[0]
                else _flow(prefer.listener, remote)
            )
        for listener in self._udp:
            if ipv6 == (":" in listener.bound[0]):
                return _flow(listener, remote)
        return None


def _flow(listener: UdpListener, remote: Address) -> UdpFlow:
    host, port = remote
    return listener.flow((host, port, 0, 0) if ":" in host else (host, port))
