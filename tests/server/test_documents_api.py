"""XCP-19, XCP-15: what an operator sees and does with documents, over HTTP."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from server.documents_api import serve_documents
from server.grants_api import serve_grants
from sip.authenticator import Identity
from sip.uri import AoR
from store import migrate
from store.operations import WriteDocument
from store.store import Store, open_store
from store.values import Change, DocumentKey, Grant, Kind
from tests.rawxcap import resource_list
from xcap.administration import Administration
from xcap.config import XcapConfig
from xcap.registry import usages
from xcap.service import XcapService

ALICE = AoR("sip:alice@example.com")
LISTS = DocumentKey("resource-lists", ALICE, "index")
SERVICES = DocumentKey("rls-services", ALICE, "index")
TREE = "/api/xcap/users/alice@example.com"
INDEX = f"{TREE}/resource-lists/index"
GRANTS = "/api/xcap/grants/users/alice@example.com"
NOW = 1_800_000_000.0


@dataclass
class Answer:
    """Status, headers and body, as JSON where it is some."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass
class Operator:
    """Somebody at the admin listener, and the store behind it."""

    store: Store
    client: TestClient[web.Request, web.Application]
    heard: list[Change] = field(default_factory=list)

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        async with self.client.request(method, URL(path, encoded=True), **more) as answer:
            is_json = answer.content_type == "application/json"
            body = await (answer.json() if is_json else answer.read())
            return Answer(answer.status, answer.headers, body)

    async def written(
        self, body: bytes | None, key: DocumentKey = LISTS, etag: str = "", **more: Any
    ) -> None:
        """Write a document as its owner."""
        etag = etag or f"e{len(await self.store.document_versions(key)) + 1}"
        media_type = "application/resource-lists+xml"
        op = WriteDocument(key, body, media_type, etag, None, None, NOW, ALICE, "192.0.2.1")
        await self.store.write_document(op._replace(**more))

    async def body(self, key: DocumentKey = LISTS) -> bytes | None:
        document = await self.store.document(key)
        return None if document is None else document.body


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    url = f"sqlite:///{tmp_path / 'presentity.db'}"
    migrate.upgrade(url)
    store = await open_store(url, node="admin", clock=lambda: NOW)
    config = XcapConfig(domains=("example.com",), public_root="/public")
    app, heard = web.Application(), list[Change]()

    async def exists(aor: AoR, identity: Identity) -> bool:
        return False

    service = XcapService(
        store=store,
        usages=usages(config),
        config=config,
        exists=exists,
        clock=lambda: NOW,
        on_change=heard.append,
    )
    administration = Administration(
        store=store, service=service, config=config, clock=lambda: NOW, on_change=heard.append
    )
    serve_documents(app, "example.com", administration)
    serve_grants(app, "example.com", administration)
    async with TestClient(TestServer(app)) as client:
        yield Operator(store, client, heard)
    await store.close()


async def test_documents_of_all_usages_are_listed(operator: Operator) -> None:
    await operator.written(b"<a/>")
    await operator.written(b"<abc/>", LISTS._replace(auid="of-old"))
    answer = await operator.ask("GET", TREE)
    assert answer.status == 200
    assert answer.body["owner"] == ALICE
    assert [(one["auid"], one["size"]) for one in answer.body["documents"]] == [
        ("of-old", 6),
        ("resource-lists", 4),
    ]
    assert answer.body["documents"][1] == {
        "auid": "resource-lists",
        "path": "index",
        "etag": "e1",
        "content_type": "application/resource-lists+xml",
        "size": 4,
        "updated_at": NOW,
        "version": 1,
    }


@pytest.mark.parametrize(
    "form",
    [
        "alice@example.com",
        "sip:alice@example.com",
        "sip:alice%40example.com",
        "alice",
        "ALICE".lower(),
        "sip:alice@EXAMPLE.com",
        "sip%3Aalice%40example.com",
        "pres:alice@example.com",
    ],
)
async def test_every_form_of_a_user_means_its_documents(operator: Operator, form: str) -> None:
    """RFC 4825 §6.2: a user has one home directory."""
    await operator.written(b"<a/>")
    answer = await operator.ask("GET", f"/api/xcap/users/{form}/resource-lists/index")
    assert (answer.status, answer.body) == (200, b"<a/>")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET", "/api/xcap/users/@example.com", id="no-user"),
        pytest.param("GET", f"{TREE}/resource-lists/other", id="no-document"),
        pytest.param("DELETE", f"{TREE}/resource-lists/other", id="nothing-to-delete"),
        pytest.param("GET", f"{INDEX}/versions/7", id="no-version"),
        pytest.param("POST", f"{INDEX}/versions/7/undo", id="no-version-to-undo"),
        pytest.param("POST", f"{TREE}/nonsense/index/versions/1/undo", id="no-usage"),
        pytest.param("DELETE", f"{GRANTS}?grantee=bob", id="no-grant"),
    ],
)
async def test_what_is_not_there_is_404_and_says_so(
    operator: Operator, method: str, path: str
) -> None:
    await operator.written(b"<a/>")
    answer = await operator.ask(method, path)
    assert answer.status == 404
    assert answer.body["error"]


async def test_a_document_is_no_page_of_the_operators_site(operator: Operator) -> None:
    """Rendered, its script would run beside the console."""
    await operator.written(b"<a/>", etag="tag")
    answer = await operator.ask("GET", INDEX)
    assert answer.headers["ETag"] == '"tag"'
    assert answer.headers["Content-Type"] == "application/resource-lists+xml"
    assert answer.headers["Content-Security-Policy"] == "sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_percent_encoded_paths_are_decoded_once(operator: Operator) -> None:
    await operator.written(b"<a/>", LISTS._replace(path="my list%20"))
    answer = await operator.ask("GET", f"{TREE}/resource-lists/my%20list%2520")
    assert (answer.status, answer.body) == (200, b"<a/>")


async def test_oma_rules_are_those_of_the_ietf(operator: Operator) -> None:
    await operator.written(b"<a/>", LISTS._replace(auid="pres-rules"))
    path = f"{TREE}/org.openmobilealliance.pres-rules/pres-rules"
    assert (await operator.ask("GET", path)).body == b"<a/>"


async def test_a_document_is_deleted_and_everybody_hears(operator: Operator) -> None:
    await operator.written(b"<a/>")
    answer = await operator.ask("DELETE", INDEX)
    removed = [{"auid": "resource-lists", "path": "index"}]
    assert (answer.status, answer.body) == (200, {"owner": ALICE, "removed": removed})
    assert await operator.body() is None
    assert operator.heard == [Change(Kind.DOCUMENT, f"resource-lists {ALICE} index", 2)]
    deletion = (await operator.store.document_versions(LISTS))[-1]
    assert (deletion.body, deletion.author, deletion.source) == (None, "admin", "127.0.0.1")


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", INDEX), ("POST", f"{INDEX}/versions/1/undo")],
)
async def test_if_match_is_asked_of_the_document(
    operator: Operator, method: str, path: str
) -> None:
    """RFC 9110 §13.1.1."""
    await operator.written(resource_list("a"))
    await operator.written(resource_list("b"))
    stale = await operator.ask(method, path, headers={"If-Match": '"e1"'})
    assert stale.status == 412
    assert await operator.body() == resource_list("b")
    assert (await operator.ask(method, path, headers={"If-Match": "nonsense"})).status == 400
    fresh = await operator.ask(method, path, headers={"If-Match": '"e2"'})
    assert fresh.status == 200


async def test_a_purge_deletes_all_documents_and_versions(operator: Operator) -> None:
    other = LISTS._replace(auid="of-old", path="x")
    for key in (LISTS, other, LISTS._replace(owner="sip:bob@example.com")):
        await operator.written(b"<a/>", key)
    answer = await operator.ask("DELETE", TREE)
    assert answer.body["removed"] == [
        {"auid": "of-old", "path": "x"},
        {"auid": "resource-lists", "path": "index"},
    ]
    assert {change.document for change in operator.heard} == {LISTS, other}
    assert (await operator.ask("GET", TREE)).body["documents"] == []
    assert all(one.body is None for one in await operator.store.document_versions(LISTS))
    assert await operator.body(LISTS._replace(owner="sip:bob@example.com")) == b"<a/>"


async def test_versions_say_who_wrote_them_when_and_from_where(operator: Operator) -> None:
    await operator.written(b"<a/>")
    await operator.written(None)
    answer = await operator.ask("GET", f"{INDEX}/versions")
    assert {name: answer.body[name] for name in ("owner", "auid", "path")} == {
        "owner": ALICE,
        "auid": "resource-lists",
        "path": "index",
    }
    first, second = answer.body["versions"]
    assert first == {
        "version": 1,
        "etag": "e1",
        "content_type": "application/resource-lists+xml",
        "size": 4,
        "author": ALICE,
        "source": "192.0.2.1",
        "created_at": NOW,
    }
    assert (second["version"], second["size"]) == (2, None)
    later = await operator.ask("GET", f"{INDEX}/versions?after=1")
    assert [version["version"] for version in later.body["versions"]] == [2]
    assert (await operator.ask("GET", f"{INDEX}/versions?after=x")).status == 400


async def test_a_version_has_its_body(operator: Operator) -> None:
    await operator.written(b"<a/>")
    await operator.written(b"<b/>")
    answer = await operator.ask("GET", f"{INDEX}/versions/1")
    assert (answer.status, answer.body, answer.headers["ETag"]) == (200, b"<a/>", '"e1"')


async def test_undo_writes_an_earlier_version_anew(operator: Operator) -> None:
    for name in ("a", "b"):
        await operator.written(resource_list(name))
    answer = await operator.ask("POST", f"{INDEX}/versions/1/undo")
    document = await operator.store.document(LISTS)
    assert document is not None
    assert (answer.status, answer.body) == (200, {"version": 3, "etag": document.etag})
    assert document.body == resource_list("a")
    assert document.etag not in ("e1", "e2")
    newest = (await operator.store.document_versions(LISTS))[-1]
    assert (newest.version, newest.author) == (3, "admin")
    assert operator.heard == [Change(Kind.DOCUMENT, f"resource-lists {ALICE} index", 3)]


async def test_undo_heeds_if_none_match(operator: Operator) -> None:
    """RFC 9110 §13.1.2: "*" is for where there is no document."""
    await operator.written(resource_list("a"))
    refused = await operator.ask("POST", f"{INDEX}/versions/1/undo", headers={"If-None-Match": "*"})
    assert refused.status == 412


async def test_undo_brings_a_deleted_document_back(operator: Operator) -> None:
    await operator.written(resource_list("a"))
    await operator.written(None)
    assert (await operator.ask("POST", f"{INDEX}/versions/1/undo")).status == 200
    assert await operator.body() == resource_list("a")


@pytest.mark.parametrize(
    ("body", "conflict"),
    [
        pytest.param(None, "constraint-failure", id="deletion"),
        pytest.param(b"<a/>", "schema-validation-error", id="no-longer-valid"),
    ],
)
async def test_undo_leaves_no_document_that_may_not_be(
    operator: Operator, body: bytes | None, conflict: str
) -> None:
    """RFC 4825 §8.2.5: the schema of today decides."""
    await operator.written(resource_list("a"))
    await operator.written(body)
    await operator.written(resource_list("b"))
    answer = await operator.ask("POST", f"{INDEX}/versions/2/undo")
    assert (answer.status, answer.body["conflict"]) == (409, conflict)
    assert answer.body["error"]
    assert await operator.body() == resource_list("b")


async def test_undo_knows_the_root_that_clients_know(operator: Operator) -> None:
    """RFC 4826 §4.1: a reference that may be put may be put back."""
    reference = f"https://x/public/resource-lists/users/{ALICE}/index/~~/resource-lists/list"
    body = (
        '<rls-services xmlns="urn:ietf:params:xml:ns:rls-services">'
        f'<service uri="sip:x@example.com"><resource-list>{reference}'
        "</resource-list></service></rls-services>"
    ).encode()
    await operator.written(body, SERVICES)
    await operator.written(None, SERVICES)
    answer = await operator.ask("POST", f"{TREE}/rls-services/index/versions/1/undo")
    assert answer.status == 200
    assert await operator.body(SERVICES) == body


async def test_undo_takes_no_uri_of_others(operator: Operator) -> None:
    """RFC 4826 §4.4.5."""
    service = (
        b'<rls-services xmlns="urn:ietf:params:xml:ns:rls-services">'
        b'<service uri="sip:friends@example.com"><resource-list>'
        b"http://example.com/xcap-root/resource-lists/users/sip:alice@example.com/index/~~/"
        b"resource-lists/list%5b1%5d</resource-list><packages><package>presence</package>"
        b"</packages></service></rls-services>"
    )
    await operator.written(service, SERVICES, claims=("sip:friends@example.com",))
    await operator.written(None, SERVICES)
    bobs = SERVICES._replace(owner="sip:bob@example.com")
    await operator.written(service, bobs, claims=("sip:friends@example.com",))
    answer = await operator.ask("POST", f"{TREE}/rls-services/index/versions/1/undo")
    assert (answer.status, answer.body["conflict"]) == (409, "uniqueness-failure")
    assert await operator.body(SERVICES) is None


async def test_the_global_tree_is_a_tree_as_well(operator: Operator) -> None:
    shared = LISTS._replace(owner="")
    await operator.written(resource_list("a"), shared)
    await operator.written(resource_list("b"), shared)
    assert len((await operator.ask("GET", "/api/xcap/global")).body["documents"]) == 1
    path = "/api/xcap/global/resource-lists/index"
    assert (await operator.ask("GET", path)).body == resource_list("b")
    assert (await operator.ask("POST", f"{path}/versions/1/undo")).status == 200
    assert await operator.body(shared) == resource_list("a")
    assert (await operator.ask("DELETE", "/api/xcap/global")).status == 200
    assert await operator.body(shared) is None


async def test_grants_are_put_listed_and_deleted(operator: Operator) -> None:
    """RFC 4825 §5.7."""
    bob = {"auid": "resource-lists", "path": "index", "grantee": "bob", "write": True}
    put = await operator.ask("PUT", GRANTS, json=bob)
    shown = bob | {"grantee": "sip:bob@example.com"}
    assert (put.status, put.body) == (200, {"owner": ALICE, "grants": [shown]})
    everybody = {"grantee": "@Example.com"}
    await operator.ask("PUT", GRANTS, json=everybody)
    all_ = {"auid": "", "path": "", "grantee": "@example.com", "write": False}
    assert (await operator.ask("GET", GRANTS)).body["grants"] == [all_, shown]
    query = "auid=resource-lists&path=index&grantee=sip:bob%40example.com"
    gone = await operator.ask("DELETE", f"{GRANTS}?{query}")
    assert (gone.status, gone.body["grants"]) == (200, [all_])
    assert operator.heard == [Change(Kind.GRANT, ALICE, 0)] * 3


async def test_the_global_tree_has_grants(operator: Operator) -> None:
    grant = {"auid": "resource-lists", "grantee": "bob@example.com", "write": True}
    await operator.ask("PUT", "/api/xcap/grants/global", json=grant)
    wanted = Grant("", "resource-lists", "", "sip:bob@example.com", write=True)
    assert await operator.store.grants("") == [wanted]


@pytest.mark.parametrize(
    ("given", "status", "named"),
    [
        pytest.param(b"{", 400, "JSON", id="no-json"),
        pytest.param(b"[]", 400, "JSON object", id="no-object"),
        pytest.param(b"[" * 100_000, 400, "JSON", id="deeper-than-is-read"),
        pytest.param(b"{}", 400, "grantee", id="no-grantee"),
        pytest.param(b'{"grantee": "@"}', 400, "grantee", id="no-domain"),
        pytest.param(b'{"grantee": 1}', 400, "grantee", id="number"),
        pytest.param(b'{"grantee": "bob", "write": "yes"}', 400, "write", id="no-boolean"),
        pytest.param(b'{"grantee": "bob", "path": "index"}', 400, "auid", id="path-alone"),
        pytest.param(b'{"grantee": "bob", "until": 3}', 400, "until", id="unknown"),
        pytest.param(b'{"grantee": "bob", "auid": "x"}', 404, "x", id="no-usage"),
        pytest.param(b'{"grantee": "bob", "auid": "resource-lists", "path": "\\u0000"}',
                     400, "path", id="nul"),
    ],
)  # fmt: skip
async def test_a_grant_that_cannot_be_is_refused(
    operator: Operator, given: bytes, status: int, named: str
) -> None:
    answer = await operator.ask("PUT", GRANTS, data=given)
    assert answer.status == status
    assert named in answer.body["error"]
    assert await operator.store.grants(ALICE) == []


async def test_methods_that_are_not_there_are_405(operator: Operator) -> None:
    """RFC 9110 §15.5.6."""
    answer = await operator.ask("PUT", INDEX, data=b"<a/>")
    assert answer.status == 405
    assert answer.headers["Allow"] == "DELETE,GET,HEAD"
