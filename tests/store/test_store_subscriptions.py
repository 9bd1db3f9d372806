"""Subscriptions in the store: durable, adopted, told lazily; on both databases."""

import pytest

from store.database_store import CONTENT_LIMIT
from store.errors import StoreRefused
from store.outcomes import SubscriptionGone, SubscriptionWritten
from store.rows import CSEQ_RESERVE
from store.store import Store
from store.values import Resource, ResourceState
from tests.store.conftest import Opener
from tests.store.storekit import ALICE, BOB, NOW, FakeClock, publish, refresh, subscription


async def test_a_subscription_comes_back_as_it_was_written(store: Store) -> None:
    """Header values keep every octet, also those that are no UTF-8."""
    row = subscription(event_id="7", told_version=3)
    await store.write_subscription(row)
    assert await store.subscription("s1") == row._replace(owner=store.owner)


async def test_an_unknown_subscription_is_none(store: Store) -> None:
    assert await store.subscription("s9") is None


async def test_writing_one_reads_the_state_of_its_resource(store: Store) -> None:
    await store.write_publication(publish(name="p2", published_at=NOW + 1))
    await store.write_publication(publish())
    written = await store.write_subscription(subscription())
    state = await store.resource_state(ALICE)
    assert written == SubscriptionWritten(state)
    assert [publication.id for publication in state.publications] == ["p1", "p2"]


async def test_a_resource_without_state_is_empty_at_version_zero(store: Store) -> None:
    written = await store.write_subscription(subscription())
    assert written == SubscriptionWritten(ResourceState(0, ()))


async def test_writing_one_again_replaces_it(store: Store) -> None:
    await store.write_subscription(subscription())
    changed = subscription(state="terminated", watcher="sip:c@example.com", told_version=9)
    await store.write_subscription(changed)
    assert await store.subscription("s1") == changed._replace(owner=store.owner)


async def test_a_refresh_prolongs_and_replaces_how_the_watcher_is_reached(store: Store) -> None:
    row = subscription(cseq_ceiling=5)
    await store.write_subscription(row)
    outcome = await store.refresh_subscription(refresh(state="pending"))
    assert outcome == SubscriptionWritten(ResourceState(0, ()))
    assert await store.subscription("s1") == row._replace(
        owner=store.owner,
        state="pending",
        remote_cseq=2,
        remote_target="sip:bob@192.0.2.7",
        expires_at=NOW + 5400,
        transport="TCP",
        flow="192.0.2.7:5060",
    )


async def test_a_refresh_that_is_not_newer_is_refused(store: Store) -> None:
    """RFC 3261 §12.2.2: a CSeq lower than the last is out of order."""
    await store.write_subscription(subscription(remote_cseq=4))
    assert await store.refresh_subscription(refresh(remote_cseq=4)) == SubscriptionGone()
    assert await store.refresh_subscription(refresh(remote_cseq=5)) != SubscriptionGone()


async def test_a_refresh_of_an_expired_or_ended_one_is_refused(
    store: Store, clock: FakeClock
) -> None:
    await store.write_subscription(subscription())
    await store.write_subscription(subscription("s2"))
    await store.end_subscription("s2")
    await store.end_subscription("never")
    assert await store.refresh_subscription(refresh("s2")) == SubscriptionGone()
    clock.now = NOW + 3600
    assert await store.refresh_subscription(refresh()) == SubscriptionGone()


async def test_touches_are_flushed_on_close_and_the_last_wins(url: str, opened: Opener) -> None:
    first = await opened(url)
    await first.write_subscription(subscription())
    for version in (1, 2, 3):
        first.touch_subscription("s1", version, version + 10)
    await first.close()
    second = await opened(url)
    row = await second.subscription("s1")
    assert row is not None
    assert (row.told_version, row.cseq_ceiling) == (3, 13)


async def test_a_restarted_node_takes_its_live_subscriptions_back(url: str, opened: Opener) -> None:
    """The CSeq goes on above all that the earlier life can have used (RFC 3261 §12.2.1.1)."""
    first = await opened(url)
    await first.write_subscription(subscription(cseq_ceiling=40))
    await first.write_subscription(subscription("s2"))
    await first.write_subscription(subscription("old", expires_at=NOW))
    await first.close()
    second = await opened(url)
    adopted = [await second.adopt_subscriptions(1) for _ in range(3)]
    rows = {row.id: row for rows in adopted for row in rows}
    assert [len(rows) for rows in adopted] == [1, 1, 0]
    assert set(rows) == {"s1", "s2"}
    assert rows["s1"].cseq_ceiling == 40 + CSEQ_RESERVE
    assert rows["s1"].owner == second.owner
    assert await second.subscription("s1") == rows["s1"]


async def test_what_a_life_wrote_itself_is_not_adopted(store: Store) -> None:
    await store.write_subscription(subscription())
    assert await store.adopt_subscriptions(10) == []


async def test_subscriptions_to_several_resources_get_each_its_state(store: Store) -> None:
    other = Resource("sip:carol@example.com", "presence")
    await store.write_publication(publish(other))
    first = await store.write_subscription(subscription())
    second = await store.write_subscription(subscription("s2", resource=other))
    assert (first.state.version, second.state.version) == (0, 1)


async def test_what_a_body_asked_for_is_kept(store: Store) -> None:
    """RFC 5875 §4.4: the list of a SUBSCRIBE's body goes on until another one comes."""
    await store.write_subscription(subscription(content='["a \\"b\\""]'))
    row = await store.subscription("s1")
    assert row is not None
    assert row.content == '["a \\"b\\""]'
    await store.refresh_subscription(refresh(content="other"))
    row = await store.subscription("s1")
    assert row is not None
    assert (row.content, row.flow) == ("other", "192.0.2.7:5060")


@pytest.mark.parametrize("content", ["", "a list"])
async def test_a_wish_for_silence_is_kept(store: Store, content: str) -> None:
    """RFC 5839 §5.2: until a SUBSCRIBE without it comes."""
    await store.write_subscription(subscription(content=content, condition="*"))
    row = await store.subscription("s1")
    assert row is not None
    assert (row.content, row.condition) == (content, "*")
    await store.refresh_subscription(refresh(content=content))
    row = await store.subscription("s1")
    assert row is not None
    assert (row.content, row.condition) == (content, "")


async def test_no_body_is_kept_without_end(store: Store) -> None:
    long = "x" * (CONTENT_LIMIT + 1)
    with pytest.raises(StoreRefused):
        await store.write_subscription(subscription(content=long))
    await store.write_subscription(subscription(content=long[1:]))
    with pytest.raises(StoreRefused):
        await store.refresh_subscription(refresh(content=long))


async def test_live_watchers_of_an_aor_are_listed_under_every_package(
    store: Store, clock: FakeClock
) -> None:
    rows = [
        subscription("late", created_at=NOW + 1),
        subscription("early", resource=ALICE._replace(package="dialog")),
        subscription("gone", expires_at=NOW + 5),
        subscription("bobs", resource=BOB),
    ]
    for row in rows:
        await store.write_subscription(row)
    clock.now = NOW + 10
    assert [row.id for row in await store.watchers(ALICE.aor)] == ["early", "late"]
