"""XDF-03, XDF-04: whoever applies the NOTIFYs in their order has the documents (RFC 5875 §4.8)."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from store.values import DocumentKey
from tests.presence.fakes import Sent
from tests.xcap.diff.diffkit import HOME, LIST, OTHER, Desk, Told, friends, uri_list
from tests.xcap.memorystore import ALICE
from xmldoc.patch import apply

NAMES = st.lists(st.sampled_from([f"friend{n}" for n in range(12)]), max_size=12, unique=True)
PATHS = st.sampled_from([LIST, OTHER])
STEPS = st.one_of(
    st.tuples(st.just("put"), PATHS, NAMES),
    st.tuples(st.just("put-entry"), PATHS, st.sampled_from(["friend1", "friend2", "new"])),
    st.tuples(st.just("delete-entry"), PATHS, st.sampled_from(["friend1", "friend2"])),
    st.tuples(st.just("delete"), PATHS, st.none()),
    st.tuples(st.just("answer"), st.none(), st.none()),
    st.tuples(st.just("fail"), st.none(), st.none()),
)


class Client:
    """What RFC 5875 §4.8 has a subscriber do."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.documents: dict[str, tuple[str, bytes]] = {}

    async def hear(self, told: Told, *, full: bool) -> None:
        for sel, previous, new, kinds in told.documents:
            known = self.documents.get(sel)
            if previous is None or full:
                assert new is not None or known is None or known[0] == previous
            else:
                assert known is not None, "a change of what was never told"
                assert known[0] == previous
            operations = [
                operation
                for before, after, found in told.patches(sel)
                if (before, after) == (previous, new)
                for operation in found
            ]
            if new is None:
                self.documents.pop(sel, None)
            elif kinds == ("body-not-changed",):
                assert known is not None
                self.documents[sel] = (new, known[1])
            elif kinds:
                assert known is not None
                self.documents[sel] = (new, apply(known[1], operations))
            else:
                self.documents[sel] = (new, await self._get(sel, new))

    async def _get(self, sel: str, etag: str) -> bytes:
        """The document by HTTP, had it been in time."""
        key = DocumentKey("resource-lists", ALICE, sel.rpartition("/")[2])
        version = await self.desk.store.document_version(key, etag)
        assert version is not None
        assert version.body is not None
        return version.body


class Watcher:
    """Answers NOTIFYs when told to, and reads those that it answered."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.client = desk, Client(desk)
        self.waiting: list[Sent] = []
        self.full = True

    async def answer(self, status: int = 200) -> bool:
        self.waiting += await self.desk.sent()
        if not self.waiting:
            return False
        assert len(self.waiting) == 1, "two NOTIFYs in flight"
        sent = self.waiting.pop()
        if status == 200:
            await self.client.hear(Told.read(sent.body), full=self.full)
        self.full = status != 200
        sent.answer(status)
        return True


async def step(desk: Desk, watcher: Watcher, what: str, path: str, argument: object) -> None:
    entry = f"{path}/~~/resource-lists/list/entry%5B@uri=%22sip:{argument}@example.com%22%5D"
    key = DocumentKey("resource-lists", ALICE, (path or "").rpartition("/")[2])
    there = desk.store.rows.get(key)
    has = there is not None and f"sip:{argument}@".encode() in there.body
    if what == "put" and isinstance(argument, list):
        await desk.put(path, friends(*argument))
    elif what == "put-entry" and there is not None:
        body = f'<entry uri="sip:{argument}@example.com"><display-name>x</display-name></entry>'
        await desk.put(entry, body.encode())
    elif what == "delete-entry" and has:
        await desk.delete(entry)
    elif what == "delete" and there is not None:
        await desk.delete(path)
    elif what == "answer":
        await watcher.answer()
    elif what == "fail":
        await watcher.answer(413)


def canonical(document: bytes) -> bytes:
    return etree.tostring(etree.fromstring(document), method="c14n")


@settings(max_examples=60, deadline=None)
@given(
    mode=st.sampled_from(["no-patching", "xcap-patching", "aggregate"]),
    steps=st.lists(STEPS, max_size=14),
)
def test_a_client_that_applies_what_it_is_told_has_the_documents(
    mode: str, steps: list[tuple[str, str, object]]
) -> None:
    """Every chain goes on from the entity-tag told before, and no NOTIFY is sent twice."""

    async def work() -> None:
        desk = Desk()
        desk.endpoint.answering = False
        await desk.ask(uri_list(HOME), mode=mode)
        watcher = Watcher(desk)
        for what, path, argument in steps:
            await step(desk, watcher, what, path, argument)
        await desk.put(LIST, friends("last"))
        while await watcher.answer():
            pass
        there = {
            f"{HOME}{key.path}": (document.etag, canonical(document.body))
            for key, document in desk.store.rows.items()
        }
        known = {
            sel: (etag, canonical(body)) for sel, (etag, body) in watcher.client.documents.items()
        }
        assert known == there

    asyncio.run(work())
