"""RFC 4825 §8.2 to §8.5: elements, attributes and namespaces, as a client sees them."""

import re

import pytest

from store.values import Change, DocumentKey, Kind
from tests.rawxcap import Answer, XcapClient
from tests.xcap.kit import ALICE, BOB, LISTS, DocumentsInMemory, Served, serving

ELEMENT = "application/xcap-el+xml"
ATTRIBUTE = "application/xcap-att+xml"
NAMESPACES = "application/xcap-ns+xml"

DOCUMENT = b"""<?xml version="1.0" encoding="UTF-8"?>
<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"
  xmlns:x="urn:example:x">
 <!-- mine -->
 <list name="friends">
  <entry uri="sip:bob@example.com"/>
  <entry uri="sip:carol@example.com"><display-name>Carol</display-name></entry>
 </list>
 <list name="work"/>
</resource-lists>
"""
BOBS_ENTRY = b'<entry uri="sip:bob@example.com"/>'
DAVES_ENTRY = b'<entry uri="sip:dave@example.com"/>'
CAROLS_ENTRY = b'<entry uri="sip:carol@example.com"><display-name>Carol</display-name></entry>'

NODES = f"{LISTS}/~~/resource-lists"
FRIENDS = f"{NODES}/list%5B@name=%22friends%22%5D"
HOME = "/xcap-root/resource-lists/users/sip:alice@example.com/"


def entry(user: str) -> str:
    """The path of an entry of the list of friends."""
    return f"{FRIENDS}/entry%5B@uri=%22sip:{user}@example.com%22%5D"


@pytest.fixture
async def client(served: Served) -> XcapClient:
    """A client whose user has DOCUMENT."""
    client = served.client()
    assert (await client.put(LISTS, DOCUMENT)).status == 201
    return client


async def document(client: XcapClient) -> Answer:
    answer = await client.get(LISTS)
    assert answer.status == 200
    return answer


@pytest.mark.parametrize(
    ("path", "media_type", "body"),
    [
        pytest.param(entry("bob"), ELEMENT, BOBS_ENTRY, id="an element"),
        pytest.param(f"{FRIENDS}/entry%5B2%5D", ELEMENT, CAROLS_ENTRY, id="by position"),
        pytest.param(
            f"{NODES}/*%5B1%5D/*%5B2%5D/display-name",
            ELEMENT,
            b"<display-name>Carol</display-name>",
            id="by wildcard",
        ),
        pytest.param(f"{FRIENDS}/entry%5B1%5D/@uri", ATTRIBUTE, b'"sip:bob@example.com"', id="@"),
        pytest.param(
            f"{LISTS}/~~/r:resource-lists/r:list%5B2%5D"
            "?xmlns(r=urn:ietf:params:xml:ns:resource-lists)",
            ELEMENT,
            b'<list name="work"/>',
            id="with a prefix of the query",
        ),
        pytest.param(
            f"{FRIENDS}/namespace::*",
            NAMESPACES,
            b'<list xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:x="urn:example:x"/>',
            id="the namespaces in scope",
        ),
    ],
)
async def test_a_get_of_a_node_is_its_octets_and_type_with_the_documents_tag(
    client: XcapClient, path: str, media_type: str, body: bytes
) -> None:
    """RFC 4825 §8.3, §8.5: without the bindings of ancestors, never cached without asking."""
    answer = await client.get(path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, media_type)
    assert answer.body == body
    assert answer.etag == (await document(client)).etag
    assert answer.headers["Cache-Control"] == "no-cache"
    head = await client.ask("HEAD", path)
    assert (head.status, head.body, head.etag) == (200, b"", answer.etag)
    assert head.headers["Content-Type"] == media_type


async def test_an_element_is_created_with_201_and_replaced_with_200(client: XcapClient) -> None:
    """RFC 4825 §8.2.3, §8.2.4: no body, and no other octet of the document changes."""
    before = await document(client)
    created = await client.put(entry("dave"), DAVES_ENTRY, ELEMENT)
    assert (created.status, created.body) == (201, b"")
    after = await document(client)
    assert after.body == before.body.replace(CAROLS_ENTRY, CAROLS_ENTRY + DAVES_ENTRY)
    named = b'<entry uri="sip:dave@example.com"><display-name>D</display-name></entry>'
    replaced = await client.put(entry("dave"), named, ELEMENT)
    assert (replaced.status, replaced.body) == (200, b"")
    assert (await document(client)).body == after.body.replace(DAVES_ENTRY, named)
    assert (await client.get(entry("dave"))).body == named
    assert len({before.etag, created.etag, replaced.etag}) == 3
    assert (await document(client)).etag == replaced.etag


async def test_an_attribute_is_created_replaced_and_deleted(client: XcapClient) -> None:
    """RFC 4825 §7.7, §7.8, §8.2.3, §8.4: 201, 200 and 200, each with a new tag."""
    path = f"{FRIENDS}/entry%5B1%5D/@x:note?xmlns(x=urn:example:x)"
    created = await client.put(path, b'"first"', ATTRIBUTE)
    assert created.status == 201
    assert (await client.get(path)).body == b'"first"'
    replaced = await client.put(path, b"'second'", ATTRIBUTE)
    assert replaced.status == 200
    assert b"second" in (await document(client)).body
    deleted = await client.delete(path)
    assert (deleted.status, (await document(client)).body) == (200, DOCUMENT)
    assert len({created.etag, replaced.etag, deleted.etag}) == 3
    assert (await client.get(path)).status == 404


async def test_a_deleted_element_leaves_everything_around_it(client: XcapClient) -> None:
    """RFC 4825 §8.4, §8.5: 200 with the new tag of the document; white space stays."""
    deleted = await client.delete(entry("bob"))
    after = await document(client)
    assert (deleted.status, deleted.body, deleted.etag) == (200, b"", after.etag)
    assert after.body == DOCUMENT.replace(BOBS_ENTRY, b"")
    assert (await client.delete(entry("bob"))).status == 404


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("resource-lists/users/alice/none/~~/resource-lists", id="no document"),
        pytest.param(entry("nobody"), id="no match"),
        pytest.param(f"{FRIENDS}/entry", id="two of them"),
        pytest.param(f"{FRIENDS}/entry%5B3%5D", id="no such position"),
        pytest.param(f"{FRIENDS}/@anchor", id="no such attribute"),
        pytest.param(f"{LISTS}/~~/rls-services", id="another root"),
        pytest.param(f"{NODES}/x:list?xmlns(x=urn:example:x)", id="another namespace"),
        pytest.param(f"{NODES}/list%5B@xmlns=%22urn:x%22%5D", id="xmlns is no attribute"),
        pytest.param(f"{NODES}/ancestor::list", id="an axis is an extension"),
    ],
)
async def test_what_selects_not_exactly_one_node_is_404(client: XcapClient, path: str) -> None:
    """RFC 4825 §8.3, §8.4: also for a selector that is not understood (§8)."""
    assert (await client.get(path)).status == 404
    assert (await client.delete(path)).status == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(f"{NODES}/y:list", id="undefined prefix"),
        pytest.param(f"{NODES}/list%5B@y:name=%22friends%22%5D", id="in a predicate"),
        pytest.param(f"{FRIENDS}/@y:name", id="of an attribute"),
        pytest.param(f"{LISTS}/~~/", id="no step"),
        pytest.param(f"{NODES}//list", id="an empty step"),
    ],
)
async def test_an_undefined_prefix_is_400(client: XcapClient, method: str, path: str) -> None:
    """RFC 4825 §8; what is in no grammar at all is 400 too."""
    answer = await client.ask(method, path, b"<list/>", {"Content-Type": ELEMENT})
    assert answer.status == 400


@pytest.mark.parametrize(
    ("path", "ancestor"),
    [
        pytest.param(
            "resource-lists/users/alice/none/~~/resource-lists/list",
            "/xcap-root/resource-lists/users/alice/",
            id="the document is missing",
        ),
        pytest.param(f"{LISTS}/~~/rls-services/list", f"{HOME}index", id="another root"),
        pytest.param(
            f"{NODES}/list%5B@name=%22none%22%5D/entry",
            f"{HOME}index/~~/resource-lists",
            id="no such list",
        ),
        pytest.param(f"{NODES}/list/entry", f"{HOME}index/~~/resource-lists", id="several lists"),
        pytest.param(
            f"{LISTS}/~~/r:resource-lists/r:list%5B2%5D/r:list/r:entry"
            "?xmlns(r=urn:ietf:params:xml:ns:resource-lists)",
            f"{HOME}index/~~/r:resource-lists/r:list%5B2%5D"
            "?xmlns(r=urn:ietf:params:xml:ns:resource-lists)",
            id="with its bindings",
        ),
    ],
)
async def test_a_put_without_a_parent_names_the_closest_ancestor(
    client: XcapClient, path: str, ancestor: str
) -> None:
    """RFC 4825 §8.2.1, §11.1: 409 no-parent, with a URI that can be used."""
    answer = await client.put(path, b"<entry/>", ELEMENT)
    assert (answer.status, answer.headers["Content-Type"]) == (409, "application/xcap-error+xml")
    found = re.search(rb"<no-parent[^>]*><ancestor>([^<]*)</ancestor></no-parent>", answer.body)
    assert found is not None
    assert found[1].decode() == ancestor
    got = await client.get(ancestor.removeprefix("/xcap-root/"))
    assert got.status == (404 if ancestor.endswith("/") else 200)


@pytest.mark.parametrize(
    ("path", "media_type", "body", "condition"),
    [
        (entry("dave"), ELEMENT, b"<entry", b"not-xml-frag"),
        (entry("dave"), ELEMENT, DAVES_ENTRY * 2, b"not-xml-frag"),
        (entry("dave"), ELEMENT, b'<entry uri="\xff"/>', b"not-utf-8"),
        (f"{FRIENDS}/entry%5B1%5D/@uri", ATTRIBUTE, b'"a<b"', b"not-xml-att-value"),
        (entry("dave"), ELEMENT, b'<entry uri="sip:other@example.com"/>', b"cannot-insert"),
        (entry("bob") + "/@uri", ATTRIBUTE, b'"sip:eve@example.com"', b"cannot-insert"),
        (f"{FRIENDS}/entry%5B9%5D", ELEMENT, DAVES_ENTRY, b"cannot-insert"),
        (f"{FRIENDS}/list", ELEMENT, b'<list name="1"><nonsense/></list>', b"schema-validation"),
        (f"{FRIENDS}/entry%5B2%5D", ELEMENT, BOBS_ENTRY, b"uniqueness-failure"),
        (
            f"{FRIENDS}/entry-ref",
            ELEMENT,
            b'<entry-ref ref="/absolute"/>',
            b"constraint-failure",
        ),
    ],
)
async def test_what_would_spoil_the_document_is_409_and_changes_nothing(
    client: XcapClient, path: str, media_type: str, body: bytes, condition: bytes
) -> None:
    """RFC 4825 §8.2.2 to §8.2.5, §11.1."""
    before = await document(client)
    answer = await client.put(path, body, media_type)
    assert answer.status == 409
    assert b"<" + condition in answer.body, answer.body
    after = await document(client)
    assert (after.etag, after.body) == (before.etag, before.body)


@pytest.mark.parametrize(
    ("path", "condition"),
    [
        pytest.param(f"{FRIENDS}/entry%5B1%5D", b"cannot-delete", id="another takes its place"),
        pytest.param(f"{FRIENDS}/*%5B1%5D", b"cannot-delete", id="any takes its place"),
        pytest.param(f"{FRIENDS}/entry%5B1%5D/@uri", b"schema-validation", id="required"),
        pytest.param(NODES, b"schema-validation", id="the root element"),
    ],
)
async def test_what_cannot_be_deleted_is_409(
    client: XcapClient, path: str, condition: bytes
) -> None:
    """RFC 4825 §8.4."""
    answer = await client.delete(path)
    assert answer.status == 409
    assert b"<" + condition in answer.body
    assert (await document(client)).body == DOCUMENT


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (entry("dave"), "application/resource-lists+xml"),
        (entry("dave"), ATTRIBUTE),
        (f"{FRIENDS}/@name", ELEMENT),
        (LISTS, ELEMENT),
    ],
)
async def test_a_node_takes_the_type_of_its_kind_only(
    client: XcapClient, path: str, wrong: str
) -> None:
    """RFC 4825 §8.2.2: 415."""
    assert (await client.put(path, DAVES_ENTRY, wrong)).status == 415


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
async def test_namespaces_are_read_only(client: XcapClient, method: str) -> None:
    """RFC 4825 §8.2, §8.4: 405 whose Allow has GET."""
    answer = await client.ask(
        method, f"{NODES}/namespace::*", b"<list/>", {"Content-Type": NAMESPACES}
    )
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


async def test_a_post_to_a_node_is_405(client: XcapClient) -> None:
    """RFC 4825 §8.1."""
    answer = await client.ask("POST", FRIENDS, b"<list/>", {"Content-Type": ELEMENT})
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, PUT, DELETE, OPTIONS")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        pytest.param("GET", FRIENDS, {"If-None-Match": "{now}"}, 304, id="get-fresh"),
        pytest.param("HEAD", FRIENDS, {"If-None-Match": "{now}"}, 304, id="head-fresh"),
        pytest.param("GET", FRIENDS, {"If-None-Match": "W/{now}"}, 304, id="weak-comparison"),
        pytest.param("GET", FRIENDS, {"If-None-Match": '"x", {now}'}, 304, id="in-a-list"),
        pytest.param("GET", FRIENDS, {"If-None-Match": "*"}, 304, id="any"),
        pytest.param("GET", FRIENDS, {"If-None-Match": '"x"'}, 200, id="get-stale"),
        pytest.param("GET", FRIENDS, {"If-Match": '"x"'}, 412, id="get-match-fails"),
        pytest.param("GET", FRIENDS, {"If-Match": "W/{now}"}, 412, id="strong-comparison"),
        pytest.param(
            "GET", FRIENDS, {"If-Match": '"x"', "If-None-Match": "{now}"}, 412, id="match-first"
        ),
        pytest.param(
            "GET", FRIENDS, {"If-Match": "{now}", "If-None-Match": "{now}"}, 304, id="then-none"
        ),
        pytest.param("GET", entry("nobody"), {"If-None-Match": "{now}"}, 404, id="get-missing"),
        pytest.param("GET", entry("nobody"), {"If-Match": '"x"'}, 404, id="missing-is-no-412"),
        pytest.param("PUT", entry("dave"), {"If-Match": "{now}"}, 201, id="insert-fresh"),
        pytest.param("PUT", entry("dave"), {"If-Match": '"x", {now}'}, 201, id="insert-list"),
        pytest.param("PUT", entry("dave"), {"If-Match": "*"}, 201, id="insert-any"),
        pytest.param("PUT", entry("dave"), {"If-Match": '"x"'}, 412, id="insert-stale"),
        pytest.param("PUT", entry("dave"), {"If-Match": "W/{now}"}, 412, id="insert-weak"),
        pytest.param("PUT", entry("dave"), {"If-None-Match": "*"}, 412, id="insert-never"),
        pytest.param("PUT", entry("dave"), {"If-None-Match": "{now}"}, 412, id="insert-none"),
        pytest.param("PUT", entry("dave"), {"If-None-Match": '"x"'}, 201, id="insert-none-else"),
        pytest.param("DELETE", entry("bob"), {"If-Match": "{now}"}, 200, id="delete-fresh"),
        pytest.param("DELETE", entry("bob"), {"If-Match": "*"}, 200, id="delete-any"),
        pytest.param("DELETE", entry("bob"), {"If-Match": '"x"'}, 412, id="delete-stale"),
        pytest.param("DELETE", entry("bob"), {"If-None-Match": "*"}, 412, id="delete-none"),
        pytest.param("DELETE", entry("nobody"), {"If-Match": '"x"'}, 404, id="delete-missing"),
    ],
)
async def test_conditions_compare_the_tag_of_the_whole_document(
    client: XcapClient, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """RFC 4825 §7.11, §8.2.6, RFC 9110 §13.1, §13.2.2: for a node as for its document."""
    now = (await document(client)).etag
    sent = {name: value.replace("{now}", now) for name, value in headers.items()}
    body = DAVES_ENTRY if method == "PUT" else None
    answer = await client.ask(method, path, body, {"Content-Type": ELEMENT, **sent})
    assert answer.status == status
    if status == 304:
        assert (answer.body, answer.etag) == (b"", now)
    if status >= 400:
        assert (await document(client)).body == DOCUMENT


async def test_a_tag_goes_from_one_write_to_the_next(client: XcapClient) -> None:
    """RFC 4825 §7.11: nobody has to read in between, and an old tag is 412."""
    first = (await document(client)).etag
    second = (await client.put(entry("dave"), DAVES_ENTRY, ELEMENT, if_match=first)).etag
    third = await client.put(f"{NODES}/list%5B2%5D/@name", b'"job"', ATTRIBUTE, if_match=second)
    assert third.status == 200
    fourth = await client.delete(entry("dave"), if_match=third.etag)
    assert fourth.status == 200
    assert (await client.delete(entry("bob"), if_match=third.etag)).status == 412
    assert (await client.put(LISTS, DOCUMENT, if_match=fourth.etag)).status == 200


async def test_a_node_of_another_user_is_403(client: XcapClient) -> None:
    """RFC 4825 §5.7: before the selector is looked at."""
    his = f"resource-lists/users/{BOB}/index"
    for selector in ("y:resource-lists", "foo/ancestor::x", "resource-lists"):
        path = f"{his}/~~/{selector}"
        assert (await client.get(path)).status == 403
        assert (await client.put(path, b"<list/>", ELEMENT)).status == 403
        assert (await client.delete(path)).status == 403


async def test_nodes_of_computed_documents_are_read_only(client: XcapClient) -> None:
    """RFC 4825 §12: the capabilities have nodes like any document."""
    path = "xcap-caps/global/index/~~/xcap-caps/auids/auid%5B1%5D"
    got = await client.get(path)
    assert (got.status, got.body) == (200, b"<auid>xcap-caps</auid>")
    whole = await client.ask("GET", "xcap-caps/global/index", headers={"Accept-Encoding": ""})
    assert got.etag == whole.etag
    assert (await client.get(path, if_none_match=got.etag)).status == 304
    for method in ("PUT", "DELETE"):
        answer = await client.ask(method, path, b"<auid/>", {"Content-Type": ELEMENT})
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


async def test_each_version_tells_who_wrote_it_and_from_where() -> None:
    """XCP-19: documents and nodes, deletions too."""
    store = DocumentsInMemory()
    async with serving(store=store) as served:
        client = served.client()
        await client.put(LISTS, DOCUMENT)
        await client.put(entry("dave"), DAVES_ENTRY, ELEMENT)
        await client.delete(entry("dave"))
        await client.delete(LISTS)
    versions = store.kept[DocumentKey("resource-lists", ALICE, "index")]
    assert [version.version for version in versions] == [1, 2, 3, 4]
    assert {(version.author, version.source) for version in versions} == {(ALICE, "127.0.0.1")}
    assert [version.body is None for version in versions] == [False, False, False, True]


async def test_every_local_write_is_told_at_once() -> None:
    """XCP-16: what is read, refused or lost is not told."""
    told: list[Change] = []
    async with serving(on_change=told.append) as served:
        client = served.client()
        await client.put(LISTS, DOCUMENT)
        await client.put(entry("dave"), DAVES_ENTRY, ELEMENT)
        await client.put(entry("dave"), DAVES_ENTRY, ELEMENT, if_match='"x"')
        await client.get(entry("dave"))
        await client.delete(entry("dave"))
        await client.delete(entry("dave"))
        await client.delete(LISTS)
    assert [change.version for change in told] == [1, 2, 3, 4]
    assert {change.kind for change in told} == {Kind.DOCUMENT}
    assert {change.document for change in told} == {DocumentKey("resource-lists", ALICE, "index")}
