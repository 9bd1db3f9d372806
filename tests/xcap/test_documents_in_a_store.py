"""XCP-02, XCP-16, XCP-18: the same documents in the real stores, SQLite and PostgreSQL."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from sip.authenticator import hashes_for
from store import migrate
from store.store import Store, open_store
from store.values import Credential, DocumentKey, Grant
from tests.rawxcap import XcapClient, resource_list
from tests.xcap.kit import ALICE, BOB, CONFIG, LISTS, LOOPBACK, PASSWORDS, Served, serving

RACERS = 100
KEY = DocumentKey("resource-lists", ALICE, "index")
ELEMENT = "application/xcap-el+xml"
ENTRY = f"{LISTS}/~~/resource-lists/list/entry%5B@uri=%22sip:bob@example.com%22%5D"
BOBS_ENTRY = b'<entry uri="sip:bob@example.com"/>'


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with tables."""
    if request.param == "sqlite":
        found = f"sqlite:///{tmp_path / 'presentity.db'}"
    else:
        found = str(request.getfixturevalue("postgres_dsn"))
    migrate.upgrade(found)
    return found


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = await open_store(url, node="xcap")
    for aor, password in PASSWORDS.items():
        found = hashes_for(aor, password)
        await opened.put_credential(
            Credential(aor, found.md5, found.sha256, found.md5_full, found.sha256_full)
        )
    yield opened
    await opened.close()


@pytest.fixture
async def served(store: Store) -> AsyncIterator[Served]:
    async with serving(replace(CONFIG, trusted_peers=LOOPBACK), store) as running:
        yield running


@pytest.fixture
def client(served: Served) -> XcapClient:
    return served.asserting(ALICE)


async def test_a_document_lives_from_put_to_delete(client: XcapClient, store: Store) -> None:
    """RFC 4825 §8.2 to §8.5."""
    assert (await client.get(LISTS)).status == 404
    created = await client.put(LISTS, resource_list("a"), if_none_match="*")
    assert created.status == 201
    replaced = await client.put(LISTS, resource_list("b"), if_match=created.etag)
    assert (replaced.status, replaced.etag == created.etag) == (200, False)
    got = await client.get(LISTS)
    assert (got.body, got.etag) == (resource_list("b"), replaced.etag)
    row = await store.document(KEY)
    assert row is not None
    assert (row.body, row.content_type) == (got.body, "application/resource-lists+xml")
    assert (await client.delete(LISTS, if_match=replaced.etag)).status == 200
    assert (await client.delete(LISTS)).status == 404
    assert (await client.put(LISTS, resource_list("c"), if_none_match="*")).status == 201


@pytest.mark.parametrize("tag", ['"other"', 'W/"weak"', '"\xe9"', '""', '"{},"', "W/{etag}"])
async def test_a_tag_that_is_not_the_current_one_is_412(client: XcapClient, tag: str) -> None:
    """RFC 4825 §7.11, whatever the tag looks like."""
    etag = (await client.put(LISTS, resource_list("a"))).etag
    wrong = tag.replace("{etag}", etag)
    assert (await client.put(LISTS, resource_list("b"), if_match=wrong)).status == 412
    assert (await client.delete(LISTS, if_match=wrong)).status == 412
    assert (await client.get(LISTS)).body == resource_list("a")


async def test_a_list_of_tags_holds_when_one_is_current(client: XcapClient) -> None:
    etag = (await client.put(LISTS, resource_list("a"))).etag
    both = f'"other", {etag}'
    assert (await client.put(LISTS, resource_list("b"), if_none_match=both)).status == 412
    assert (await client.put(LISTS, resource_list("b"), if_match=both)).status == 200


async def test_a_missing_document_holds_no_if_match(client: XcapClient) -> None:
    for tag in ("*", '"a"'):
        assert (await client.put(LISTS, resource_list("a"), if_match=tag)).status == 412


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_of_many_conditional_writes_one_wins(client: XcapClient, method: str) -> None:
    """XCP-02: compared and replaced in one statement."""
    etag = (await client.put(LISTS, resource_list("start"))).etag
    headers = {"If-Match": etag, "Content-Type": "application/resource-lists+xml"}
    answers = await asyncio.gather(
        *(client.ask(method, LISTS, resource_list(f"n{n}"), headers) for n in range(RACERS))
    )
    lost = 412 if method == "PUT" else 404  # nothing is left to compare with
    assert Counter(answer.status for answer in answers) == {200: 1, lost: RACERS - 1}


async def test_of_many_inserts_one_wins(client: XcapClient) -> None:
    """If-None-Match: * (RFC 9110 §13.1.2)."""
    answers = await asyncio.gather(
        *(client.put(LISTS, resource_list(f"n{n}"), if_none_match="*") for n in range(RACERS))
    )
    assert Counter(answer.status for answer in answers) == {201: 1, 412: RACERS - 1}


async def test_a_node_lives_from_put_to_delete(client: XcapClient, store: Store) -> None:
    """RFC 4825 §8.2 to §8.5: each change is a version of the document, with its author."""
    first = await client.put(LISTS, resource_list("a"))
    created = await client.put(ENTRY, BOBS_ENTRY, ELEMENT, if_match=first.etag)
    assert created.status == 201
    assert (await client.get(ENTRY)).body == BOBS_ENTRY
    assert (await client.get(ENTRY, if_none_match=created.etag)).status == 304
    assert (await client.delete(ENTRY, if_match=first.etag)).status == 412
    deleted = await client.delete(ENTRY, if_match=created.etag)
    row = await store.document(KEY)
    assert row is not None
    assert (row.body, f'"{row.etag}"') == (resource_list("a"), deleted.etag)
    versions = await store.document_versions(KEY)
    assert [version.version for version in versions] == [1, 2, 3]
    assert {(version.author, version.source) for version in versions} == {(ALICE, "127.0.0.1")}
    assert versions[1].body is not None
    assert BOBS_ENTRY in versions[1].body


@pytest.mark.parametrize("conditional", [True, False], ids=["If-Match", "unconditional"])
async def test_many_writers_of_nodes_lose_nothing(client: XcapClient, conditional: bool) -> None:
    """RFC 4825 §7.11, XCP-02: with one tag one wins, without all are served."""
    etag = (await client.put(LISTS, resource_list("a"))).etag
    conditions = {"if_match": etag} if conditional else {}
    answers = await asyncio.gather(
        *(
            client.put(
                f"{LISTS}/~~/resource-lists/list/entry%5B@uri=%22sip:n{n}@example.com%22%5D",
                f'<entry uri="sip:n{n}@example.com"/>'.encode(),
                ELEMENT,
                **conditions,
            )
            for n in range(RACERS)
        )
    )
    won = 1 if conditional else RACERS
    lost = {412: RACERS - won} if conditional else {}
    assert Counter(answer.status for answer in answers) == {201: won, **lost}
    body = (await client.get(LISTS)).body
    assert body.count(b"<entry uri=") == 1 + won


async def test_a_grant_in_the_store_lets_others_in(served: Served, store: Store) -> None:
    """XCP-15: from the next request on, and until it is taken back."""
    bob = served.asserting(BOB)
    assert (await bob.put(LISTS, resource_list("a"))).status == 403
    await store.put_grant(Grant(ALICE, "resource-lists", "", "@example.com", write=True))
    assert (await bob.put(LISTS, resource_list("a"))).status == 201
    assert await store.delete_grant(ALICE, "resource-lists", "", "@example.com")
    assert (await bob.get(LISTS)).status == 403


async def test_a_user_of_the_store_logs_in(served: Served) -> None:
    """XCP-13: the same credentials as for SIP."""
    client = served.client()
    assert (await client.put(LISTS, resource_list("a"))).status == 201


async def test_claims_look_at_the_other_documents_and_the_subscribers(client: XcapClient) -> None:
    """RFC 4826 §4.4.5."""
    body = (
        '<rls-services xmlns="urn:ietf:params:xml:ns:rls-services">'
        '<service uri="{}"><list/></service></rls-services>'
    )
    home, media_type = "rls-services/users/alice", "application/rls-services+xml"
    mine = body.format("sip:friends@example.com").encode()
    assert (await client.put(f"{home}/index", mine, media_type)).status == 201
    assert (await client.put(f"{home}/index", mine, media_type)).status == 200
    assert (await client.put(f"{home}/other", mine, media_type)).status == 409
    bobs = body.format("sip:bob@example.com").encode()
    assert (await client.put(f"{home}/index", bobs, media_type)).status == 409


async def test_of_many_who_want_one_uri_one_gets_it(served: Served, store: Store) -> None:
    """RFC 4826 §4.4.5: the database decides, and the others are told which URIs are free."""
    body = (
        b'<rls-services xmlns="urn:ietf:params:xml:ns:rls-services">'
        b'<service uri="sip:team@example.com"><list/></service></rls-services>'
    )
    paths = [
        f"rls-services/users/{owner}/d{number}" for owner in (ALICE, BOB) for number in range(8)
    ]
    answers = await asyncio.gather(
        *(
            served.asserting(path.split("/")[2]).put(path, body, "application/rls-services+xml")
            for path in paths
        )
    )
    assert Counter(answer.status for answer in answers) == {201: 1, 409: len(paths) - 1}
    assert all(
        b"<alt-value>sip:team-2@example.com</alt-value>" in answer.body
        for answer in answers
        if answer.status == 409
    )
    winner = paths[[answer.status for answer in answers].index(201)].split("/")
    assert await store.claimant("sip:team@example.com") == (winner[0], winner[2], winner[3])
