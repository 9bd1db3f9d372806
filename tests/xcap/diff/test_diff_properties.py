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

EVERYBODY = [f"friend{number}" for number in range(12)]
NAMES = st.lists(st.sampled_from(EVERYBODY), min_size=4, unique=True)
PATHS = st.sampled_from([LIST, OTHER])
FRIENDS = st.sampled_from(["friend1", "friend2", "friend3", "new"])
CHANGES = st.one_of(
    st.tuples(st.just("put"), PATHS, NAMES),
    st.tuples(st.just("put-entry"), PATHS, FRIENDS),
    st.tuples(st.just("put-entry"), PATHS, FRIENDS),
    st.tuples(st.just("delete-entry"), PATHS, FRIENDS),
    st.tuples(st.just("put-again"), PATHS, st.none()),
    st.tuples(st.just("delete"), PATHS, st.none()),
    st.tuples(st.just("refresh"), PATHS, st.none()),
)
ANSWERS = st.sampled_from([(), (200,), (200,), (200, 200), (413,)])
"""What the watcher answers after a change: nothing yet, or so many NOTIFYs."""


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

    def __init__(self, desk: Desk, mode: str) -> None:
        self.desk, self.client, self.mode = desk, Client(desk), mode
        self.waiting: list[Sent] = []
        self.full = True
        self.etag = ""
        """Of what was heard last (RFC 5839 §5.3)."""
        self.to_tag: str | None = None
        self.cseq = 1
        self.refreshed = False
        """While a NOTIFY waited, so that the one after it tells everything."""

    async def refresh(self) -> None:
        """Ask for what is new since the last NOTIFY that was heard."""
        self.waiting += await self.desk.sent()
        self.cseq += 1
        condition = f"Suppress-If-Match: {self.etag}"
        tx = await self.desk.ask(b"", condition, mode=self.mode, to_tag=self.to_tag, cseq=self.cseq)
        assert tx.status in (200, 204)
        if tx.status == 200 and self.waiting:
            self.refreshed = True
        elif tx.status == 200:
            self.full = True

    async def answer(self, status: int = 200) -> bool:
        self.waiting += await self.desk.sent()
        if not self.waiting:
            return False
        assert len(self.waiting) == 1, "two NOTIFYs in flight"
        sent = self.waiting.pop()
        if status == 200 and sent.body:
            await self.client.hear(Told.read(sent.body), full=self.full)
        if status == 200:
            (etag,) = sent.request.all("sip-etag")
            assert sent.body or etag == self.etag, "nothing told of a state not known"
            self.etag = etag
        self.full = status != 200 or self.refreshed
        self.refreshed = False
        sent.answer(status)
        return True


async def change(desk: Desk, what: str, path: str, argument: object) -> None:
    """Do it, unless it cannot be done."""
    entry = f"{path}/~~/resource-lists/list/entry%5B@uri=%22sip:{argument}@example.com%22%5D"
    there = desk.store.rows.get(DocumentKey("resource-lists", ALICE, path.rpartition("/")[2]))
    if what == "put" and isinstance(argument, list):
        await desk.put(path, friends(*argument))
    elif there is None:
        return
    elif what == "put-again":
        await desk.put(path, there.body.replace(b"><", b"> <", 1))
    elif what == "put-entry":
        body = f'<entry uri="sip:{argument}@example.com"><display-name>x</display-name></entry>'
        await desk.put(entry, body.encode())
    elif what == "delete-entry" and f"sip:{argument}@".encode() in there.body:
        await desk.delete(entry)
    elif what == "delete":
        await desk.delete(path)


def canonical(document: bytes) -> bytes:
    return etree.tostring(etree.fromstring(document), method="c14n")


@settings(max_examples=60, deadline=None)
@given(
    mode=st.sampled_from(["no-patching", "xcap-patching", "aggregate"]),
    steps=st.lists(st.tuples(CHANGES, ANSWERS), min_size=8, max_size=14),
)
def test_a_client_that_applies_what_it_is_told_has_the_documents(
    mode: str, steps: list[tuple[tuple[str, str, object], tuple[int, ...]]]
) -> None:
    """Every chain goes on from the entity-tag told before; one NOTIFY is in flight at a time.

    Conditional refreshes leave no gap either (RFC 5839 §6.3).
    """

    async def work() -> None:
        desk = Desk()
        desk.endpoint.answering = False
        await desk.put(LIST, friends(*EVERYBODY))
        watcher = Watcher(desk, mode)
        watcher.to_tag = (await desk.ask(uri_list(HOME), mode=mode)).to_tag
        await watcher.answer()
        for (what, path, argument), answers in steps:
            if what == "refresh":
                await watcher.refresh()
            else:
                await change(desk, what, path, argument)
            for status in answers:
                await watcher.answer(status)
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
