"""Several processes on one PostgreSQL: races, the feed, adoption. Each store is a process."""

import asyncio

import asyncpg
import pytest

from store.errors import StoreUnavailable
from store.outcomes import (
    BindingsWritten,
    DocumentWritten,
    PublicationWritten,
    SubscriptionWritten,
)
from store.role import Role
from store.rows import CSEQ_RESERVE
from store.store import Store
from store.values import Change, Kind, Resource, document_key, resource_key
from tests.store.conftest import Opener
from tests.store.storekit import (
    ALICE,
    KEY,
    NOW,
    FakeClock,
    bind,
    binding,
    credential,
    eventually,
    modify,
    publish,
    put,
    refresh,
    subscription,
)

Pair = tuple[Store, Store]
Heard = list[Change]


@pytest.fixture
async def pair(postgres_url: str, opened: Opener) -> Pair:
    one, two = await opened(postgres_url, "a"), await opened(postgres_url, "b")
    met: Heard = []
    one.on_change(met.append)
    await two.put_credential(credential("nobody"))
    await eventually(lambda: bool(met))
    return one, two


@pytest.fixture
def heard(pair: Pair) -> Heard:
    """What the second process hears, besides the RESYNC that follows its start."""
    changes: Heard = []

    def hear(change: Change) -> None:
        if change.kind is not Kind.RESYNC:
            changes.append(change)

    pair[1].on_change(hear)
    return changes


async def test_of_parallel_writes_with_one_entity_tag_one_succeeds(pair: Pair) -> None:
    await pair[0].write_publication(publish())
    for number in range(1, 11):
        races = [modify(expected=number) for _ in range(8)]
        outcomes = await asyncio.gather(
            *(pair[place % 2].write_publication(op) for place, op in enumerate(races))
        )
        assert sum(isinstance(outcome, PublicationWritten) for outcome in outcomes) == 1


async def test_versions_of_two_writers_never_repeat_and_others_are_never_stale(
    pair: Pair,
) -> None:
    """The writer of the higher version sees the publication of the lower one."""
    people = [Resource(f"sip:u{number}@example.com", "presence") for number in range(20)]

    async def write(store: Store, who: Resource, name: str) -> list[PublicationWritten]:
        written = []
        for number in range(15):
            op = modify(name, number, resource=who) if number else publish(who, name)
            op = op._replace(entity_tag=f"{name}.{number + 1}", expected=op.expected)
            outcome = await store.write_publication(op)
            assert isinstance(outcome, PublicationWritten)
            written.append(outcome)
        return written

    for who in people:
        one, two = await asyncio.gather(write(pair[0], who, "p"), write(pair[1], who, "q"))
        tags = {outcome.version: f"p.{place + 1}" for place, outcome in enumerate(one)}
        tags |= {outcome.version: f"q.{place + 1}" for place, outcome in enumerate(two)}
        assert sorted(tags) == list(range(1, 31))
        for mine, name in ((one, "q"), (two, "p")):
            for outcome in mine:
                before = [tags[v] for v in range(1, outcome.version) if tags[v][0] == name]
                seen = [int(other.entity_tag[2:]) for other in outcome.others]
                assert not before or seen[0] >= int(before[-1][2:])


async def test_batches_of_two_processes_on_the_same_keys_do_not_deadlock(pair: Pair) -> None:
    people = [Resource(f"sip:u{number}@example.com", "presence") for number in range(60)]

    async def churn(store: Store, name: str, order: list[Resource]) -> None:
        await asyncio.gather(*(store.write_publication(publish(who, name)) for who in order))
        for number in range(1, 6):
            ops = [modify(name, number, resource=who) for who in order]
            outcomes = await asyncio.gather(*map(store.write_publication, ops))
            assert all(isinstance(outcome, PublicationWritten) for outcome in outcomes)

    await asyncio.gather(churn(pair[0], "p", people), churn(pair[1], "q", people[::-1]))
    assert set((await pair[0].versions(people)).values()) == {12}


async def test_bindings_and_documents_of_two_writers_race_to_one_winner(pair: Pair) -> None:
    for number in range(10):
        bound = await asyncio.gather(
            *(store.write_bindings(bind(number, binding(store.owner))) for store in pair)
        )
        assert sum(isinstance(outcome, BindingsWritten) for outcome in bound) == 1
        key = KEY._replace(path=str(number))
        made = await asyncio.gather(
            *(store.write_document(put(key=key, if_none_match=("*",))) for store in pair)
        )
        assert sum(isinstance(outcome, DocumentWritten) for outcome in made) == 1


async def test_unconditional_creations_by_two_writers_both_succeed(pair: Pair) -> None:
    for number in range(10):
        key = KEY._replace(path=str(number))
        made = await asyncio.gather(*(store.write_document(put(key=key)) for store in pair))
        assert [
            (outcome.version, outcome.created)
            for outcome in sorted(made, key=lambda outcome: getattr(outcome, "version", 0))
            if isinstance(outcome, DocumentWritten)
        ] == [(1, True), (2, False)]


async def test_each_kind_of_change_is_heard_with_its_version(pair: Pair, heard: Heard) -> None:
    one = pair[0]
    await one.write_publication(publish())
    await one.write_bindings(bind(0, binding("a")))
    await one.write_document(put())
    await one.put_credential(credential())
    await one.expire(NOW + 3600)
    expected = [
        Change(Kind.RESOURCE, resource_key(ALICE), 1),
        Change(Kind.BINDING, ALICE.aor, 1),
        Change(Kind.DOCUMENT, document_key(KEY), 1),
        Change(Kind.CREDENTIAL, credential().aor, 0),
        Change(Kind.RESOURCE, resource_key(ALICE), 2),
        Change(Kind.BINDING, ALICE.aor, 2),
    ]
    await eventually(lambda: len(heard) >= len(expected))
    assert heard == expected


async def test_refreshes_and_failed_writes_are_not_told(pair: Pair, heard: Heard) -> None:
    await pair[0].write_publication(publish())
    await pair[0].write_publication(modify(body=None))
    await pair[0].write_publication(modify(expected=9))
    await pair[0].write_publication(modify(expected=2))
    await eventually(lambda: len(heard) >= 2)
    assert [change.version for change in heard] == [1, 2]


async def test_a_process_does_not_hear_itself(pair: Pair) -> None:
    own: Heard = []

    def hear(change: Change) -> None:
        if change.kind is not Kind.RESYNC:
            own.append(change)

    pair[0].on_change(hear)
    await pair[0].write_publication(publish())
    await pair[1].write_bindings(bind(0))
    await eventually(lambda: bool(own))
    assert [change.kind for change in own] == [Kind.BINDING]


async def test_a_large_batch_is_told_in_several_payloads(pair: Pair, heard: Heard) -> None:
    people = [Resource(f"sip:{'x' * 300}{n}@example.com", "presence") for n in range(100)]
    await asyncio.gather(*(pair[0].write_publication(publish(who)) for who in people))
    await eventually(lambda: len(heard) >= 100)
    assert {change.resource for change in heard} == set(people)


async def test_a_tool_is_heard_at_once(
    postgres_url: str, opened: Opener, pair: Pair, heard: Heard
) -> None:
    aor = credential().aor
    assert await pair[1].credential(aor) is None
    tool = await opened(postgres_url, "tool", Role.TOOL)
    await tool.put_credential(credential())
    await eventually(lambda: bool(heard))
    assert await pair[1].credential(aor) == credential()


async def test_a_refresh_elsewhere_moves_the_subscription_and_tells_its_owner(
    pair: Pair, heard: Heard
) -> None:
    await pair[1].write_subscription(subscription())
    moved = await pair[0].refresh_subscription(refresh())
    assert isinstance(moved, SubscriptionWritten)
    await eventually(lambda: bool(heard))
    assert heard == [Change(Kind.SUBSCRIPTION, "s1", 0)]
    row = await pair[1].subscription("s1")
    assert row is not None
    assert row.owner == pair[0].owner
    await pair[0].refresh_subscription(refresh(remote_cseq=3))
    await pair[0].write_bindings(bind(0))
    await eventually(lambda: len(heard) > 1)
    assert [change.kind for change in heard] == [Kind.SUBSCRIPTION, Kind.BINDING]


async def test_a_touch_by_a_former_owner_is_not_written(pair: Pair) -> None:
    await pair[1].write_subscription(subscription())
    pair[1].touch_subscription("s1", 9, 9)
    await pair[0].refresh_subscription(refresh())
    await pair[1].close()
    row = await pair[0].subscription("s1")
    assert row is not None
    assert row.told_version == 0


async def test_the_living_keep_their_subscriptions(pair: Pair) -> None:
    await pair[1].write_subscription(subscription())
    assert await pair[0].adopt_subscriptions(10) == []


async def test_subscriptions_of_a_process_that_left_are_adopted_once(
    postgres_url: str, opened: Opener, pair: Pair
) -> None:
    gone = await opened(postgres_url, "c")
    names = {f"s{number}" for number in range(50)}
    for name in names:
        await gone.write_subscription(subscription(name))
    await gone.close()
    adopted = await asyncio.gather(*(pair[n % 2].adopt_subscriptions(10) for n in range(10)))
    rows = [row for rows in adopted for row in rows]
    rest = await pair[0].adopt_subscriptions(50)
    assert sorted(row.id for row in [*rows, *rest]) == sorted(names)
    assert {row.cseq_ceiling for row in rows} == {1 + CSEQ_RESERVE}


async def test_subscriptions_of_a_silent_process_are_adopted(
    postgres_url: str, pair: Pair, heard: Heard
) -> None:
    """Should it live after all, the feed tells it what it lost."""
    await pair[1].write_subscription(subscription())
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(
        "UPDATE processes SET heartbeat_at = heartbeat_at - 60 WHERE node = 'b'"
    )
    await connection.close()
    adopted = await pair[0].adopt_subscriptions(10)
    assert [row.id for row in adopted] == ["s1"]
    await eventually(lambda: bool(heard))
    assert heard == [Change(Kind.SUBSCRIPTION, "s1", 0)]


async def test_a_new_process_is_told_of_changes_at_once(
    postgres_url: str, opened: Opener, clock: FakeClock
) -> None:
    """The hello of the second makes the first, which was alone, tell its changes."""
    one = await opened(postgres_url, "a")
    await one.write_publication(publish())
    two = await opened(postgres_url, "b")
    changes: Heard = []
    two.on_change(changes.append)

    async def modify_until_heard() -> None:
        number = 1
        while not changes:
            await one.write_publication(modify(expected=number))
            number += 1

    await asyncio.wait_for(modify_until_heard(), 2)
    assert changes[0].resource == ALICE


async def test_an_idle_connection_that_was_lost_costs_no_request(
    postgres_url: str, pair: Pair
) -> None:
    """Nothing was under way on it, so the next read or write simply goes by a new one."""
    await pair[1].write_publication(publish())
    await pair[1].resource_state(ALICE)
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE application_name LIKE 'presentity b.%'"
    )
    await connection.close()
    await eventually(lambda: pair[1].stats.resyncs > 0)
    await pair[1].write_publication(publish(name="p2"))
    state = await pair[1].resource_state(ALICE)
    assert [publication.id for publication in state.publications] == ["p1", "p2"]


async def test_a_lost_connection_fails_writes_clearly_and_comes_back(
    postgres_url: str, pair: Pair
) -> None:
    """Writes are refused or made; the feed reports RESYNC once it is back."""
    await pair[1].write_publication(publish())
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name LIKE 'presentity b.%'"
    )
    await connection.close()
    await eventually(lambda: pair[1].stats.resyncs > 0)

    async def write() -> None:
        while True:
            try:
                await pair[1].write_publication(publish(name="p2"))
            except StoreUnavailable:
                await asyncio.sleep(0)
            else:
                return

    await asyncio.wait_for(write(), 5)
    state = await pair[1].resource_state(ALICE)
    assert [publication.id for publication in state.publications] == ["p1", "p2"]
    assert pair[1].stats.reconnects > 0


async def test_a_process_is_silent_when_no_life_of_its_node_is_heard_of(
    pair: Pair, postgres_url: str, opened: Opener
) -> None:
    """Decision 4 of the design: who left, and who has been silent for half a minute."""
    one, two = pair
    assert await one.silent_nodes() == frozenset()
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(
        "UPDATE processes SET heartbeat_at = heartbeat_at - 60 WHERE node = 'b'"
    )
    assert await one.silent_nodes() == {"b"}
    three = await opened(postgres_url, "b")
    assert await one.silent_nodes() == frozenset()
    await three.close()
    await connection.execute(
        "UPDATE processes SET heartbeat_at = heartbeat_at - 60 WHERE node = 'b'"
    )
    assert await one.silent_nodes() == {"b"}
    await connection.close()
    await two.close()
