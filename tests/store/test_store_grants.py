"""XCP-15: grants, on both databases."""

import asyncio

import pytest

from store.store import Store
from store.values import Change, Grant, Kind
from tests.store.conftest import Opener
from tests.store.storekit import eventually

ALICE = "sip:alice@example.com"
BOB = "sip:bob@example.com"
CAROL = "sip:carol@example.com"
ALL = Grant(ALICE, "", "", BOB, write=False)
LISTS = Grant(ALICE, "resource-lists", "", "@example.com", write=False)
INDEX = Grant(ALICE, "resource-lists", "index", BOB, write=True)


async def test_grants_of_an_owner_are_listed_in_order(store: Store) -> None:
    for grant in (INDEX, ALL, LISTS, Grant(CAROL, "", "", BOB, write=True)):
        await store.put_grant(grant)
    assert await store.grants(ALICE) == [ALL, LISTS, INDEX]
    assert await store.grants(BOB) == []


async def test_grants_of_several_owners_are_read_at_once(store: Store) -> None:
    await store.put_grant(ALL)
    assert await asyncio.gather(*map(store.grants, (ALICE, BOB, ALICE))) == [[ALL], [], [ALL]]


async def test_a_second_grant_to_the_same_replaces_the_first(store: Store) -> None:
    await store.put_grant(ALL)
    await store.put_grant(ALL._replace(write=True))
    assert await store.grants(ALICE) == [ALL._replace(write=True)]


async def test_a_grant_is_deleted_once(store: Store) -> None:
    for grant in (ALL, INDEX):
        await store.put_grant(grant)
    assert await store.delete_grant(ALICE, "", "", BOB)
    assert not await store.delete_grant(ALICE, "", "", BOB)
    assert await store.grants(ALICE) == [INDEX]


async def test_grants_are_found_by_whom_they_are_for(store: Store) -> None:
    carols = Grant(CAROL, "", "", "@example.com", write=True)
    for grant in (INDEX, ALL, LISTS, carols, Grant(CAROL, "", "", ALICE, write=False)):
        await store.put_grant(grant)
    assert await store.granted([BOB, "@example.com"], 10) == [ALL, LISTS, INDEX, carols]
    assert await store.granted(["@example.com", BOB], 2) == [ALL, LISTS]
    assert await store.granted([], 10) == []


@pytest.mark.postgres
async def test_grants_are_told_to_other_processes(postgres_url: str, opened: Opener) -> None:
    heard: list[Change] = []
    here, there = [await opened(postgres_url, node=name) for name in "ab"]
    there.on_change(heard.append)
    await here.put_grant(ALL)
    await eventually(lambda: heard == [Change(Kind.GRANT, ALICE, 0)])
    await here.delete_grant(ALICE, "", "", BOB)
    await eventually(lambda: heard == [Change(Kind.GRANT, ALICE, 0)] * 2)
