"""So many NOTIFYs a second of one process (EVT-17)."""

from presence.config import PresenceConfig
from tests.presence.fakes import (
    Clock,
    House,
    pidf,
    settle,
    subscribe_request,
)

RATE = 2.0
"""NOTIFYs a second in most of these tests; as many leave at once."""


def house(rate: float = RATE, clock: Clock | None = None) -> House:
    return House(config=PresenceConfig(notify_rate=rate), clock=clock)


def callers(one: House) -> list[str]:
    """Who was told something since the last time, in order."""
    return [sent.request.call_id.partition("@")[0] for sent in one.endpoint.take()]


def later(one: House, seconds: float = 1.1) -> list[str]:
    """The same after some time."""
    one.clock.now += seconds
    one.service._alarm._ring()
    return callers(one)


async def watched(one: House, *numbers: int) -> None:
    """Subscriptions, with a second for each, so that each is told at once."""
    for n in numbers:
        one.clock.now += 1
        await one.watching(n=n)
    one.clock.now += 10


async def test_no_more_leave_in_a_second_than_may() -> None:
    """The rest wait in the order in which they came; none is told twice."""
    one = house()
    await watched(one, 1, 2, 3, 4, 5)
    await one.published(pidf())
    assert callers(one) == ["sub1", "sub2"]
    assert one.service.engine.notifier.waiting == 3
    assert later(one) == ["sub3", "sub4"]
    assert later(one) == ["sub5"]
    assert later(one, 10) == []
    assert one.service.engine.notifier.paced == 3


async def test_who_waits_is_told_the_newest_state_once() -> None:
    """What happens meanwhile merges into the NOTIFY that waits (EVT-08)."""
    one = house()
    await watched(one, 1, 2, 3)
    tag = await one.published(pidf("old"))
    await one.published(pidf("new"), tag)
    one.endpoint.take()
    assert one.service.engine.notifier.waiting == 3
    one.clock.now += 5
    one.service._alarm._ring()
    told = one.endpoint.take()
    assert told[0].request.call_id == "sub3@192.0.2.9"
    assert {sent.body for sent in told} == {pidf("new")}


async def test_the_first_and_the_last_notify_go_before_changes() -> None:
    """RFC 6665 §4.1.2.4: a watcher gives up when the first does not come."""
    one = house(rate=1.0)
    await watched(one, 1, 2, 3)
    await one.published(pidf())
    await one.subscribe(subscribe_request(call_id="sub9@192.0.2.9", from_tag="w9"))
    assert callers(one) == ["sub1"]
    assert [later(one), later(one), later(one)] == [["sub9"], ["sub2"], ["sub3"]]


async def test_changes_have_a_turn_among_many_that_are_urgent() -> None:
    """A storm of SUBSCRIBEs does not keep changes from everybody."""
    one = house(rate=1.0)
    await watched(one, 1, 2)
    await one.published(pidf())
    for n in range(11, 18):
        await one.subscribe(subscribe_request(call_id=f"sub{n}@192.0.2.9", from_tag=f"w{n}"))
    assert callers(one) == ["sub1"]
    order = [later(one)[0] for _ in range(5)]
    assert order == ["sub11", "sub12", "sub13", "sub2", "sub14"]


async def test_the_end_of_a_subscription_is_told_though_it_waits() -> None:
    """RFC 6665 §4.2.2: a termination is not lost."""
    one = house(rate=1.0)
    await watched(one, 1, 2)
    rows = list(one.store.rows)
    one.service.engine.lapse(rows[0])
    one.service.engine.lapse(rows[1])
    assert [sent.state for sent in one.endpoint.take()] == ["terminated;reason=timeout"]
    assert len(one.service.engine.index) == 0
    one.clock.now += 1.1
    one.service._alarm._ring()
    assert [sent.state for sent in one.endpoint.take()] == ["terminated;reason=timeout"]


async def test_ends_are_told_before_the_process_stops() -> None:
    """Nobody would tell them later: what is over is not in the store."""
    one = house(rate=1.0)
    await watched(one, 1, 2, 3)
    await one.published(pidf())
    one.service.engine.lapse(next(reversed(one.store.rows)))
    assert callers(one) == ["sub1"]
    await one.service.stop()
    assert callers(one) == ["sub3"]


async def test_who_is_gone_keeps_nobody_waiting() -> None:
    one = house(rate=1.0)
    await watched(one, 1, 2, 3)
    await one.published(pidf())
    live = one.service.engine.index.get(list(one.store.rows)[1])
    assert live is not None
    one.service.engine.forget(live)
    assert one.service.engine.notifier.waiting == 1
    assert callers(one) == ["sub1"]
    assert later(one) == ["sub3"]


async def test_a_turn_that_sends_nothing_is_for_the_next() -> None:
    """What changed back while it waited is no news (PRS-09)."""
    one = house(rate=1.0)
    first = await one.published(pidf("a"))
    await watched(one, 1, 2, 3)
    second = await one.published(pidf("b"), first)
    assert callers(one) == ["sub1"]
    await one.published(pidf("a"), second)
    assert later(one) == ["sub1"]
    assert one.service.engine.notifier.waiting == 0


async def test_taking_over_many_subscriptions_is_paced_too() -> None:
    """A restart: each that missed something is told once, nobody else is."""
    before = House(answering=False)
    for n in range(4):
        await before.subscribe(subscribe_request(call_id=f"sub{n}@192.0.2.9", from_tag=f"w{n}"))
    before.store.orphans = list(before.store.rows)
    after = House(store=before.store, config=PresenceConfig(notify_rate=RATE), clock=Clock())
    await after.service.start()
    await settle(30)
    assert callers(after) == ["sub0", "sub1"]
    assert later(after) == ["sub2", "sub3"]
    assert later(after, 10) == []
    await after.service.stop()


async def test_without_a_rate_nobody_waits() -> None:
    one = house(rate=0.0)
    await watched(one, *range(20))
    await one.published(pidf())
    assert len(callers(one)) == 20
    assert one.service.engine.notifier.paced == 0
