"""The endpoint over UDP on loopback sockets (RFC 3261 §18)."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from sip.message import Request, Response, build_request, parse_message
from sip.transport.config import BadListener, EndpointConfig, ListenAddress, advertised
from sip.transport.endpoint import Endpoint, ServerTransaction
from sip.uri import SipUri
from tests.sip.wires import request

BURST = 130
"""Datagrams: more than two wake-ups take."""
LIMIT = 5.0
"""Seconds after which a test that waits for a datagram has failed."""


def answer_200(transaction: ServerTransaction) -> None:
    transaction.respond(200)


@asynccontextmanager
async def endpoint(
    *listen: str,
    on_request: Callable[[ServerTransaction], None] = answer_200,
    advertise: str = "",
) -> AsyncIterator[Endpoint]:
    one = Endpoint(
        config=EndpointConfig(listen=listen or ("udp:127.0.0.1:0",), advertise=advertise),
        on_request=on_request,
    )
    await one.start()
    try:
        yield one
    finally:
        await one.stop()


def port_of(one: Endpoint, number: int = 0) -> int:
    return ListenAddress.parse(one.listening[number]).port


class Phone:
    """A bare UDP socket."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]

    async def send(self, data: bytes, port: int, host: str = "127.0.0.1") -> None:
        await asyncio.get_running_loop().sock_sendto(self.socket, data, (host, port))

    async def receive(self) -> bytes:
        loop = asyncio.get_running_loop()
        return await asyncio.wait_for(loop.sock_recv(self.socket, 65_535), LIMIT)

    def __enter__(self) -> "Phone":
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()


def options(phone: Phone, number: int = 1) -> bytes:
    via = f"SIP/2.0/UDP 127.0.0.1:{phone.port};rport;branch=z9hG4bK{number}"
    return request(via=via)


async def test_a_request_is_answered_where_it_came_from() -> None:
    async with endpoint() as one:
        with Phone() as phone:
            await phone.send(options(phone), port_of(one))
            answer = parse_message(await phone.receive())
    assert isinstance(answer, Response)
    assert answer.status == 200
    assert answer.via.rport == phone.port
    assert answer.via.received == "127.0.0.1"


async def test_a_burst_is_answered_to_the_last() -> None:
    """More than is taken at one wake-up."""
    async with endpoint() as one:
        with Phone() as phone:
            for number in range(BURST):
                await phone.send(options(phone, number), port_of(one))
            answers = [parse_message(await phone.receive()).via.branch for _ in range(BURST)]
    assert len(set(answers)) == BURST


async def test_without_rport_the_answer_goes_to_the_port_of_the_via() -> None:
    """RFC 3261 §18.2.2."""
    async with endpoint() as one:
        with Phone() as phone, Phone() as other:
            via = f"SIP/2.0/UDP 127.0.0.1:{other.port};branch=z9hG4bK1"
            await phone.send(request(via=via), port_of(one))
            assert (await other.receive()).startswith(b"SIP/2.0 200")


async def test_ipv6() -> None:
    async with endpoint("udp:[::1]:0") as one:
        assert one.listening[0].startswith("udp:[::1]:")
        with Phone("::1") as phone:
            via = f"SIP/2.0/UDP [::1]:{phone.port};rport;branch=z9hG4bK1"
            await phone.send(request(via=via), port_of(one), "::1")
            answer = parse_message(await phone.receive())
            flow = one.flow_now(SipUri.parse(f"sip:[::1]:{phone.port}"))
            assert flow is not None
            assert flow.via_prefix == f"SIP/2.0/UDP [::1]:{port_of(one)}"
    assert answer.via.received == "::1"


async def test_noise_and_exceptions_leave_it_answering() -> None:
    def broken(transaction: ServerTransaction) -> None:
        raise ZeroDivisionError

    async with endpoint(on_request=broken) as one:
        with Phone() as phone:
            for data in (b"", b"\r\n\r\n", b"\xff" * 2000, b"SIP/2.0 999\r\n\r\n"):
                await phone.send(data, port_of(one))
            await phone.send(options(phone), port_of(one))
            assert (await phone.receive()).startswith(b"SIP/2.0 500")


async def test_request_puts_a_via_in_and_returns_the_response() -> None:
    seen: list[Request] = []

    def busy(transaction: ServerTransaction) -> None:
        seen.append(transaction.request)
        transaction.respond(486)

    async with endpoint(on_request=busy) as server, endpoint() as client:
        headers = [("From", "<sip:a@b>;tag=1"), ("To", "<sip:c@d>"), ("Call-ID", "1")]
        sent = build_request(
            "MESSAGE",
            f"sip:c@127.0.0.1:{port_of(server)}",
            [*headers, ("CSeq", "1 MESSAGE"), ("Max-Forwards", "70")],
            b"hello",
        )
        answer = await asyncio.wait_for(client.request(sent), LIMIT)
    assert answer.status == 486
    assert seen[0].body == b"hello"
    assert seen[0].via.rport is not None


async def test_a_request_goes_to_its_first_route() -> None:
    """RFC 3261 §8.1.2."""
    async with endpoint() as server, endpoint() as client:
        headers = [("From", "<sip:a@b>;tag=1"), ("To", "<sip:c@d>"), ("Call-ID", "1")]
        route = f"<sip:127.0.0.1:{port_of(server)};lr>"
        sent = build_request(
            "MESSAGE", "sip:c@unknown.invalid", [*headers, ("Route", route), ("CSeq", "1 MESSAGE")]
        )
        assert (await asyncio.wait_for(client.request(sent), LIMIT)).status == 200


async def test_a_name_that_does_not_resolve_is_503() -> None:
    """RFC 3261 §8.1.3.1."""
    async with endpoint() as client:
        sent = build_request("MESSAGE", "sip:c@no-such-host.invalid", [("CSeq", "1 MESSAGE")])
        assert (await client.request(sent)).status == 503


async def test_flow_now_needs_a_numeric_host_and_a_transport_of_ours() -> None:
    async with endpoint() as one:
        flow = one.flow_now(SipUri.parse("sip:a@127.0.0.1:6060"))
        assert flow is not None
        assert flow.remote == ("127.0.0.1", 6060)
        assert flow.contact == f"<sip:127.0.0.1:{port_of(one)}>"
        assert one.flow_now(SipUri.parse("sip:a@127.0.0.1")) is not None
        assert one.flow_now(SipUri.parse("sip:a@example.com")) is None
        assert one.flow_now(SipUri.parse("sip:a@127.0.0.1;transport=ws")) is None
        assert one.flow_now(SipUri.parse("sips:a@127.0.0.1")) is None
        assert one.flow_now(SipUri.parse("sip:a@[::1]")) is None


async def test_the_preferred_flow_chooses_the_socket() -> None:
    async with endpoint("udp:127.0.0.1:0", "udp:127.0.0.2:0") as one:
        second = one.flow_now(SipUri.parse("sip:127.0.0.1:6060"))
        assert second is not None
        uri = SipUri.parse("sip:127.0.0.1:7070")
        ports = {port_of(one, 0), port_of(one, 1)}
        chosen = one.flow_now(uri, prefer=second)
        assert chosen is not None
        assert chosen.local == second.local
        assert chosen.local[1] in ports


async def test_a_wildcard_listener_names_the_address_that_the_peer_sees() -> None:
    async with endpoint("udp:0.0.0.0:0") as one:
        flow = one.flow_now(SipUri.parse("sip:127.0.0.1:6060"))
        assert flow is not None
        assert flow.local == ("127.0.0.1", port_of(one))


async def test_advertise_is_what_peers_are_told() -> None:
    async with endpoint(advertise="sip.example.com:5070") as one:
        flow = one.flow_now(SipUri.parse("sip:127.0.0.1:6060"))
        assert flow is not None
        assert flow.via_prefix == "SIP/2.0/UDP sip.example.com:5070"
        assert flow.contact == "<sip:sip.example.com:5070>"


@pytest.mark.parametrize(
    ("advertise", "told"),
    [
        ("", ("127.0.0.1", 5)),
        ("a.example", ("a.example", 5)),
        ("a.example:6", ("a.example", 6)),
        ("[2001:db8::1]", ("2001:db8::1", 5)),
        ("[2001:db8::1]:6", ("2001:db8::1", 6)),
        ("2001:db8::1", ("2001:db8::1", 5)),
    ],
)
def test_forms_of_advertise(advertise: str, told: tuple[str, int]) -> None:
    assert advertised(advertise, ("127.0.0.1", 5)) == told


async def test_a_port_in_use_is_an_error_that_names_it() -> None:
    async with endpoint() as one:
        taken = one.listening[0]
        with pytest.raises(BadListener, match="in use") as caught:
            async with endpoint("udp:127.0.0.1:0", taken):
                pass
        assert taken in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sctp:127.0.0.1:5060", "transport"),
        ("udp:127.0.0.1", "expected"),
        ("udp::5060", "expected"),
        ("udp:127.0.0.1:x", "expected"),
        ("udp:127.0.0.1:65536", "expected"),
        ("udp:::1:5060", "brackets"),
    ],
)
def test_listeners_that_cannot_be_read(text: str, reason: str) -> None:
    with pytest.raises(BadListener, match=reason):
        ListenAddress.parse(text)


@pytest.mark.parametrize("text", ["udp:127.0.0.1:5060", "tcp:[::1]:0"])
def test_a_listener_is_written_as_it_is_read(text: str) -> None:
    assert str(ListenAddress.parse(text)) == text


async def test_udp_and_tcp_at_port_0_share_their_port() -> None:
    async with endpoint("udp:127.0.0.1:0", "tcp:127.0.0.1:0") as one:
        assert port_of(one, 0) == port_of(one, 1) > 0
