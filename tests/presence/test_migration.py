"""Subscriptions are asked to go elsewhere: RFC 6665 §4.4.2, EVT-12."""

import asyncio

import pytest

from presence.config import PresenceConfig
from presence.subscriptions.migration_service import Phase
from store.errors import StoreUnavailable
from tests.presence.fakes import House, pidf, settle, subscribe_request

ENDED = "terminated;reason=deactivated"
NEVER = 0.001
"""A rate at which the next batch is not seen in a test."""


async def test_each_is_told_to_subscribe_elsewhere_and_leaves_the_store() -> None:
    """RFC 6665 §4.4.2; without the state, which is the next notifier's to tell."""
    house = House()
    await house.published(pidf())
    for n in range(3):
        await house.watching(n=n)
    await house.service.migration.step(2)
    assert [(sent.state, sent.body) for sent in house.endpoint.take()] == [(ENDED, b"")] * 2
    assert (len(house.store.rows), len(house.service.engine.index)) == (1, 1)
    assert house.service.stats.migrated == 2


async def test_so_many_go_at_a_time_until_none_is_left() -> None:
    house = House()
    for n in range(3):
        await house.watching(n=n)
    migration = house.service.migration
    migration.start(NEVER)
    await settle()
    assert len(house.endpoint.take()) == 1
    progress = migration.progress
    assert (progress.phase, progress.moved, progress.left) == (Phase.MOVING, 1, 2)
    await migration.step(10)
    progress = migration.progress
    assert (progress.phase, progress.moved, progress.left) == (Phase.MOVED, 3, 0)
    assert progress.begun_at == progress.ended_at == house.clock.now
    await house.service.stop()


async def test_a_refresh_that_comes_first_is_served() -> None:
    """The subscription lasts until its NOTIFY says otherwise."""
    house = House()
    first, second = await house.watching(n=1), await house.watching(n=2)
    house.service.migration.start(NEVER)
    await settle()
    gone = await _status(house, first, 1)
    kept = await _status(house, second, 2)
    assert (gone, kept) == (481, 200)
    await house.service.stop()


async def _status(house: House, tag: str, n: int) -> int:
    request = subscribe_request(cseq=2, to_tag=tag, call_id=f"sub{n}@192.0.2.9", from_tag=f"w{n}")
    return (await house.subscribe(request)).status


async def test_it_can_be_called_off() -> None:
    house = House()
    for n in range(2):
        await house.watching(n=n)
    house.service.migration.start(NEVER)
    await settle()
    house.service.migration.cancel()
    assert house.service.migration.progress.phase is Phase.IDLE
    assert len(house.service.engine.index) == 1


async def test_nothing_is_taken_over_meanwhile() -> None:
    """Several processes: what another has left is for those who stay."""
    house = House(config=PresenceConfig(adopt_interval=0.0))
    tag = await house.watching()
    there = House(store=house.store, config=PresenceConfig(adopt_interval=0.0))
    house.store.orphans = [tag]
    there.service.migration.start(NEVER)
    await there.service.sweep()
    await settle()
    assert there.service.stats.adopted == 0
    there.service.migration.cancel()
    await there.service.sweep()
    await settle()
    assert there.service.stats.adopted == 1


async def test_what_the_store_keeps_is_asked_again() -> None:
    """A subscription that is still stored has not been told that it is over."""
    house = House()
    await house.watching()
    house.store.failing = StoreUnavailable("away")
    with pytest.raises(StoreUnavailable):
        await house.service.migration.step(1)
    assert house.endpoint.take() == []
    house.store.failing = None
    await house.service.migration.step(1)
    assert [sent.state for sent in house.endpoint.take()] == [ENDED]


async def test_a_store_that_is_away_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    migration = house.service.migration
    monkeypatch.setattr("presence.subscriptions.migration_service.TICK", 0.0)
    calls: list[int] = []
    thrice = asyncio.Event()

    async def step(most: int) -> None:
        calls.append(most)
        if len(calls) > 2:
            thrice.set()
        raise StoreUnavailable("away") if len(calls) == 1 else RuntimeError("ours")

    monkeypatch.setattr(migration, "step", step)
    migration.start(1e9)
    async with asyncio.timeout(5):
        await thrice.wait()
    assert migration.active
    await house.service.stop()


async def test_the_rate_can_be_changed_on_the_way() -> None:
    house = House()
    migration = house.service.migration
    migration.start(NEVER)
    begun = migration.progress
    migration.start(50.0)
    assert migration.progress == begun._replace(rate=50.0)
    await house.service.stop()
