"""RFC 4826 §4.4.5: a URI is the service of one document in the whole deployment."""

import asyncio

import pytest

from store.outcomes import DocumentClaimed, DocumentPrecondition, DocumentWritten
from store.store import Store
from store.values import DocumentKey
from tests.store.conftest import Opener
from tests.store.storekit import KEY, put

LIST = "sip:friends@example.com"
OTHER = "sip:family@example.com"
BOBS = KEY._replace(owner="sip:bob@example.com")
ROUNDS = 10


async def test_a_document_claims_its_uris(store: Store) -> None:
    outcome = await store.write_document(put(claims=(LIST, OTHER, LIST)))
    assert outcome == DocumentWritten("e1", True, 1)
    assert await store.claimant(LIST) == await store.claimant(OTHER) == KEY
    assert await store.claimant("sip:nobody@example.com") is None


async def test_a_uri_of_another_document_is_not_to_be_had(store: Store) -> None:
    await store.write_document(put(claims=(LIST,)))
    outcome = await store.write_document(put(key=BOBS, claims=(OTHER, LIST)))
    assert outcome == DocumentClaimed(LIST)
    assert await store.document(BOBS) is None
    assert await store.document_versions(BOBS) == []
    assert await store.claimant(OTHER) is None


@pytest.mark.parametrize(
    ("claims", "left"),
    [
        pytest.param((OTHER,), False, id="others-instead"),
        pytest.param((), False, id="none"),
        pytest.param((LIST, OTHER), True, id="more"),
        pytest.param(None, True, id="not-looked-at"),
    ],
)
async def test_a_write_replaces_the_claims(
    store: Store, claims: tuple[str, ...] | None, left: bool
) -> None:
    await store.write_document(put(claims=(LIST,)))
    await store.write_document(put("e2", claims=claims))
    assert (await store.claimant(LIST) == KEY) is left
    outcome = await store.write_document(put(key=BOBS, claims=(LIST,)))
    assert isinstance(outcome, DocumentClaimed) is left


async def test_a_deleted_document_claims_nothing(store: Store) -> None:
    await store.write_document(put(claims=(LIST,)))
    await store.write_document(put(body=None))
    assert await store.claimant(LIST) is None


async def test_a_purged_document_claims_nothing(store: Store) -> None:
    await store.write_document(put(claims=(LIST,)))
    await store.purge_documents(KEY.owner)
    assert await store.claimant(LIST) is None


async def test_a_failed_precondition_changes_no_claims(store: Store) -> None:
    await store.write_document(put(claims=(LIST,)))
    outcome = await store.write_document(put("e2", claims=(OTHER,), if_match=("e0",)))
    assert outcome == DocumentPrecondition("e1")
    assert await store.claimant(LIST) == KEY
    assert await store.claimant(OTHER) is None


async def test_one_refused_claim_of_a_batch_harms_no_other(store: Store) -> None:
    await store.write_document(put(claims=(LIST,)))
    keys = [KEY._replace(owner=f"sip:{name}@example.com") for name in "abcd"]
    wanted = [(LIST,), ("sip:b@example.com",), (), None]
    ops = [put(key=key, claims=uris) for key, uris in zip(keys, wanted, strict=True)]
    outcomes = await asyncio.gather(*map(store.write_document, ops))
    written = DocumentWritten("e1", True, 1)
    assert outcomes == [DocumentClaimed(LIST), written, written, written]
    assert await store.claimant("sip:b@example.com") == keys[1]


async def test_of_many_claims_in_one_batch_one_wins(store: Store) -> None:
    ops = [put(key=KEY._replace(path=f"l{number}"), claims=(LIST,)) for number in range(10)]
    outcomes = await asyncio.gather(*map(store.write_document, ops))
    assert sum(isinstance(outcome, DocumentWritten) for outcome in outcomes) == 1
    assert outcomes.count(DocumentClaimed(LIST)) == len(ops) - 1


@pytest.mark.postgres
async def test_of_two_processes_that_claim_at_once_one_wins(
    postgres_url: str, opened: Opener
) -> None:
    stores = [await opened(postgres_url, node=name) for name in "ab"]
    for turn in range(ROUNDS):
        uris = (f"sip:x{turn}@example.com", f"sip:y{turn}@example.com")
        keys = [KEY._replace(path=f"{turn}{name}") for name in "ab"]
        outcomes = await asyncio.gather(
            stores[0].write_document(put(key=keys[0], claims=uris)),
            stores[1].write_document(put(key=keys[1], claims=uris[::-1])),
        )
        won = [isinstance(outcome, DocumentWritten) for outcome in outcomes]
        assert sorted(won) == [False, True], outcomes
        assert await stores[0].claimant(uris[0]) == keys[won.index(True)]


@pytest.mark.postgres
async def test_claims_are_those_of_the_last_write_of_two_processes(
    postgres_url: str, opened: Opener
) -> None:
    """A writer that waited for the document sees what the other one claimed meanwhile."""
    stores = [await opened(postgres_url, node=name) for name in "ab"]
    for turn in range(ROUNDS):
        uris = [f"sip:{turn}{name}@example.com" for name in "ab"]
        await asyncio.gather(
            *(
                store.write_document(put(uri, claims=(uri,)))
                for store, uri in zip(stores, uris, strict=True)
            )
        )
        document = await stores[0].document(KEY)
        assert document is not None
        claimants: dict[str, DocumentKey | None] = {
            uri: await stores[0].claimant(uri) for uri in uris
        }
        assert claimants == {uri: KEY if uri == document.etag else None for uri in uris}


@pytest.mark.postgres
async def test_many_processes_at_one_document_all_get_their_turn(
    postgres_url: str, opened: Opener
) -> None:
    """Whoever waited for the document starts anew, and nobody does so without end."""
    stores = [await opened(postgres_url, node=name) for name in "abcdef"]
    outcomes = await asyncio.gather(
        *(
            store.write_document(put(f"{place}.{turn}", claims=(f"sip:{place}@example.com",)))
            for turn in range(ROUNDS)
            for place, store in enumerate(stores)
        )
    )
    versions = sorted(
        outcome.version for outcome in outcomes if isinstance(outcome, DocumentWritten)
    )
    assert versions == list(range(1, len(stores) * ROUNDS + 1))
