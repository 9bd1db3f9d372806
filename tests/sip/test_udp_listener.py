"""RFC 3261 §18.1.1, §18.4: what leaves a UDP socket, when, and what is told when it cannot."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from sip.errors import TransportError
from sip.transport.config import EndpointConfig, ListenAddress
from sip.transport.udp import GATHERED, MAX_PAYLOAD, UdpFlow, UdpListener

NOWHERE = ("255.255.255.255", 9)
"""A broadcast address, which the system refuses to a socket that did not ask for it."""


@pytest.fixture
async def listener() -> AsyncIterator[UdpListener]:
    config = EndpointConfig(listen=("udp:127.0.0.1:0",), worker_id="w")
    address = ListenAddress("udp", "127.0.0.1", 0)
    one = UdpListener(address, config, receive=lambda data, flow: None)
    yield one
    one.close()


@pytest.fixture
def peer() -> "socket.socket":
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


def flow_to(listener: UdpListener, peer: socket.socket) -> UdpFlow:
    return listener.flow(peer.getsockname())


def received(peer: socket.socket) -> list[bytes]:
    messages = []
    while True:
        try:
            messages.append(peer.recv(65_535))
        except BlockingIOError:
            return messages


async def test_what_a_turn_sends_goes_out_in_order_at_its_end(
    listener: UdpListener, peer: socket.socket
) -> None:
    flow = flow_to(listener, peer)
    for text in (b"one", b"two", b"three"):
        flow.send(text)
    assert received(peer) == []
    await asyncio.sleep(0)
    assert received(peer) == [b"one", b"two", b"three"]


async def test_a_full_hand_does_not_wait_for_the_end_of_the_turn(
    listener: UdpListener, peer: socket.socket
) -> None:
    flow = flow_to(listener, peer)
    for number in range(GATHERED):
        flow.send(b"%d" % number)
    assert received(peer) == [b"%d" % number for number in range(GATHERED)]


async def test_what_was_gathered_leaves_before_the_socket_closes(
    listener: UdpListener, peer: socket.socket
) -> None:
    flow_to(listener, peer).send(b"200 OK")
    listener.close()
    assert received(peer) == [b"200 OK"]


async def test_a_network_that_refuses_is_told_when_the_message_is_sent_again(
    listener: UdpListener,
) -> None:
    flow = listener.flow(NOWHERE)
    flow.send(b"one")
    await asyncio.sleep(0)
    with pytest.raises(TransportError, match=r"255\.255\.255\.255:9"):
        flow.send(b"one")
    flow.send(b"told once, then tried again")


async def test_one_refused_datagram_stops_no_other(
    listener: UdpListener, peer: socket.socket
) -> None:
    listener.flow(NOWHERE).send(b"lost")
    flow_to(listener, peer).send(b"not lost")
    await asyncio.sleep(0)
    assert received(peer) == [b"not lost"]


@pytest.mark.parametrize("size", [MAX_PAYLOAD + 1, 100_000])
async def test_what_no_datagram_can_hold_is_refused_at_once(
    listener: UdpListener, peer: socket.socket, size: int
) -> None:
    with pytest.raises(TransportError, match="too large"):
        flow_to(listener, peer).send(bytes(size))


async def test_a_closed_socket_is_told_at_once(listener: UdpListener, peer: socket.socket) -> None:
    flow = flow_to(listener, peer)
    listener.close()
    with pytest.raises(TransportError, match="closed"):
        flow.send(b"late")
