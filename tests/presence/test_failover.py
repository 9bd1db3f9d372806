"""NOTIFYs to a next hop with several servers (RFC 3263 §4.3)."""

from presence.notifier.failover import may_have_others
from sip.locate import Target
from sip.uri import SipUri
from tests.presence.fakes import FakeFlow, House, pidf, settle, subscribe_request

CONTACT = "<sip:bob@phones.example.net>"
SERVERS = tuple(Target("udp", f"192.0.2.{n}", 5060, "phones.example.net") for n in (1, 2, 3))
FLOWS = tuple(FakeFlow(remote=target[1:3]) for target in SERVERS)


def house_with(*flows: FakeFlow | None) -> House:
    """One whose watcher's Contact stands for as many servers as there are `flows`."""
    house = House(answering=False)
    house.endpoint.servers = dict(zip(SERVERS, flows, strict=False))
    house.endpoint.flow = flows[0]
    return house


async def subscribed(house: House, contact: str = CONTACT) -> None:
    tx = await house.subscribe(subscribe_request(contact=contact))
    assert tx.status == 200


async def test_a_server_that_does_not_answer_gives_way_to_the_next() -> None:
    """RFC 3263 §4.3: time-out, 503 and a failure to send; then it stays with who answered."""
    house = house_with(*FLOWS)
    await subscribed(house)
    (first,) = house.endpoint.take()
    first.time_out()
    await settle()
    (second,) = house.endpoint.take()
    assert second.flow is FLOWS[1]
    assert second.cseq > first.cseq
    second.answer(503)
    await settle()
    (third,) = house.endpoint.take()
    assert third.flow is FLOWS[2]
    assert house.endpoint.avoided[:2] == [SERVERS[0], SERVERS[0]]
    third.answer()
    await house.published(pidf("later"))
    (later,) = house.endpoint.take()
    assert later.flow is FLOWS[2]
    assert house.service.stats.notify_failed == {}


async def test_a_server_that_cannot_be_reached_is_passed_over() -> None:
    """RFC 3263 §4.3."""
    house = house_with(FLOWS[0], None, FLOWS[2])
    await subscribed(house)
    house.endpoint.take()[0].done(503, None)
    await settle()
    (notify,) = house.endpoint.take()
    assert notify.flow is FLOWS[2]
    assert house.endpoint.avoided == [SERVERS[0], SERVERS[1]]


async def test_when_none_answers_the_last_failure_counts() -> None:
    """RFC 3263 §4.3, RFC 6665 §4.2.2: a watcher that answers nowhere is gone."""
    house = house_with(FLOWS[0], FLOWS[1])
    await subscribed(house)
    for _ in range(2):
        house.endpoint.take()[0].time_out()
        await settle()
    assert house.endpoint.take() == []
    assert house.store.rows == {}
    assert house.service.stats.notify_failed == {408: 1}


async def test_a_refusal_is_an_answer() -> None:
    """RFC 3263 §4.3: only 503 blames the server; 481 ends the subscription at once."""
    house = house_with(FLOWS[0], FLOWS[1])
    await subscribed(house)
    house.endpoint.take()[0].answer(481)
    await settle()
    assert house.endpoint.take() == []
    assert house.store.rows == {}


async def test_servers_are_tried_anew_after_one_has_answered() -> None:
    """RFC 3263 §4.3: what failed before an answer may be tried again when that one fails."""
    house = house_with(FLOWS[0], FLOWS[1])
    await subscribed(house)
    house.endpoint.take()[0].time_out()
    await settle()
    house.endpoint.take()[0].answer()
    await house.published(pidf("later"))
    house.endpoint.take()[0].time_out()
    await settle()
    (notify,) = house.endpoint.take()
    assert notify.flow is FLOWS[0]


async def test_the_only_notify_of_a_fetch_fails_over_too() -> None:
    """RFC 3263 §4.3, RFC 6665 §4.4.3."""
    house = house_with(FLOWS[0], FLOWS[1])
    tx = await house.subscribe(subscribe_request("Expires: 0", contact=CONTACT))
    assert tx.status == 200
    house.endpoint.take()[0].time_out()
    await settle()
    (notify,) = house.endpoint.take()
    assert notify.flow is FLOWS[1]
    assert notify.state.startswith("terminated")


async def test_a_numeric_contact_has_no_other_server() -> None:
    """RFC 3263 §4.2: nothing is looked up for it."""
    house = house_with(FLOWS[0], FLOWS[1])
    await subscribed(house, "<sip:bob@192.0.2.1>")
    house.endpoint.take()[0].time_out()
    await settle()
    assert house.endpoint.take() == []
    assert house.store.rows == {}


async def test_a_connection_that_the_watcher_opened_has_no_other_server() -> None:
    """RFC 3263 §4.3: the way back over an open connection is to that very client."""
    house = house_with(FLOWS[0], FLOWS[1])
    arrival = FakeFlow("TCP")
    await house.subscribe(subscribe_request(contact=CONTACT), flow=arrival)
    (notify,) = house.endpoint.take()
    assert notify.flow is arrival
    notify.time_out()
    await settle()
    assert house.endpoint.take() == []


def test_a_name_may_stand_for_several_servers() -> None:
    """RFC 3263 §4: of the target, which is the maddr where there is one."""
    assert may_have_others(SipUri.parse("sip:bob@example.net"))
    assert not may_have_others(SipUri.parse("sip:bob@[2001:db8::1]"))
    assert not may_have_others(SipUri.parse("sip:bob@example.net;maddr=192.0.2.1"))
    assert not may_have_others(None)


async def test_a_watcher_that_moved_to_another_process_is_not_looked_for() -> None:
    """RFC 6665 §4.2.2: who is forgotten while a server is looked for leaves nothing behind."""
    house = house_with(*FLOWS)
    await subscribed(house)
    (first,) = house.endpoint.take()
    (live,) = house.service.engine.index
    first.time_out()
    house.service.engine.forget(live)
    await settle()
    assert house.endpoint.take() == []
    assert house.service.engine.notifier.failing == 0
