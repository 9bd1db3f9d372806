"""Batched reads: keys of one turn share a statement, nobody joins one under way."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from store.errors import StoreFull, StoreUnavailable
from store.loader import MAX_KEYS, Loader
from store.stats import LaneStats


class HeldReader:
    """Notes the keys of each read and holds it until `release`."""

    def __init__(self) -> None:
        self.reads: list[list[str]] = []
        self.failure: Exception | None = None
        self._gate = asyncio.Event()

    async def __call__(self, keys: Sequence[str]) -> Mapping[str, str]:
        self.reads.append(list(keys))
        number = len(self.reads)
        await self._gate.wait()
        self._gate.clear()
        if self.failure:
            raise self.failure
        return {key: f"{key}{number}" for key in keys}

    async def release(self) -> None:
        self._gate.set()
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def reader() -> HeldReader:
    return HeldReader()


@pytest.fixture
async def loader(reader: HeldReader) -> Loader[str, str]:
    return Loader(reader, limit=1000, stats=LaneStats())


async def test_keys_of_one_turn_share_a_statement_each_once(
    loader: Loader[str, str], reader: HeldReader
) -> None:
    futures = [loader.load(key) for key in "aba"]
    await settle()
    await reader.release()
    assert reader.reads == [["a", "b"]]
    assert [future.result() for future in futures] == ["a1", "b1", "a1"]


async def test_a_read_under_way_is_not_joined(loader: Loader[str, str], reader: HeldReader) -> None:
    """It may have begun before what the caller has just written."""
    first = loader.load("a")
    await settle()
    second = loader.load("a")
    await reader.release()
    await reader.release()
    assert (first.result(), second.result()) == ("a1", "a2")


async def test_a_statement_has_a_bound(loader: Loader[str, str], reader: HeldReader) -> None:
    for number in range(MAX_KEYS + 1):
        loader.load(str(number))
    await settle()
    await reader.release()
    await reader.release()
    assert [len(keys) for keys in reader.reads] == [MAX_KEYS, 1]


async def test_a_failed_read_fails_its_callers_and_no_later_ones(
    loader: Loader[str, str], reader: HeldReader
) -> None:
    reader.failure = StoreUnavailable("lost")
    first = loader.load("a")
    await settle()
    await reader.release()
    with pytest.raises(StoreUnavailable):
        first.result()
    reader.failure = None
    second = loader.load("a")
    await settle()
    await reader.release()
    assert second.result() == "a2"


async def test_too_many_readers_are_refused_at_once(reader: HeldReader) -> None:
    loader: Loader[str, str] = Loader(reader, limit=1, stats=LaneStats())
    loader.load("a")
    with pytest.raises(StoreFull):
        loader.load("a")
    await settle()
    await reader.release()
