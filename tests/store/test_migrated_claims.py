"""RFC 4826 §4.4.5: migration 0002 claims the URIs of services that were stored before it."""

import asyncio
import logging

import pytest
from sqlalchemy import text

from store import migrate
from store.outcomes import DocumentClaimed, DocumentWritten
from store.values import DocumentKey
from tests.store.conftest import Opener
from tests.store.storekit import put
from xcap.claims import claimed_as

NAMESPACE = "urn:ietf:params:xml:ns:rls-services"
BEFORE = "0001"
AFTER = "0002"
FRIENDS = "sip:friends@example.com"
TEAM = "sip:team@example.com"
WRITTEN = """
    INSERT INTO documents
        (auid, owner, path, etag, content_type, body, updated_at, version, created_version)
    VALUES (:auid, :owner, :path, 'e1', 'application/rls-services+xml', :body, :at, 1, 1)
"""


def services(*uris: str) -> bytes:
    inner = "".join(f'<service uri="{uri}"><packages/></service>' for uri in uris)
    return f'<rls-services xmlns="{NAMESPACE}">{inner}</rls-services>'.encode()


def of(name: str, auid: str = "rls-services", path: str = "index") -> DocumentKey:
    return DocumentKey(auid, f"sip:{name}@example.com" if name else "", path)


def fill(url: str, *documents: tuple[DocumentKey, bytes | None]) -> None:
    """Store documents as the version before did, one a second after the other."""
    migrate.upgrade(url, BEFORE)
    rows = [
        {"auid": key.auid, "owner": key.owner, "path": key.path, "body": body, "at": float(at)}
        for at, (key, body) in enumerate(documents)
    ]
    migrate.on_connection(url, lambda connection: connection.execute(text(WRITTEN), rows))


def claims(url: str) -> dict[str, DocumentKey]:
    rows = migrate.on_connection(
        url, lambda connection: connection.execute(text("SELECT * FROM claims")).mappings().all()
    )
    return {row["uri"]: DocumentKey(row["auid"], row["owner"], row["path"]) for row in rows}


def count(url: str, table: str) -> int:
    asked = text(f"SELECT count(*) FROM {table}")
    return int(migrate.on_connection(url, lambda c: c.execute(asked).scalar_one()))


async def test_a_stored_service_stays_its_owners(empty_url: str, opened: Opener) -> None:
    await asyncio.to_thread(fill, empty_url, (of("alice"), services(FRIENDS)))
    await asyncio.to_thread(migrate.upgrade, empty_url)
    store = await opened(empty_url)
    assert await store.claimant(FRIENDS) == of("alice")
    refused = await store.write_document(put("e2", of("mallory"), claims=(FRIENDS,)))
    assert refused == DocumentClaimed(FRIENDS)
    kept = await store.write_document(put("e2", of("alice"), claims=(FRIENDS,)))
    assert isinstance(kept, DocumentWritten)


def test_of_two_with_one_uri_the_first_has_it_and_the_operator_is_told(
    empty_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    fill(empty_url, (of("bob"), services(FRIENDS)), (of("alice"), services(FRIENDS, TEAM)))
    with caplog.at_level(logging.WARNING):
        migrate.upgrade(empty_url, AFTER)
    assert claims(empty_url) == {FRIENDS: of("bob"), TEAM: of("alice")}
    (line,) = caplog.messages
    for named in (FRIENDS, "sip:bob@example.com", "sip:alice@example.com"):
        assert named in line


@pytest.mark.parametrize(
    ("key", "body"),
    [
        pytest.param(of("alice"), None, id="deleted"),
        pytest.param(of("alice", "resource-lists"), services(FRIENDS), id="other-usage"),
        pytest.param(of(""), services(FRIENDS), id="global-index-repeats-those-of-users"),
        pytest.param(of("alice"), b"<rls-services", id="not-readable"),
        pytest.param(of("alice"), services("sip:" + "a" * 3_000 + "@example.com"), id="too-long"),
        pytest.param(of("alice"), services(""), id="empty"),
    ],
)
def test_what_claims_nothing(empty_url: str, key: DocumentKey, body: bytes | None) -> None:
    fill(empty_url, (key, body))
    migrate.upgrade(empty_url, AFTER)
    assert claims(empty_url) == {}


@pytest.mark.parametrize(
    "uri",
    [
        "sip:Friends@EXAMPLE.com:5060;transport=tcp",
        "sips:%66riends@example.com",
        "pres:friends@example.com",
        "sip:alice@example.com;pres-list=friends",
        "sip:alice@example.com;PRES-LIST=My%20friends;x=y",
        "tel:+15551234",
        "urn:service:friends",
        "no uri",
    ],
)
def test_uris_are_claimed_in_the_form_that_writes_use(empty_url: str, uri: str) -> None:
    fill(empty_url, (of("alice"), services(f" {uri}\n")))
    migrate.upgrade(empty_url, AFTER)
    assert claims(empty_url) == {claimed_as(uri): of("alice")}


def test_more_documents_than_are_read_at_once(empty_url: str) -> None:
    names = [f"user{number}" for number in range(130)]
    fill(empty_url, *((of(name), services(f"sip:{name}-list@example.com")) for name in names))
    migrate.upgrade(empty_url, AFTER)
    assert len(claims(empty_url)) == len(names)


def test_down_keeps_the_documents_and_up_claims_again(empty_url: str) -> None:
    fill(empty_url, (of("alice"), services(FRIENDS)), (of("bob"), services(TEAM)))
    migrate.upgrade(empty_url)
    migrate.downgrade(empty_url, BEFORE)
    assert count(empty_url, "documents") == 2
    migrate.upgrade(empty_url)
    assert claims(empty_url) == {FRIENDS: of("alice"), TEAM: of("bob")}
