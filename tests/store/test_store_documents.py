"""RFC 4825 §7.11: documents and their entity-tags in the store, on both databases."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from store.outcomes import DocumentPrecondition, DocumentWritten
from store.store import Store
from store.values import Document, DocumentKey
from tests.store.storekit import KEY, NOW, put

ANY = ("*",)


async def test_a_document_comes_back_as_it_was_put(store: Store) -> None:
    assert await store.document(KEY) is None
    assert await store.write_document(put()) == DocumentWritten("e1", True, 1)
    kept = Document(KEY, "e1", "application/resource-lists+xml", b"<list e1/>", NOW, 1)
    assert await store.document(KEY) == kept
    assert await store.write_document(put("e2")) == DocumentWritten("e2", False, 2)


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        pytest.param({"if_match": ("e1",)}, True, id="match"),
        pytest.param({"if_match": ("e0", "e1")}, True, id="match-in-list"),
        pytest.param({"if_match": ANY}, True, id="match-any"),
        pytest.param({"if_match": ("e0",)}, False, id="match-other"),
        pytest.param({"if_match": ()}, False, id="match-nothing"),
        pytest.param({"if_none_match": ANY}, False, id="none-match-any"),
        pytest.param({"if_none_match": ("e1",)}, False, id="none-match"),
        pytest.param({"if_none_match": ("e0",)}, True, id="none-match-other"),
        pytest.param({"if_match": ("e1",), "body": None}, True, id="delete-match"),
        pytest.param({"if_match": ("e0",), "body": None}, False, id="delete-other"),
    ],
)
async def test_preconditions_on_a_document(
    store: Store, asked: dict[str, Any], written: bool
) -> None:
    await store.write_document(put())
    outcome = await store.write_document(put("e2", **asked))
    assert outcome == (DocumentWritten("e2", False, 2) if written else DocumentPrecondition("e1"))


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        pytest.param({}, True, id="plain"),
        pytest.param({"if_none_match": ANY}, True, id="none-match-any"),
        pytest.param({"if_none_match": ("e1",)}, True, id="none-match-former"),
        pytest.param({"if_match": ANY}, False, id="match-any"),
        pytest.param({"if_match": ("e1",)}, False, id="match-former"),
        pytest.param({"body": None}, False, id="delete"),
    ],
)
@pytest.mark.parametrize("former", [False, True], ids=["never-there", "deleted"])
async def test_preconditions_where_there_is_no_document(
    store: Store, asked: dict[str, Any], written: bool, former: bool
) -> None:
    if former:
        await store.write_document(put())
        await store.write_document(put(body=None))
    outcome = await store.write_document(put("e2", **asked))
    version = 3 if former else 1
    done = DocumentWritten("e2", True, version)
    assert outcome == (done if written else DocumentPrecondition(None))


async def test_of_many_creations_one_succeeds(store: Store) -> None:
    puts = [put(f"e{number}", if_none_match=ANY) for number in range(10)]
    outcomes = await asyncio.gather(*map(store.write_document, puts))
    assert sum(isinstance(outcome, DocumentWritten) for outcome in outcomes) == 1


async def test_an_owners_documents_are_listed_by_path(store: Store) -> None:
    for path in ("b c", "a", "gone"):
        await store.write_document(put(key=replace_path(path)))
    await store.write_document(put(key=KEY._replace(owner="sip:bob@example.com")))
    await store.write_document(put(key=KEY._replace(auid="pres-rules")))
    await store.write_document(put(key=replace_path("gone"), body=None))
    found = await store.documents(KEY.auid, KEY.owner)
    assert [document.key.path for document in found] == ["a", "b c"]
    assert replace(found[0], key=KEY) == Document(
        KEY, "e1", "application/resource-lists+xml", b"<list e1/>", NOW, 1
    )


def replace_path(path: str) -> DocumentKey:
    return KEY._replace(path=path)
