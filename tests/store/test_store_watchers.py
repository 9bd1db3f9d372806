"""RFC 3857 §4.7.1 in the store: who waits, who just ended and why, on both databases."""

import asyncio

import pytest
from sqlalchemy import text

from store import migrate
from store.store import Store
from store.values import Change, Kind, Resource, WatcherRow, watcher_key
from store.watching import KEEP_ENDED, KEEP_WAITING, WAITING_LIMIT
from tests.store.conftest import Opener
from tests.store.storekit import ALICE, BOB, NOW, FakeClock, eventually, refresh, subscription

ABOUT = Resource(ALICE.aor, "presence.winfo")
WATCHER = "sip:bob@example.com"
OF_BEFORE = """
    INSERT INTO subscriptions (id, aor, package, watcher, state, remote_cseq, cseq_ceiling,
        told_version, expires_at, check_at, owner, dialog, reach)
    VALUES ('old', :aor, 'presence', :watcher, 'pending', 1, 1, 0, :expires_at, 0, 'a.1',
        '[null,"","c","old","r","<sip:alice@example.com>","<sip:bob@example.com>",[],1.0]',
        '["sip:bob@192.0.2.1","","UDP","f","",""]')
"""


def seen(rows: list[WatcherRow]) -> list[tuple[str, str, str]]:
    return [(row.id, row.status, row.event) for row in rows]


async def watch_the_watchers(store: Store) -> None:
    """Alice subscribes to her watchers."""
    row = subscription("w1", resource=ABOUT, watcher=ALICE.aor, expires_at=NOW + 2 * KEEP_WAITING)
    await store.write_subscription(row)


async def pending(store: Store, name: str = "s1", **more: object) -> None:
    await store.write_subscription(subscription(name, state="pending", **more))


async def test_a_subscription_is_listed_with_what_its_owner_is_shown(store: Store) -> None:
    """RFC 3858 §3: who, since when, until when, under which name."""
    await store.write_subscription(subscription())
    await store.write_subscription(subscription("other", resource=BOB))
    [row] = await store.watching(ALICE, None)
    assert row == WatcherRow(
        "s1",
        ALICE,
        WATCHER,
        "active",
        "subscribe",
        NOW + 3600,
        subscription().remote_address,
        NOW,
    )


@pytest.mark.parametrize(
    ("state", "event", "becomes"),
    [
        ("pending", "timeout", [("s1", "waiting", "timeout")]),
        ("pending", "rejected", []),
        ("pending", "deactivated", []),
        ("active", "timeout", []),
        ("active", "rejected", []),
    ],
)
async def test_only_who_is_undecided_waits(
    store: Store, state: str, event: str, becomes: list[tuple[str, str, str]]
) -> None:
    """RFC 3857 §4.7.1, figure 1; nobody listens, so no ends are kept."""
    await store.write_subscription(subscription(state=state))
    await store.end_subscription("s1", event)
    assert seen(await store.watching(ALICE, None)) == becomes


async def test_ends_are_kept_for_a_minute_where_somebody_listens(
    store: Store, clock: FakeClock
) -> None:
    await watch_the_watchers(store)
    await store.write_subscription(subscription())
    await store.end_subscription("s1", "rejected")
    assert seen(await store.watching(ALICE, None)) == [("s1", "terminated", "rejected")]
    await store.expire(NOW + KEEP_ENDED + 1)
    assert seen(await store.watching(ALICE, None)) == []


async def test_a_pending_one_that_expires_waits(store: Store) -> None:
    await pending(store)
    await store.write_subscription(subscription("a1", watcher="sip:carol@example.com"))
    swept = await store.expire(NOW + 3600)
    assert sorted(swept.subscriptions) == ["a1", "s1"]
    assert swept.watched == [(ALICE, WATCHER), (ALICE, "sip:carol@example.com")]
    assert seen(await store.watching(ALICE, None)) == [("s1", "waiting", "timeout")]
    assert seen(await store.waiting(ALICE.aor)) == [("s1", "waiting", "timeout")]


async def test_who_expires_is_told_where_somebody_listens(store: Store) -> None:
    await watch_the_watchers(store)
    await store.write_subscription(subscription())
    await store.expire(NOW + 3600)
    assert seen(await store.watching(ALICE, None)) == [("s1", "terminated", "timeout")]


async def test_the_server_gives_up_after_a_while(store: Store) -> None:
    await pending(store)
    await store.end_subscription("s1")
    assert (await store.expire(NOW + KEEP_WAITING - 1)).watched == []
    late = NOW + KEEP_WAITING + 1
    assert (await store.expire(late)).watched == [(ALICE, WATCHER)]
    assert seen(await store.watching(ALICE, None)) == [("s1", "terminated", "giveup")]
    assert await store.waiting(ALICE.aor) == []
    await store.expire(late + KEEP_ENDED)
    assert await store.watching(ALICE, None) == []


async def test_how_long_is_a_setting_and_0_keeps_nobody(url: str, opened: Opener) -> None:
    store = await opened(url, keep_waiting=0)
    await pending(store)
    await store.end_subscription("s1")
    assert await store.waiting(ALICE.aor) == []


@pytest.mark.parametrize("state", ["pending", "active"])
async def test_who_subscribes_again_does_not_wait(store: Store, state: str) -> None:
    """RFC 3857 §4.7.1: giveup, and the new subscription has a name of its own."""
    await pending(store)
    await store.end_subscription("s1")
    await store.write_subscription(subscription("s2", state=state, created_at=NOW + 1))
    assert seen(await store.watching(ALICE, None)) == [
        ("s1", "terminated", "giveup"),
        ("s2", state, "subscribe"),
    ]


async def test_others_go_on_waiting(store: Store) -> None:
    await pending(store)
    await pending(store, "d1", resource=Resource(ALICE.aor, "dialog"))
    await pending(store, "c1", watcher="sip:carol@example.com")
    for name in ("s1", "d1", "c1"):
        await store.end_subscription(name)
    await store.write_subscription(subscription("s2"))
    assert sorted(row.id for row in await store.waiting(ALICE.aor)) == ["c1", "d1"]


async def test_one_watcher_waits_once_for_a_resource(store: Store) -> None:
    for name in ("s1", "s2"):
        await pending(store, name)
    for name in ("s1", "s2"):
        await store.end_subscription(name)
    assert [row.id for row in await store.waiting(ALICE.aor)] == ["s2"]


async def test_a_fetch_waits_too(store: Store) -> None:
    """RFC 3857 §4.7.1: the state is also needed to authorize fetches."""
    await store.hold_watcher(subscription("f1", state="pending"))
    await store.hold_watcher(subscription("f2", state="pending"))
    assert seen(await store.waiting(ALICE.aor)) == [("f2", "waiting", "timeout")]
    assert await store.subscription("f2") is None


async def test_what_one_watcher_waits_for_is_bounded(store: Store) -> None:
    """RFC 3857 §6.1: a particular subscriber has no more than so many."""
    many = [Resource(f"sip:u{n}@example.com", "presence") for n in range(WAITING_LIMIT)]
    await asyncio.gather(
        *(store.hold_watcher(subscription(f"f{n}", resource=r)) for n, r in enumerate(many))
    )
    await pending(store)
    await store.end_subscription("s1")
    assert await store.waiting(ALICE.aor) == []
    await pending(store, "c1", watcher="sip:carol@example.com")
    await store.end_subscription("c1")
    assert [row.id for row in await store.waiting(ALICE.aor)] == ["c1"]


async def test_names_without_end_stop_nothing(store: Store) -> None:
    """RFC 3857 §6.1: who is trusted may assert any identity; no index takes all of them."""
    await watch_the_watchers(store)
    long = "sip:" + "".join(f"{n:x}." for n in range(2_000)) + "@example.org"
    await pending(store, "l1", watcher=long)
    await pending(store, "l2", watcher=long)
    await pending(store)
    await store.settle_subscription("l2", "pending", "subscribe")
    await store.end_subscription("l1")
    assert sorted((await store.expire(NOW + 3600)).subscriptions) == ["l2", "s1"]
    assert "s1" in [row.id for row in await store.waiting(ALICE.aor)]
    await store.hold_watcher(subscription("l3", watcher=long))


@pytest.mark.parametrize("event", ["approved", "rejected", "noresource"])
async def test_a_decision_ends_the_wait(store: Store, event: str) -> None:
    await pending(store)
    await store.end_subscription("s1")
    await store.settle_watcher("s1", event)
    await store.settle_watcher("s1", "giveup")
    assert await store.waiting(ALICE.aor) == []
    assert seen(await store.watching(ALICE, None)) == [("s1", "terminated", event)]


async def test_a_decision_changes_a_subscription(store: Store) -> None:
    await pending(store)
    await store.settle_subscription("s1", "active", "approved")
    assert seen(await store.watching(ALICE, None)) == [("s1", "active", "approved")]
    row = await store.subscription("s1")
    assert row is not None
    assert row.state == "active"


@pytest.mark.parametrize(
    ("before", "after", "event"),
    [
        ("pending", "active", "approved"),
        ("pending", "pending", "subscribe"),
        ("active", "active", "subscribe"),
        ("active", "pending", "subscribe"),
    ],
)
async def test_a_refresh_may_find_a_decision(
    store: Store, before: str, after: str, event: str
) -> None:
    await store.write_subscription(subscription(state=before))
    await store.refresh_subscription(refresh(state=after))
    assert seen(await store.watching(ALICE, None)) == [("s1", after, event)]


async def test_a_decision_that_is_taken_back_leaves_no_trace(store: Store) -> None:
    """RFC 5025 §3.2.1: there is no event for it."""
    await pending(store)
    await store.refresh_subscription(refresh(state="active"))
    await store.refresh_subscription(refresh(state="pending", remote_cseq=3))
    assert seen(await store.watching(ALICE, None)) == [("s1", "pending", "subscribe")]


async def test_one_watcher_can_be_asked_for(store: Store) -> None:
    await store.write_subscription(subscription())
    await pending(store, "c1", watcher="sip:carol@example.com")
    await store.end_subscription("c1")
    assert [row.id for row in await store.watching(ALICE, WATCHER)] == ["s1"]
    assert [row.id for row in await store.watching(ALICE, "sip:carol@example.com")] == ["c1"]
    assert await store.watching(ALICE, "sip:dave@example.com") == []


async def test_it_survives_a_restart(url: str, opened: Opener) -> None:
    one = await opened(url, "a")
    await pending(one)
    await pending(one, "s2", watcher="sip:carol@example.com")
    await one.settle_subscription("s2", "active", "approved")
    await one.end_subscription("s1")
    await one.close()
    two = await opened(url, "a")
    assert sorted(seen(await two.watching(ALICE, None))) == [
        ("s1", "waiting", "timeout"),
        ("s2", "active", "approved"),
    ]


CHANGE = Change(Kind.WATCHER, watcher_key(ALICE, WATCHER), 0)


async def test_other_processes_hear_where_somebody_listens(
    postgres_url: str, opened: Opener
) -> None:
    heard: list[Change] = []
    other, one = await opened(postgres_url, "a"), await opened(postgres_url, "b")
    other.on_change(heard.append)

    async def told(count: int) -> None:
        await eventually(lambda: [c for c in heard if c.kind is Kind.WATCHER] == [CHANGE] * count)

    await pending(one, "early")
    await watch_the_watchers(other)
    await pending(one)
    await told(1)
    await one.settle_subscription("s1", "active", "approved")
    await told(2)
    await one.refresh_subscription(refresh(state="pending"))
    await told(3)
    await one.refresh_subscription(refresh(state="pending", remote_cseq=3))
    await one.end_subscription("s1", "rejected")
    await told(4)
    await one.end_subscription("early")
    await told(5)
    await one.settle_watcher("early", "approved")
    await told(6)
    await one.hold_watcher(subscription("f1"))
    await told(7)
    await one.expire(NOW + KEEP_WAITING + 1)
    await told(8)


async def test_an_older_database_is_brought_along(empty_url: str, opened: Opener) -> None:
    """Subscriptions of before migration 0003 are listed as subscribed, and wait as others do."""
    await asyncio.to_thread(migrate.upgrade, empty_url, "0002")
    row = {"aor": ALICE.aor, "watcher": WATCHER, "expires_at": NOW + 60}
    await asyncio.to_thread(
        migrate.on_connection, empty_url, lambda c: c.execute(text(OF_BEFORE), row)
    )
    await asyncio.to_thread(migrate.upgrade, empty_url)
    store = await opened(empty_url)
    assert seen(await store.watching(ALICE, None)) == [("old", "pending", "subscribe")]
    await store.expire(NOW + 61)
    assert seen(await store.waiting(ALICE.aor)) == [("old", "waiting", "timeout")]


def test_the_way_down_keeps_subscriptions(empty_url: str) -> None:
    migrate.upgrade(empty_url, "0002")
    row = {"aor": ALICE.aor, "watcher": WATCHER, "expires_at": NOW}
    migrate.on_connection(empty_url, lambda c: c.execute(text(OF_BEFORE), row))
    migrate.upgrade(empty_url)
    migrate.downgrade(empty_url, "0002")
    asked = text("SELECT id FROM subscriptions")
    assert migrate.on_connection(empty_url, lambda c: c.execute(asked).all()) == [("old",)]
