"""Limits of one source, before anything is parsed (SEC rows; RFC 3261 §21.5.4, §26.3.2.4)."""

import asyncio
from typing import Final

import pytest

from sip.message import build_response, parse_message
from sip.origin import origin_of
from sip.transport.config import EndpointConfig
from sip.transport.source_limits import SourceLimits
from tests.sip.phones import LIMIT, endpoint, phone
from tests.sip.wires import FakeFlow, FakeTimers, Stack, request

RATE: Final = 10.0
BURST: Final = 20
TRUSTED: Final = "192.0.2.77"


class Limited(Stack):
    """A stack that answers 200 and lets a source send 10 a second, 20 at once."""

    def __init__(self) -> None:
        timers = FakeTimers()
        self.limits = SourceLimits(
            RATE, BURST, now=timers.now, exempt=lambda address: address == TRUSTED
        )
        super().__init__(timers, EndpointConfig(retry_after=7), limits=self.limits)
        self.handle = lambda transaction: transaction.respond(200)

    def send(self, flow: FakeFlow, count: int, method: str = "OPTIONS") -> None:
        """`count` requests that differ."""
        for number in range(count):
            branch = f"z9hG4bK{self.timers.instant}-{number}"
            via = f"SIP/2.0/UDP {flow.remote[0]}:{flow.remote[1]};rport;branch={branch}"
            self.layer.receive(request(method, via=via), flow)


def test_a_source_within_its_limit_is_served() -> None:
    stack, flow = Limited(), FakeFlow()
    stack.send(flow, BURST)
    assert flow.statuses == [200] * BURST


def test_the_rate_is_served_for_ever() -> None:
    stack, flow = Limited(), FakeFlow()
    for _ in range(20):
        stack.send(flow, int(RATE))
        stack.timers.run_for(1.0)
    assert flow.statuses == [200] * 200


def test_a_small_share_beyond_the_limit_is_told_503() -> None:
    """RFC 3261 §21.5.4: with Retry-After; all others get nothing at all."""
    stack, flow = Limited(), FakeFlow()
    stack.send(flow, BURST + 1000)
    assert flow.statuses.count(200) == BURST
    assert flow.statuses.count(503) == RATE
    assert b"\r\nRetry-After: 7\r\n" in flow.sent[-1]
    assert stack.limits.refused == 1000
    assert stack.limits.answered == RATE


def test_refused_requests_reach_nobody_and_hold_nothing() -> None:
    stack, flow = Limited(), FakeFlow()
    stack.handle = lambda transaction: None
    stack.send(flow, BURST + 1000, "INVITE")
    assert len(stack.requests) == stack.layer.pending == BURST


def test_a_source_is_served_again_after_a_while() -> None:
    stack, flow = Limited(), FakeFlow()
    stack.send(flow, BURST + 100)
    flow.sent.clear()
    stack.timers.run_for(1.0)
    stack.send(flow, 5)
    assert flow.statuses == [200] * 5


def test_sources_do_not_share_a_limit_but_ports_do() -> None:
    stack = Limited()
    one, sibling, other = FakeFlow(), FakeFlow(("192.0.2.1", 9)), FakeFlow(("192.0.2.2", 5060))
    for flow in (one, sibling, other):
        stack.send(flow, BURST)
    assert one.statuses == other.statuses == [200] * BURST
    assert 200 not in sibling.statuses


def test_trusted_peers_have_no_limit() -> None:
    stack, flow = Limited(), FakeFlow((TRUSTED, 5060))
    stack.send(flow, 10 * BURST)
    assert flow.statuses == [200] * 10 * BURST


def test_retransmissions_count() -> None:
    """One request sent again and again is a flood as well."""
    stack, flow = Limited(), FakeFlow()
    for _ in range(BURST + 1000):
        stack.layer.receive(request(), flow)
    assert flow.statuses.count(200) == BURST


def test_answers_to_a_flood_are_no_larger_than_the_flood() -> None:
    """RFC 3261 §26.3.2.4: whoever owns a forged address is not flooded by us."""
    stack, flow = Limited(), FakeFlow()
    stack.send(flow, BURST)
    flow.sent.clear()
    stack.send(flow, 1000)
    assert sum(map(len, flow.sent)) < 0.1 * 1000 * len(request())


@pytest.mark.parametrize("method", ["ACK", "CANCEL", "OPTIONS"])
def test_an_ack_is_never_answered(method: str) -> None:
    """RFC 3261 §17.1.1.3."""
    stack, flow = Limited(), FakeFlow()
    stack.send(flow, BURST)
    flow.sent.clear()
    stack.send(flow, 5, method)
    assert flow.statuses == ([] if method == "ACK" else [503] * 5)


def test_rubbish_counts_and_is_not_parsed_beyond_the_limit() -> None:
    stack, flow = Limited(), FakeFlow()
    for _ in range(BURST):
        stack.layer.receive(b"rubbish", flow)
    stack.send(flow, 1)
    assert flow.statuses == [503]


def test_a_connection_over_the_limit_is_told_and_closed() -> None:
    stack, flow = Limited(), FakeFlow(transport="TCP")
    stack.send(flow, BURST + 1)
    assert flow.statuses == [200] * BURST + [503]
    assert flow.closed


def test_a_flood_of_stray_responses_counts() -> None:
    stack, flow = Limited(), FakeFlow()
    parsed = parse_message(request())
    stray = build_response(parsed, 200)  # type: ignore[arg-type]
    for _ in range(BURST + 5):
        stack.layer.receive(stray, flow)
    assert stack.limits.refused == 5


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ],
)
def test_an_ipv6_network_is_one_source(address: str, origin: str) -> None:
    assert origin_of(address) == origin


async def test_a_flood_of_pings_ends_its_connection() -> None:
    """RFC 5626 §4.4.1: each has its pong, within what a source may send."""
    config = EndpointConfig(listen=("tcp:127.0.0.1:0",), source_rate=1.0, source_burst=3)
    async with endpoint(config) as one, phone(one) as caller:
        caller.writer.write(b"\r\n\r\n" * 1000)
        received = await asyncio.wait_for(caller.reader.readexactly(6), LIMIT)
        assert received == b"\r\n" * 3
        assert await caller.closed()
