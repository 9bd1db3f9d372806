"""RFC 4825 §8: whole documents, from PUT to DELETE."""

from dataclasses import replace

import pytest

from sip.authenticator import Identity
from store.values import DocumentKey
from tests.rawxcap import resource_list
from tests.xcap.kit import ALICE, BOB, CONFIG, LISTS, DocumentsInMemory, Served, serving
from xcap.conditions import UNCONDITIONAL
from xcap.config import XcapConfig
from xcap.errors import MethodNotAllowed
from xcap.uri import Tree, XcapUri

PIDF = b"""<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@example.com">
 <tuple id="t1"><status><basic>open</basic></status></tuple></presence>"""
RULES = b"""<cr:ruleset xmlns:cr="urn:ietf:params:xml:ns:common-policy"
 xmlns:pr="urn:ietf:params:xml:ns:pres-rules"><cr:rule id="a">
 <cr:conditions><cr:identity><cr:one id="sip:bob@example.com"/></cr:identity></cr:conditions>
 <cr:actions><pr:sub-handling>allow</pr:sub-handling></cr:actions></cr:rule></cr:ruleset>"""
SERVICES = b"""<rls-services xmlns="urn:ietf:params:xml:ns:rls-services"
 xmlns:rl="urn:ietf:params:xml:ns:resource-lists">
 <service uri="sip:friends@example.com"><list name="f"><rl:entry uri="sip:b@example.com"/></list>
 <packages><package>presence</package></packages></service></rls-services>"""

USERS = "users/sip:alice@example.com"


async def test_a_put_creates_with_201_and_replaces_with_200(served: Served) -> None:
    """RFC 4825 §8.2.3 and §8.2.4; both with a new entity-tag (§8.5) and no body."""
    client = served.client()
    created = await client.put(LISTS, resource_list("a"))
    assert (created.status, created.body) == (201, b"")
    replaced = await client.put(LISTS, resource_list("b"))
    assert (replaced.status, replaced.body) == (200, b"")
    assert created.etag != replaced.etag


async def test_a_get_gives_the_octets_that_were_put(served: Served) -> None:
    """RFC 4825 §8.3 and §9: the usage's type, the entity-tag, no caching."""
    client = served.client()
    etag = (await client.put(LISTS, resource_list("a", 3))).etag
    got = await client.get(LISTS)
    assert (got.status, got.body, got.etag) == (200, resource_list("a", 3), etag)
    assert got.headers["Content-Type"] == "application/resource-lists+xml"
    assert got.headers["Cache-Control"] == "no-cache"


async def test_a_head_is_a_get_without_the_body(served: Served) -> None:
    """RFC 9110 §9.3.2."""
    client = served.client()
    etag = (await client.put(LISTS, resource_list("a"))).etag
    head = await client.ask("HEAD", LISTS)
    assert (head.status, head.body, head.etag) == (200, b"", etag)
    assert head.headers["Content-Length"] == str(len(resource_list("a")))


async def test_a_delete_leaves_nothing(served: Served) -> None:
    """RFC 4825 §8.4: 200, then 404 for both methods."""
    client = served.client()
    await client.put(LISTS, resource_list("a"))
    assert (await client.delete(LISTS)).status == 200
    assert (await client.get(LISTS)).status == 404
    assert (await client.delete(LISTS)).status == 404


@pytest.mark.parametrize(
    ("path", "media_type", "body"),
    [
        (f"resource-lists/{USERS}/index", "application/resource-lists+xml", resource_list("a")),
        (f"resource-lists/{USERS}/other", "application/resource-lists+xml", resource_list("a")),
        (f"rls-services/{USERS}/index", "application/rls-services+xml", SERVICES),
        (f"pres-rules/{USERS}/index", "application/auth-policy+xml", RULES),
        (
            f"org.openmobilealliance.pres-rules/{USERS}/pres-rules",
            "application/auth-policy+xml",
            RULES,
        ),
        (f"pidf-manipulation/{USERS}/index", "application/pidf+xml", PIDF),
    ],
)
async def test_each_usage_keeps_its_documents(
    served: Served, path: str, media_type: str, body: bytes
) -> None:
    """RFC 4826 §3.4.2, §4.4.2, RFC 5025 §9.4, RFC 4827 §5: its own type, in and out."""
    client = served.client()
    assert (await client.put(path, body, media_type)).status == 201
    got = await client.get(path)
    assert (got.status, got.headers["Content-Type"], got.body) == (200, media_type, body)
    assert (await client.put(path, body, "application/wrong+xml")).status == 415


async def test_ietf_and_oma_rules_are_one_document() -> None:
    """RFC 5025 §9.7: both AUIDs show one row with one entity-tag."""
    store = DocumentsInMemory()
    async with serving(store=store) as served:
        client = served.client()
        oma = f"org.openmobilealliance.pres-rules/{USERS}/pres-rules"
        etag = (await client.put(oma, RULES, "application/auth-policy+xml")).etag
        assert (await client.get(f"pres-rules/{USERS}/index")).etag == etag
        assert list(store.rows) == [DocumentKey("pres-rules", ALICE, "index")]
        assert (await client.delete(f"pres-rules/{USERS}/index", if_match=etag)).status == 200
        assert (await client.get(oma)).status == 404


@pytest.mark.parametrize(
    "xui",
    [
        "sip:alice@example.com",
        "sip%3Aalice%40example.com",
        "alice@example.com",
        "alice",
        "sip:alice@EXAMPLE.com",
        "sips:alice@example.com",
        "sip:%61lice@example.com;transport=tcp",
    ],
)
async def test_every_form_of_an_xui_is_the_same_user(xui: str) -> None:
    """RFC 4825 §6.2 (XCP-12)."""
    store = DocumentsInMemory()
    async with serving(store=store) as served:
        path = f"resource-lists/users/{xui}/index"
        assert (await served.client().put(path, resource_list("a"))).status == 201
        assert list(store.rows) == [DocumentKey("resource-lists", ALICE, "index")]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("no-such-usage/users/alice/index", 404, id="unknown usage"),
        pytest.param("resource-lists/users/carol/index", 404, id="unknown user"),
        pytest.param("resource-lists/users/sip:alice@example.org/index", 404, id="foreign domain"),
        pytest.param("resource-lists/users/%20/index", 404, id="no XUI at all"),
        pytest.param("resource-lists/users/tel:+15550100/index", 404, id="unknown number"),
        pytest.param("resource-lists/users/alice", 404, id="a home directory"),
        pytest.param("resource-lists/users/alice/", 404, id="a home directory with its slash"),
        pytest.param("resource-lists/users", 404, id="a tree"),
        pytest.param("resource-lists", 404, id="a usage"),
        pytest.param("resource-lists/somewhere/alice/index", 404, id="neither tree"),
        pytest.param("resource-lists/users/bob/index", 403, id="another user's tree"),
        pytest.param("resource-lists/users/alice/index", 404, id="a document that is not there"),
        pytest.param("resource-lists/users/alice/a/b", 404, id="a sub-directory"),
        pytest.param("resource-lists/global/index", 404, id="the global tree"),
        pytest.param("rls-services/global/index", 403, id="what trusted readers may see"),
        pytest.param("xcap-caps/users/alice/index", 404, id="capabilities of a user"),
        pytest.param("resource-lists/users/alice/index/~~/resource-lists", 404, id="a node"),
        pytest.param("resource-lists/users/alice/index/%7e%7E/resource-lists", 404, id="encoded"),
    ],
)
async def test_what_a_get_may_not_or_cannot_find(served: Served, path: str, status: int) -> None:
    """RFC 4825 §5.7 and §8: who and what is unknown is 404, what is another's is 403."""
    answer = await served.client().get(path)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.body


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("resource-lists/users/sip:bob@example.com/index", 403),
        ("resource-lists/global/index", 403),
        ("resource-lists/users/carol/index", 404),
        ("resource-lists/users/bob/index/~~/resource-lists", 403),
        ("resource-lists/users/carol/index/~~/resource-lists", 404),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_user_writes_below_its_own_tree_only(
    served: Served, method: str, path: str, status: int
) -> None:
    """RFC 4825 §5.7, §8; nodes are their document's owner's."""
    media_type = "application/xcap-el+xml" if "~~" in path else "application/resource-lists+xml"
    body, headers = (resource_list("a"), {"Content-Type": media_type})
    assert (await served.client().ask(method, path, body, headers)).status == status


async def test_a_trusted_user_may_use_all_documents() -> None:
    """RFC 4825 §5.7: the trusted users of the settings."""
    async with serving(replace(CONFIG, trusted_users=frozenset({BOB}))) as served:
        bob = served.client(BOB)
        assert (await bob.put(LISTS, resource_list("a"))).status == 201
        assert (await bob.put("resource-lists/global/index", resource_list("g"))).status == 201
        assert (await served.client().get("resource-lists/global/index")).status == 200
        assert (await bob.get("rls-services/global/index")).status == 200


@pytest.mark.parametrize("method", ["POST", "PATCH", "PROPFIND"])
async def test_other_methods_are_405_with_what_is_allowed(served: Served, method: str) -> None:
    """RFC 4825 §8.1."""
    answer = await served.client().ask(method, LISTS, b"x")
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD, PUT, DELETE, OPTIONS"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
async def test_the_capabilities_are_not_written(served: Served, method: str) -> None:
    """RFC 4825 §12: made by the server."""
    answer = await served.client().ask(method, "xcap-caps/global/index", b"x")
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


async def test_options_names_the_methods(served: Served) -> None:
    """RFC 9110 §9.3.7."""
    answer = await served.client(None).ask("OPTIONS", LISTS)
    assert (answer.status, answer.headers["Allow"]) == (204, "GET, HEAD, PUT, DELETE, OPTIONS")


@pytest.mark.parametrize(("owner", "status"), [("sip:bob@example.com", 403), ("zed", 404)])
@pytest.mark.parametrize("length", [1, 1_000_000])
async def test_who_may_not_write_is_told_before_the_body_is_looked_at(
    served: Served, owner: str, status: int, length: int
) -> None:
    """RFC 4825 §8: neither its type nor its size matters then."""
    path = LISTS.replace("sip:alice@example.com", owner)
    assert (await served.client().put(path, b"x" * length, "text/plain")).status == status


@pytest.mark.parametrize(
    ("uri", "allow"),
    [
        (XcapUri("xcap-caps", Tree.GLOBAL, "", "index"), ("GET", "HEAD", "OPTIONS")),
        (
            XcapUri("resource-lists", Tree.USERS, ALICE, "index", "resource-lists/namespace::*"),
            ("GET", "HEAD", "OPTIONS"),
        ),
        (XcapUri("org.openmobilealliance.search", Tree.GLOBAL, "", ""), ("POST", "OPTIONS")),
    ],
    ids=["computed", "namespaces", "posted to"],
)
async def test_what_is_never_written_is_refused_whoever_asks_the_service(
    served: Served, uri: XcapUri, allow: tuple[str, ...]
) -> None:
    """RFC 4825 §8.2, §8.4, §12."""
    service, alice = served.server.service, Identity(ALICE, "digest")
    with pytest.raises(MethodNotAllowed) as refused:
        await service.write(uri, alice, UNCONDITIONAL, b"", source="")
    assert refused.value.allow == allow
    with pytest.raises(MethodNotAllowed) as refused:
        await service.delete(uri, alice, UNCONDITIONAL, source="")
    assert refused.value.allow == allow


async def test_a_sub_directory_is_a_conflict(served: Served) -> None:
    """RFC 4825 §8.2.1: 409 no-parent, with the directory that is there."""
    answer = await served.client().put("resource-lists/users/alice/a/b", resource_list("a"))
    assert (answer.status, answer.headers["Content-Type"]) == (409, "application/xcap-error+xml")
    assert b"<ancestor>/xcap-root/resource-lists/users/alice/</ancestor>" in answer.body


async def test_pidf_manipulation_has_one_document(served: Served) -> None:
    """RFC 4827 §9."""
    path = f"pidf-manipulation/{USERS}/second"
    answer = await served.client().put(path, PIDF, "application/pidf+xml")
    assert answer.status == 409
    assert b"<constraint-failure" in answer.body


async def test_the_root_may_be_the_root_of_the_host() -> None:
    """RFC 4825 §6.1."""
    async with serving(XcapConfig(domains=("example.com",), root="")) as served:
        client = served.client()
        client.root = client.root.removesuffix("/xcap-root")
        assert (await client.put(LISTS, resource_list("a"))).status == 201


async def test_requests_are_counted(served: Served) -> None:
    """OPS-01: by usage, method and status, with a bounded number of names."""
    client = served.client(None)
    await client.get(LISTS)
    await client.ask("PATCH", "anything/users/at/all")
    assert served.server.stats.requests == {
        ("resource-lists", "GET", 401): 1,
        ("-", "-", 405): 1,
    }
