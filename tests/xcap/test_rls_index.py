"""RFC 4826 §4.4.7 to §4.4.9: the one document of all users' services."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from store.operations import WriteDocument
from store.values import Document, DocumentKey
from tests.rawxcap import XcapClient
from tests.xcap.computedkit import services, uris
from tests.xcap.kit import ALICE, BOB, CONFIG, DocumentsInMemory, Served, serving
from xcap.access import everything
from xcap.computed import Asked, etag_of
from xcap.errors import AnswerTooLarge
from xcap.uri import Tree
from xcap.usages.rls_index import MAX_OCTETS, PAGE, SERVICE, compute, service_uri
from xmldoc.parse import parse

GLOBAL = "rls-services/global/index"
ONE = GLOBAL + "/~~/rls-services/service%5B@uri=%22{}%22%5D"
TYPE = "application/rls-services+xml"
TRUSTING = replace(CONFIG, trusted_users=frozenset({BOB}))


async def put(client: XcapClient, owner: str, body: bytes, name: str = "index") -> str:
    answer = await client.put(f"rls-services/users/{owner}/{name}", body, TYPE)
    assert answer.status in (200, 201), answer.body
    return answer.etag


class CountingStore(DocumentsInMemory):
    """Counts what is read of whole usages."""

    def __init__(self) -> None:
        super().__init__()
        self.pages = 0
        self.meanwhile: list[WriteDocument] = []
        """Written by somebody else as soon as a page has been read."""

    async def documents_of_usage(
        self, auid: str, after: DocumentKey | None, limit: int
    ) -> list[Document]:
        self.pages += 1
        assert limit <= PAGE
        page = await super().documents_of_usage(auid, after, limit)
        if self.meanwhile:
            await self.write_document(self.meanwhile.pop())
        return page


class OfStore:
    """As much of `Sources` as the index needs."""

    def __init__(self, store: DocumentsInMemory) -> None:
        self.store = store
        self.root = self.default_domain = ""
        self.usages: dict[str, object] = {}

    def now(self) -> float:
        return 0.0

    async def readable(self, *question: object) -> Callable[[str], bool]:
        return everything


async def test_the_index_is_the_union_of_all_index_documents() -> None:
    """§4.4.8; a document of another name is no part of it (§4.4.7)."""
    async with serving(TRUSTING) as served:
        alice, bob = served.client(ALICE), served.client(BOB)
        await put(alice, ALICE, services("a", "b"))
        await put(alice, ALICE, services("hidden"), "other")
        await put(bob, BOB, services("c"))
        got = await bob.get(GLOBAL)
        assert (got.status, got.headers["Content-Type"]) == (200, TYPE)
        assert uris(got.body) == [f"sip:{name}@example.com" for name in "abc"]
        await alice.delete(f"rls-services/users/{ALICE}/index")
        assert uris((await bob.get(GLOBAL)).body) == ["sip:c@example.com"]


async def test_one_service_is_found_by_its_uri_in_one_document() -> None:
    """§4.5: the selector that a list server asks with."""
    store = CountingStore()
    async with serving(TRUSTING, store) as served:
        alice, bob = served.client(ALICE), served.client(BOB)
        await put(alice, ALICE, services("a", "b"))
        await put(bob, BOB, services("c"))
        store.pages = store.reads = 0
        got = await bob.get(ONE.format("sip:b@example.com"))
        assert got.status == 200
        assert b'uri="sip:b@x.example"' in got.body
        assert parse(got.body).tag == SERVICE
        assert (store.pages, store.reads) == (0, 1)
        below = ONE.format("sip:c@example.com") + "/list/entry/@uri?xmlns(rl=urn%3Ax)"
        assert (await bob.get(below)).status == 404
        assert (await bob.get(ONE.format("sip:d@example.com"))).status == 404


async def test_a_service_of_another_document_is_not_found_by_its_uri() -> None:
    """§4.4.7: it has the URI, and is no part of the index."""
    async with serving(TRUSTING) as served:
        await put(served.client(ALICE), ALICE, services("hidden"), "other")
        answer = await served.client(BOB).get(ONE.format("sip:hidden@example.com"))
        assert answer.status == 404


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        (None, None),
        ('rls-services/service[@uri="sip:a@x"]', "sip:a@x"),
        ('rls-services/service[@uri="sip:a@x"]/packages', "sip:a@x"),
        ('rls-services/service[@uri="sip:a@x"]/@uri', "sip:a@x"),
        ('rls-services/service[1][@uri="sip:a@x"]', None),
        ('*/service[@uri="sip:a@x"]', None),
        ('rls-services/*[@uri="sip:a@x"]', None),
        ('rls-services/service[@other="sip:a@x"]', None),
        ("rls-services/service", None),
        ("rls-services", None),
    ],
)
def test_which_selectors_ask_for_one_service(selector: str | None, found: str | None) -> None:
    """§4.5; all others are asked of the whole index."""
    assert service_uri(Asked(Tree.GLOBAL, ALICE, "index", selector)) == found


async def test_whole_and_part_have_one_tag_that_changes_with_any_service() -> None:
    """RFC 4825 §8.5."""
    async with serving(TRUSTING) as served:
        alice, bob = served.client(ALICE), served.client(BOB)
        await put(alice, ALICE, services("a"))
        whole, part = await bob.get(GLOBAL), await bob.get(ONE.format("sip:a@example.com"))
        assert whole.etag.removesuffix('+gzip"').strip('"') == part.etag.strip('"')
        assert (await bob.get(GLOBAL, if_none_match=whole.etag)).status == 304
        await put(bob, BOB, services("c"))
        assert (await bob.get(GLOBAL, if_none_match=whole.etag)).status == 200
        assert (await bob.get(ONE.format("sip:a@example.com"), if_match=part.etag)).status == 412


async def test_other_selectors_see_all_services() -> None:
    async with serving(TRUSTING) as served:
        await put(served.client(ALICE), ALICE, services("a", "b"))
        got = await served.client(BOB).get(f"{GLOBAL}/~~/rls-services/service%5B2%5D/@uri")
        assert got.body == b'"sip:b@example.com"'


async def test_many_documents_are_read_page_by_page() -> None:
    store = CountingStore()
    for number in range(2 * PAGE + 1):
        key = DocumentKey("rls-services", f"sip:{number:03}@example.com", "index")
        await store.write_document(write(key, services(f"s{number}")))
    made = await compute(Asked(Tree.GLOBAL, ALICE, "index"), OfStore(store))  # type: ignore[arg-type]  # no usages are looked at
    assert made is not None
    assert len(uris(made.body)) == 2 * PAGE + 1
    assert store.pages == 4


def write(key: DocumentKey, body: bytes, etag: str = "e") -> WriteDocument:
    return WriteDocument(key, body, TYPE, etag, None, None, 0.0)


async def test_a_change_meanwhile_makes_it_read_again() -> None:
    """§4.4.8: the answer reflects the most recent state."""
    store = CountingStore()
    key = DocumentKey("rls-services", ALICE, "index")
    await store.write_document(write(key, services("old")))
    store.meanwhile = [write(key, services("new"), "f")]
    made = await compute(Asked(Tree.GLOBAL, ALICE, "index"), OfStore(store))  # type: ignore[arg-type]  # no usages are looked at
    assert made is not None
    assert uris(made.body) == ["sip:new@example.com"]
    assert made.etag == etag_of((await store.usage_stamp("rls-services", "index")).encode())


async def test_an_index_that_is_too_large_says_so() -> None:
    """The way out is to ask for one service."""
    store = CountingStore()
    body = services("big", packages=f"<r:packages><!--{'x' * 200_000}--></r:packages>")
    padded = body.replace(b"<!--", b"<r:package>").replace(b"-->", b"</r:package>")
    for number in range(MAX_OCTETS // len(padded) + 1):
        key = DocumentKey("rls-services", f"sip:{number:03}@example.com", "index")
        await store.write_document(write(key, padded))
    with pytest.raises(AnswerTooLarge):
        await compute(Asked(Tree.GLOBAL, ALICE, "index"), OfStore(store))  # type: ignore[arg-type]  # no usages are looked at


@pytest.mark.parametrize("path", [GLOBAL, ONE.format("sip:a@example.com")])
async def test_only_trusted_readers_see_it(served: Served, path: str) -> None:
    """§4.4.9."""
    assert (await served.client(ALICE).get(path)).status == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_nobody_writes_it(method: str) -> None:
    """§4.4.8: it is made of what users write."""
    async with serving(TRUSTING) as served:
        answer = await served.client(BOB).ask(method, GLOBAL, services("a"))
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
