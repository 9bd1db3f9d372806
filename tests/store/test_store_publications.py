"""RFC 3903 §6: publications in the store, on both databases."""

import asyncio
from typing import Any

import pytest

from store.errors import StoreRefused
from store.outcomes import EtagMismatch, PublicationWritten
from store.store import Store
from store.values import Publication, Resource, ResourceState
from tests.store.conftest import Opener
from tests.store.storekit import ALICE, BOB, NOW, PIDF, FakeClock, modify, publish


async def test_an_initial_publication_starts_at_version_one(store: Store) -> None:
    assert await store.write_publication(publish()) == PublicationWritten(1, ())
    kept = Publication("p1", "p1.1", NOW + 3600, PIDF, b"<presence/>", NOW)
    assert await store.resource_state(ALICE) == ResourceState(1, (kept,))


async def test_a_resource_never_published_has_version_zero(store: Store) -> None:
    assert await store.resource_state(BOB) == ResourceState(0, ())


async def test_a_modification_replaces_body_and_entity_tag(store: Store) -> None:
    await store.write_publication(publish())
    assert await store.write_publication(modify()) == PublicationWritten(2, ())
    state = await store.resource_state(ALICE)
    assert [(p.entity_tag, p.body) for p in state.publications] == [("p1.2", b"body 2")]


async def test_a_refresh_keeps_the_body_and_raises_no_version(store: Store) -> None:
    await store.write_publication(publish())
    refreshed = modify(body=None, content_type="", expires_at=NOW + 7200, published_at=NOW + 9)
    assert await store.write_publication(refreshed) == PublicationWritten(1, ())
    kept = Publication("p1", "p1.2", NOW + 7200, PIDF, b"<presence/>", NOW)
    assert await store.resource_state(ALICE) == ResourceState(1, (kept,))


async def test_a_removal_raises_the_version_and_later_ones_go_on_from_it(store: Store) -> None:
    await store.write_publication(publish())
    removal = modify(body=None, expires_at=0)
    assert await store.write_publication(removal) == PublicationWritten(2, ())
    assert await store.resource_state(ALICE) == ResourceState(2, ())
    assert await store.write_publication(publish(name="p2")) == PublicationWritten(3, ())


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"expected": 7}, id="another-entity-tag"),
        pytest.param({"name": "p9"}, id="another-publication"),
        pytest.param({"resource": BOB}, id="another-resource"),
        pytest.param({"now": NOW + 3600}, id="expired-but-not-swept"),
        pytest.param({"expected": 7, "body": None}, id="refresh"),
        pytest.param({"expected": 7, "body": None, "expires_at": 0}, id="removal"),
    ],
)
async def test_an_unknown_entity_tag_changes_nothing(store: Store, change: dict[str, Any]) -> None:
    """RFC 3903 §6: 412 for a SIP-If-Match that matches nothing."""
    await store.write_publication(publish())
    before = await store.resource_state(ALICE)
    assert await store.write_publication(modify(**change)) == EtagMismatch()
    assert await store.resource_state(ALICE) == before


async def test_a_write_returns_every_other_live_publication_oldest_first(store: Store) -> None:
    await store.write_publication(publish(name="p3", published_at=NOW - 1))
    await store.write_publication(publish(name="p2", published_at=NOW - 2))
    await store.write_publication(publish(name="dead", expires_at=NOW))
    await store.write_publication(publish(BOB, "p4"))
    written = await store.write_publication(publish())
    assert isinstance(written, PublicationWritten)
    assert written.version == 4
    assert [other.id for other in written.others] == ["p2", "p3"]


async def test_packages_of_one_aor_are_apart(store: Store) -> None:
    dialog = Resource(ALICE.aor, "dialog")
    await store.write_publication(publish())
    assert await store.write_publication(publish(dialog)) == PublicationWritten(1, ())
    assert await store.versions([ALICE, dialog, BOB]) == {ALICE: 1, dialog: 1, BOB: 0}


async def test_of_many_writes_with_one_entity_tag_one_succeeds(store: Store) -> None:
    await store.write_publication(publish())
    races = [modify(entity_tag=f"p1.r{number}") for number in range(20)]
    outcomes = await asyncio.gather(*map(store.write_publication, races))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == (
        ["EtagMismatch"] * 19 + ["PublicationWritten"]
    )


async def test_writes_of_one_resource_keep_their_order(store: Store) -> None:
    chain = [publish(), *(modify(expected=number) for number in range(1, 30))]
    outcomes = await asyncio.gather(*map(store.write_publication, chain))
    assert outcomes == [PublicationWritten(number, ()) for number in range(1, 31)]


async def test_a_mixed_batch_answers_each_operation(store: Store) -> None:
    people = [Resource(f"sip:u{number}@example.com", "presence") for number in range(4)]
    await asyncio.gather(*(store.write_publication(publish(who)) for who in people))
    outcomes = await asyncio.gather(
        store.write_publication(modify(resource=people[3])),
        store.write_publication(modify(resource=people[1], body=None, expires_at=0)),
        store.write_publication(publish(people[0], "p2")),
        store.write_publication(modify(resource=people[2], expected=5)),
        store.write_publication(publish(BOB)),
    )
    first = Publication("p1", "p1.1", NOW + 3600, PIDF, b"<presence/>", NOW)
    assert list(outcomes) == [
        PublicationWritten(2, ()),
        PublicationWritten(2, ()),
        PublicationWritten(2, (first,)),
        EtagMismatch(),
        PublicationWritten(1, ()),
    ]


async def test_a_value_the_database_refuses_harms_no_other(store: Store) -> None:
    bad = publish(Resource("sip:\udcff@example.com", "presence"))
    outcomes = await asyncio.gather(
        store.write_publication(publish()),
        store.write_publication(bad),
        store.write_publication(publish(BOB)),
        return_exceptions=True,
    )
    assert outcomes[0] == outcomes[2] == PublicationWritten(1, ())
    assert isinstance(outcomes[1], StoreRefused)


async def test_what_was_acknowledged_is_there_after_a_restart(url: str, opened: Opener) -> None:
    first = await opened(url)
    await first.write_publication(publish())
    before = await first.resource_state(ALICE)
    await first.close()
    second = await opened(url)
    assert await second.resource_state(ALICE) == before


async def test_reads_leave_expired_publications_out(store: Store, clock: FakeClock) -> None:
    await store.write_publication(publish())
    clock.now = NOW + 3600
    assert await store.resource_state(ALICE) == ResourceState(1, ())


async def test_a_cancelled_caller_leaves_the_lane_working(store: Store) -> None:
    caller = asyncio.ensure_future(store.write_publication(publish()))
    await asyncio.sleep(0)
    caller.cancel()
    outcome = await store.write_publication(publish(name="p2"))
    assert isinstance(outcome, PublicationWritten)
    state = await store.resource_state(ALICE)
    assert state.version == outcome.version == len(state.publications)


async def test_publications_can_be_made_to_end_sooner(store: Store) -> None:
    """No version rises, nothing is prolonged, and a refresh goes on as ever.

    What was refreshed meanwhile has another entity-tag, and is left alone.
    """
    await store.write_publication(publish())
    await store.write_publication(publish(name="p2", expires_at=NOW + 5))
    named = [(ALICE, "p1.1"), (ALICE, "p2.1"), (BOB, "p1.1")]
    await store.shorten_publications(named, NOW + 30)
    state = await store.resource_state(ALICE)
    assert state.version == 2
    assert {p.id: p.expires_at for p in state.publications} == {"p1": NOW + 30, "p2": NOW + 5}
    await store.write_publication(modify(body=None, expires_at=NOW + 900))
    await store.shorten_publications(named, NOW + 30)
    assert (await store.expire(NOW + 31)).resources == [(ALICE, 3)]
    assert [p.id for p in (await store.resource_state(ALICE)).publications] == ["p1"]
