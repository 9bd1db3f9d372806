"""DNS look-ups with a cache, over an asker and a clock of our own (RFC 3263 §4)."""

import asyncio

import pytest

from sip.dns_cache import NEGATIVE_TTL, STALE_LIMIT, Failure, Held, Question, Record
from sip.dns_records import Naptr, Srv
from sip.errors import TransportError
from sip.locate import Target
from sip.transport import dns as dns_module
from sip.transport.dns import UNREACHABLE_FOR, Dns
from sip.transport.dns_query import Answer
from sip.transport.dns_resolver import DnsResolver
from sip.uri import SipUri

HOST = Question("A", "host.example.com")
OTHER = Question("A", "other.example.com")
SILENCE = Failure("no DNS server answered in time", reached=False)
REFUSED = Failure("DNS server refused query", reached=True)
NONE = Answer((), 0)


class Asker:
    """Answers from a table; what is not in it is not there."""

    def __init__(self) -> None:
        self.table: dict[Question, Answer | Failure] = {}
        self.asked: list[Question] = []
        self.gate: asyncio.Event | None = None

    def give(self, kind: str, name: str, *records: Record, ttl: float = 60) -> None:
        self.table[Question(kind, name)] = Answer(records, ttl)

    async def ask(self, question: Question) -> Answer | Failure:
        self.asked.append(question)
        if self.gate is not None:
            await self.gate.wait()
        return self.table.get(question, NONE)

    async def close(self) -> None:
        self.table.clear()


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def asker() -> Asker:
    return Asker()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dns(asker: Asker, clock: Clock) -> Dns:
    return Dns(asker=asker, clock=clock)


@pytest.fixture
def resolver(dns: Dns, clock: Clock) -> DnsResolver:
    return DnsResolver(
        dns, addresses="A", hosts=frozenset({"printer"}), draw=lambda: 0.0, clock=clock
    )


async def addresses(dns: Dns, question: Question = HOST) -> tuple[Record, ...]:
    [held] = await dns.ask([question])
    return held.records


async def located(resolver: DnsResolver, uri: str, *transports: str) -> list[tuple[str, str, int]]:
    found = await resolver.locate(SipUri.parse(uri), transports=transports or ("udp", "tcp"))
    return [target[:3] for target in found]


async def test_an_answer_is_asked_for_once_within_its_time(
    dns: Dns, asker: Asker, clock: Clock
) -> None:
    """RFC 3263 §4.2: the time to live is respected."""
    asker.give("A", HOST.name, "192.0.2.1", ttl=60)
    assert await addresses(dns) == ("192.0.2.1",)
    clock.now += 59
    assert await addresses(dns) == ("192.0.2.1",)
    assert asker.asked == [HOST]
    clock.now += 1
    await addresses(dns)
    assert asker.asked == [HOST, HOST]
    assert (dns.stats.queries, dns.stats.cache_hits) == (2, 1)


async def test_that_there_is_nothing_is_kept_as_well(dns: Dns, asker: Asker, clock: Clock) -> None:
    """RFC 3263 §4.1: most domains have no NAPTR, and are not asked for it each time."""
    assert await addresses(dns) == ()
    clock.now += NEGATIVE_TTL - 1
    await addresses(dns)
    assert asker.asked == [HOST]


async def test_those_who_ask_meanwhile_share_one_query(dns: Dns, asker: Asker) -> None:
    """RFC 3263 §4.2: one query for a name is under way at a time, also if one gives up."""
    asker.gate = asyncio.Event()
    asker.give("A", HOST.name, "192.0.2.1")
    waiting = [asyncio.create_task(addresses(dns)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting.pop().cancel()
    asker.gate.set()
    assert await asyncio.gather(*waiting) == [("192.0.2.1",)] * 2
    assert asker.asked == [HOST]


async def test_look_ups_at_once_are_bounded(
    dns: Dns, asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 3263 §4.2: names out of requests cannot start look-ups without end."""
    monkeypatch.setattr(dns_module, "MAX_ASKING", 1)
    asker.gate = asyncio.Event()
    first, second = await_later(dns, HOST), await_later(dns, OTHER)
    await asyncio.sleep(0)
    asker.gate.set()
    assert (await first)[0].failure is None
    failure = (await second)[0].failure
    assert failure is not None
    assert failure.reason == "too many DNS look-ups at once"
    assert asker.asked == [HOST]


def await_later(dns: Dns, question: Question) -> "asyncio.Task[list[Held]]":
    return asyncio.create_task(dns.ask([question]))


async def test_old_answers_serve_at_once_while_no_server_answers(
    dns: Dns, asker: Asker, clock: Clock
) -> None:
    """RFC 3263 §4.2: one look-up waits for the servers in vain, the next do not."""
    for question in (HOST, OTHER):
        asker.give("A", question.name, "192.0.2.1", ttl=1)
        await addresses(dns, question)
    clock.now += 2
    asker.table = {HOST: SILENCE}
    assert await addresses(dns) == ("192.0.2.1",)
    asker.gate = asyncio.Event()
    for _ in range(3):
        assert await addresses(dns, OTHER) == ("192.0.2.1",)
    assert dns.stats.stale == 4
    assert dns.stats.failures == 1
    clock.now += UNREACHABLE_FOR
    waiting = await_later(dns, OTHER)
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_an_old_answer_serves_but_once_when_only_another_zone_is_silent(
    dns: Dns, asker: Asker, clock: Clock
) -> None:
    """RFC 8767 §4: who makes us ask silent servers stops no time to live."""
    asker.give("A", HOST.name, "192.0.2.1", ttl=60)
    await addresses(dns)
    asker.give("A", HOST.name, "192.0.2.2", ttl=60)
    asker.table[OTHER] = SILENCE
    clock.now += 60
    await addresses(dns, OTHER)
    assert await addresses(dns) == ("192.0.2.1",)
    await asyncio.sleep(0)
    assert await addresses(dns) == ("192.0.2.2",)
    assert asker.asked.count(HOST) == 2


async def test_an_answer_that_is_too_old_is_not_given(dns: Dns, asker: Asker, clock: Clock) -> None:
    """RFC 3263 §4.2: the help for an outage is bounded."""
    asker.give("A", HOST.name, "192.0.2.1", ttl=1)
    await addresses(dns)
    asker.table = {HOST: SILENCE}
    clock.now += STALE_LIMIT + 1
    assert await addresses(dns) == ()


async def test_naptr_srv_and_addresses_are_asked_for_in_turn(
    resolver: DnsResolver, asker: Asker
) -> None:
    """RFC 3263 §4.1, §4.2: the whole way, then from the cache alone."""
    asker.give("NAPTR", "example.com", Naptr(1, 1, "s", "SIP+D2T", "", "_sip._tcp.example.com"))
    asker.give(
        "SRV", "_sip._tcp.example.com", Srv(1, 0, 5080, "a.example"), Srv(2, 0, 5090, "b.example")
    )
    asker.give("A", "a.example", "192.0.2.1", "192.0.2.2")
    asker.give("A", "b.example", "192.0.2.3")
    expected = [("tcp", "192.0.2.1", 5080), ("tcp", "192.0.2.2", 5080), ("tcp", "192.0.2.3", 5090)]
    assert await located(resolver, "sip:example.com") == expected
    assert [question.kind for question in asker.asked] == ["NAPTR", "SRV", "A", "A"]
    assert await located(resolver, "sip:example.com") == expected
    assert len(asker.asked) == 4
    assert resolver.stats.cache_hits == 4


async def test_a_server_that_cannot_tell_of_naptr_is_asked_for_the_rest(
    resolver: DnsResolver, asker: Asker
) -> None:
    """RFC 3263 §4.1: a refusal counts as no record; only addresses are indispensable."""
    asker.table = {Question("NAPTR", "example.com"): REFUSED}
    asker.give("A", "example.com", "192.0.2.1")
    assert await located(resolver, "sip:example.com") == [("udp", "192.0.2.1", 5060)]
    asker.table[Question("A", "example.net")] = REFUSED
    with pytest.raises(TransportError, match="refused"):
        await located(resolver, "sip:example.net:5060")


async def test_when_no_server_answers_one_time_out_is_enough(
    resolver: DnsResolver, asker: Asker
) -> None:
    """RFC 3263 §4.1: no further question is asked, which nobody would answer either."""
    asker.table = {Question("NAPTR", "example.com"): SILENCE}
    with pytest.raises(TransportError, match="no DNS server answered"):
        await located(resolver, "sip:example.com")
    assert asker.asked == [Question("NAPTR", "example.com")]


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("sips:example.com", "no transport"),
        ("sip:example.com:5060", "no address"),
        ("sip:closed.example", "does not serve SIP"),
    ],
)
async def test_no_target_is_an_error_that_says_why(
    resolver: DnsResolver, asker: Asker, uri: str, reason: str
) -> None:
    """RFC 3263 §4.3: there is never an empty list to be tried."""
    asker.give("SRV", "_sip._udp.closed.example", Srv(0, 0, 0, "."))
    with pytest.raises(TransportError, match=reason):
        await located(resolver, uri)


async def test_names_that_the_system_knows_need_no_records(
    resolver: DnsResolver, asker: Asker
) -> None:
    """RFC 3263 §4.2: hosts of /etc/hosts are reached though no DNS tells of them."""
    asker.give("A", "printer", "192.0.2.7")
    assert await located(resolver, "sip:printer") == [("udp", "192.0.2.7", 5060)]
    assert asker.asked == [Question("A", "printer")]


async def test_a_target_that_failed_is_tried_last(
    resolver: DnsResolver, asker: Asker, clock: Clock
) -> None:
    """RFC 3263 §4.3."""
    asker.give("A", "example.com", "192.0.2.1", "192.0.2.2")
    resolver.failed(Target("udp", "192.0.2.1", 5060, "example.com"))
    expected = [("udp", "192.0.2.2", 5060), ("udp", "192.0.2.1", 5060)]
    assert await located(resolver, "sip:example.com:5060") == expected
    clock.now += 31
    assert await located(resolver, "sip:example.com:5060") == expected[::-1]


async def test_a_response_is_sent_to_what_srv_says_of_the_sent_by(
    resolver: DnsResolver, asker: Asker
) -> None:
    """RFC 3263 §5: when the connection is gone."""
    asker.give("SRV", "_sip._tcp.pc.example", Srv(0, 0, 5090, "backup.example"))
    asker.give("A", "backup.example", "192.0.2.5")
    assert await resolver.locate_response("pc.example", None, "tcp") == (
        Target("tcp", "192.0.2.5", 5090, "pc.example"),
    )
    with pytest.raises(TransportError):
        await resolver.locate_response("pc.example", None, "sctp")


async def test_closing_ends_what_is_under_way(dns: Dns, asker: Asker) -> None:
    """RFC 3263 §4: nobody waits for a look-up that will not come back."""
    asker.gate = asyncio.Event()
    waiting = await_later(dns, HOST)
    await asyncio.sleep(0)
    await dns.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
