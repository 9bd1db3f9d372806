"""SIP over WebSocket and secure WebSocket (RFC 7118), on aiohttp. Shell.

Clients are mostly web pages: they cannot be connected to, so requests for them go over the
connection they opened, and when that is gone there is no road to them. aiohttp does the
handshake and reads frames; what we send is written by ourselves, as a flow must not wait.
"""

import asyncio
import logging
from collections.abc import Mapping
from sys import intern
from typing import Final, cast

from aiohttp import WSMessage, WSMsgType, web
from aiohttp.http_websocket import WebSocketReader

from sip.errors import TransportError
from sip.framing import PONG
from sip.transport.connections import Connections
from sip.transport.http_guard import GuardedConnection, HttpBounds, HttpGuard
from sip.transport.peer_certificate import certificate_of
from sip.transport.top_via import Source
from sip.websocket import (
    GOING_AWAY,
    PROTOCOL_ERROR,
    SUBPROTOCOL,
    FrameWatch,
    Opcode,
    Refusal,
    frame,
    opcode_for,
    refusal,
)

PING: Final = b"\r\n\r\n"
CLOSE_TIMEOUT: Final = 2.0
"""Seconds that a client gets to answer a Close frame."""


class WebSocketFlow:
    """One connection, after its handshake."""

    __slots__ = (
        "_connection",
        "_here",
        "_owner",
        "_wire",
        "certificate",
        "closed",
        "heard_at",
        "name",
        "remote",
        "source",
        "transport",
    )

    reliable: Final = True

    def __init__(
        self,
        owner: Connections,
        transport: str,
        wire: asyncio.Transport,
        connection: GuardedConnection,
    ) -> None:
        """`transport` is "WS" or "WSS"; `connection` sees the octets that pass over `wire`."""
        self.transport = transport
        self._owner = owner
        self._wire = wire
        self._connection = connection
        host, port = wire.get_extra_info("peername")[:2]
        self.remote: tuple[str, int] = (intern(host), port)
        self.name = owner.name(transport, self.remote)
        self.source = Source.of(host, port)
        self._here = owner.here(transport, wire.get_extra_info("sockname")[:2])
        self.certificate = certificate_of(wire) if self.secure else None
        self.closed = False
        self.heard_at = owner.timers.now()
        """Monotonic seconds of the last frame received."""

    @property
    def secure(self) -> bool:
        """See `Flow`."""
        return self.transport == "WSS"

    @property
    def local(self) -> tuple[str, int]:
        """See `Flow`."""
        return self._here.local

    @property
    def via_prefix(self) -> str:
        """See `Flow` (RFC 7118 §5.1)."""
        return self._here.via_prefix

    @property
    def contact(self) -> str:
        """See `Flow` (RFC 7118 §5.2)."""
        return self._here.contact

    def beside(self, port: int) -> "WebSocketFlow":
        """See `WireFlow`."""
        return self

    def send(self, data: bytes) -> None:
        """See `Flow`; one SIP message is one WebSocket message (RFC 7118 §5)."""
        self._write(frame(opcode_for(data), data))

    def abort(self) -> None:
        """See `Connection`."""
        self.closed = True
        self._wire.abort()

    def close(self) -> None:
        """See `Connection`; the client is told (RFC 6455 §7.1.2)."""
        self.end(GOING_AWAY)

    def end(self, code: int) -> None:
        """Close, and tell the client why (RFC 6455 §7.4.1)."""
        if not self.closed:
            self.closed = True
            self._wire.write(frame(Opcode.CLOSE, code.to_bytes(2, "big")))
            self._wire.close()

    def is_stale(self, now: float) -> bool:
        """See `Connection`."""
        config, connection = self._owner.config, self._connection
        if connection.begun_at is not None and now - connection.begun_at > config.message_timeout:
            return True
        if connection.stalled_for(now) > config.message_timeout:
            return True
        return now - self.heard_at > config.idle_timeout

    def hear(self, message: WSMessage) -> None:
        """Take one frame or message in; pings of both kinds are answered (RFC 7118 §6)."""
        self.heard_at = self._owner.timers.now()
        self._connection.begun_at = None
        match message.type:
            case WSMsgType.TEXT:
                self._take(message.data.encode())
            case WSMsgType.BINARY:
                self._take(message.data)
            case WSMsgType.PING:
                self._answer(frame(Opcode.PONG, message.data))

    def _take(self, data: bytes) -> None:
        if data == PING:
            self._answer(frame(Opcode.TEXT, PONG))
        else:
            self._owner.receive(data, self)

    def _answer(self, data: bytes) -> None:
        """Answer a ping, which counts against the limit of its source as a request does."""
        self._owner.receive(b"", self)
        if self.closed:
            return
        try:
            self._write(data)
        except TransportError:
            self.abort()

    def _write(self, data: bytes) -> None:
        if self.closed or self._wire.is_closing():
            raise TransportError(f"{self.name}: the connection is closed")
        if self._wire.get_write_buffer_size() > self._owner.config.write_queue_limit:
            self.abort()
            raise TransportError(f"{self.name}: the peer reads too slowly")
        self._wire.write(data)


class WatchedConnection(GuardedConnection):
    """A connection whose frames are looked at before aiohttp has them."""

    __slots__ = ("flow", "frames", "is_websocket")

    def __init__(self, guard: HttpGuard) -> None:
        super().__init__(guard)
        self.frames = FrameWatch()
        self.flow: WebSocketFlow | None = None
        """While there is one."""
        self.is_websocket = False
        """True from the end of the handshake on."""

    def data_received(self, data: bytes) -> None:
        """See asyncio; a frame without a mask ends the connection (RFC 6455 §5.1)."""
        if self.frames.see(data) or self.flow is None:
            super().data_received(data)
        else:
            self.flow.end(PROTOCOL_ERROR)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio; aiohttp's protocol refers to what refers to it, until told otherwise."""
        inner = self._inner
        super().connection_lost(exc)
        if inner is not None and self.is_websocket:
            inner.set_parser(cast(WebSocketReader, None))


class WebSocketServer:
    """The protocol factory of one listener; `Connections` has the flows."""

    def __init__(self, owner: Connections, transport: str) -> None:
        """`transport` is "WS" or "WSS"."""
        wire_log = logging.getLogger("sip.websocket.wire")
        wire_log.setLevel(logging.CRITICAL)  # what peers send that is no HTTP is no news
        self._owner = owner
        self._transport = transport
        self._origins = frozenset(origin.lower() for origin in owner.config.websocket_origins)
        server = web.Server(self._serve, access_log=None, logger=wire_log)
        bounds = HttpBounds(head=owner.config.handshake_timeout)
        self._guard = HttpGuard(server, bounds, timers=owner.timers)

    def __call__(self) -> asyncio.BaseProtocol:
        return WatchedConnection(self._guard)

    def close(self) -> None:
        """Close what has not become a flow, and take no more."""
        self._guard.close()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Do the handshake, then hand up messages until the connection ends."""
        reason = refusal(cast(Mapping[str, str], request.headers), self._origins)
        if reason is not None:
            return _refused(reason)
        socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,),
            timeout=CLOSE_TIMEOUT,
            heartbeat=self._owner.config.websocket_ping,
            autoping=False,
            max_msg_size=self._owner.config.max_message,
            compress=False,
        )
        await socket.prepare(request)
        await self._run(socket, request)
        return socket

    async def _run(self, socket: web.WebSocketResponse, request: web.BaseRequest) -> None:
        wire = request.transport
        if wire is None or wire.is_closing():
            return
        connection = cast(WatchedConnection, self._guard.connection_of(request))
        connection.upgraded = connection.is_websocket = True
        flow = WebSocketFlow(self._owner, self._transport, wire, connection)
        if not connection.frames.sound:
            flow.end(PROTOCOL_ERROR)
            return
        if not self._owner.add(flow):
            flow.close()
            return
        connection.flow = flow
        try:
            async for message in socket:
                if flow.closed or message.type is WSMsgType.ERROR:
                    break
                flow.hear(message)
        finally:
            flow.closed = True
            connection.flow = None
            self._owner.drop(flow)
            _forget_frames(socket.exception())


def _forget_frames(error: BaseException | None) -> None:
    """What a socket failed with refers to frames, and those to the socket: end that circle, as
    the collector may run but rarely."""
    if error is not None:
        error.__traceback__ = error.__context__ = None


def _refused(reason: Refusal) -> web.Response:
    response = web.Response(status=reason.status, text=f"{reason.text}\n", headers=reason.headers)
    response.force_close()
    return response
