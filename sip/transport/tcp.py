"""TCP (RFC 3261 §18, RFC 5923 in spirit): connections, both those we accept and those we open.

Shell, on plain asyncio protocols, which uvloop runs as well. Requests and responses alike
travel on a connection that is there; its peer's address is its name.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final, cast

from sip.errors import ParseError, TransportError
from sip.framing import PONG, Ping, StreamReader
from sip.transport.config import BadListener, EndpointConfig, ListenAddress, advertised
from sip.transport.flow import contact, flow_name, via_prefix
from sip.transport.server_transaction import WireFlow
from sip.transport.timers import Timers
from sip.transport.top_via import Source

BACKLOG: Final = 1024


class TcpFlow(asyncio.Protocol):
    """One connection."""

    __slots__ = (
        "_begun_at",
        "_pool",
        "_reader",
        "_wire",
        "closed",
        "heard_at",
        "local",
        "remote",
        "source",
    )

    transport: Final = "TCP"
    reliable: Final = True
    secure: Final = False
    certificate: Final = None

    def __init__(self, pool: "TcpPool") -> None:
        self._pool = pool
        self._reader = StreamReader(pool.config.max_message)
        self._wire: asyncio.Transport | None = None
        self._begun_at: float | None = None
        self.closed = False
        self.heard_at = pool.timers.now()
        """Monotonic seconds of the last octet received."""

    @property
    def name(self) -> str:
        """See `Flow`."""
        return flow_name("TCP", self.remote)

    @property
    def via_prefix(self) -> str:
        """See `Flow`."""
        return via_prefix("TCP", self.local)

    @property
    def contact(self) -> str:
        """See `Flow`."""
        return contact("TCP", self.local)

    def beside(self, port: int) -> "TcpFlow":
        """See `WireFlow`."""
        return self

    def send(self, data: bytes) -> None:
        """See `Flow`; a peer that reads too slowly loses its connection."""
        if self.closed or self._wire is None or self._wire.is_closing():
            raise TransportError("the connection is closed")
        if self._wire.get_write_buffer_size() > self._pool.config.write_queue_limit:
            self.abort()
            raise TransportError("the peer reads too slowly")
        self._wire.write(data)

    def abort(self) -> None:
        """Close at once, without sending what waits."""
        self.closed = True
        if self._wire is not None:
            self._wire.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._wire = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername") or ("", 0)
        here = transport.get_extra_info("sockname") or ("", 0)
        self.remote: tuple[str, int] = (peer[0], peer[1])
        self.source = Source.of(peer[0], peer[1])
        self.local: tuple[str, int] = self._pool.local_for(here[0], here[1])
        if not self._pool.admit(self):
            self.abort()

    def data_received(self, data: bytes) -> None:
        """See asyncio; a stream that has lost its framing is closed (RFC 3261 §18.3)."""
        now = self.heard_at = self._pool.timers.now()
        try:
            messages = self._reader.feed(data)
        except ParseError:
            messages = []
        for message in messages:
            if self.closed:
                return
            if isinstance(message, Ping):
                self._pong()
            else:
                self._pool.receive(message, self)
        if self._reader.broken:
            self._pool.refuse(self._reader.rest, self, self._reader.broken.status)
            self.close()
        elif not self._reader.rest:
            self._begun_at = None
        elif messages or self._begun_at is None:
            self._begun_at = now

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self.closed = True
        self._pool.drop(self)

    def is_stale(self, now: float) -> bool:
        """Whether it was idle, or busy with one message, for longer than is allowed."""
        config = self._pool.config
        if self._begun_at is not None and now - self._begun_at > config.message_timeout:
            return True
        return now - self.heard_at > config.idle_timeout

    def _pong(self) -> None:
        try:
            self.send(PONG)
        except TransportError:
            self.abort()

    def close(self) -> None:
        """Close once what waits is sent."""
        self.closed = True
        if self._wire is not None:
            self._wire.close()


class TcpPool:
    """Every connection of an endpoint, and the sockets that accept more."""

    def __init__(
        self,
        config: EndpointConfig,
        *,
        timers: Timers,
        receive: Callable[[bytes, WireFlow], None],
        refuse: Callable[[bytes, WireFlow, int], None],
        on_closed: Callable[[WireFlow], None],
    ) -> None:
        self.config = config
        self.timers = timers
        self.receive = receive
        self.refuse = refuse
        self._on_closed = on_closed
        self._flows: dict[tuple[str, int], TcpFlow] = {}
        self._connecting: dict[tuple[str, int], asyncio.Task[TcpFlow]] = {}
        self._sources: Counter[str] = Counter()
        self._servers: list[asyncio.Server] = []
        self.listening: list[ListenAddress] = []
        """Where it really listens."""
        self._sweep_timer = timers.schedule(timers.now() + config.sweep_interval, self._sweep)

    def __len__(self) -> int:
        return len(self._flows)

    async def listen(self, address: ListenAddress) -> None:
        """Accept connections on `address`; BadListener names it and the reason."""
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                self._accept,
                address.host,
                address.port,
                backlog=BACKLOG,
                reuse_address=True,
                reuse_port=self.config.reuse_port or None,
            )
        except OSError as error:
            reason = error.strerror or str(error)
            raise BadListener(f"cannot listen on {address}: {reason}") from error
        self._servers.append(server)
        host, port = server.sockets[0].getsockname()[:2]
        self.listening.append(ListenAddress("tcp", host, port))

    def find(self, remote: tuple[str, int]) -> TcpFlow | None:
        """The open connection to `remote`, whoever opened it."""
        flow = self._flows.get(remote)
        return flow if flow is not None and not flow.closed else None

    async def connect(self, remote: tuple[str, int]) -> TcpFlow:
        """The connection to `remote`, opened if there is none; TransportError when it fails.

        All who want the same one wait for one attempt.
        """
        flow = self.find(remote)
        if flow is not None:
            return flow
        attempt = self._connecting.get(remote)
        if attempt is None:
            attempt = asyncio.create_task(self._connect(remote))
            self._connecting[remote] = attempt
            attempt.add_done_callback(lambda _: self._connecting.pop(remote, None))
        return await asyncio.shield(attempt)

    async def _connect(self, remote: tuple[str, int]) -> TcpFlow:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.config.connect_timeout):
                _, flow = await loop.create_connection(self._accept, *remote)
        except TimeoutError as error:
            raise TransportError(f"{remote[0]}:{remote[1]}: no connection in time") from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise TransportError(f"{remote[0]}:{remote[1]}: {reason}") from error
        if flow.closed:
            raise TransportError("too many connections")
        return flow

    def _accept(self) -> TcpFlow:
        return TcpFlow(self)

    def local_for(self, host: str, port: int) -> tuple[str, int]:
        """Host and port that peers may reach us at: those of a listener if there is one."""
        if self.listening and port not in [listener.port for listener in self.listening]:
            port = self.listening[0].port
        return advertised(self.config.advertise, (host, port))

    def admit(self, flow: TcpFlow) -> bool:
        """Take a new connection in, unless there are too many."""
        source = flow.remote[0]
        if (
            len(self._flows) >= self.config.max_connections
            or self._sources[source] >= self.config.max_connections_per_source
        ):
            return False
        self._flows[flow.remote] = flow
        self._sources[source] += 1
        return True

    def drop(self, flow: TcpFlow) -> None:
        """A connection is gone."""
        if self._flows.get(flow.remote) is not flow:
            return
        del self._flows[flow.remote]
        self._sources[flow.remote[0]] -= 1
        if not self._sources[flow.remote[0]]:
            del self._sources[flow.remote[0]]
        self._on_closed(flow)

    async def close(self) -> None:
        """Stop accepting, and close every connection."""
        self._sweep_timer.cancel()
        for server in self._servers:
            server.close()
        for attempt in list(self._connecting.values()):
            attempt.cancel()
        for flow in list(self._flows.values()):
            flow.close()
        self._servers.clear()
        await asyncio.sleep(0)

    def _sweep(self) -> None:
        now = self.timers.now()
        for flow in list(self._flows.values()):
            if flow.is_stale(now):
                flow.abort()
        self._sweep_timer = self.timers.schedule(now + self.config.sweep_interval, self._sweep)
