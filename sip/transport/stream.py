"""Connections that carry SIP as it is: TCP, and TLS over it (RFC 3261 §18.3, §26.3.1).

Shell, on plain asyncio protocols, which uvloop runs as well. Tens of thousands of them are
idle at any time, so what only a busy one needs is made when it is needed.
"""

import asyncio
from functools import lru_cache
from sys import intern
from typing import Final, cast

from sip.certificates import PeerCertificate
from sip.errors import ParseError, TransportError
from sip.framing import PONG, Ping, StreamReader
from sip.locate import DEFAULT_PORTS
from sip.message import Request, parse_message
from sip.transport.connections import Connections
from sip.transport.flow import Here
from sip.transport.peer_certificate import certificate_of
from sip.transport.top_via import Source

ALIAS: Final = b";alias"

BUSY: Final = 4_096
"""Connections whose source is kept in the forms that a Via wants; an idle one needs none."""

_source_of = lru_cache(maxsize=BUSY)(Source.of)


class StreamFlow(asyncio.Protocol):
    """One connection."""

    __slots__ = (
        "_begun_at",
        "_here",
        "_owner",
        "_reader",
        "_stalled_at",
        "_wanted",
        "_wire",
        "certificate",
        "closed",
        "heard_at",
        "name",
        "remote",
        "transport",
    )

    reliable: Final = True

    def __init__(self, owner: Connections, transport: str, *, wanted: str | None = None) -> None:
        """`transport` is "TCP" or "TLS"; `wanted` the domain that the peer's certificate must
        name when we open the connection (RFC 5922 §7.3)."""
        self.transport = transport
        self._owner = owner
        self._wanted = wanted
        self._reader: StreamReader | None = None
        """While a message is not whole."""
        self._wire: asyncio.Transport | None = None
        self._begun_at: float | None = None
        self._stalled_at: float | None = None
        self.certificate: PeerCertificate | None = None
        self.closed = False
        self.heard_at = owner.timers.now()
        """Monotonic seconds of the last octet received."""

    @property
    def secure(self) -> bool:
        """See `Flow`."""
        return self.transport == "TLS"

    @property
    def source(self) -> Source:
        """See `WireFlow`."""
        return _source_of(*self.remote)

    @property
    def local(self) -> tuple[str, int]:
        """See `Flow`."""
        return self._here.local

    @property
    def via_prefix(self) -> str:
        """See `Flow`."""
        return self._here.via_prefix

    @property
    def contact(self) -> str:
        """See `Flow`."""
        return self._here.contact

    def beside(self, port: int) -> "StreamFlow":
        """See `WireFlow`."""
        return self

    def send(self, data: bytes) -> None:
        """See `Flow`; a peer that reads too slowly loses its connection."""
        if self.closed or self._wire is None or self._wire.is_closing():
            raise TransportError(f"{self.name}: the connection is closed")
        if self._wire.get_write_buffer_size() > self._owner.config.write_queue_limit:
            self.abort()
            raise TransportError(f"{self.name}: the peer reads too slowly")
        self._wire.write(data)

    def abort(self) -> None:
        """See `Connection`."""
        self.closed = True
        if self._wire is not None:
            self._wire.abort()

    def close(self) -> None:
        """See `Connection`."""
        self.closed = True
        if self._wire is not None:
            self._wire.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio; with TLS the handshake is done."""
        self._wire = cast(asyncio.Transport, transport)
        host, port = (transport.get_extra_info("peername") or ("", 0))[:2]
        self.remote: tuple[str, int] = (intern(host), port)
        self.name: str = self._owner.name(self.transport, self.remote)
        bound = (transport.get_extra_info("sockname") or ("", 0))[:2]
        self._here: Here = self._owner.here(self.transport, bound)
        if self.secure:
            self.certificate = certificate_of(transport)
        if not self._is_wanted() or not self._owner.add(self):
            self.abort()

    def _is_wanted(self) -> bool:
        if self._wanted is None:
            return True
        return self.certificate is not None and self.certificate.names(self._wanted)

    def data_received(self, data: bytes) -> None:
        """See asyncio; a stream that has lost its framing is closed (RFC 3261 §18.3)."""
        self.heard_at = self._owner.timers.now()
        reader = self._reader or StreamReader(self._owner.config.max_message)
        try:
            messages = reader.feed(data)
        except ParseError:
            messages = []
        for message in messages:
            if self.closed:
                return
            if isinstance(message, Ping):
                self._pong()
            else:
                self._take(message)
        if reader.broken:
            self._owner.refuse(reader.rest, self, reader.broken.status)
            self.close()
        elif reader.empty:
            self._reader = self._begun_at = None
        elif reader.between_messages:
            self._reader, self._begun_at = reader, None
        else:
            self._reader = reader
            if messages or self._begun_at is None:
                self._begun_at = self.heard_at

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self.closed = True
        self._wire = self._reader = None
        self._owner.drop(self)

    def pause_writing(self) -> None:
        """See asyncio: the peer does not read what we send."""
        self._stalled_at = self._owner.timers.now()

    def resume_writing(self) -> None:
        """See asyncio."""
        self._stalled_at = None

    def is_stale(self, now: float) -> bool:
        """See `Connection`."""
        config = self._owner.config
        if self._begun_at is not None and now - self._begun_at > config.message_timeout:
            return True
        if self._stalled_at is not None and now - self._stalled_at > config.message_timeout:
            return True
        return now - self.heard_at > config.idle_timeout

    def _take(self, message: bytes) -> None:
        if self.certificate is not None and ALIAS in message:
            self._note_alias(message)
        self._owner.receive(message, self)

    def _note_alias(self, message: bytes) -> None:
        """A peer with a certificate may ask for requests over this connection (RFC 5923 §8.2)."""
        try:
            request = parse_message(message)
            via = request.via
        except ParseError:
            return
        if isinstance(request, Request) and "alias" in via.parameters:
            self._owner.alias(self, via.port or DEFAULT_PORTS["tls"])

    def _pong(self) -> None:
        """Answer a ping, which counts against the limit of its source as a request does."""
        self._owner.receive(b"", self)
        if self.closed:
            return
        try:
            self.send(PONG)
        except TransportError:
            self.abort()
