"""XCP-19: versions of documents, listings and purges, on both databases."""

import asyncio

import pytest

from store.outcomes import DocumentPrecondition, DocumentWritten
from store.store import Store
from store.values import Change, DocumentInfo, DocumentKey, DocumentVersion, Kind
from tests.store.conftest import Opener
from tests.store.storekit import KEY, NOW, eventually, put

ALICE = "sip:alice@example.com"
BOB = "sip:bob@example.com"
LISTS = "application/resource-lists+xml"
WRITERS = 100


async def kept(store: Store, key: DocumentKey = KEY) -> list[int]:
    return [version.version for version in await store.document_versions(key)]


async def test_a_version_has_body_author_source_and_time(store: Store) -> None:
    await store.write_document(put(author=ALICE, source="192.0.2.1"))
    await store.write_document(put("e2", author=BOB, source="2001:db8::1", now=NOW + 1))
    assert await store.document_versions(KEY) == [
        DocumentVersion(1, "e1", LISTS, b"<list e1/>", ALICE, "192.0.2.1", NOW),
        DocumentVersion(2, "e2", LISTS, b"<list e2/>", BOB, "2001:db8::1", NOW + 1),
    ]


async def test_a_deletion_is_a_version_without_body(store: Store) -> None:
    await store.write_document(put())
    await store.write_document(put("gone", body=None, author=ALICE))
    deletion = (await store.document_versions(KEY))[-1]
    assert (deletion.version, deletion.body, deletion.author) == (2, None, ALICE)
    await store.write_document(put("e3"))
    assert await kept(store) == [1, 2, 3]


async def test_what_was_not_written_is_no_version(store: Store) -> None:
    await store.write_document(put())
    outcome = await store.write_document(put("e2", if_match=("other",)))
    assert outcome == DocumentPrecondition("e1")
    assert await kept(store) == [1]


async def test_versions_are_read_in_pages(store: Store) -> None:
    for number in range(1, 6):
        await store.write_document(put(f"e{number}"))
    page = await store.document_versions(KEY, after=2, limit=2)
    assert [version.etag for version in page] == ["e3", "e4"]


async def test_a_version_is_found_by_its_entity_tag(store: Store) -> None:
    await store.write_document(put())
    await store.write_document(put("e2"))
    await store.write_document(put("other", key=KEY._replace(path="other")))
    found = await store.document_version(KEY, "e1")
    assert found is not None
    assert (found.version, found.body) == (1, b"<list e1/>")
    assert await store.document_version(KEY, "other") is None


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        pytest.param(0, [], id="none"),
        pytest.param(1, [5], id="newest"),
        pytest.param(3, [3, 4, 5], id="some"),
    ],
)
async def test_the_newest_are_kept(url: str, opened: Opener, keep: int, left: list[int]) -> None:
    store = await opened(url, keep_versions=keep)
    for number in range(5):
        await store.write_document(put(f"e{number}"))
    assert await kept(store) == left


@pytest.mark.parametrize(
    ("keep", "left"),
    [pytest.param(2, [5, 6], id="some"), pytest.param(0, [], id="none")],
)
async def test_fewer_are_kept_once_the_setting_says_so(
    url: str, opened: Opener, keep: int, left: list[int]
) -> None:
    store = await opened(url, keep_versions=5)
    for number in range(5):
        await store.write_document(put(f"e{number}"))
    await store.close()
    store = await opened(url, keep_versions=keep)
    await store.write_document(put("e6"))
    assert await kept(store) == left


async def test_of_many_conditional_writes_one_wins(store: Store) -> None:
    """RFC 4825 §7.11: the database decides, and only the winner is a version."""
    await store.write_document(put())
    writes = [put(f"w{number}", if_match=("e1",)) for number in range(WRITERS)]
    outcomes = await asyncio.gather(*map(store.write_document, writes))
    won = [outcome for outcome in outcomes if isinstance(outcome, DocumentWritten)]
    assert len(won) == 1
    assert [version.etag for version in await store.document_versions(KEY)] == ["e1", won[0].etag]


@pytest.mark.postgres
async def test_versions_of_two_processes_are_in_one_order(
    postgres_url: str, opened: Opener
) -> None:
    stores = [await opened(postgres_url, node=name) for name in "ab"]
    await asyncio.gather(
        *(stores[number % 2].write_document(put(f"e{number}")) for number in range(40))
    )
    document = await stores[0].document(KEY)
    versions = await stores[0].document_versions(KEY)
    assert document is not None
    assert [version.version for version in versions] == list(range(21, 41))
    assert versions[-1].etag == document.etag


async def test_an_owner_has_documents_of_all_usages(store: Store) -> None:
    rules = DocumentKey("pres-rules", ALICE, "index")
    for key in (KEY, rules, KEY._replace(owner=BOB), KEY._replace(path="gone")):
        await store.write_document(put(key=key))
    await store.write_document(put(key=KEY._replace(path="gone"), body=None))
    assert await store.documents_of_owner(ALICE) == [
        DocumentInfo(rules, "e1", LISTS, len(b"<list e1/>"), NOW, 1),
        DocumentInfo(KEY, "e1", LISTS, len(b"<list e1/>"), NOW, 1),
    ]


async def test_documents_of_a_usage_come_in_pages(store: Store) -> None:
    owners = ["", ALICE, BOB, "sip:carol@example.com"]
    for owner in owners:
        await store.write_document(put(key=KEY._replace(owner=owner)))
    await store.write_document(put(key=KEY._replace(auid="pres-rules")))
    await store.write_document(put(key=KEY._replace(owner=BOB), body=None))
    first = await store.documents_of_usage(KEY.auid, None, 2)
    assert [document.key.owner for document in first] == ["", ALICE]
    rest = await store.documents_of_usage(KEY.auid, first[-1].key, 2)
    assert [document.key.owner for document in rest] == ["sip:carol@example.com"]
    for after, page in ((None, first), (first[-1].key, rest)):
        infos = await store.infos_of_usage(KEY.auid, after, 2)
        assert infos == [
            DocumentInfo(d.key, d.etag, d.content_type, len(d.body), d.updated_at, d.version)
            for d in page
        ]


async def test_the_stamp_of_a_usage_changes_with_its_users_documents(store: Store) -> None:
    async def stamp() -> str:
        return await store.usage_stamp(KEY.auid, "index")

    stamps = [await stamp()]
    for op in (put(), put("e2"), put("e3", body=None), put("e4", key=KEY._replace(owner=BOB))):
        await store.write_document(op)
        stamps.append(await stamp())
    assert len(set(stamps)) == len(stamps)
    for other in (KEY._replace(owner=""), KEY._replace(path="other"), KEY._replace(auid="x")):
        await store.write_document(put(key=other))
    assert await stamp() == stamps[-1]


async def test_a_purge_leaves_nothing_of_what_was_written(store: Store) -> None:
    gone, others = KEY._replace(path="gone"), KEY._replace(owner=BOB)
    for key in (KEY, gone, others):
        await store.write_document(put(key=key))
    await store.write_document(put(key=gone, body=None))
    assert await store.purge_documents(ALICE, author="admin", source="127.0.0.1") == [KEY]
    assert await store.document(KEY) is None
    assert await store.documents_of_owner(ALICE) == []
    assert await store.document_versions(gone) == []
    assert await store.document_versions(KEY) == [
        DocumentVersion(2, "", LISTS, None, "admin", "127.0.0.1", NOW)
    ]
    assert await store.document(others) is not None
    assert await kept(store, others) == [1]
    assert await store.write_document(put("e9")) == DocumentWritten("e9", True, 3)


async def test_a_purge_of_nothing_deletes_nothing(store: Store) -> None:
    assert await store.purge_documents(ALICE) == []


@pytest.mark.postgres
async def test_a_purge_is_told_to_other_processes(postgres_url: str, opened: Opener) -> None:
    heard: list[Change] = []
    here, there = [await opened(postgres_url, node=name) for name in "ab"]
    there.on_change(heard.append)
    await here.write_document(put())
    await here.purge_documents(ALICE)
    wanted = Change(Kind.DOCUMENT, f"{KEY.auid} {ALICE} index", 2)
    await eventually(lambda: wanted in heard)


@pytest.mark.postgres
async def test_a_purge_beside_writers_forgets_all_that_came_before_it(
    postgres_url: str, opened: Opener
) -> None:
    """What is left of a document is a row that begins with its newest life."""
    here, there = [await opened(postgres_url, node=name) for name in "ab"]
    await here.write_document(put())
    for turn in range(10):
        await asyncio.gather(
            *(there.write_document(put(f"{turn}.{number}")) for number in range(5)),
            here.purge_documents(ALICE),
        )
        versions = await here.document_versions(KEY)
        purged = [place for place, version in enumerate(versions) if version.body is None]
        assert purged == [0], [(version.version, version.etag) for version in versions]
