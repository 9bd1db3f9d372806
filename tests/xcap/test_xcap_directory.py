"""XCP-10, OMA XDM Core: what documents a user has."""

from urllib.parse import unquote

import pytest

from sip.uri import AoR
from store.values import Grant
from tests.rawxcap import XcapClient, resource_list
from tests.xcap.kit import ALICE, BOB, DocumentsInMemory, Served, serving
from xcap.usages.xcap_directory import NAMESPACE
from xmldoc.parse import parse
from xmldoc.schema import schema

DIRECTORY = "org.openmobilealliance.xcap-directory/users/{}/directory.xml"
OWN = DIRECTORY.format("sip:alice@example.com")
ENTRY = f"{{{NAMESPACE}}}entry"
RULES = b'<ruleset xmlns="urn:ietf:params:xml:ns:common-policy"/>'
POLICY = "application/auth-policy+xml"


def tag(etag: str) -> str:
    """The document's, whichever coding its octets were sent in."""
    return etag.strip('"').removesuffix("+gzip")


async def entries(client: XcapClient, directory: str = OWN) -> dict[str, dict[str, str]]:
    """Attributes of all entries by URI, of a valid document."""
    got = await client.get(directory)
    assert (got.status, got.headers["Content-Type"]) == (
        200,
        "application/vnd.oma.xcap-directory+xml",
    )
    root = parse(got.body)
    assert schema("xcap-directory").check(root) is None
    found = [dict(element.attrib) for element in root.iter(ENTRY)]
    return {str(one.pop("uri")): {str(k): str(v) for k, v in one.items()} for one in found}


async def test_an_entry_tells_uri_tag_size_and_time(served: Served) -> None:
    client = served.client()
    body = resource_list("friends")
    put = await client.put("resource-lists/users/sip:alice@example.com/index", body)
    assert await entries(client) == {
        "/xcap-root/resource-lists/users/sip:alice@example.com/index": {
            "etag": put.etag.strip('"'),
            "last-modified": "1970-01-12T13:46:40Z",
            "size": str(len(body)),
        }
    }


async def test_all_usages_are_in_it_and_a_shared_row_under_both_names(served: Served) -> None:
    """OMA's "pres-rules" is "index" of the usage of the IETF."""
    client = served.client()
    await client.put("resource-lists/users/alice/index", resource_list("a"))
    oma = "org.openmobilealliance.pres-rules/users/sip:alice@example.com/pres-rules"
    put = await client.put(oma, RULES, POLICY)
    found = await entries(client)
    assert sorted(found) == [
        "/xcap-root/org.openmobilealliance.pres-rules/users/sip:alice@example.com/pres-rules",
        "/xcap-root/pres-rules/users/sip:alice@example.com/index",
        "/xcap-root/resource-lists/users/sip:alice@example.com/index",
    ]
    assert found["/xcap-root/pres-rules/users/sip:alice@example.com/index"][
        "etag"
    ] == put.etag.strip('"')


async def test_a_document_that_only_one_of_them_can_name_is_in_one_folder(served: Served) -> None:
    """A row called "pres-rules" cannot be reached under OMA's AUID."""
    client = served.client()
    await client.put("pres-rules/users/sip:alice@example.com/pres-rules", RULES, POLICY)
    assert list(await entries(client)) == [
        "/xcap-root/pres-rules/users/sip:alice@example.com/pres-rules"
    ]


async def test_a_document_with_two_names_is_listed_under_the_proper_one(served: Served) -> None:
    """simservs.xml, as 3GPP calls it; "simservs" is good as well."""
    client = served.client()
    body = b'<simservs xmlns="http://uri.etsi.org/ngn/params/xml/simservs/xcap"/>'
    home = "simservs.ngn.etsi.org/users/sip:alice@example.com"
    put = await client.put(f"{home}/simservs", body, "application/vnd.etsi.simservs+xml")
    assert put.status == 201
    assert list(await entries(client)) == [f"/xcap-root/{home}/simservs.xml"]


async def test_every_uri_leads_to_its_document(served: Served) -> None:
    """RFC 3986 §2.1: what may not stand in a path is percent-encoded."""
    client = served.client()
    for name in ("a%20b", "%C3%A9%22%5B1%5D", "x&y"):
        put = await client.put(
            f"resource-lists/users/sip:alice@example.com/{name}", resource_list("a")
        )
        assert put.status == 201
    found = await entries(client)
    assert {unquote(uri).rpartition("/")[2] for uri in found} == {"a b", 'é"[1]', "x&y"}
    for uri, facts in found.items():
        got = await client.get(uri.removeprefix("/xcap-root/"))
        assert (got.status, tag(got.etag)) == (200, facts["etag"])


async def test_one_folder_is_selected_by_its_auid(served: Served) -> None:
    """OMA XDM Core: also when there is nothing in it."""
    client = served.client()
    await client.put("resource-lists/users/alice/index", resource_list("a"))
    node = OWN + "/~~/xcap-directory/folder%5B@auid=%22{}%22%5D"
    full = await client.get(node.format("resource-lists"))
    assert (full.status, full.headers["Content-Type"]) == (200, "application/xcap-el+xml")
    assert full.body.count(b"<entry ") == 1
    assert (await client.get(node.format("rls-services"))).body == b'<folder auid="rls-services"/>'
    assert (await client.get(node.format("no-such-usage"))).status == 404
    assert tag(full.etag) == tag((await client.get(OWN)).etag)


@pytest.mark.parametrize("auid", ["xcap-caps", "org.openxcap.watchers"])
async def test_usages_without_documents_of_users_have_no_folder(served: Served, auid: str) -> None:
    assert f'auid="{auid}"'.encode() not in (await served.client().get(OWN)).body


async def test_its_tag_changes_with_every_document(served: Served) -> None:
    client = served.client()
    tags = [tag((await client.get(OWN)).etag)]
    for name in "ab":
        await client.put("resource-lists/users/alice/index", resource_list(name))
        tags.append(tag((await client.get(OWN)).etag))
    await client.delete("resource-lists/users/alice/index")
    tags.append(tag((await client.get(OWN)).etag))
    assert len(set(tags)) == 3
    assert tags[0] == tags[3]
    assert (await client.get(OWN, if_none_match=f'"{tags[3]}"')).status == 304


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (DIRECTORY.format("sip:bob@example.com"), 403),
        ("org.openmobilealliance.xcap-directory/users/alice/index", 404),
        ("org.openmobilealliance.xcap-directory/global/directory.xml", 404),
        (DIRECTORY.format("sip:nobody@example.com"), 404),
    ],
)
async def test_who_may_not_see_it_does_not(served: Served, path: str, status: int) -> None:
    assert (await served.client().get(path)).status == status


async def test_a_grant_shows_it_to_others() -> None:
    """XCP-15."""
    store = DocumentsInMemory()
    auid = "org.openmobilealliance.xcap-directory"
    store.given.append(Grant(AoR(ALICE), auid, "", BOB, write=False))
    async with serving(store=store) as served:
        assert await entries(served.client(BOB)) == {}


async def test_nobody_writes_it(served: Served) -> None:
    answer = await served.client().put(OWN, b"<x/>", "application/vnd.oma.xcap-directory+xml")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
