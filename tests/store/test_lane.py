"""Group commit: what shares a batch, what waits, what is refused. No database."""

import asyncio
from collections.abc import Sequence

import pytest

from store.errors import StoreFull, StoreRefused, StoreUnavailable
from store.lane import MAX_BATCH, Lane
from store.stats import LaneStats


class HeldRunner:
    """Notes each batch and holds it until `release` is called."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.failing: dict[str, Exception] = {}
        self._gates: list[asyncio.Event] = []

    async def __call__(self, ops: Sequence[str]) -> Sequence[str | Exception]:
        self.batches.append(list(ops))
        gate = asyncio.Event()
        self._gates.append(gate)
        await gate.wait()
        for op in ops:
            if op in self.failing:
                raise self.failing[op]
        return [op.upper() for op in ops]

    def open(self) -> None:
        """Let the batch under way finish when the loop gets to it."""
        self._gates[-1].set()

    async def release(self) -> None:
        """Let the batch under way finish, and the next begin."""
        self.open()
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def runner() -> HeldRunner:
    return HeldRunner()


@pytest.fixture
def stats() -> LaneStats:
    return LaneStats()


@pytest.fixture
async def lane(runner: HeldRunner, stats: LaneStats) -> Lane[str, str]:
    return Lane(runner, limit=500, stats=stats)


async def test_what_comes_in_one_turn_shares_the_first_batch(
    lane: Lane[str, str], runner: HeldRunner
) -> None:
    futures = [lane.submit(key, key) for key in "abc"]
    await settle()
    assert runner.batches == [["a", "b", "c"]]
    await runner.release()
    assert [future.result() for future in futures] == ["A", "B", "C"]


async def test_while_a_batch_is_under_way_the_next_gathers(
    lane: Lane[str, str], runner: HeldRunner
) -> None:
    lane.submit("a", "a")
    await settle()
    for key in "bcd":
        lane.submit(key, key)
        await settle()
    assert runner.batches == [["a"]]
    await runner.release()
    assert runner.batches == [["a"], ["b", "c", "d"]]
    await runner.release()


async def test_operations_on_one_key_keep_order_and_never_share_a_batch(
    lane: Lane[str, str], runner: HeldRunner
) -> None:
    futures = [lane.submit(op[0], op) for op in ("a1", "a2", "b1", "a3", "b2", "c1")]
    for _ in range(4):
        await settle()
        await runner.release()
    assert runner.batches == [["a1", "b1", "c1"], ["a2", "b2"], ["a3"]]
    assert all(future.done() for future in futures)


async def test_a_batch_has_a_bound(lane: Lane[str, str], runner: HeldRunner) -> None:
    for number in range(MAX_BATCH + 5):
        lane.submit(number, str(number))
    await settle()
    await runner.release()
    assert [len(batch) for batch in runner.batches] == [MAX_BATCH, 5]
    await runner.release()


async def test_a_full_queue_refuses_at_once_and_recovers(runner: HeldRunner) -> None:
    stats = LaneStats()
    lane: Lane[str, str] = Lane(runner, limit=2, stats=stats)
    lane.submit("a", "a")
    lane.submit("b", "b")
    with pytest.raises(StoreFull):
        lane.submit("c", "c")
    await settle()
    await runner.release()
    assert (stats.refused, stats.queued) == (1, 0)
    lane.submit("c", "c")
    await settle()
    await runner.release()
    assert runner.batches == [["a", "b"], ["c"]]


async def test_a_refused_operation_harms_no_other(lane: Lane[str, str], runner: HeldRunner) -> None:
    runner.failing["b"] = StoreRefused("too long")
    futures = [lane.submit(key, key) for key in "abc"]
    for _ in range(5):
        await settle()
        await runner.release()
    assert runner.batches == [["a", "b", "c"], ["a"], ["b"], ["c"]]
    assert [futures[0].result(), futures[2].result()] == ["A", "C"]
    with pytest.raises(StoreRefused):
        futures[1].result()


async def test_a_lost_connection_fails_the_batch_and_is_not_retried(
    lane: Lane[str, str], runner: HeldRunner, stats: LaneStats
) -> None:
    """Nobody knows whether it was committed, so only the caller may try again."""
    runner.failing["a"] = StoreUnavailable("lost", written=None)
    futures = [lane.submit(key, key) for key in "ab"]
    await settle()
    await runner.release()
    assert len(runner.batches) == 1
    for future in futures:
        with pytest.raises(StoreUnavailable) as caught:
            future.result()
        assert caught.value.written is None
    assert (stats.failed, stats.queued) == (1, 0)


async def test_what_is_cancelled_before_its_batch_is_not_run(
    lane: Lane[str, str], runner: HeldRunner
) -> None:
    first = lane.submit("a", "a1")
    second = lane.submit("a", "a2")
    third = lane.submit("a", "a3")
    await settle()
    second.cancel()
    await runner.release()
    await runner.release()
    assert runner.batches == [["a1"], ["a3"]]
    assert (first.result(), third.result()) == ("A1", "A3")


async def test_what_is_cancelled_under_way_is_run_and_frees_its_key(
    lane: Lane[str, str], runner: HeldRunner
) -> None:
    first = lane.submit("a", "a1")
    await settle()
    first.cancel()
    second = lane.submit("a", "a2")
    await runner.release()
    await runner.release()
    assert runner.batches == [["a1"], ["a2"]]
    assert second.result() == "A2"


async def test_draining_answers_what_is_queued_and_refuses_the_rest(
    lane: Lane[str, str], runner: HeldRunner
) -> None:
    future = lane.submit("a", "a")
    closing = asyncio.ensure_future(lane.drain())
    await settle()
    with pytest.raises(StoreUnavailable):
        lane.submit("b", "b")
    await runner.release()
    await closing
    assert future.result() == "A"


async def test_batches_are_counted(
    lane: Lane[str, str], runner: HeldRunner, stats: LaneStats
) -> None:
    for key in "abc":
        lane.submit(key, key)
    await settle()
    assert stats.queued == 3
    await runner.release()
    assert (stats.queued, stats.operations, stats.batches, stats.largest) == (0, 3, 1, 3)


async def test_after_a_crowded_batch_the_next_waits_a_few_turns_for_company(
    lane: Lane[str, str], runner: HeldRunner
) -> None:
    lane.submit("a", "a")
    lane.submit("b", "b")
    await settle()
    lane.submit("c", "c")
    runner.open()
    for late in "de":
        await asyncio.sleep(0)
        lane.submit(late, late)
    await settle()
    assert runner.batches == [["a", "b"], ["c", "d", "e"]]


async def test_a_lone_operation_does_not_wait_for_company(
    lane: Lane[str, str], runner: HeldRunner
) -> None:
    lane.submit("a", "a")
    await settle()
    lane.submit("b", "b")
    runner.open()
    for _ in range(3):
        await asyncio.sleep(0)
    assert runner.batches == [["a"], ["b"]]
