"""The endpoint over WebSocket, with a client of another make on loopback sockets (RFC 7118)."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, cast

import aiohttp
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError, web

from sip.errors import TransportError
from sip.message import Request, build_request, parse_message
from sip.transport.config import EndpointConfig, ListenAddress, TlsConfig
from sip.transport.endpoint import Endpoint, ServerTransaction
from sip.transport.flow import Flow
from sip.transport.websocket import WebSocketFlow
from sip.uri import SipUri
from sip.websocket import PROTOCOL_ERROR, Opcode, frame
from tests.sip.pki import Authority
from tests.sip.wires import request, until

LIMIT: Final = 5.0
"""Seconds after which a test that waits has failed."""
CONFIG: Final = EndpointConfig(listen=("ws:127.0.0.1:0",))
VIA: Final = "SIP/2.0/WS df7jal23ls0d.invalid;rport;branch=z9hG4bK1"
UPGRADE: Final = (
    b"GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


class Server:
    """An endpoint, the requests it was given and the flows that were closed."""

    def __init__(self, config: EndpointConfig) -> None:
        self.requests: list[ServerTransaction] = []
        self.closed: list[Flow] = []
        self.answer: Callable[[ServerTransaction], None] = lambda one: one.respond(200)
        self.endpoint = Endpoint(
            config=config, on_request=self._on_request, on_flow_closed=self._on_flow_closed
        )
        self._gone = asyncio.Event()

    def _on_flow_closed(self, flow: Flow) -> None:
        self.closed.append(flow)
        self._gone.set()

    async def gone(self) -> list[Flow]:
        """The flows that were closed, once there is one."""
        await asyncio.wait_for(self._gone.wait(), LIMIT)
        return self.closed

    def _on_request(self, transaction: ServerTransaction) -> None:
        self.requests.append(transaction)
        self.answer(transaction)

    @property
    def port(self) -> int:
        return ListenAddress.parse(self.endpoint.listening[0]).port

    @property
    def flow(self) -> Flow:
        """That of the request received last."""
        return self.requests[-1].flow


@asynccontextmanager
async def serving(config: EndpointConfig = CONFIG, **changes: Any) -> AsyncIterator[Server]:
    server = Server(replace(config, **changes))
    await server.endpoint.start()
    try:
        yield server
    finally:
        await server.endpoint.stop()


@asynccontextmanager
async def page(
    server: Server, scheme: str = "ws", **options: Any
) -> AsyncIterator[ClientWebSocketResponse]:
    """A client's WebSocket."""
    options = {"protocols": ("sip",), **options}
    async with aiohttp.ClientSession() as session:
        url = f"{scheme}://127.0.0.1:{server.port}/"
        async with session.ws_connect(url, **options) as socket:
            yield socket


async def text(socket: ClientWebSocketResponse) -> str:
    return await socket.receive_str(timeout=LIMIT)


async def register(server: Server, socket: ClientWebSocketResponse) -> Flow:
    """Send a request, take its answer; the flow it came by."""
    await socket.send_str(request("REGISTER", via=VIA).decode())
    assert (await text(socket)).startswith("SIP/2.0 200 ")
    return server.flow


async def test_a_request_is_answered_on_its_connection() -> None:
    """RFC 7118 §5, §5.1: whatever its Via says; clients have no address to speak of."""
    async with serving() as server, page(server) as socket:
        assert socket.protocol == "sip"
        await socket.send_str(request("REGISTER", via=VIA).decode())
        answer = await text(socket)
    assert answer.startswith("SIP/2.0 200 OK\r\n")
    assert "SIP/2.0/WS df7jal23ls0d.invalid" in answer


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
async def test_text_and_binary_are_accepted(binary: bool) -> None:
    """RFC 7118 §4.2."""
    message = request(via=VIA)
    async with serving() as server, page(server) as socket:
        if binary:
            await socket.send_bytes(message)
        else:
            await socket.send_str(message.decode())
        assert (await text(socket)).startswith("SIP/2.0 200 ")


async def test_a_message_needs_no_content_length() -> None:
    """RFC 7118 §5: the WebSocket message is the frame of the SIP message."""
    message = request(via=VIA, headers="Content-Type: text/plain\r\n").decode()
    message = message.replace("Content-Length: 0\r\n", "") + "hello"
    async with serving() as server, page(server) as socket:
        await socket.send_str(message)
        await text(socket)
        assert server.requests[0].request.body == b"hello"


async def test_a_message_in_fragments_is_one() -> None:
    """RFC 7118 §3: however the stack cuts it into frames."""
    whole = request(via=VIA)
    async with serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(UPGRADE)
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT)
        for opcode, part in ((0x01, whole[:50]), (0x00, whole[50:100]), (0x80, whole[100:])):
            writer.write(masked(opcode, part))
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT)
        writer.close()
    assert b"SIP/2.0 200 OK" in answer


async def test_what_we_send_is_text_or_binary_as_it_must() -> None:
    """RFC 7118 §4.2: a message that is not UTF-8 throughout goes as binary."""
    async with serving() as server, page(server) as socket:
        flow = await register(server, socket)
        flow.send("MESSAGE ž".encode())
        flow.send(b"MESSAGE \xff")
        assert await text(socket) == "MESSAGE ž"
        assert await socket.receive_bytes(timeout=LIMIT) == b"MESSAGE \xff"


async def test_a_flow_tells_who_it_is() -> None:
    """RFC 7118 §5.1, §5.2: WS in a Via, ws in a URI."""
    async with serving() as server, page(server) as socket:
        flow = await register(server, socket)
        assert (flow.transport, flow.reliable, flow.secure) == ("WS", True, False)
        assert flow.name.partition("#")[0] == f"ws:127.0.0.1:{flow.remote[1]}"
        assert flow.local == ("127.0.0.1", server.port)
        assert flow.via_prefix == f"SIP/2.0/WS 127.0.0.1:{server.port}"
        assert flow.contact == f"<sip:127.0.0.1:{server.port};transport=ws>"


@pytest.mark.parametrize("users", [(), ("sip:alice@example.com",)], ids=["anybody", "certificate"])
async def test_a_secure_flow_tells_who_it_is(authority: Authority, users: tuple[str, ...]) -> None:
    """RFC 7118 §5.1, §5.2: WSS in a Via, and ws in a URI all the same."""
    tls = TlsConfig(own=authority.issue("example.com"), client_ca=authority.root)
    shown = authority.issue(*users) if users else None
    async with (
        serving(listen=("wss:127.0.0.1:0",), tls=tls) as server,
        page(server, "wss", ssl=authority.client(shown)) as socket,
    ):
        flow = await register(server, socket)
        assert (flow.transport, flow.reliable, flow.secure) == ("WSS", True, True)
        assert flow.name.partition("#")[0] == f"wss:127.0.0.1:{flow.remote[1]}"
        assert flow.via_prefix == f"SIP/2.0/WSS 127.0.0.1:{server.port}"
        assert flow.contact == f"<sip:127.0.0.1:{server.port};transport=ws>"
        assert (flow.certificate.users if flow.certificate else ()) == users
        assert server.endpoint.flow_named(flow.name) is flow
        uri = SipUri.parse(f"sip:alice@127.0.0.1:{flow.remote[1]};transport=ws")
        assert await server.endpoint.flow_to(uri) is flow


async def test_a_handshake_of_tls_that_never_ends_is_closed(authority: Authority) -> None:
    """Neither it nor the others hold up service."""
    tls = TlsConfig(own=authority.issue("example.com"))
    async with serving(listen=("wss:127.0.0.1:0",), tls=tls, handshake_timeout=0.2) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"\x16\x03\x01")
        await closed_by_peer(reader)
        async with page(server, "wss", ssl=authority.client()) as socket:
            assert await register(server, socket)
        writer.close()


async def test_requests_reach_a_client_over_its_own_connection() -> None:
    """RFC 7118 §5, RFC 5626 §5.3: a flow is found by its name and by its address."""
    async with serving() as server, page(server) as socket:
        flow = await register(server, socket)
        assert server.endpoint.flow_named(flow.name) is flow
        uri = SipUri.parse(f"sip:alice@127.0.0.1:{flow.remote[1]};transport=ws")
        assert await server.endpoint.flow_to(uri) is flow
        outcome = asyncio.create_task(server.endpoint.request(a_request(), flow=flow))
        received = parse_message((await text(socket)).encode())
        assert isinstance(received, Request)
        assert received.via.transport == "WS"
        await socket.send_str(
            "SIP/2.0 200 OK\r\n"
            + "".join(
                f"{name}: {received.get(name)}\r\n"
                for name in ("via", "from", "to", "call-id", "cseq")
            )
            + "\r\n"
        )
        assert (await asyncio.wait_for(outcome, LIMIT)).status == 200


async def test_a_client_that_is_gone_cannot_be_reached() -> None:
    """RFC 7118 §5: nobody connects to a WebSocket client, so this fails at once."""
    async with serving() as server:
        async with page(server) as socket:
            flow = await register(server, socket)
        assert await server.gone() == [flow]
        assert server.endpoint.flow_named(flow.name) is None
        uri = SipUri.parse(f"sip:alice@127.0.0.1:{flow.remote[1]};transport=ws")
        with pytest.raises(TransportError):
            await server.endpoint.flow_to(uri)
        with pytest.raises(TransportError):
            flow.send(b"x")


async def test_an_answer_to_a_client_that_is_gone_opens_no_connection() -> None:
    """RFC 7118 §5.3: responses go over the connection that exists, or nowhere."""
    failed: list[str] = []
    async with serving() as server:
        server.answer = lambda transaction: None
        async with page(server) as socket:
            await socket.send_str(request("INVITE", via=VIA).decode())
            await until(lambda: server.requests)
        [transaction] = server.requests
        await until(lambda: transaction.flow.closed)
        transaction.on_failure = lambda: failed.append("told")
        transaction.respond(200)
    assert failed == ["told"]


@pytest.mark.parametrize(
    ("sent", "answered"),
    [("\r\n\r\n", "\r\n"), ("\r\n", None), ("", None), ("\r\n\r\n\r\n", None)],
)
async def test_line_breaks_keep_alive(sent: str, answered: str | None) -> None:
    """RFC 7118 §6, RFC 5626 §3.5.1: a ping has its pong, all else is passed over."""
    async with serving() as server, page(server) as socket:
        await socket.send_str(sent)
        await socket.send_str(request(via=VIA).decode())
        first = await text(socket)
        assert (first if first == "\r\n" else None) == answered


async def test_ping_frames_are_answered() -> None:
    """RFC 6455 §5.5.2."""
    async with serving() as server, page(server, autoping=False) as socket:
        await socket.ping(b"are you there")
        message = await socket.receive(timeout=LIMIT)
    assert (message.type, message.data) == (WSMsgType.PONG, b"are you there")


async def test_a_client_that_answers_no_ping_is_dead() -> None:
    """RFC 7118 §6: its flow is closed and told as closed."""
    async with (
        serving(websocket_ping=0.05) as server,
        page(server, autoping=False) as socket,
    ):
        flow = await register(server, socket)
        assert (await socket.receive(timeout=LIMIT)).type is WSMsgType.PING
        assert await server.gone() == [flow]


async def test_a_client_that_answers_pings_stays() -> None:
    """RFC 7118 §6."""
    async with serving(websocket_ping=0.05) as server, page(server, autoping=False) as socket:
        flow = await register(server, socket)
        for _ in range(5):
            assert (await socket.receive(timeout=LIMIT)).type is WSMsgType.PING
            await socket.pong()
        assert not flow.closed


@pytest.mark.parametrize(
    ("options", "status"),
    [
        pytest.param({"protocols": ()}, 400, id="no-subprotocol"),
        pytest.param({"protocols": ("xmpp",)}, 400, id="other-subprotocol"),
        pytest.param({"origin": "https://evil.example"}, 403, id="other-origin"),
        pytest.param({"headers": {"Sec-WebSocket-Version": "8"}}, 426, id="other-version"),
    ],
)
async def test_handshakes_that_fail(options: dict[str, Any], status: int) -> None:
    """RFC 7118 §4.1, RFC 6455 §4.2.2, §10.2."""
    origins = frozenset({"https://phone.example.com"})
    async with serving(websocket_origins=origins) as server:
        with pytest.raises(WSServerHandshakeError) as caught:
            async with page(server, **options):
                pass
        assert caught.value.status == status
        assert server.endpoint.connections == 0


async def test_a_page_of_a_listed_origin_is_let_in() -> None:
    """RFC 6455 §10.2."""
    origins = frozenset({"https://phone.example.com"})
    async with (
        serving(websocket_origins=origins) as server,
        page(server, origin="https://phone.example.com") as socket,
    ):
        assert await register(server, socket)


async def test_plain_http_is_told_to_upgrade() -> None:
    """RFC 9110 §15.5.22: 426 with the protocol to upgrade to."""
    async with serving() as server, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{server.port}/any"
        async with session.get(url) as response:
            assert response.status == 426
            assert response.headers["Upgrade"] == "websocket"


@pytest.mark.parametrize(
    "rubbish", [b"\x16\x03\x01\x00\xa5\x01\x00", request(), b"\0" * 100, b"GET / HTTP/9\r\n\r\n"]
)
async def test_rubbish_is_closed(rubbish: bytes) -> None:
    """RFC 6455 §4.2.1: what is no handshake ends the connection."""
    async with serving(handshake_timeout=0.1) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(rubbish)
        await closed_by_peer(reader)
        writer.close()


@pytest.mark.parametrize("hasty", [False, True])
async def test_a_frame_without_a_mask_ends_the_connection(hasty: bool) -> None:
    """RFC 6455 §5.1, §7.4.1: 1002, and nothing is taken from it; hasty clients do not wait."""
    unmasked = frame(Opcode.TEXT, request(via=VIA))
    async with serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(UPGRADE + unmasked if hasty else UPGRADE)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        if not hasty:
            writer.write(unmasked)
        answer = await asyncio.wait_for(reader.read(), LIMIT)
        assert answer == frame(Opcode.CLOSE, PROTOCOL_ERROR.to_bytes(2, "big"))
        assert not server.requests
        await until(lambda: not server.endpoint.connections)
        writer.close()


def sockets_kept() -> int:
    return sum(type(each) is web.WebSocketResponse for each in gc.get_objects())


@pytest.mark.parametrize("politely", [True, False])
async def test_nothing_of_a_closed_socket_waits_for_the_collector(politely: bool) -> None:
    """A server lets it run rarely, and browsers come and go by the hundred thousand."""
    async with serving() as server:
        gc.collect()
        before = sockets_kept()
        gc.disable()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(UPGRADE + masked(0x81, request(via=VIA)))
            await until(lambda: server.requests)
            server.requests.clear()
            assert sockets_kept() == before + 1
            if politely:
                writer.write(masked(0x88, b""))
                await closed_by_peer(reader)
            writer.close()
            await server.gone()
            server.closed.clear()
            for _ in range(1_000):
                await asyncio.sleep(0)
            assert sockets_kept() == before
        finally:
            gc.enable()


async def test_slow_handshakes_are_closed() -> None:
    """Half an upgrade request is not waited for."""
    async with serving(handshake_timeout=0.1) as server:
        silent, _one = await asyncio.open_connection("127.0.0.1", server.port)
        half, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(UPGRADE[:-4])
        await closed_by_peer(silent)
        await closed_by_peer(half)


async def test_a_message_too_long_ends_the_connection() -> None:
    """RFC 6455 §7.4.1: with 1009."""
    async with serving(max_message=1000) as server, page(server) as socket:
        flow = await register(server, socket)
        await socket.send_str("x" * 1001)
        assert (await socket.receive(timeout=LIMIT)).data == 1009
        await until(lambda: flow.closed)


async def test_a_text_message_that_is_no_utf_8_ends_the_connection() -> None:
    """RFC 6455 §8.1: with 1007."""
    async with serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(UPGRADE)
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT)
        writer.write(masked(0x81, b"\xff\xff"))
        assert await asyncio.wait_for(reader.readexactly(4), LIMIT) == b"\x88\x02\x03\xef"
        writer.close()


async def test_a_message_that_never_ends_is_not_waited_for() -> None:
    """As on every connection: begun, it must be whole within a time."""
    async with serving(message_timeout=0.1, sweep_interval=0.05) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(UPGRADE)
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT)
        writer.write(masked(0x01, request(via=VIA)[:20]))
        await closed_by_peer(reader)


async def test_an_idle_client_is_closed() -> None:
    """As on every connection, when nothing at all is heard."""
    async with serving(idle_timeout=0.1, sweep_interval=0.05) as server, page(server) as socket:
        flow = await register(server, socket)
        assert await server.gone() == [flow]


async def test_a_client_that_stopped_reading_is_not_waited_for() -> None:
    """RFC 3261 §26.1.5: as long as it may take for a message, and no longer."""
    async with serving() as server, page(server) as socket:
        flow = cast(WebSocketFlow, await register(server, socket))
        limit = CONFIG.message_timeout
        flow._connection.pause_writing()
        assert not flow.is_stale(flow.heard_at + limit / 2)
        assert flow.is_stale(flow.heard_at + 2 * limit)
        flow._connection.resume_writing()
        assert not flow.is_stale(flow.heard_at + 2 * limit)


async def test_a_client_that_does_not_read_is_closed() -> None:
    """Whatever waits for one client must not fill our memory."""
    async with serving(write_queue_limit=100_000) as server:
        _reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1000)
        writer.write(UPGRADE + masked(0x81, request(via=VIA)))
        await until(lambda: server.requests)
        flow = server.flow
        for _ in range(10_000):
            if flow.closed:
                break
            try:
                flow.send(b"x" * 10_000)
            except TransportError:
                break
        assert flow.closed
        assert await server.gone() == [flow]
        writer.close()


async def test_a_source_over_its_limit_is_told_and_closed() -> None:
    """RFC 3261 §21.5.4: 503, then the connection ends."""
    async with serving(source_rate=1.0, source_burst=2) as server, page(server) as socket:
        for number in range(3):
            via = VIA.replace("bK1", f"bK{number}")
            await socket.send_str(request(via=via).decode())
        answers = [(await text(socket))[:11] for _ in range(3)]
        assert answers == ["SIP/2.0 200", "SIP/2.0 200", "SIP/2.0 503"]
        assert (await socket.receive(timeout=LIMIT)).data == 1001


@pytest.mark.parametrize("frames", [False, True], ids=["line-breaks", "frames"])
async def test_a_flood_of_pings_is_one_as_well(frames: bool) -> None:
    """They are counted as requests are, else they would be the way to keep us busy."""
    async with (
        serving(source_rate=1.0, source_burst=3) as server,
        page(server, autoping=False) as socket,
    ):
        for _ in range(4):
            await (socket.ping() if frames else socket.send_str("\r\n\r\n"))
        kinds = [(await socket.receive(timeout=LIMIT)).type for _ in range(4)]
        assert kinds == [WSMsgType.PONG if frames else WSMsgType.TEXT] * 3 + [WSMsgType.CLOSE]


async def test_stopping_tells_the_clients() -> None:
    """RFC 6455 §7.4.1: 1001, going away."""
    server = Server(CONFIG)
    await server.endpoint.start()
    async with page(server) as socket:
        await register(server, socket)
        await server.endpoint.stop()
        assert (await socket.receive(timeout=LIMIT)).data == 1001


@pytest.mark.parametrize("sent", [b"", UPGRADE[:-4]], ids=["nothing", "half-a-handshake"])
async def test_stopping_ends_what_is_no_flow_yet(sent: bytes) -> None:
    """No handshake is waited for."""
    server = Server(CONFIG)
    await server.endpoint.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)
    async with page(server) as socket:
        await register(server, socket)
    await server.endpoint.stop()
    await closed_by_peer(reader)
    writer.close()


def masked(first: int, payload: bytes) -> bytes:
    """A client's frame with a mask of zeros, which changes nothing (RFC 6455 §5.3)."""
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes((first,)) + length + bytes(4) + payload


async def closed_by_peer(reader: asyncio.StreamReader) -> None:
    """Wait until the other side has closed."""
    try:
        await asyncio.wait_for(reader.read(), LIMIT)
    except ConnectionError:
        return


def a_request() -> Request:
    return build_request(
        "MESSAGE",
        "sip:alice@df7jal23ls0d.invalid;transport=ws",
        [
            ("Max-Forwards", "70"),
            ("From", "<sip:bob@example.com>;tag=b"),
            ("To", "<sip:alice@example.com>"),
            ("Call-ID", "m1"),
            ("CSeq", "1 MESSAGE"),
        ],
    )
