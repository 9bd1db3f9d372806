"""Locating servers with a real DNS server (RFC 3263), which runs on loopback."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from sip.errors import TransportError
from sip.locate import MAX_TARGETS
from sip.transport import dns_query
from sip.transport.dns import Dns
from sip.transport.dns_resolver import DnsResolver
from sip.uri import SipUri
from tests.nameserver import NameServer, StartNameServer

pytestmark = pytest.mark.dnsmasq

PLAIN = ("udp", "tcp")
ALL = ("udp", "tcp", "tls")
POLLS, POLL_INTERVAL = 100, 0.05
A, B, C = (f"--host-record={name}.test,{address},60" for name, address in (
    ("a", "127.0.0.11"), ("b", "127.0.0.12"), ("c", "127.0.0.13")))  # fmt: skip
NAPTR = "--naptr-record=test,{order},{preference},s,{service},,{name}.test"


class Lookups:
    """Resolvers of one test, closed at its end."""

    def __init__(self) -> None:
        self.made: list[DnsResolver] = []

    def over(self, server: NameServer, *, timeout: float = 2.0, kinds: str = "A") -> DnsResolver:
        dns = Dns(servers=[server.address], timeout=timeout)
        self.made.append(DnsResolver(dns, addresses=kinds))
        return self.made[-1]


@pytest.fixture
async def lookups() -> AsyncIterator[Lookups]:
    made = Lookups()
    yield made
    for resolver in made.made:
        await resolver.close()


async def located(
    resolver: DnsResolver, uri: str, transports: tuple[str, ...] = PLAIN
) -> list[tuple[str, str, int]]:
    found = await resolver.locate(SipUri.parse(uri), transports=transports)
    return [target[:3] for target in found]


def naptr(order: int, preference: int, service: str, name: str) -> str:
    return NAPTR.format(order=order, preference=preference, service=service, name=name)


SERVICES = (
    "--srv-host=_sips._tcp.test,a.test,5061,0,0",
    "--srv-host=_sip._tcp.test,b.test,5070,0,0",
    "--srv-host=_sip._udp.test,c.test,5080,0,0",
    *(A, B, C),
)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("SIPS+D2T", ("tls", "127.0.0.11", 5061)),
        ("SIP+D2T", ("tcp", "127.0.0.12", 5070)),
        ("SIP+D2U", ("udp", "127.0.0.13", 5080)),
    ],
)
async def test_naptr_picks_the_transport(
    start_name_server: StartNameServer,
    lookups: Lookups,
    first: str,
    expected: tuple[str, str, int],
) -> None:
    """RFC 3263 §4.1: the record with the lowest order; its SRV and address records follow."""
    names = {"SIPS+D2T": "_sips._tcp", "SIP+D2T": "_sip._tcp", "SIP+D2U": "_sip._udp"}
    records = [naptr(10 if each == first else 20, 10, each, names[each]) for each in names]
    resolver = lookups.over(start_name_server(*records, *SERVICES))
    assert await located(resolver, "sip:bob@test", ALL) == [expected]


async def test_naptr_services_that_we_do_not_have_are_passed_over(
    start_name_server: StartNameServer, lookups: Lookups
) -> None:
    """RFC 3263 §4.1: without TLS of ours its record is discarded, with sips all others are."""
    server = start_name_server(
        naptr(10, 10, "SIPS+D2T", "_sips._tcp"), naptr(20, 10, "SIP+D2T", "_sip._tcp"), *SERVICES
    )
    resolver = lookups.over(server)
    assert await located(resolver, "sip:test") == [("tcp", "127.0.0.12", 5070)]
    assert await located(resolver, "sips:test", ALL) == [("tls", "127.0.0.11", 5061)]


async def test_without_naptr_each_transport_with_srv_records_is_used(
    start_name_server: StartNameServer, lookups: Lookups
) -> None:
    """RFC 3263 §4.1: SRV is asked for by each transport of ours."""
    resolver = lookups.over(start_name_server(*SERVICES))
    expected = [("udp", "127.0.0.13", 5080), ("tcp", "127.0.0.12", 5070)]
    assert await located(resolver, "sip:test") == expected


async def test_without_srv_the_address_records_of_the_domain_are_used(
    start_name_server: StartNameServer, lookups: Lookups
) -> None:
    """RFC 3263 §4.2: at the default port; the answer of a port is looked for by address alone."""
    server = start_name_server("--host-record=test,127.0.0.21", "--host-record=test,127.0.0.22")
    resolver = lookups.over(server)
    found = await located(resolver, "sip:test")
    assert sorted(found) == [("udp", "127.0.0.21", 5060), ("udp", "127.0.0.22", 5060)]
    found = await located(resolver, "sip:test:5099;transport=tcp")
    assert sorted(found) == [("tcp", "127.0.0.21", 5099), ("tcp", "127.0.0.22", 5099)]
    assert server.asked("SRV", "_sip._udp.test") == 1
    assert server.asked("NAPTR", "test") == 1


async def test_both_address_families_where_we_have_both(
    start_name_server: StartNameServer, lookups: Lookups
) -> None:
    """RFC 3263 §4.2: A and AAAA records together."""
    server = start_name_server("--host-record=test,127.0.0.21,::1")
    both = await located(lookups.over(server, kinds="A+AAAA"), "sip:test:5060")
    assert sorted(both) == [("udp", "127.0.0.21", 5060), ("udp", "::1", 5060)]
    assert await located(lookups.over(server, kinds="AAAA"), "sip:test:5060") == [
        ("udp", "::1", 5060)
    ]


async def test_srv_priorities_and_weights_order_the_hosts(
    start_name_server: StartNameServer, lookups: Lookups
) -> None:
    """RFC 2782, Usage rules: c is the reserve, and b gets three times what a gets."""
    server = start_name_server(
        "--srv-host=_sip._udp.test,a.test,5060,10,10",
        "--srv-host=_sip._udp.test,b.test,5060,10,30",
        "--srv-host=_sip._udp.test,c.test,5060,20,99",
        *(A, B, C),
    )
    resolver = lookups.over(server)
    orders = Counter(
        [tuple(host for _, host, _ in await located(resolver, "sip:test")) for _ in range(400)]
    )
    assert {order[2] for order in orders} == {"127.0.0.13"}
    first_b = sum(count for order, count in orders.items() if order[0] == "127.0.0.12")
    assert 240 < first_b < 360
    assert server.asked("SRV", "_sip._udp.test") == 1


async def test_an_answer_too_large_for_a_datagram_is_read_whole(
    start_name_server: StartNameServer, lookups: Lookups
) -> None:
    """RFC 2782, Usage rules: a truncated answer is read over TCP; the list is bounded."""
    hosts = [f"a-host-with-a-long-name-{number:03}" for number in range(100)]
    server = start_name_server(
        *(f"--srv-host=_sip._udp.test,{host}.test,5060,{n}" for n, host in enumerate(hosts)),
        *(f"--host-record={host}.test,127.0.1.{n}" for n, host in enumerate(hosts)),
    )
    found = await located(lookups.over(server), "sip:test")
    assert found == [("udp", f"127.0.1.{n}", 5060) for n in range(MAX_TARGETS)]


async def test_a_service_that_is_not_available_is_not_tried(
    start_name_server: StartNameServer, lookups: Lookups
) -> None:
    """RFC 2782, Target: "." as dnsmasq gives it for a service without a host."""
    server = start_name_server(
        "--srv-host=_sip._udp.test", "--srv-host=_sip._tcp.test", "--host-record=test,127.0.0.21"
    )
    with pytest.raises(TransportError, match="does not serve SIP"):
        await located(lookups.over(server), "sip:test")


async def test_an_alias_leads_to_the_addresses_of_its_host(
    start_name_server: StartNameServer, lookups: Lookups
) -> None:
    """RFC 3263 §4.2."""
    server = start_name_server("--cname=www.test,a.test", A)
    assert await located(lookups.over(server), "sip:www.test:5060") == [("udp", "127.0.0.11", 5060)]


async def test_the_time_to_live_is_respected(
    start_name_server: StartNameServer, lookups: Lookups
) -> None:
    """RFC 3263 §4.2: asked once while it lasts, anew when it is over, with what is then true."""
    server = start_name_server("--host-record=test,127.0.0.21,1", "--host-record=a.test,127.0.0.11")
    resolver = lookups.over(server)
    begun = time.monotonic()
    for _ in range(20):
        assert await located(resolver, "sip:test:5060") == [("udp", "127.0.0.21", 5060)]
    assert server.asked("A", "test") == 1
    server.stop()
    server.start("--host-record=test,127.0.0.22,1")
    for _ in range(POLLS):
        if await located(resolver, "sip:test:5060") == [("udp", "127.0.0.22", 5060)]:
            break
        await asyncio.sleep(POLL_INTERVAL)
    assert time.monotonic() - begun > 0.9
    assert server.asked("A", "test") == 2


async def test_names_that_do_not_exist_are_an_error_at_once(
    start_name_server: StartNameServer, lookups: Lookups
) -> None:
    """RFC 3263 §4.2: and are not asked for again by the next request."""
    server = start_name_server(A)
    resolver = lookups.over(server)
    for _ in range(3):
        with pytest.raises(TransportError, match=r"nobody\.test has no address"):
            await located(resolver, "sip:nobody.test")
    assert server.asked("NAPTR", "nobody.test") == 1
    assert server.asked("A", "nobody.test") == 1


async def test_when_the_name_server_is_gone_what_is_known_still_works(
    start_name_server: StartNameServer, lookups: Lookups
) -> None:
    """RFC 3263 §4.2: old answers for a while; for what was never known an error, and soon."""
    server = start_name_server("--host-record=test,127.0.0.21,1")
    resolver = lookups.over(server, timeout=0.5)
    assert await located(resolver, "sip:test:5060") == [("udp", "127.0.0.21", 5060)]
    server.stop()
    for _ in range(POLLS):
        assert await located(resolver, "sip:test:5060") == [("udp", "127.0.0.21", 5060)]
        if resolver.stats.stale:
            break
        await asyncio.sleep(POLL_INTERVAL)
    assert resolver.stats.stale > 0
    begun = time.monotonic()
    with pytest.raises(TransportError, match=r"cannot find new\.test"):
        await located(resolver, "sip:new.test")
    assert time.monotonic() - begun < 2.0


async def test_a_server_that_swallows_every_question_costs_one_time_out(
    lookups: Lookups,
) -> None:
    """RFC 3263 §4.2: the time-out is for the whole look-up; a failure is remembered a moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        dns = Dns(servers=[f"127.0.0.1:{mute.getsockname()[1]}"], timeout=0.4)
        resolver = DnsResolver(dns, addresses="A")
        lookups.made.append(resolver)
        begun = time.monotonic()
        for _ in range(3):
            with pytest.raises(TransportError, match="cannot find test"):
                await located(resolver, "sip:test")
        assert 0.2 < time.monotonic() - begun < 1.5


async def test_the_next_name_server_answers_when_the_first_is_mute(
    start_name_server: StartNameServer, lookups: Lookups
) -> None:
    """RFC 3263 §4.2: any of the servers will do."""
    server = start_name_server(A)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        servers = [f"127.0.0.1:{mute.getsockname()[1]}", server.address]
        resolver = DnsResolver(Dns(servers=servers, timeout=2.0), addresses="A")
        lookups.made.append(resolver)
        assert await located(resolver, "sip:a.test:5060") == [("udp", "127.0.0.11", 5060)]


async def test_localhost_needs_no_name_server(
    start_name_server: StartNameServer, lookups: Lookups
) -> None:
    """RFC 3263 §4.2: what the system knows by itself."""
    server = start_name_server()
    assert await located(lookups.over(server), "sip:localhost") == [("udp", "127.0.0.1", 5060)]
    assert server.asked("NAPTR", "localhost") == 0


async def test_the_library_is_begun_anew_after_many_questions(
    start_name_server: StartNameServer, lookups: Lookups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 3263 §4.2: it keeps answers of its own without a bound, which are thus let go."""
    monkeypatch.setattr(dns_query, "QUERIES_PER_RESOLVER", 2)
    hosts = [f"--host-record=h{number}.test,127.0.1.{number}" for number in range(8)]
    resolver = lookups.over(start_name_server(*hosts))
    for number in range(8):
        assert await located(resolver, f"sip:h{number}.test:5060") == [
            ("udp", f"127.0.1.{number}", 5060)
        ]
    assert resolver.stats.failures == 0
