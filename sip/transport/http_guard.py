"""HTTP connections that are slow on purpose, or dead, are closed in time. Shell.

aiohttp's protocol bounds the wait for a request, and in some versions not even for the first;
it waits without end for a body that trickles in and for a client that does not read. The
protocol here stands between the socket and aiohttp's, sees what passes, and makes the costly
one only when the client has sent something, so that an idle connection is cheap.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from aiohttp import web

from sip.transport.timers import Timers

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class HttpBounds:
    """How long a client may take, in seconds."""

    head: float = 10.0
    """From its first octet, for the first request from the connection's beginning, to the end of
    a request's head."""
    body: float = 60.0
    """From its first octet to the end of a request."""
    idle: float = 75.0
    """Between two requests."""
    unread: float = 30.0
    """For reading what was sent to it."""
    sweep: float = 1.0
    """Between two looks at all connections."""


class GuardedConnection(asyncio.Protocol):
    """One connection: what the client is doing, and since when (monotonic seconds)."""

    __slots__ = (
        "_guard",
        "_inner",
        "_request",
        "_stalled_at",
        "_waits_until",
        "_wire",
        "begun_at",
        "upgraded",
    )

    def __init__(self, guard: "HttpGuard") -> None:
        self._guard = guard
        self._inner: web.RequestHandler | None = None
        self._wire: asyncio.Transport | None = None
        self._request: web.BaseRequest | None = None
        self._stalled_at: float | None = None
        self._waits_until = guard.now() + guard.bounds.head
        self.begun_at: float | None = None
        """When the first octet of what is not whole yet came."""
        self.upgraded = False
        """True while it carries no HTTP, and somebody else looks after it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._wire = cast(asyncio.Transport, transport)
        if not self._guard.add(self):
            self._wire.abort()

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        if self.begun_at is None:
            self.begun_at = self._guard.now()
        inner = self._inner
        if inner is None:
            assert self._wire is not None
            inner = self._inner = self._guard.begin(self)
            inner.connection_made(self._wire)
        inner.data_received(data)

    def eof_received(self) -> None:
        """See asyncio."""
        if self._inner is not None:
            self._inner.eof_received()

    def pause_writing(self) -> None:
        """See asyncio."""
        self._stalled_at = self._guard.now()
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """See asyncio."""
        self._stalled_at = None
        if self._inner is not None:
            self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._guard.drop(self, self._inner)
        if self._inner is not None:
            self._inner.connection_lost(exc)

    def abort(self) -> None:
        """Close at once."""
        if self._wire is not None:
            self._wire.abort()

    def serving(self, request: web.BaseRequest) -> None:
        """The head of `request` is whole."""
        self._request = request

    def served(self) -> None:
        """The request has its response."""
        self._request = self.begun_at = None
        self.upgraded = False
        self._waits_until = self._guard.now() + self._guard.bounds.idle

    @property
    def is_waiting(self) -> bool:
        """True while no request is worked on."""
        return self._request is None

    def stalled_for(self, now: float) -> float:
        """Seconds since the client stopped reading; 0 when it reads."""
        return 0.0 if self._stalled_at is None else now - self._stalled_at

    def is_overdue(self, now: float) -> bool:
        """Whether the client has taken longer than is allowed."""
        bounds = self._guard.bounds
        if self.upgraded:
            return False
        if self.stalled_for(now) > bounds.unread:
            return True
        if self.begun_at is None:
            return now > self._waits_until
        if self._request is None:
            return now > self.begun_at + bounds.head
        return not self._request.content.is_eof() and now > self.begun_at + bounds.body


class HttpGuard:
    """The protocol factory of a listener, in the place of aiohttp's `server`."""

    def __init__(self, server: web.Server, bounds: HttpBounds, *, timers: Timers) -> None:
        self.bounds = bounds
        self.now = timers.now
        self.overdue = 0
        """Connections closed for being slow."""
        self._server = server
        self._timers = timers
        self._handler: Handler = server.request_handler
        self._connections: set[GuardedConnection] = set()
        self._by_inner: dict[object, GuardedConnection] = {}
        self._closed = False
        server.request_handler = self._serve
        self._sweep_timer = timers.schedule(self.now() + bounds.sweep, self._sweep)

    def __call__(self) -> GuardedConnection:
        return GuardedConnection(self)

    def __len__(self) -> int:
        return len(self._connections)

    def close(self) -> None:
        """Close those without a request at once and take no more; the server ends the others."""
        self._closed = True
        self._sweep_timer.cancel()
        for connection in [one for one in self._connections if one.is_waiting]:
            connection.abort()

    def connection_of(self, request: web.BaseRequest) -> GuardedConnection:
        """What `request` came by."""
        return self._by_inner[request.protocol]

    def add(self, connection: GuardedConnection) -> bool:
        """Look after `connection`; False when we are closing."""
        if not self._closed:
            self._connections.add(connection)
        return not self._closed

    def begin(self, connection: GuardedConnection) -> web.RequestHandler:
        """aiohttp's protocol for it, now that it has sent something."""
        inner = self._server()
        self._by_inner[inner] = connection
        return inner

    def drop(self, connection: GuardedConnection, inner: web.RequestHandler | None) -> None:
        """It is gone."""
        self._connections.discard(connection)
        self._by_inner.pop(inner, None)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = self._by_inner.get(request.protocol)
        if connection is None:  # gone before its request was looked at
            return web.Response(status=HTTPStatus.BAD_REQUEST)
        connection.serving(request)
        try:
            return await self._handler(request)
        finally:
            connection.served()

    def _sweep(self) -> None:
        now = self.now()
        for connection in [one for one in self._connections if one.is_overdue(now)]:
            self.overdue += 1
            connection.abort()
        self._sweep_timer = self._timers.schedule(now + self.bounds.sweep, self._sweep)
