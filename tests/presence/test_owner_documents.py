"""The cache of presentities' documents: as new as the change feed, and bounded."""

import asyncio

import pytest

from presence.policy.owner_documents import ENTRY_WEIGHT, OwnerDocuments
from store.errors import StoreUnavailable
from store.values import Change, Document, DocumentKey, Kind, document_key

KEY = DocumentKey("pres-rules", "sip:alice@example.com", "index")
OTHER = DocumentKey("pres-rules", "sip:bob@example.com", "index")


def document(key: DocumentKey, etag: str = "one", body: bytes = b"<ruleset/>") -> Document:
    return Document(key, etag, "application/auth-policy+xml", body, 0.0)


def changed(key: DocumentKey) -> Change:
    return Change(Kind.DOCUMENT, document_key(key), 2)


class Shelf:
    """Documents that are read when the test says so."""

    def __init__(self, *documents: Document) -> None:
        self.documents = {each.key: each for each in documents}
        self.reads: list[DocumentKey] = []
        self.open = asyncio.Event()
        self.open.set()

    async def load(self, key: DocumentKey) -> Document | None:
        self.reads.append(key)
        found = self.documents.get(key)
        await self.open.wait()
        return found


async def test_a_document_is_read_once() -> None:
    shelf = Shelf(document(KEY))
    documents = OwnerDocuments(shelf.load)
    assert await documents.read(KEY) is await documents.read(KEY) is shelf.documents[KEY]
    assert shelf.reads == [KEY]


async def test_that_there_is_none_is_remembered() -> None:
    shelf = Shelf()
    documents = OwnerDocuments(shelf.load)
    assert [await documents.read(KEY), await documents.read(KEY)] == [None, None]
    assert shelf.reads == [KEY]


@pytest.mark.parametrize(
    ("change", "reads"),
    [
        pytest.param(changed(KEY), [KEY, KEY], id="written"),
        pytest.param(changed(OTHER), [KEY], id="another-written"),
        pytest.param(Change(Kind.RESYNC, "", 0), [KEY, KEY], id="news-may-be-lost"),
        pytest.param(Change(Kind.GRANT, KEY.owner, 0), [KEY], id="not-about-documents"),
    ],
)
async def test_a_change_is_read_anew(change: Change, reads: list[DocumentKey]) -> None:
    shelf = Shelf(document(KEY))
    documents = OwnerDocuments(shelf.load)
    await documents.read(KEY)
    documents.on_change(change)
    await documents.read(KEY)
    assert shelf.reads == reads


@pytest.mark.parametrize("change", [changed(KEY), Change(Kind.RESYNC, "", 0)])
async def test_what_was_read_across_a_change_is_not_kept(change: Change) -> None:
    shelf = Shelf(document(KEY, "old"))
    documents = OwnerDocuments(shelf.load)
    shelf.open.clear()
    early = asyncio.ensure_future(documents.read(KEY))
    await asyncio.sleep(0)
    shelf.documents[KEY] = document(KEY, "new")
    documents.on_change(change)
    late = asyncio.ensure_future(documents.read(KEY))
    await asyncio.sleep(0)
    shelf.open.set()
    first, second = await early, await late
    third = await documents.read(KEY)
    assert [each and each.etag for each in (first, second, third)] == ["old", "new", "new"]
    assert len(shelf.reads) == 2


async def test_a_failed_read_is_not_remembered() -> None:
    shelf, failures = Shelf(document(KEY)), [StoreUnavailable("away")]

    async def load(key: DocumentKey) -> Document | None:
        if failures:
            raise failures.pop()
        return await shelf.load(key)

    documents = OwnerDocuments(load)
    with pytest.raises(StoreUnavailable):
        await documents.read(KEY)
    assert await documents.read(KEY) is shelf.documents[KEY]


async def test_what_was_not_used_for_longest_goes_first() -> None:
    third = DocumentKey("pres-rules", "sip:carol@example.com", "index")
    shelf = Shelf(*(document(key, body=b"") for key in (KEY, OTHER, third)))
    documents = OwnerDocuments(shelf.load, max_octets=2 * ENTRY_WEIGHT)
    for key in (KEY, OTHER, KEY, third, KEY):
        await documents.read(key)
    assert shelf.reads == [KEY, OTHER, third]
    assert len(documents) == 2
    assert documents.octets == 2 * ENTRY_WEIGHT


async def test_a_document_larger_than_the_bound_is_not_kept() -> None:
    shelf = Shelf(document(KEY, body=b"x" * ENTRY_WEIGHT))
    documents = OwnerDocuments(shelf.load, max_octets=ENTRY_WEIGHT)
    await documents.read(KEY)
    assert (len(documents), documents.octets) == (0, 0)
