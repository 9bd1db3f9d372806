"""TLS between a protocol and a connection, on either side (RFC 3261 §26.3.1). Shell.

Our own, since the event loops' keep a read buffer of 256 KB for each connection, of which the
allocator soon holds dirty pages: 45 to 110 KB a connection, where this takes a third of that.
An idle connection has here what OpenSSL itself keeps of it, and nothing more.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, cast

RECORD: Final = 16_384
"""Octets of plain text in the longest record (RFC 8446 §5.1)."""
SLICE: Final = 4_096
"""Octets given to OpenSSL at a time: what passes through its buffers never gives them back."""
NOBODY: Final = asyncio.Protocol()
"""Above a transport whose connection is gone, so that nothing refers to itself in a circle: the
collector runs rarely, and 20 KB would wait for it each time."""


class TlsTransport(asyncio.Transport, asyncio.Protocol):
    """The protocol of a connection, and the transport of the protocol above it."""

    __slots__ = ("_above", "_below", "_done", "_incoming", "_outgoing", "_tls")

    def __init__(
        self,
        context: ssl.SSLContext,
        above: asyncio.BaseProtocol,
        *,
        done: Callable[[Exception | None], None],
        server_side: bool = True,
        server_name: str | None = None,
    ) -> None:
        """`done` is told once how the handshake ended, after `above` has its connection;
        a client asks for the certificate of `server_name` (RFC 6066 §3)."""
        super().__init__()
        self._above = cast(asyncio.Protocol, above)
        self._below: asyncio.Transport | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_name
        )
        self._done: Callable[[Exception | None], None] | None = done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol; the client speaks first."""
        self._below = cast(asyncio.Transport, transport)
        if self._above is NOBODY:
            self.abort()  # as was asked for before
        else:
            self._shake_hands()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        arrived = memoryview(data)
        for at in range(0, len(arrived), SLICE):
            self._incoming.write(arrived[at : at + SLICE])
            if self._done is not None:
                self._shake_hands()
            if self._done is None and not self.is_closing():
                self._read()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol; `above` hears of it only if it heard of the connection.

        What OpenSSL holds goes at once, 50 KB: others may refer to this transport in circles.
        """
        self._below = None
        del self._tls, self._incoming, self._outgoing
        if self._done is None:
            above, self._above = self._above, NOBODY
            above.connection_lost(exc)
        else:
            self._finish(exc or ConnectionResetError("closed within the handshake"))

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        if self._done is None:
            self._above.pause_writing()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        if self._done is None:
            self._above.resume_writing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See asyncio.Transport."""
        if self._below is None or self._below.is_closing():
            return
        try:
            sealed = self._seal(memoryview(data))
        except ssl.SSLError:
            self.abort()
        else:
            self._below.write(sealed)

    def _seal(self, rest: memoryview) -> bytes:
        """The records of `rest`."""
        records = []
        while rest:
            rest = rest[self._tls.write(rest[:SLICE]) :]
            records.append(self._outgoing.read())
        return b"".join(records)

    def close(self) -> None:
        """See asyncio.Transport; says good-bye, and waits for no answer (RFC 8446 §6.1)."""
        below = self._below
        if below is None or below.is_closing():
            return
        with suppress(ssl.SSLError):  # it waits for the peer's, or there was no handshake to end
            self._tls.unwrap()
        self._flush()
        below.close()

    def abort(self) -> None:
        """See asyncio.Transport; before there is a connection, that one ends as soon as it is."""
        if self._below is not None:
            self._below.abort()
        elif self._done is not None:
            self._above = NOBODY

    def is_closing(self) -> bool:
        """See asyncio.Transport."""
        return self._below is None or self._below.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See asyncio.Transport."""
        if self._below is None:
            return default
        if name in ("ssl_object", "sslcontext"):
            return self._tls if name == "ssl_object" else self._tls.context
        if name == "peercert":
            return self._tls.getpeercert()
        return self._below.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """See asyncio.Transport."""
        self._above = cast(asyncio.Protocol, protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """See asyncio.Transport."""
        return self._above

    def get_write_buffer_size(self) -> int:
        """See asyncio.Transport."""
        return 0 if self._below is None else self._below.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See asyncio.Transport."""
        if self._below is not None:
            self._below.set_write_buffer_limits(high, low)

    def is_reading(self) -> bool:
        """See asyncio.Transport."""
        return self._below is not None and self._below.is_reading()

    def pause_reading(self) -> None:
        """See asyncio.Transport; what has arrived is still handed up."""
        if self._below is not None:
            self._below.pause_reading()

    def resume_reading(self) -> None:
        """See asyncio.Transport."""
        if self._below is not None:
            self._below.resume_reading()

    def can_write_eof(self) -> bool:
        """See asyncio.Transport."""
        return False

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
        except (ssl.SSLError, ssl.CertificateError) as error:
            self._flush()  # the alert that says what we did not like
            self._finish(error)
            self._close_below()
        else:
            self._flush()
            self._above.connection_made(self)
            self._finish(None)

    def _finish(self, error: Exception | None) -> None:
        done, self._done = self._done, None
        if error is not None:
            self._above = NOBODY
        if done is not None:
            done(error)

    def _read(self) -> None:
        """Hand up what has arrived whole; the rest waits within OpenSSL."""
        above = self._above
        try:
            while self._incoming.pending or self._tls.pending():
                data = self._tls.read(RECORD)
                if not data:
                    self.close()
                    break
                above.data_received(data)
                if self.is_closing():
                    break
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError:
            self._flush()
            self._close_below()
        else:
            self._flush()

    def _flush(self) -> None:
        if self._below is not None and self._outgoing.pending:
            self._below.write(self._outgoing.read())

    def _close_below(self) -> None:
        if self._below is not None:
            self._below.close()
