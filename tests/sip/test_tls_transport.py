"""TLS between a protocol and a connection, both ends joined without sockets."""

import asyncio
import gc
import ssl
import weakref
from collections.abc import Callable
from typing import Any, cast

import pytest

from sip.transport.config import TlsConfig
from sip.transport.tls_context import client_context, server_context
from sip.transport.tls_transport import TlsTransport
from tests.sip.pki import Authority


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of the server and of the client."""
    authority = Authority(tmp_path_factory.mktemp("pki"))
    config = TlsConfig(own=authority.issue("example.com"), server_ca=authority.root)
    return server_context(config), client_context(config)


class Wire:
    """The transport below one end: keeps what is written until it is carried over."""

    def __init__(self) -> None:
        self.written = b""
        self.closing = False
        self.aborted = False
        self.reading = True

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = self.aborted = True

    def is_closing(self) -> bool:
        return self.closing

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def get_write_buffer_size(self) -> int:
        return len(self.written)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.1", 5061) if name == "peername" else default


class Above(asyncio.Protocol):
    """What a protocol was told."""

    def __init__(self) -> None:
        self.heard = b""
        self.transport: asyncio.Transport | None = None
        self.lost = 0
        self.paused = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost += 1
        self.transport = None

    def pause_writing(self) -> None:
        self.paused += 1

    def resume_writing(self) -> None:
        self.paused -= 1


class End:
    """One end of the connection."""

    def __init__(self, context: ssl.SSLContext, *, server_side: bool) -> None:
        self.above = Above()
        self.wire = Wire()
        self.ends: list[Exception | None] = []
        self.tls = TlsTransport(context, self.above, done=self.ends.append, server_side=server_side)

    def begin(self) -> None:
        self.tls.connection_made(cast(asyncio.Transport, self.wire))


class Pair:
    """A server and a client."""

    def __init__(self, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
        server, client = contexts
        self.server = End(server, server_side=True)
        self.client = End(client, server_side=False)
        self.server.begin()
        self.client.begin()

    def carry(self, cut: Callable[[bytes], list[bytes]] = lambda data: [data]) -> None:
        """Carry what was written to the other end, and back, until nothing is left."""
        while self.server.wire.written or self.client.wire.written:
            for one, other in ((self.client, self.server), (self.server, self.client)):
                data, one.wire.written = one.wire.written, b""
                for piece in cut(data):
                    if not other.wire.closing:
                        other.tls.data_received(piece)


def octets(data: bytes) -> list[bytes]:
    return [bytes((octet,)) for octet in data]


@pytest.mark.parametrize("cut", [lambda data: [data], octets], ids=["whole", "single-octets"])
def test_handshake_and_data(
    cut: Callable[[bytes], list[bytes]], contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """RFC 8446 §4, §5: however the records are cut."""
    pair = Pair(contexts)
    pair.carry(cut)
    assert pair.server.ends == pair.client.ends == [None]
    long = bytes(range(256)) * 200
    pair.client.tls.write(b"hello")
    pair.client.tls.write(memoryview(long))
    pair.server.tls.write(b"welcome")
    pair.carry(cut)
    assert pair.server.above.heard == b"hello" + long
    assert pair.client.above.heard == b"welcome"


def test_data_right_behind_the_handshake_is_not_lost(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    pair = Pair(contexts)
    while not pair.client.ends:
        data, pair.client.wire.written = pair.client.wire.written, b""
        pair.server.tls.data_received(data)
        data, pair.server.wire.written = pair.server.wire.written, b""
        pair.client.tls.data_received(data)
    pair.client.tls.write(b"at once")  # in one segment with the end of the handshake
    pair.carry()
    assert pair.server.above.heard == b"at once"


def test_good_bye_is_said_and_heard(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """RFC 8446 §6.1: without waiting for the answer."""
    pair = Pair(contexts)
    pair.carry()
    pair.client.tls.write(b"the last word")
    pair.client.tls.close()
    assert pair.client.wire.closing
    assert not pair.client.wire.aborted
    pair.carry()
    assert pair.server.above.heard == b"the last word"
    assert pair.server.wire.closing
    pair.client.tls.write(b"unheard")
    assert not pair.client.wire.written


def test_what_is_no_tls_ends_the_connection(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    pair = Pair(contexts)
    pair.server.tls.data_received(b"OPTIONS sip:example.com SIP/2.0\r\n\r\n")
    [error] = pair.server.ends
    assert isinstance(error, ssl.SSLError)
    assert pair.server.wire.closing
    pair.server.tls.connection_lost(None)
    assert pair.server.above.transport is None
    assert pair.server.above.lost == 0


def test_noise_after_the_handshake_ends_the_connection(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    pair = Pair(contexts)
    pair.carry()
    pair.server.tls.data_received(b"\x17\x03\x03\x00\x20" + b"x" * 32)
    assert pair.server.wire.closing
    pair.server.tls.connection_lost(None)
    assert pair.server.above.lost == 1
    assert pair.server.ends == [None]


def test_a_connection_lost_within_the_handshake_is_told_once(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    pair = Pair(contexts)
    pair.server.tls.connection_lost(None)
    assert [type(error) for error in pair.server.ends] == [ConnectionResetError]
    assert pair.server.above.lost == 0
    assert pair.server.tls.is_closing()


def test_it_is_a_transport_like_any_other(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    pair = Pair(contexts)
    pair.carry()
    tls, wire = pair.server.tls, pair.server.wire
    assert tls.get_extra_info("peername") == ("192.0.2.1", 5061)
    assert tls.get_extra_info("sslcontext") is contexts[0]
    assert tls.get_extra_info("ssl_object").version() == "TLSv1.3"
    assert tls.get_extra_info("nothing", 1) == 1
    assert pair.client.tls.get_extra_info("peercert")["subjectAltName"] == (("DNS", "example.com"),)
    tls.pause_reading()
    assert not tls.is_reading()
    tls.resume_reading()
    assert tls.is_reading()
    tls.pause_writing()
    assert pair.server.above.paused == 1
    tls.resume_writing()
    assert pair.server.above.paused == 0
    tls.write(b"x")
    assert tls.get_write_buffer_size() == len(wire.written) > 0
    other = Above()
    tls.set_protocol(other)
    assert tls.get_protocol() is other
    pair.client.tls.write(b"for another")
    pair.carry()
    assert other.heard == b"for another"


def test_nothing_of_a_connection_that_is_gone_waits_for_the_collector(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    """At 20 KB each, and a collector that runs rarely, it would be the most of the memory."""
    pair = Pair(contexts)
    pair.carry()
    gone = weakref.ref(pair.server.above)
    gc.disable()
    try:
        pair.server.tls.connection_lost(None)
        pair.server.above = Above()
        assert gone() is None
    finally:
        gc.enable()


def test_what_openssl_holds_goes_with_the_connection_whoever_still_refers_to_it(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    """aiohttp's WebSockets hold their transport in a circle: 50 KB of each that was ever closed."""
    pair = Pair(contexts)
    pair.carry()
    tls = pair.server.tls
    held = weakref.ref(tls.get_extra_info("ssl_object"))
    gc.disable()
    try:
        tls.connection_lost(None)
        assert held() is None
    finally:
        gc.enable()
    assert tls.get_extra_info("peercert", "nobody") == "nobody"
    tls.write(b"too late")
    tls.close()
    tls.abort()
    assert tls.is_closing()
