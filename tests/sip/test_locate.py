"""Locating SIP servers: what is asked and what is made of the answers (RFC 3263 §4, §5)."""

import pytest

from sip import locate
from sip.dns_records import Naptr, Srv
from sip.locate import (
    LONGEST_ADDRESS,
    MAX_TARGETS,
    Place,
    Search,
    Service,
    Target,
    locate_numeric,
    numeric,
)
from sip.uri import SipUri

ALL = ("udp", "tcp", "tls", "ws", "wss")
PLAIN = ("udp", "tcp")
SMALL, LARGE = 400, 1301


def search(uri: str, transports: tuple[str, ...] = ALL, size: int = SMALL) -> Search:
    found = Search.for_request(SipUri.parse(uri), transports, size)
    assert found is not None
    return found


def naptr(order: int, preference: int, service: str, replacement: str, **other: str) -> Naptr:
    return Naptr(
        order, preference, other.get("flags", "s"), service, other.get("regexp", ""), replacement
    )


def srv(host: str, port: int = 5060, priority: int = 0, weight: int = 0) -> Srv:
    return Srv(priority, weight, port, host)


@pytest.mark.parametrize(
    ("uri", "transports", "expected"),
    [
        ("sip:192.0.2.1", ALL, ("udp", "192.0.2.1", 5060)),
        ("sip:192.0.2.1:5070", ALL, ("udp", "192.0.2.1", 5070)),
        ("sip:192.0.2.1;transport=tcp", ALL, ("tcp", "192.0.2.1", 5060)),
        ("sip:192.0.2.1;transport=TCP", ALL, ("tcp", "192.0.2.1", 5060)),
        ("sip:192.0.2.1;transport=tls", ALL, ("tls", "192.0.2.1", 5061)),
        ("sip:192.0.2.1;transport=ws", ALL, ("ws", "192.0.2.1", 80)),
        ("sips:192.0.2.1", ALL, ("tls", "192.0.2.1", 5061)),
        ("sips:192.0.2.1:5070", ALL, ("tls", "192.0.2.1", 5070)),
        ("sips:192.0.2.1;transport=tcp", ALL, ("tls", "192.0.2.1", 5061)),
        ("sips:192.0.2.1;transport=ws", ALL, ("wss", "192.0.2.1", 443)),
        ("sip:[2001:DB8::1]", ALL, ("udp", "2001:db8::1", 5060)),
        ("sip:example.com;maddr=192.0.2.9", ALL, ("udp", "192.0.2.9", 5060)),
        ("sip:example.com:5070;maddr=192.0.2.9", ALL, ("udp", "192.0.2.9", 5070)),
        ("sip:192.0.2.1", ("tcp",), ("tcp", "192.0.2.1", 5060)),
        ("sip:192.0.2.1", ("tls",), ("tls", "192.0.2.1", 5061)),
    ],
)
def test_a_numeric_host_needs_no_dns(
    uri: str, transports: tuple[str, ...], expected: tuple[str, str, int]
) -> None:
    """RFC 3263 §4.1, §4.2: UDP for sip, TLS for sips, unless the URI names a transport."""
    found = locate_numeric(SipUri.parse(uri), transports, SMALL)
    assert found is not None
    assert found[:3] == expected
    assert found.domain == expected[1]


@pytest.mark.parametrize(
    ("uri", "transports"),
    [
        ("sip:example.com", ALL),
        ("sips:192.0.2.1", PLAIN),
        ("sips:192.0.2.1;transport=udp", ALL),
        ("sip:192.0.2.1;transport=sctp", ALL),
        ("sip:192.0.2.1;transport=tls", PLAIN),
        ("sip:192.0.2.1", ("ws",)),
        ("sip:0.0.0.0", ALL),
        ("sip:example.com;maddr=224.0.1.75", ALL),
        ("sip:[::ffff:192.0.2.1]", ALL),
    ],
)
def test_what_is_not_numeric_or_not_reachable_by_us_has_no_numeric_target(
    uri: str, transports: tuple[str, ...]
) -> None:
    """RFC 3263 §4.1; a SIPS URI is never sent in the clear (RFC 3261 §26.2.2)."""
    assert locate_numeric(SipUri.parse(uri), transports, SMALL) is None


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:192.0.2.1", ["tcp", "udp"]),
        ("sip:192.0.2.1;transport=udp", ["udp"]),
        ("sips:192.0.2.1", ["tls"]),
    ],
)
def test_a_request_too_large_for_udp_goes_by_tcp_first(uri: str, expected: list[str]) -> None:
    """RFC 3261 §18.1.1: over UDP after all when no connection can be made."""
    large = search(uri, ALL, LARGE)
    found = large.targets(large.places([], []), {})
    assert [target.transport for target in found] == expected
    assert (locate_numeric(SipUri.parse(uri), ALL, LARGE) is None) == (len(expected) > 1)


@pytest.mark.parametrize(
    ("uri", "transports", "asks_naptr", "services"),
    [
        ("sip:example.com", ALL, True, ["_sip._udp.example.com", "_sip._tcp.example.com"]),
        ("sip:Example.COM.", PLAIN, True, ["_sip._udp.example.com", "_sip._tcp.example.com"]),
        (
            "sip:example.com",
            ("tcp", "udp"),
            True,
            ["_sip._tcp.example.com", "_sip._udp.example.com"],
        ),
        ("sip:example.com", ("tls",), True, ["_sips._tcp.example.com"]),
        ("sips:example.com", ALL, True, ["_sips._tcp.example.com"]),
        ("sip:example.com;transport=tcp", ALL, False, ["_sip._tcp.example.com"]),
        ("sip:example.com;transport=tls", ALL, False, ["_sips._tcp.example.com"]),
        ("sips:example.com;transport=tcp", ALL, False, ["_sips._tcp.example.com"]),
        ("sip:example.com:5060", ALL, False, []),
        ("sip:example.com:5060;transport=tcp", ALL, False, []),
        (
            "sip:192.0.2.1;maddr=example.net",
            PLAIN,
            True,
            ["_sip._udp.example.net", "_sip._tcp.example.net"],
        ),
        ("sip:192.0.2.1", ALL, False, []),
    ],
)
def test_what_is_asked_for(
    uri: str, transports: tuple[str, ...], asks_naptr: bool, services: list[str]
) -> None:
    """RFC 3263 §4.1, §4.2: a transport rules out NAPTR, a port SRV, a numeric host both."""
    found = search(uri, transports)
    assert found.asks_naptr == asks_naptr
    assert [service.name for service in found.services] == services


@pytest.mark.parametrize(
    ("uri", "transports"),
    [
        ("sips:example.com", PLAIN),
        ("sips:example.com;transport=udp", ALL),
        ("sip:example.com;transport=sctp", ALL),
        ("sip:1.2.3", ALL),
        (f"sip:{'a' * 64}.example.com", ALL),
        (f"sip:{'a.' * 127}com", ALL),
    ],
)
def test_nothing_is_asked_for_what_cannot_be_reached(uri: str, transports: tuple[str, ...]) -> None:
    """RFC 3263 §4.1; a name too long, or a number that is no address, names no host."""
    assert Search.for_request(SipUri.parse(uri), transports, SMALL) is None


def test_naptr_chooses_the_most_preferred_transport_of_the_domain_that_is_ours() -> None:
    """RFC 3263 §4.1, its example: TLS where we have it, else TCP, each by its SRV record."""
    records = [
        naptr(100, 50, "SIP+D2U", "_sip._udp.example.com."),
        naptr(50, 50, "SIPS+D2T", "_sips._tcp.example.com."),
        naptr(90, 50, "SIP+D2T", "_sip._tcp.example.com"),
    ]
    with_tls = search("sip:example.com").narrowed(records)
    without = search("sip:example.com", PLAIN).narrowed(records)
    assert with_tls.services == (Service("tls", "_sips._tcp.example.com"),)
    assert without.services == (Service("tcp", "_sip._tcp.example.com"),)


def test_naptr_records_of_one_order_are_used_by_preference() -> None:
    """RFC 3403 §4.1: one order may be tried whole, no other is gone on to."""
    records = [
        naptr(10, 30, "sip+d2u", "_sip._udp.a.example"),
        naptr(10, 20, "SIP+D2T", "_sip._tcp.b.example"),
        naptr(20, 10, "SIP+D2T", "_sip._tcp.c.example"),
    ]
    found = search("sip:example.com", PLAIN).narrowed(records)
    assert [each.name for each in found.services] == ["_sip._tcp.b.example", "_sip._udp.a.example"]


def test_a_sips_uri_heeds_only_naptr_records_for_sips() -> None:
    """RFC 3263 §4.1."""
    records = [
        naptr(10, 10, "SIP+D2T", "_sip._tcp.example.com"),
        naptr(20, 20, "SIPS+D2T", "_sips._tcp.example.com"),
    ]
    found = search("sips:example.com").narrowed(records)
    assert [each.transport for each in found.services] == ["tls"]


def test_naptr_never_chooses_a_transport_that_we_cannot_open() -> None:
    """RFC 3263 §4.1: that we listen on WebSockets (RFC 7118 §5.5) opens us none."""
    records = [
        naptr(10, 10, "SIP+D2W", "_sip._ws.example.com"),
        naptr(10, 20, "SIPS+D2W", "_sips._ws.example.com"),
        naptr(20, 10, "SIP+D2U", "_sip._udp.example.com"),
    ]
    found = search("sip:example.com").narrowed(records)
    assert [each.name for each in found.services] == ["_sip._udp.example.com"]


def test_hosts_longer_than_any_address_are_not_kept() -> None:
    """RFC 3261 §26.1.5: hosts out of strangers' requests fill no memory."""
    name, address = "a" * (LONGEST_ADDRESS + 1), "[2001:DB8:0:0:0:0:0:1]"
    before = locate._address.cache_info().currsize
    assert numeric(name) is None
    assert locate._address.cache_info().currsize == before
    assert numeric(address) == "2001:db8::1"


@pytest.mark.parametrize(
    "record",
    [
        naptr(10, 10, "SIP+D2S", "_sip._sctp.example.com"),
        naptr(10, 10, "E2U+sip", "_sip._udp.example.com"),
        naptr(10, 10, "SIP+D2U", "_sip._udp.example.com", flags="a"),
        naptr(10, 10, "SIP+D2U", "_sip._udp.example.com", flags=""),
        naptr(10, 10, "SIP+D2U", "_sip._udp.example.com", regexp="!^.*$!sip:a@example.net!"),
        naptr(10, 10, "SIP+D2U", "."),
        naptr(10, 10, "SIP+D2U", ""),
        naptr(10, 10, "SIP+D2U", "192.0.2.1"),
    ],
)
def test_naptr_records_that_are_not_for_us_count_as_none(record: Naptr) -> None:
    """RFC 3263 §4.1: services of others are discarded, and SRV is asked for as without NAPTR."""
    before = search("sip:example.com", PLAIN)
    after = before.narrowed([record])
    assert after.services == before.services
    assert not after.asks_naptr


def test_srv_records_of_every_transport_are_tried_in_our_order() -> None:
    """RFC 3263 §4.1: without NAPTR, each transport whose SRV query succeeds may be used."""
    found = search("sip:example.com", PLAIN)
    answers = [[srv("u.example.com", 5080)], [srv("T.example.com.", 5090)]]
    assert found.places(answers, [0.0, 0.0]) == (
        Place("udp", "u.example.com", 5080),
        Place("tcp", "t.example.com", 5090),
    )


def test_srv_records_are_tried_with_tcp_first_when_the_request_is_large() -> None:
    """RFC 3261 §18.1.1."""
    found = search("sip:example.com", PLAIN, LARGE)
    answers = [[srv("u.example.com")], [srv("t.example.com")]]
    places = found.places(answers, [0.0, 0.0])
    assert [place.transport for place in places] == ["tcp", "udp"]


@pytest.mark.parametrize(
    ("uri", "answers", "expected"),
    [
        ("sip:example.com", [[], []], [Place("udp", "example.com", 5060)]),
        ("sips:example.com;transport=tls", [[]], [Place("tls", "example.com", 5061)]),
        ("sip:example.com;transport=tcp", [[]], [Place("tcp", "example.com", 5060)]),
        ("sip:example.com:5070", [], [Place("udp", "example.com", 5070)]),
    ],
)
def test_without_srv_records_the_domain_itself_is_the_host(
    uri: str, answers: list[list[Srv]], expected: list[Place]
) -> None:
    """RFC 3263 §4.2: address records of the domain at the port given or the default one."""
    assert list(search(uri).places(answers, [])) == expected


def test_without_srv_records_the_transport_is_the_one_that_naptr_chose() -> None:
    """RFC 3263 §4.2: at the default port of that transport."""
    found = search("sip:example.com").narrowed([naptr(1, 1, "SIPS+D2T", "_sips._tcp.example.net")])
    assert found.places([[]], []) == (Place("tls", "example.com", 5061),)


@pytest.mark.parametrize("root", [".", ""])
def test_a_service_that_is_decidedly_not_available_is_not_tried(root: str) -> None:
    """RFC 2782, Target: "." means that the service is not there; the host is not tried either."""
    found = search("sip:example.com", PLAIN)
    assert found.places([[srv(root, 1)], []], [0.0]) == ()
    assert found.places([[srv(root, 1)], [srv("t.example.com")]], [0.0, 0.0]) == (
        Place("tcp", "t.example.com", 5060),
    )


def test_every_address_of_every_host_is_a_target_in_order() -> None:
    """RFC 3263 §4.2, §4.3; the certificate must name the domain asked for (RFC 5922 §4)."""
    found = search("sips:Example.com", ("tls",))
    places = found.places([[srv("a.example.net", 5061), srv("b.example.net", 5071, 1)]], [0.0, 0.0])
    addresses = {"a.example.net": ["192.0.2.1", "2001:db8::1"], "b.example.net": ["192.0.2.2"]}
    assert found.targets(places, addresses) == (
        Target("tls", "192.0.2.1", 5061, "example.com"),
        Target("tls", "2001:db8::1", 5061, "example.com"),
        Target("tls", "192.0.2.2", 5071, "example.com"),
    )


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "224.0.1.75", "ff02::1", "::ffff:192.0.2.1"])
def test_addresses_that_nobody_can_have_are_left_out(address: str) -> None:
    """RFC 3263 §4.2: DNS answers are anybody's word."""
    found = search("sip:example.com:5060")
    places = found.places([], [])
    assert found.targets(places, {"example.com": [address, "192.0.2.1"]}) == (
        Target("udp", "192.0.2.1", 5060, "example.com"),
    )


def test_hostile_answers_give_few_targets() -> None:
    """RFC 3263 §4.3: however many records there are, the list to be tried is bounded."""
    found = search("sip:example.com;transport=tcp")
    records = [srv(f"h{number}.example.com") for number in range(2_000)]
    places = found.places([records], [0.5] * len(records))
    addresses = {place.host: [f"192.0.2.{n}" for n in range(1, 200)] for place in places}
    assert len(places) == MAX_TARGETS
    assert len(found.targets(places, addresses)) == MAX_TARGETS


def test_a_host_outside_dns_is_looked_up_by_its_addresses_alone() -> None:
    """RFC 3263 §4.2: localhost and what /etc/hosts names have no NAPTR and no SRV."""
    plain = search("sip:localhost").plain()
    assert not plain.asks_naptr
    assert plain.places([], []) == (Place("udp", "localhost", 5060),)


@pytest.mark.parametrize(
    ("host", "port", "transport", "services", "place"),
    [
        ("192.0.2.1", None, "tls", [], Place("tls", "192.0.2.1", 5061)),
        ("[2001:db8::1]", 5070, "tcp", [], Place("tcp", "2001:db8::1", 5070)),
        ("pc.example.com", 5070, "tcp", [], Place("tcp", "pc.example.com", 5070)),
        (
            "pc.example.com",
            None,
            "tcp",
            ["_sip._tcp.pc.example.com"],
            Place("tcp", "pc.example.com", 5060),
        ),
        (
            "pc.example.com",
            None,
            "tls",
            ["_sips._tcp.pc.example.com"],
            Place("tls", "pc.example.com", 5061),
        ),
    ],
)
def test_a_response_goes_where_the_sent_by_of_its_via_leads(
    host: str, port: int | None, transport: str, services: list[str], place: Place
) -> None:
    """RFC 3263 §5: by the transport of the Via; SRV for a name without a port."""
    found = Search.for_response(host, port, transport)
    assert found is not None
    assert not found.asks_naptr
    assert [service.name for service in found.services] == services
    assert found.places([[] for _ in services], []) == (place,)


@pytest.mark.parametrize(("host", "transport"), [("..", "tcp"), ("example.com", "sctp")])
def test_a_response_to_nowhere_has_no_target(host: str, transport: str) -> None:
    """RFC 3263 §5."""
    assert Search.for_response(host, None, transport) is None
