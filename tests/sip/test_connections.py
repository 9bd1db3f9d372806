"""The table of open connections, and what peers are told of our addresses."""

import pytest

from sip.certificates import PeerCertificate
from sip.locate import numeric
from sip.transport import connections as connections_module
from sip.transport.config import EndpointConfig, ListenAddress
from sip.transport.connections import Connections
from sip.transport.server_transaction import WireFlow
from sip.transport.target import Target
from tests.sip.wires import FakeFlow, FakeTimers

PEER = ("192.0.2.1", 40_000)


class FakeConnection(FakeFlow):
    """A connection that goes stale when a test says so."""

    stale = False

    def is_stale(self, now: float) -> bool:
        return self.stale

    def abort(self) -> None:
        self.closed = True

    def close(self) -> None:
        self.closed = True


class Table:
    """Connections with what they were told."""

    def __init__(self, *listen: str, advertise: str = "") -> None:
        self.timers = FakeTimers()
        self.gone: list[WireFlow] = []
        self.connections = Connections(
            EndpointConfig(advertise=advertise),
            timers=self.timers,
            receive=lambda data, flow: None,
            refuse=lambda data, flow, status: None,
            on_closed=self.gone.append,
        )
        for address in listen:
            self.connections.listens(ListenAddress.parse(address))

    def opened(self, transport: str = "TCP", *domains: str) -> FakeConnection:
        flow = FakeConnection(PEER, transport=transport)
        flow.name = self.connections.name(transport, PEER)
        addresses = tuple(name for name in domains if numeric(name))
        flow.certificate = PeerCertificate(domains, addresses=addresses) if domains else None
        assert self.connections.add(flow)
        return flow


@pytest.mark.parametrize(
    ("listen", "bound", "told"),
    [
        pytest.param([], ("192.0.2.9", 4711), ("192.0.2.9", 4711), id="no-listener"),
        pytest.param(["tcp:0.0.0.0:5060"], ("192.0.2.9", 5060), ("192.0.2.9", 5060), id="accepted"),
        pytest.param(["tcp:0.0.0.0:5060"], ("192.0.2.9", 4711), ("192.0.2.9", 5060), id="opened"),
        pytest.param(
            ["tcp:192.0.2.7:5060", "tcp:192.0.2.9:5070"],
            ("192.0.2.9", 4711),
            ("192.0.2.9", 5070),
            id="opened-from-the-second",
        ),
        pytest.param(
            ["tcp:192.0.2.7:5060"], ("10.0.0.1", 4711), ("192.0.2.7", 5060), id="opened-elsewhere"
        ),
        pytest.param(
            ["tcp:0.0.0.0:5060", "tcp:[::]:5070"],
            ("2001:db8::9", 4711),
            ("2001:db8::9", 5070),
            id="of-the-family",
        ),
        pytest.param(
            ["tls:0.0.0.0:4711", "tcp:0.0.0.0:5060"],
            ("192.0.2.9", 4711),
            ("192.0.2.9", 5060),
            id="of-the-transport",
        ),
        pytest.param(
            ["tcp:0.0.0.0:5060", "tcp:0.0.0.0:5070"],
            ("192.0.2.9", 5070),
            ("192.0.2.9", 5070),
            id="the-one-it-came-to",
        ),
    ],
)
def test_peers_are_told_a_listener_that_they_can_reach(
    listen: list[str], bound: tuple[str, int], told: tuple[str, int]
) -> None:
    """RFC 3261 §18.1.1: the sent-by is where the next request may be sent to."""
    here = Table(*listen).connections.here("TCP", bound)
    assert here.local == told


def test_the_forms_of_our_address_are_shared() -> None:
    """Each of thousands of connections refers to one."""
    connections = Table("tcp:0.0.0.0:5060").connections
    first = connections.here("TCP", ("192.0.2.9", 5060))
    assert connections.here("TCP", ("192.0.2.9", 5060)) is first


@pytest.mark.parametrize(
    ("transport", "via", "contact"),
    [
        ("TCP", "SIP/2.0/TCP a.example:6", "<sip:a.example:6;transport=tcp>"),
        ("TLS", "SIP/2.0/TLS a.example:5", "<sip:a.example:5;transport=tls>"),
        ("WS", "SIP/2.0/WS a.example:5", "<sip:a.example:5;transport=ws>"),
        ("WSS", "SIP/2.0/WSS a.example:5", "<sip:a.example:5;transport=ws>"),
    ],
)
def test_what_is_advertised(transport: str, via: str, contact: str) -> None:
    """RFC 7118 §5.2: both kinds of WebSocket are "ws" in a URI."""
    here = Table(advertise="a.example:6").connections.here(transport, ("192.0.2.9", 5))
    assert (here.via_prefix, here.contact) == (via, contact)


@pytest.mark.parametrize(
    ("certified", "domain", "reused"),
    [
        pytest.param((), "192.0.2.1", False, id="whoever-has-that-address"),
        pytest.param(("192.0.2.1",), "192.0.2.1", True, id="certified-address"),
        pytest.param((), "example.com", False, id="nobody-knows-who"),
        pytest.param(("example.com",), "example.com", True, id="certified"),
        pytest.param(("example.net",), "example.com", False, id="somebody-else"),
    ],
)
def test_a_tls_connection_is_reused_for_whom_it_is(
    certified: tuple[str, ...], domain: str, reused: bool
) -> None:
    """RFC 5923 §8.1."""
    table = Table()
    flow = table.opened("TLS", *certified)
    found = table.connections.leading_to(Target("tls", *PEER, domain))
    assert found is (flow if reused else None)


def test_each_domain_at_one_address_has_its_connection() -> None:
    """RFC 5923 §8.1: found by address and identity, whichever was opened last."""
    table = Table()
    flows = {domain: table.opened("TLS", domain) for domain in ("a.example", "b.example")}
    for domain, flow in flows.items():
        assert table.connections.leading_to(Target("tls", *PEER, domain)) is flow
    flows["b.example"].closed = True
    assert table.connections.leading_to(Target("tls", *PEER, "b.example")) is None
    table.connections.drop(flows["b.example"])
    target = Target("tls", *PEER, "a.example")
    assert table.connections.leading_to(target) is flows["a.example"]


def test_of_the_forms_of_our_addresses_only_so_many_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wildcard listener has as many addresses as peers of IPv6 care to connect to."""
    monkeypatch.setattr(connections_module, "MAX_REMEMBERED", 2)
    connections = Table().connections
    first, *_ = [connections.here("TCP", ("192.0.2.9", port)) for port in (1, 2, 3)]
    assert connections.here("TCP", ("192.0.2.9", 1)) is not first


@pytest.mark.parametrize(("transport", "found"), [("ws", True), ("wss", True), ("tcp", False)])
def test_a_secure_websocket_serves_for_either_kind(transport: str, found: bool) -> None:
    """RFC 7118 §5.2."""
    table = Table()
    flow = table.opened("WSS")
    assert list(table.connections.find(transport, PEER)) == ([flow] if found else [])


def test_an_alias_is_not_taken_over_by_another_identity() -> None:
    """RFC 5923 §9."""
    table = Table()
    mine = table.opened("TLS", "example.com")
    table.connections.alias(mine, 5061)
    table.connections.alias(table.opened("TLS", "example.net"), 5061)
    target = Target("tls", PEER[0], 5061, "example.com")
    assert table.connections.leading_to(target) is mine
    newer = table.opened("TLS", "example.com")
    table.connections.alias(newer, 5061)
    assert table.connections.leading_to(target) is newer
    table.connections.alias(newer, 5062)
    assert table.connections.leading_to(target) is None


def test_two_connections_of_one_remote_address() -> None:
    """To two of our listeners: the newer is found first, and each is forgotten for itself."""
    table = Table()
    older, newer = table.opened(), table.opened()
    assert len(table.connections) == table.connections.open_by("tcp") == 2
    assert list(table.connections.find("tcp", PEER)) == [newer, older]
    table.connections.drop(older)
    assert list(table.connections.find("tcp", PEER)) == [newer]
    table.connections.drop(newer)
    table.connections.drop(newer)
    assert table.gone == [older, newer]
    assert len(table.connections) == table.connections.open_by("tcp") == 0


def test_stale_connections_are_closed_and_counted() -> None:
    table = Table()
    stale, lively = table.opened(), table.opened("TLS")
    stale.stale = True
    table.timers.run_for(table.connections.config.sweep_interval + 1)
    assert (stale.closed, lively.closed) == (True, False)
    assert table.connections.stats.stalled == {"tcp": 1}


def test_nothing_joins_once_it_closes() -> None:
    table = Table()
    flow = table.opened()
    table.connections.close()
    assert flow.closed
    assert not table.connections.add(FakeConnection(PEER, transport="TCP"))
