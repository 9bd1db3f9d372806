"""RFC 5875 §7: what one watcher may cost everybody else."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from lxml import etree

from presence.errors import BadBody
from store.values import DocumentKey
from tests.xcap.diff.diffkit import HOME, LIST, Desk, chained, friends, uri_list
from tests.xcap.memorystore import ALICE
from xcap.diff import chain, part_service, reader_service, topics
from xcap.diff.history_service import Histories
from xcap.diff.pace_service import Pace
from xcap.diff.package import MAX_COLLECTIONS, MAX_NODES
from xcap.diff.request import MAX_CONTENT, MAX_URIS
from xcap.diff.selection import DocumentSelection, select
from xcap.registry import USAGES
from xmldoc.effort import Effort
from xmldoc.parse import parse

NAME = "/~~/resource-lists/list/@name"
BY_AUID = {usage.auid: usage for usage in USAGES}


async def test_only_what_changed_is_read_and_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """And once, however many subscriptions follow it."""
    desk = Desk()
    documents = [f"{HOME}d{number}" for number in range(30)]
    for document in documents:
        await desk.put(document, friends("bob"))
    for _ in range(3):
        await desk.follow(*(document + NAME for document in documents))
    parsed: list[bytes] = []

    def counted(body: bytes) -> etree._Element:
        parsed.append(body)
        return parse(body)

    monkeypatch.setattr(part_service, "parse", counted)
    await desk.put(documents[7], friends("joe", note="others"))
    before = desk.store.reads
    told = await desk.sent()
    assert len(told) == 3
    assert desk.store.reads - before <= 3
    assert len(parsed) <= 1


async def test_documents_that_do_not_change_are_not_read() -> None:
    """Their entity-tags are listed."""
    desk = Desk()
    for number in range(10):
        await desk.put(f"{HOME}d{number}", friends("bob"))
    before = desk.store.reads
    await desk.follow(*(f"{HOME}d{number}" for number in range(10)), mode="xcap-patching")
    await desk.put(f"{HOME}d3", friends("joe"))
    assert len((await desk.told()).changes) == 1
    assert desk.store.reads == before


async def test_patches_that_are_hard_to_find_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5875 §4.7: the chain of entity-tags goes on without them."""
    desk, spent = Desk(), list[int]()

    class Counted(Effort):
        def spend(self, steps: int) -> None:
            spent.append(steps)
            super().spend(steps)

    monkeypatch.setattr(chain, "Effort", Counted)
    names = [f"friend{number}" for number in range(900)]
    await desk.put(LIST, friends(*names))
    await desk.follow(LIST, mode="xcap-patching")
    for turn in range(12):
        names = names[::-1][turn:] + names[::-1][:turn]
        await desk.put(LIST, friends(*names))
    told = await desk.told()
    assert len(chained(told.changes, LIST)) == 1 + 12
    assert not any(patch for _, _, patch in told.patches(LIST))
    assert sum(spent) < 3 * chain.CHAIN_STEPS


async def test_of_many_documents_few_have_patches() -> None:
    """RFC 5875 §4.7: of the others the entity-tags are told."""
    desk = Desk()
    documents = [f"{HOME}d{number}" for number in range(reader_service.MAX_PATCHED + 4)]
    for document in documents:
        await desk.put(document, friends("bob"))
    await desk.follow(HOME, mode="aggregate")
    for document in documents:
        await desk.put(document, friends("bob", "joe"))
    told = await desk.told()
    assert len(told.changes) == len(documents)
    assert sum(bool(patch) for *_, patch in told.documents) == reader_service.MAX_PATCHED


async def test_patches_of_one_document_are_bounded_together() -> None:
    """RFC 5875 §4.7: those beyond are left out, also of a history of short ones."""
    left = chain.Allowance(octets=400)
    bodies = [friends(*(f"u{n}" for n in range(40)), f"v{number}") for number in range(6)]
    made = []
    for old, new in pairwise(bodies):
        entry, left = chain.patched(chain.Link("a", old), chain.Link("b", new), left)
        made.append(sum(map(len, entry.patch)))
    assert made[0] > 0
    assert made[-1] == 0
    assert sum(made) <= 400


@pytest.mark.parametrize(
    ("uris", "fits"),
    [
        pytest.param([f"{LIST}{n}" for n in range(MAX_URIS)], True, id="uris"),
        pytest.param([f"{LIST}{n}" for n in range(MAX_URIS + 1)], False, id="too-many-uris"),
        pytest.param(
            [f"{HOME}{n}{'x' * 1500}" for n in range(MAX_CONTENT // 1500 + 1)], False, id="long"
        ),
        pytest.param([f"{LIST}{n}{NAME}" for n in range(MAX_NODES)], True, id="nodes"),
        pytest.param(
            [f"{LIST}{n}{NAME}" for n in range(MAX_NODES + 1)], False, id="too-many-nodes"
        ),
        pytest.param([f"{HOME}{n}/" for n in range(MAX_COLLECTIONS + 1)], False, id="collections"),
    ],
)
async def test_lists_are_bounded(uris: list[str], fits: bool) -> None:
    """RFC 5875 §7: 400 for more than one subscription may follow."""
    tx = await Desk().ask(uri_list(*uris))
    assert tx.status == (200 if fits else BadBody("").status)


async def test_what_is_beyond_a_collection_is_not_told_as_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """RFC 5875 §4.7: it is there, although a new document pushed it out."""
    monkeypatch.setattr(reader_service, "MAX_DOCUMENTS", 3)
    desk = Desk()
    for name in ("b", "c", "d"):
        await desk.put(HOME + name, friends())
    await desk.follow(HOME)
    new = await desk.put(HOME + "a", friends())
    assert (await desk.told()).changes == [(HOME + "a", None, new)]


async def test_many_documents_of_a_directory_take_one_topic() -> None:
    """And are followed as well as by one each."""
    selections: Sequence[DocumentSelection] = [
        found
        for number in range(100)
        if isinstance(found := select(f"{HOME}d{number}", "/xcap-root", BY_AUID), DocumentSelection)
    ]
    assert len(selections) == 100
    followed = topics.followed(
        selections, ALICE, usages=BY_AUID, default_domain="example.com", trusted=False
    )
    assert len(followed) == 1
    desk = Desk()
    await desk.follow(*(one.sel for one in selections))
    etag = await desk.put(f"{HOME}d55", friends())
    assert (await desk.told()).changes == [(f"{HOME}d55", None, etag)]


async def test_the_last_entity_tag_is_that_of_the_newest_version() -> None:
    """RFC 5874 §3: previous-etag of a document that was deleted, however many versions it had."""
    desk = Desk()
    for _ in range(45):
        etag = await desk.put(LIST, friends("bob"))
    await desk.delete(LIST)
    key = DocumentKey("resource-lists", ALICE, "index")
    history = Histories(desk.store, Pace())
    assert await history.last_etag(key) == etag
