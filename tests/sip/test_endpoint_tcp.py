"""The endpoint over TCP on loopback sockets (RFC 3261 §18, RFC 5626 §4.4.1)."""

import asyncio
from dataclasses import replace
from typing import cast

import pytest

from sip.errors import TransportError
from sip.message import Request, build_request, parse_message
from sip.transport.config import EndpointConfig
from sip.transport.endpoint import Endpoint, ServerTransaction
from sip.transport.flow import Flow
from sip.transport.stream import StreamFlow
from sip.uri import SipUri
from tests.sip.phones import LIMIT, Keeper, endpoint, options, phone, port_of
from tests.sip.wires import request, until

CONFIG = EndpointConfig(listen=("tcp:127.0.0.1:0",))


async def test_a_request_is_answered_on_its_connection() -> None:
    """RFC 3261 §18.2.2."""
    async with endpoint(CONFIG) as one, phone(one) as caller:
        caller.writer.write(options())
        answer = parse_message(await caller.message())
    assert answer.via.received == "127.0.0.1"
    assert answer.cseq.method == "OPTIONS"


async def test_requests_cut_into_single_octets() -> None:
    """RFC 3261 §18.3."""
    async with endpoint(CONFIG) as one, phone(one) as caller:
        for octet in options(1) + options(2):
            caller.writer.write(bytes((octet,)))
            await caller.writer.drain()
        branches = [parse_message(await caller.message()).via.branch for _ in range(2)]
    assert branches == ["z9hG4bK1", "z9hG4bK2"]


async def test_many_requests_in_one_segment() -> None:
    async with endpoint(CONFIG) as one, phone(one) as caller:
        caller.writer.write(b"".join(options(number) for number in range(50)))
        branches = [parse_message(await caller.message()).via.branch for _ in range(50)]
    assert branches == [f"z9hG4bK{number}" for number in range(50)]


async def test_a_ping_gets_a_pong() -> None:
    """RFC 5626 §4.4.1."""
    async with endpoint(CONFIG) as one, phone(one) as caller:
        caller.writer.write(b"\r\n\r\n")
        assert await asyncio.wait_for(caller.reader.readexactly(2), LIMIT) == b"\r\n"


async def test_a_message_without_content_length_is_refused_and_the_connection_closed() -> None:
    """RFC 3261 §18.3."""
    async with endpoint(CONFIG) as one, phone(one) as caller:
        caller.writer.write(options().replace(b"Content-Length: 0\r\n", b""))
        assert (await caller.message()).startswith(b"SIP/2.0 400")
        assert await caller.closed()


async def test_a_message_too_long_is_answered_513() -> None:
    """RFC 3261 §21.5.7: as soon as Content-Length says so; the rest is not read."""
    async with endpoint(CONFIG) as one, phone(one) as caller:
        caller.writer.write(options().replace(b"Content-Length: 0", b"Content-Length: 9999999"))
        assert (await caller.message()).startswith(b"SIP/2.0 513")
        assert await caller.closed()


async def test_what_came_before_the_break_is_answered() -> None:
    async with endpoint(CONFIG) as one, phone(one) as caller:
        caller.writer.write(options() + options(2).replace(b"Length: 0", b"Length: -1"))
        assert (await caller.message()).startswith(b"SIP/2.0 200")
        assert (await caller.message()).startswith(b"SIP/2.0 400")
        assert await caller.closed()


async def test_too_many_connections_from_one_source_are_closed() -> None:
    config = replace(CONFIG, max_connections_per_source=1)
    async with endpoint(config) as one, phone(one) as first:
        first.writer.write(options())
        await first.message()
        async with phone(one) as second:
            assert await second.closed()
        assert one.connections == 1


async def test_too_many_connections_in_all_are_closed() -> None:
    async with endpoint(replace(CONFIG, max_connections=0)) as one, phone(one) as caller:
        assert await caller.closed()


async def test_a_place_is_free_again_when_a_connection_ends() -> None:
    config = replace(CONFIG, max_connections=1)
    async with endpoint(config) as one:
        for _ in range(3):
            async with phone(one) as caller:
                caller.writer.write(options())
                await caller.message()
            await until(lambda: not one.connections)


@pytest.mark.parametrize(
    ("idle", "half"),
    [pytest.param(0.0, 60.0, id="idle"), pytest.param(60.0, 0.0, id="half-a-message")],
)
async def test_stale_connections_are_closed(idle: float, half: float) -> None:
    config = replace(CONFIG, idle_timeout=idle, message_timeout=half, sweep_interval=0.0)
    async with endpoint(config) as one, phone(one) as caller:
        caller.writer.write(options()[:50])
        assert await caller.closed()


@pytest.mark.parametrize("tail", [b"\r\n", b"\r", b"\r\n\r"])
async def test_line_breaks_between_messages_begin_none(tail: bytes) -> None:
    """RFC 3261 §7.5, RFC 5626 §3.5.1: a pong, or a body one line longer than it says."""
    flows: list[StreamFlow] = []

    def answer(transaction: ServerTransaction) -> None:
        flows.append(cast(StreamFlow, transaction.flow))
        transaction.respond(200)

    def would_be_closed() -> bool:
        return flows[0].is_stale(flows[0].heard_at + CONFIG.message_timeout + 1)

    async with endpoint(CONFIG, answer) as one, phone(one) as caller:
        await caller.ask(options() + tail)
        assert not would_be_closed()
        caller.writer.write(b"\r\n\r\n"[len(tail) :])
        assert await asyncio.wait_for(caller.reader.readexactly(2), LIMIT) == b"\r\n"
        assert not would_be_closed()
        caller.writer.write(tail + b"O")
        await until(would_be_closed)


async def test_a_whole_message_is_not_half_a_message() -> None:
    config = replace(CONFIG, message_timeout=0.0, sweep_interval=0.0)
    async with endpoint(config) as one, phone(one) as caller:
        for number in range(3):
            caller.writer.write(options(number))
            await caller.message()
            await asyncio.sleep(0)
        assert one.connections == 1


async def test_a_peer_that_does_not_read_loses_its_connection() -> None:
    flows: list[Flow] = []

    def keep(transaction: ServerTransaction) -> None:
        flows.append(transaction.flow)
        transaction.respond(200)

    config = replace(CONFIG, write_queue_limit=1000)
    async with endpoint(config, keep) as one, phone(one) as caller:
        caller.writer.write(options())
        await caller.message()
        with pytest.raises(TransportError, match="slowly"):
            flood(flows[0])
        assert flows[0].closed
        with pytest.raises(TransportError, match="closed"):
            flows[0].send(b"x")


def flood(flow: Flow) -> None:
    """Send more than any socket buffer holds."""
    for _ in range(1000):
        flow.send(b"x" * 65_536)


async def test_a_request_to_a_connected_peer_uses_its_connection() -> None:
    """RFC 5923 §5, in spirit: the connection is found by its remote address."""
    async with endpoint(CONFIG) as one, phone(one) as caller:
        caller.writer.write(options())
        await caller.message()
        uri = SipUri.parse(f"sip:a@127.0.0.1:{caller.port};transport=tcp")
        flow = one.flow_now(uri)
        assert flow is not None
        assert await one.flow_to(uri) is flow
        flow.send(options(2))
        assert (await caller.message()).startswith(b"OPTIONS")
        assert flow.contact == f"<sip:127.0.0.1:{port_of(one)};transport=tcp>"


async def test_a_connection_does_not_serve_for_another_port_of_its_host() -> None:
    """RFC 3261 §18.1.1: another port is another peer, be it behind the same translator."""
    async with endpoint(CONFIG) as one, phone(one) as caller:
        caller.writer.write(options())
        await caller.message()
        prefer = one.flow_now(SipUri.parse(f"sip:a@127.0.0.1:{caller.port};transport=tcp"))
        elsewhere = SipUri.parse("sip:a@127.0.0.1:6060;transport=tcp")
        assert one.flow_now(elsewhere, prefer=prefer) is None


async def test_all_who_want_a_connection_share_it() -> None:
    async with endpoint(CONFIG) as server, endpoint(CONFIG) as client:
        uri = SipUri.parse(f"sip:127.0.0.1:{port_of(server)};transport=tcp")
        flows = await asyncio.gather(*(client.flow_to(uri) for _ in range(5)))
        assert len(set(map(id, flows))) == 1
        assert client.connections == 1


async def test_a_connection_that_is_refused_is_an_error_that_says_so() -> None:
    async with endpoint(CONFIG) as client:
        async with endpoint(CONFIG) as server:
            uri = SipUri.parse(f"sip:127.0.0.1:{port_of(server)};transport=tcp")
        with pytest.raises(TransportError, match=r"127\.0\.0\.1"):
            await client.flow_to(uri)


def publish(port: int, *, size: int, parameter: str = "") -> Request:
    headers = [("From", "<sip:a@b>;tag=1"), ("To", "<sip:c@d>"), ("Call-ID", "1")]
    uri = f"sip:c@127.0.0.1:{port}{parameter}"
    return build_request("PUBLISH", uri, [*headers, ("CSeq", "1 PUBLISH")], b"x" * size)


@pytest.mark.parametrize(
    ("listen", "size", "parameter", "transport"),
    [
        pytest.param(("udp", "tcp"), 100, "", "UDP", id="small"),
        pytest.param(("udp", "tcp"), 2000, "", "TCP", id="large"),
        pytest.param(("udp", "tcp"), 2000, ";transport=udp", "UDP", id="large-but-udp-asked-for"),
        pytest.param(("udp",), 2000, "", "UDP", id="large-but-no-tcp-there"),
    ],
)
async def test_large_requests_go_by_tcp(
    listen: tuple[str, ...], size: int, parameter: str, transport: str
) -> None:
    """RFC 3261 §18.1.1."""
    seen: list[str] = []

    def keep(transaction: ServerTransaction) -> None:
        seen.append(transaction.request.via.transport)
        transaction.respond(200)

    config = EndpointConfig(listen=[f"{name}:127.0.0.1:0" for name in listen])
    async with endpoint(config, keep) as server, endpoint(EndpointConfig()) as client:
        sent = publish(port_of(server), size=size, parameter=parameter)
        response = await asyncio.wait_for(client.request(sent), LIMIT)
    assert response.status == 200
    assert seen == [transport]


async def test_an_answer_whose_connection_is_gone_goes_over_a_new_one() -> None:
    """RFC 3261 §18.2.2: to the address it came from, at the port of the Via."""
    arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    held: list[ServerTransaction] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set_result(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with endpoint(CONFIG, on_request=held.append) as one:
        async with phone(one) as caller:
            caller.writer.write(request(via=f"SIP/2.0/TCP 127.0.0.1:{port};branch=z9hG4bK1"))
            await until(lambda: held)
        await until(lambda: not one.connections)
        held[0].respond(200)
        assert (await asyncio.wait_for(arrived, LIMIT)).startswith(b"SIP/2.0 200")
    listener.close()


async def test_a_request_on_a_connection_that_breaks_is_503() -> None:
    """RFC 3261 §8.1.3.1, without waiting for timer F."""
    flows: list[Flow] = []
    silent = endpoint(CONFIG, on_request=lambda one: flows.append(one.flow))
    async with silent as server, endpoint(CONFIG) as client:
        sent = publish(port_of(server), size=10, parameter=";transport=tcp")
        waiting = asyncio.create_task(client.request(sent))
        await until(lambda: flows)
        await server.stop()
        assert (await asyncio.wait_for(waiting, LIMIT)).status == 503


async def test_a_connection_that_is_gone_is_told_but_not_when_we_stop() -> None:
    """RFC 5626 §5.3.1: so that its bindings are removed."""
    gone: list[Flow] = []
    keeper = Keeper()
    async with endpoint(CONFIG, keeper, on_flow_closed=gone.append) as one:
        async with phone(one) as caller:
            await caller.ask(options())
            [flow] = keeper.flows
            assert one.flow_named(flow.name) is flow
        await until(lambda: gone)
        assert gone == [flow]
        assert one.flow_named(flow.name) is None
        async with phone(one) as caller:
            await caller.ask(options())
            await one.stop()
            assert await caller.closed()
    assert gone == [flow]


async def broken_call(one: Endpoint, port: int) -> int:
    """A request from `port` on a connection that is then reset; the port, 0 being any."""
    async with phone(one, source="127.0.0.1", port=port) as caller:
        await caller.ask(options())
        assert one.connections == 1
        caller.reset()
        await until(lambda: one.connections == 0)
        return caller.port


async def test_the_name_of_a_connection_never_comes_back() -> None:
    """RFC 5626 §5.3.1: another one from the same port, and that of another life, are others."""
    names: list[str] = []
    port = 0
    for _ in range(2):
        keeper = Keeper()
        async with endpoint(CONFIG, keeper) as one:
            for _ in range(2):
                port = await broken_call(one, port)
                assert not any(one.flow_named(name) for name in names)
        names += [flow.name for flow in keeper.flows]
    assert len({name.partition("#")[0] for name in names}) == 1
    assert len(set(names)) == 4


@pytest.mark.parametrize("name", ["", "tcp", "tcp:x", "tcp:127.0.0.1:1", "udp:127.0.0.1:1>x", ">"])
async def test_names_of_no_flow_of_ours(name: str) -> None:
    async with endpoint(CONFIG) as one:
        assert one.flow_named(name) is None


async def test_a_udp_flow_is_found_by_its_name() -> None:
    async with endpoint(EndpointConfig(listen=("udp:127.0.0.1:0", "udp:[::1]:0"))) as one:
        for host in ("127.0.0.1", "[::1]"):
            flow = one.flow_now(SipUri.parse(f"sip:{host}:4711"))
            assert flow is not None
            assert flow.name.endswith(f">{host}:4711")
            assert one.flow_named(flow.name) is flow
