"""STUN among SIP on one socket (RFC 5626 §8, §4.4.2)."""

import socket
import struct

import pytest

from sip.transport.config import EndpointConfig
from sip.transport.endpoint import Endpoint
from sip.transport.source_limits import SourceLimits
from tests.sip.wires import FakeFlow, FakeTimers, Stack, request, until

BINDING = struct.pack("!HHI", 1, 0, 0x2112A442) + b"transaction!"


def test_a_binding_request_is_answered_on_its_flow() -> None:
    """RFC 5626 §8: with the XOR-MAPPED-ADDRESS."""
    stack, flow = Stack(), FakeFlow()
    stack.layer.receive(BINDING, flow)
    [answer] = flow.sent
    assert answer[:2] == b"\x01\x01"
    assert answer[8:20] == b"transaction!"
    assert stack.requests == []


def test_streams_have_no_stun() -> None:
    """RFC 5626 §4.4.2: it must not be used on connections."""
    stack, flow = Stack(), FakeFlow(transport="TCP")
    stack.layer.receive(BINDING, flow)
    assert flow.sent == []


@pytest.mark.parametrize(
    "data",
    [b"\0", b"\0\0\0\0", BINDING[:12], BINDING + b"x", b"\0" + request(), BINDING + request()],
)
def test_what_is_neither_stun_nor_sip_is_dropped(data: bytes) -> None:
    """RFC 5389 §7.3: in silence; some phones send zeros to keep a mapping."""
    stack, flow = Stack(), FakeFlow()
    stack.layer.receive(data, flow)
    assert flow.sent == []
    assert stack.requests == []
    assert stack.errors == []


def test_stun_counts_against_the_limit_of_its_source() -> None:
    timers, flow = FakeTimers(), FakeFlow()
    limits = SourceLimits(1, 3, now=timers.now, exempt=lambda address: False)
    stack = Stack(timers, limits=limits)
    for _ in range(100):
        stack.layer.receive(BINDING, flow)
    assert len(flow.sent) == 3


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
async def test_both_on_one_socket(host: str) -> None:
    """RFC 5626 §8: the STUN server is on the interface and port of SIP."""
    endpoint = Endpoint(
        config=EndpointConfig(listen=[f"udp:{host}:0"]),
        on_request=lambda transaction: transaction.respond(200),
    )
    await endpoint.start()
    port = int(endpoint.listening[0].rpartition(":")[2])
    family = socket.AF_INET6 if "[" in host else socket.AF_INET
    answers = []
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.connect((host.strip("[]"), port))
        client.send(BINDING)
        client.send(request(via="SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK1"))

        def answered() -> bool:
            try:
                answers.append(client.recv(4096))
            except BlockingIOError:
                return False
            return len(answers) == 2

        await until(answered)
        ours: int = client.getsockname()[1]
    await endpoint.stop()
    assert struct.unpack("!H", answers[0][26:28])[0] ^ 0x2112 == ours
    assert answers[1].startswith(b"SIP/2.0 200 ")
