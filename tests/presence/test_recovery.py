"""What happens without a request: expiry, the change feed, a new life of the process."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from presence.config import PresenceConfig
from presence.live import CSEQ_BLOCK
from store.errors import StoreUnavailable
from store.outcomes import Expired
from store.values import Change, Kind, ResourceState, SubscriptionRow
from tests.presence.fakes import (
    ALICE,
    NOON,
    PRESENCE,
    Clock,
    FakeStore,
    House,
    pidf,
    settle,
    subscribe_request,
)

MOVED = Change(Kind.RESOURCE, "sip:alice@example.com presence", 2)
RESYNC = Change(Kind.RESYNC, "", 0)


async def test_expired_publication_is_told() -> None:
    """RFC 3903 §6, PUB-08: at the next sweep, which is within a second."""
    house = House()
    await house.watching()
    await house.published(pidf())
    house.endpoint.take()
    house.clock.now += 3600
    house.store.rows = {
        key: row._replace(expires_at=NOON + 9999) for key, row in house.store.rows.items()
    }
    await house.service.sweep()
    await settle()
    assert b"closed" in house.endpoint.take()[0].body


async def test_expired_subscription_ends_with_a_time_out() -> None:
    """RFC 6665 §4.2.1.4."""
    house = House()
    await house.watching("Expires: 60")
    house.clock.now += 60
    await house.service.sweep()
    (notify,) = house.endpoint.take()
    assert notify.state == "terminated;reason=timeout"
    assert len(house.service.engine.index) == 0


async def test_change_by_another_process_is_read_and_told() -> None:
    store = FakeStore()
    there, here = House(store=store), House(store=store)
    await here.watching()
    tag = await there.published(pidf("1"))
    await there.published(pidf("2"), tag)
    here.service.on_change(MOVED)
    await settle()
    assert [notify.body for notify in here.endpoint.take()] == [pidf("2")]
    here.service.on_change(MOVED)
    await settle()
    assert here.endpoint.take() == []


async def test_lost_feed_is_made_up_for() -> None:
    """The versions of all that is watched are compared."""
    store = FakeStore()
    there, here = House(store=store), House(store=store)
    await here.watching()
    await there.published(pidf())
    here.service.on_change(RESYNC)
    await settle()
    assert [notify.body for notify in here.endpoint.take()] == [pidf()]


@pytest.mark.parametrize(
    ("what", "state"),
    [
        pytest.param("moved", None, id="moved-silently"),
        pytest.param("ended", None, id="ended-elsewhere-silently"),
        pytest.param("swept", "terminated;reason=timeout", id="swept-elsewhere-told-here"),
        pytest.param("ours", None, id="still-ours"),
    ],
)
async def test_subscription_touched_by_another_process(what: str, state: str | None) -> None:
    house = House()
    tag = await house.watching()
    if what == "moved":
        house.store.rows[tag] = house.store.rows[tag]._replace(owner="there")
    elif what != "ours":
        del house.store.rows[tag]
    house.clock.now += 3600 if what == "swept" else 1
    house.service.on_change(Change(Kind.SUBSCRIPTION, tag, 0))
    await settle()
    assert [notify.state for notify in house.endpoint.take()] == ([state] if state else [])
    assert len(house.service.engine.index) == (1 if what == "ours" else 0)


@pytest.mark.parametrize("ours", [True, False])
async def test_resync_lets_go_of_what_another_process_serves_now(ours: bool) -> None:
    """A process that was taken for dead must not go on numbering NOTIFYs (EVT-08)."""
    house = House(config=PresenceConfig(adopt_batch=1))
    tags = [await house.watching(n=n) for n in range(3)]
    if not ours:
        house.store.rows[tags[1]] = house.store.rows[tags[1]]._replace(owner="there")
    house.service.on_change(RESYNC)
    await settle()
    assert len(house.service.engine.index) == (3 if ours else 2)
    await house.published(pidf())
    assert len(house.endpoint.take()) == (3 if ours else 2)


async def test_resync_leaves_a_subscription_alone_whose_write_is_awaited() -> None:
    house = House()
    house.store.gate = asyncio.Event()
    road = asyncio.create_task(house.subscribe(subscribe_request()))
    await settle()
    house.service.on_change(RESYNC)
    await settle()
    house.store.gate.set()
    assert (await road).status == 200
    assert [notify.state for notify in house.endpoint.take()] == ["active;expires=3600"]


@pytest.mark.parametrize("change", [MOVED, RESYNC], ids=["change", "resync"])
async def test_change_that_could_not_be_read_is_read_at_the_next_sweep(change: Change) -> None:
    """A lost wake-up delays a NOTIFY and never loses it."""
    store = FakeStore()
    there, here = House(store=store), House(store=store)
    await here.watching()
    tag = await there.published(pidf("1"))
    await there.published(pidf("2"), tag)
    store.unreadable = StoreUnavailable("away")
    here.service.on_change(change)
    await settle()
    assert here.endpoint.take() == []
    store.unreadable = None
    await here.service.sweep()
    await settle()
    assert [notify.body for notify in here.endpoint.take()] == [pidf("2")]


async def test_expiry_whose_report_was_lost_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """PUB-08: what a sweep deleted is told by versions when its answer never came."""
    house = House(config=PresenceConfig(sweep_interval=0.0))
    await house.watching("Expires: 3600")
    await house.published(pidf())
    house.endpoint.take()
    expire = house.store.expire

    async def lost(now: float) -> Expired:
        monkeypatch.setattr(house.store, "expire", expire)
        await expire(now)
        raise StoreUnavailable("connection lost")

    monkeypatch.setattr(house.store, "expire", lost)
    house.store.states = {
        key: ResourceState(
            state.version, tuple(one._replace(expires_at=NOON) for one in state.publications)
        )
        for key, state in house.store.states.items()
    }
    await house.service.start()
    await settle(30)
    await house.service.stop()
    assert [b"closed" in notify.body for notify in house.endpoint.take()] == [True]


async def test_expired_bindings_are_passed_on() -> None:
    """The registrar hears of what the sweep found."""
    told: list[str] = []

    async def listener(aors: Sequence[str]) -> None:
        told.extend(aors)

    house = House(on_expired_bindings=listener)
    house.store.unbound = [ALICE]
    await house.service.sweep()
    await settle()
    assert told == [ALICE]


@pytest.mark.parametrize("away", [False, True], ids=["at-once", "at-the-next-sweep"])
async def test_subscriptions_touched_together_share_a_statement(away: bool) -> None:
    house, asked = House(), []
    tags = [await house.watching(n=n) for n in range(3)]
    house.store.rows.clear()
    read = house.store.subscriptions

    async def counted(ids: Sequence[str]) -> Mapping[str, SubscriptionRow]:
        asked.append(list(ids))
        return await read(ids)

    house.store.subscriptions = counted  # type: ignore[method-assign]
    house.store.unreadable = StoreUnavailable("away") if away else None
    for tag in tags:
        house.service.on_change(Change(Kind.SUBSCRIPTION, tag, 0))
    await settle()
    house.store.unreadable = None
    if away:
        await house.service.sweep()
    assert asked == [tags] * (2 if away else 1)
    assert len(house.service.engine.index) == 0


async def restarted(before: House) -> House:
    """The same store in a new life, some time later."""
    await settle()
    before.store.orphans = list(before.store.rows)
    after = House(store=before.store, clock=Clock(before.clock.now + 10))
    await after.service.start()
    await settle(30)
    await after.service.stop()
    return after


async def test_new_life_tells_who_missed_something() -> None:
    """EVT-15: a watcher whose last answered NOTIFY is older gets the newest state."""
    house = House(config=PresenceConfig(told_interval=0.0))
    await house.watching(n=1)
    await house.service.sweep()
    tag = await house.published(pidf("told"))
    await house.service.sweep()
    house.endpoint.answering = False
    await house.published(pidf("missed"), tag)
    after = await restarted(house)
    (notify,) = after.endpoint.take()
    assert (notify.body, notify.state) == (pidf("missed"), "active;expires=3590")


async def test_new_life_repeats_nothing() -> None:
    """EVT-17: recovery never resends unchanged state."""
    house = House()
    await house.published(pidf())
    await house.watching()
    await house.service.stop()
    after = await restarted(house)
    assert after.endpoint.take() == []
    assert len(after.service.engine.index) == 1


async def test_new_life_notifies_whoever_was_never_notified() -> None:
    """RFC 6665 §4.2.1.2: killed between the 200 and its NOTIFY."""
    house = House(answering=False)
    await house.subscribe(subscribe_request())
    after = await restarted(house)
    assert [notify.state for notify in after.endpoint.take()] == ["active;expires=3590"]


async def test_adoption_that_the_store_breaks_off_is_taken_up_again() -> None:
    """EVT-15: rows that are ours in the store do not stay without anybody to serve them."""
    house = House(answering=False)
    await house.subscribe(subscribe_request())
    house.store.orphans = list(house.store.rows)
    after = House(store=house.store, config=PresenceConfig(adopt_interval=0.0))
    house.store.unreadable = StoreUnavailable("away")
    await after.service.sweep()
    await settle()
    assert after.endpoint.take() == []
    house.store.unreadable = None
    await after.service.sweep()
    await settle()
    assert [notify.state for notify in after.endpoint.take()] == ["active;expires=3600"]
    assert after.service.stats.adopted == 1


async def test_cseq_goes_on_above_what_was_reserved() -> None:
    """EVT-08: never repeated, never backwards, over a restart too."""
    house = House()
    tag = await house.watching()
    after = await restarted(house)
    await after.published(pidf())
    assert after.endpoint.take()[0].cseq == CSEQ_BLOCK + 1
    await after.service.stop()
    assert after.store.rows[tag].cseq_ceiling == 2 * CSEQ_BLOCK
    again = await restarted(after)
    await again.published(pidf("2"))
    assert again.endpoint.take()[0].cseq == 2 * CSEQ_BLOCK + 1


async def test_adopted_subscription_can_be_refreshed_and_hears_changes() -> None:
    """EVT-15."""
    house = House()
    await house.published(pidf())
    tag = await house.watching()
    await house.service.stop()
    after = await restarted(house)
    await after.published(pidf("2", tuple_id="t2"))
    assert b"t2" in after.endpoint.take()[0].body
    tx = await after.subscribe(subscribe_request(cseq=2, to_tag=tag))
    assert tx.status == 200


async def test_adoption_goes_in_batches() -> None:
    config = PresenceConfig(adopt_batch=2, adopt_pause=0.0)
    house = House(config=config)
    for n in range(5):
        await house.watching(n=n)
    house.store.orphans = list(house.store.rows)
    after = House(store=house.store, config=config)
    await after.service.start()
    await settle(100)
    await after.service.stop()
    assert after.service.stats.adopted == 5


async def test_watcher_of_a_live_resource_hears_what_an_adoption_brings() -> None:
    """A newer version found while adopting is told to those who were here before."""
    store = FakeStore()
    there, here = House(store=store), House(store=store)
    await here.watching(n=1)
    orphan = await there.watching(n=2)
    await there.published(pidf("new"))
    store.orphans = [orphan]
    await here.service.sweep()
    await settle()
    assert sorted(notify.request.call_id for notify in here.endpoint.take()) == [
        "sub1@192.0.2.9",
        "sub2@192.0.2.9",
    ]


async def test_sweep_survives_a_store_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(config=PresenceConfig(sweep_interval=0.0))
    calls: list[float] = []

    async def expire(now: float) -> None:
        calls.append(now)
        raise StoreUnavailable("away")

    monkeypatch.setattr(house.store, "expire", expire)
    await house.service.start()
    await settle(30)
    await house.service.stop()
    assert len(calls) > 1


async def test_older_news_change_nothing() -> None:
    """Versions are monotone: an outcome that arrives late is thrown away."""
    house = House()
    await house.watching()
    await house.published(pidf("new"))
    house.endpoint.take()
    newer = house.store.state(PRESENCE)
    stale = ResourceState(newer.version - 1, ())
    house.service.engine.published(PRESENCE, stale.version, stale.publications)
    assert house.endpoint.take() == []
