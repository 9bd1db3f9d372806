"""RFC 3261 §10.3: bindings in the store, on both databases."""

import asyncio

import pytest

from store.operations import WriteBindings
from store.outcomes import BindingsChanged, BindingsWritten
from store.store import Store
from store.values import Binding, BindingSet
from tests.store.storekit import ALICE, NOW, FakeClock, bind, binding


async def test_an_aor_never_seen_has_version_zero(store: Store) -> None:
    assert await store.bindings(ALICE.aor) == BindingSet(0, ())


async def test_bindings_come_back_as_written_highest_q_first(store: Store) -> None:
    low, high, plain = binding("a", q=0.1), binding("b", q=0.9), binding("c", q=None, path=())
    assert await store.write_bindings(bind(0, low, high, plain)) == BindingsWritten(1)
    assert await store.bindings(ALICE.aor) == BindingSet(1, (plain, high, low), NOW)


async def test_a_write_puts_replaces_and_removes(store: Store) -> None:
    await store.write_bindings(bind(0, binding("a"), binding("b")))
    newer = binding("b", cseq=2, expires_at=NOW + 60)
    outcome = await store.write_bindings(bind(1, newer, binding("c"), remove=("a", "never")))
    assert outcome == BindingsWritten(2)
    there = await store.bindings(ALICE.aor)
    assert set(there.bindings) == {newer, binding("c")}


async def test_flows_with_one_contact_are_bindings_of_their_own(store: Store) -> None:
    """RFC 5626 §6: instance and reg-id make the key."""
    flows = [binding("a"), binding("a", reg_id=1), binding("a", reg_id=2)]
    await store.write_bindings(bind(0, *flows))
    assert set((await store.bindings(ALICE.aor)).bindings) == set(flows)
    await store.write_bindings(bind(1, remove=(flows[1].key,)))
    assert set((await store.bindings(ALICE.aor)).bindings) == {flows[0], flows[2]}


async def test_versions_go_on_after_the_last_binding_is_gone(store: Store) -> None:
    await store.write_bindings(bind(0, binding("a")))
    await store.write_bindings(bind(1, remove=("a",)))
    assert await store.bindings(ALICE.aor) == BindingSet(2, (), NOW)
    assert await store.write_bindings(bind(2, binding("a"))) == BindingsWritten(3)


async def test_a_lost_race_returns_what_is_there_and_writes_nothing(store: Store) -> None:
    await store.write_bindings(bind(0, binding("a")))
    there = BindingSet(1, (binding("a"),), NOW)
    for version in (0, 2):
        outcome = await store.write_bindings(bind(version, binding("b"), remove=("a",)))
        assert outcome == BindingsChanged(there)
    assert await store.bindings(ALICE.aor) == there


async def test_of_many_writes_at_one_version_one_succeeds(store: Store) -> None:
    for version in (0, 1):
        writes = [bind(version, binding(f"c{number}")) for number in range(10)]
        outcomes = await asyncio.gather(*map(store.write_bindings, writes))
        assert sum(isinstance(outcome, BindingsWritten) for outcome in outcomes) == 1


@pytest.mark.parametrize("size", [1, 2, 3, 100])
async def test_all_bindings_are_read_page_by_page(store: Store, size: int) -> None:
    """RFC 5626 §7: so that a process finds those of its former life."""
    flows = (binding("b"), binding("b", reg_id=1), binding("a"))
    await store.write_bindings(bind(0, *flows))
    await store.write_bindings(WriteBindings("sip:bob@example.com", 0, (binding("B"),), (), NOW))
    found: list[tuple[str, Binding]] = []
    at = ("", "")
    while page := await store.bindings_after(*at, size):
        assert len(page) <= size
        found += page
        at = (page[-1][0], page[-1][1].key)
    assert found == [
        *((ALICE.aor, each) for each in (flows[2], flows[0], flows[1])),
        ("sip:bob@example.com", binding("B")),
    ]


async def test_expired_bindings_are_not_returned(store: Store, clock: FakeClock) -> None:
    await store.write_bindings(bind(0, binding("a"), binding("b", expires_at=NOW + 7200)))
    clock.now = NOW + 3600
    left = (binding("b", expires_at=NOW + 7200),)
    assert await store.bindings(ALICE.aor) == BindingSet(1, left, NOW)


async def test_the_last_registration_is_remembered(store: Store) -> None:
    """PRS-12: what only removes is none, nor is a write of before."""

    async def write(version: int, at: float, *put: Binding, remove: tuple[str, ...] = ()) -> float:
        await store.write_bindings(WriteBindings(ALICE.aor, version, put, remove, at))
        return (await store.bindings(ALICE.aor)).active_at

    assert await write(0, NOW, binding("a")) == NOW
    assert await write(1, NOW + 5, binding("a"), binding("b")) == NOW + 5
    assert await write(2, NOW + 9, remove=("a", "b")) == NOW + 5
    assert await write(3, NOW + 3, binding("a")) == NOW + 5
