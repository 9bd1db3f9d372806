"""RFC 3903 §6, RFC 3261 §10.3, RFC 6665 §4.4.1: soft state ends by itself, and is told once."""

import asyncio

from store.outcomes import Expired
from store.store import Store
from store.values import Resource
from tests.store.conftest import Opener
from tests.store.storekit import ALICE, NOW, bind, binding, modify, publish, refresh, subscription

BOB_AOR = "sip:bob@example.com"
NOTHING = Expired([], [], [])


async def fill(store: Store) -> None:
    """One of each that ends in an hour, one of each that ends in two."""
    await store.write_publication(publish())
    await store.write_publication(publish(name="long", expires_at=NOW + 7200))
    await store.write_subscription(subscription())
    await store.write_subscription(subscription("long", expires_at=NOW + 7200))
    await store.write_bindings(bind(0, binding("a"), binding("b", expires_at=NOW + 7200)))


async def test_each_expiry_is_reported_once_and_raises_the_version(store: Store) -> None:
    await fill(store)
    assert await store.expire(NOW + 3599.9) == NOTHING
    assert await store.expire(NOW + 3600) == Expired(
        [(ALICE, 3)], ["s1"], [ALICE.aor], [(ALICE, BOB_AOR)]
    )
    assert await store.expire(NOW + 3600) == NOTHING
    assert [p.id for p in (await store.resource_state(ALICE)).publications] == ["long"]
    assert [b.contact for b in (await store.bindings(ALICE.aor)).bindings] == ["b"]
    assert (await store.bindings(ALICE.aor)).version == 2
    assert await store.subscription("s1") is None


async def test_a_fraction_of_a_second_is_not_too_early(store: Store) -> None:
    await store.write_publication(publish(expires_at=NOW + 10.5))
    assert await store.expire(NOW + 10.4) == NOTHING
    assert await store.expire(NOW + 11) == Expired([(ALICE, 2)], [], [])


async def test_what_was_prolonged_lives_on(store: Store) -> None:
    await store.write_publication(publish())
    await store.write_subscription(subscription())
    await store.write_bindings(bind(0, binding("a")))
    await store.write_publication(modify(body=None, expires_at=NOW + 5400.5))
    await store.refresh_subscription(refresh(expires_at=NOW + 5400.5))
    await store.write_bindings(bind(1, binding("a", expires_at=NOW + 5400.5)))
    assert await store.expire(NOW + 4000) == NOTHING
    assert await store.expire(NOW + 5400) == NOTHING
    assert await store.expire(NOW + 5401) == Expired(
        [(ALICE, 2)], ["s1"], [ALICE.aor], [(ALICE, BOB_AOR)]
    )


async def test_what_was_shortened_ends_sooner(store: Store) -> None:
    await store.write_publication(publish())
    await store.write_publication(modify(expires_at=NOW + 60))
    assert await store.expire(NOW + 60) == Expired([(ALICE, 3)], [], [])


async def test_a_resource_that_loses_several_publications_rises_once(store: Store) -> None:
    for number in range(3):
        await store.write_publication(publish(name=f"p{number}"))
    assert await store.expire(NOW + 3600) == Expired([(ALICE, 4)], [], [])


async def test_more_than_one_statement_takes_is_swept_in_one_call(store: Store) -> None:
    people = [Resource(f"sip:u{number}@example.com", "presence") for number in range(2200)]
    await asyncio.gather(*(store.write_publication(publish(who)) for who in people))
    swept = await store.expire(NOW + 3600)
    assert sorted(swept.resources) == sorted((who, 2) for who in people)


async def test_two_sweeps_at_once_share_what_expired(postgres_url: str, opened: Opener) -> None:
    one, two = await opened(postgres_url, "a"), await opened(postgres_url, "b")
    people = [Resource(f"sip:u{number}@example.com", "presence") for number in range(300)]
    await asyncio.gather(*(one.write_publication(publish(who)) for who in people))
    swept = await asyncio.gather(*(store.expire(NOW + 3600) for store in (one, two, one, two)))
    found = [resource for sweep in swept for resource in sweep.resources]
    assert sorted(found) == sorted((who, 2) for who in people)
