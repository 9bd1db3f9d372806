"""Every usage over HTTP: a document, one of its nodes by the default namespace, and back.

RFC 4825 §6.4: names without a prefix are of the default namespace of the usage.
"""

from urllib.parse import quote

import pytest

from tests.xcap.kit import BOB, CONFIG, serving
from tests.xcap.usage_examples import EXAMPLES, RULES, Example
from xcap.config import XcapConfig
from xcap.registry import usages
from xmldoc.parse import parse

ALICE = "sip:alice@example.com"
ON = XcapConfig(domains=CONFIG.domains, test_app=True, public_icons=True)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.auid)
async def test_a_document_and_a_node_of_it(example: Example) -> None:
    media_type = next(one.media_type for one in usages(ON) if one.auid == example.auid)
    path = f"{example.auid}/users/{ALICE}/{example.path}"
    node = f"{path}/~~/{quote(example.selector)}" + (f"?{example.query}" if example.query else "")
    body = example.body.encode()
    async with serving(ON) as served:
        client = served.client()
        assert (await client.put(path, body, media_type)).status == 201
        got = await client.get(path)
        assert (got.body, got.headers["Content-Type"]) == (body, media_type)
        part = await client.get(node)
        assert (part.status, part.body.decode(), part.etag) == (200, example.selected, got.etag)
        assert (await client.put(node, part.body, "application/xcap-el+xml")).status == 200
        assert (await client.get(path)).body == body
        assert (await client.delete(path)).status == 200
        assert (await client.get(path)).status == 404


async def test_an_ietf_and_an_oma_client_edit_the_same_rules() -> None:
    """One row with one entity-tag; the OMA client is held to its dialect."""
    oma = f"org.openmobilealliance.pres-rules/users/{ALICE}/pres-rules"
    rules = RULES.replace("<conditions/>", '<transformations><x xmlns="urn:x"/></transformations>')
    async with serving() as served:
        client = served.client()
        ietf = f"pres-rules/users/{ALICE}/index"
        written = await client.put(ietf, rules.encode(), "application/auth-policy+xml")
        assert written.status == 201
        got = await client.get(oma)
        assert (got.body, got.etag) == (rules.encode(), written.etag)
        refused = await client.put(oma, rules.encode(), "application/auth-policy+xml")
        assert (refused.status, b"<constraint-failure" in refused.body) == (409, True)


@pytest.mark.parametrize(("public", "status"), [(True, 200), (False, 401)])
async def test_icons_may_be_shown_to_anybody(public: bool, status: int) -> None:
    """By setting only; and nobody but the owner changes them."""
    example = next(one for one in EXAMPLES if "pres-content" in one.auid)
    path = f"{example.auid}/users/{ALICE}/{example.path}"
    config = XcapConfig(domains=CONFIG.domains, public_icons=public)
    media_type = "application/vnd.oma.pres-content+xml"
    async with serving(config) as served:
        put = await served.client().put(path, example.body.encode(), media_type)
        assert put.status == 201
        assert (await served.client(None).get(path)).status == status
        assert (await served.client(BOB).get(path)).status == (200 if public else 403)
        assert (await served.client(BOB).put(path, b"<x/>", media_type)).status == 403
        assert (await served.client(None).delete(path)).status == 401


async def test_a_refused_name_says_which_there_may_be() -> None:
    """RFC 4825 §8.2.1: the directories of a usage are all there are."""
    home = f"org.openmobilealliance.pres-content/users/{ALICE}"
    media_type = "application/vnd.oma.pres-content+xml"
    async with serving() as served:
        named = await served.client().put(f"{home}/me", b"<x/>", media_type)
        assert (named.status, b"must be called oma_status-icon/..." in named.body) == (409, True)
        elsewhere = await served.client().put(f"{home}/icons/me", b"<x/>", media_type)
        assert (elsewhere.status, b"<no-parent" in elsewhere.body) == (409, True)


async def test_test_app_is_off_unless_it_is_asked_for() -> None:
    async with serving() as served:
        answer = await served.client().get(f"test-app/users/{ALICE}/index")
        assert answer.status == 404


async def test_capabilities_list_what_is_served_and_validated() -> None:
    """RFC 4825 §12.1: AUIDs, and the namespaces of the schemas."""
    async with serving(ON) as served:
        root = parse((await served.client().get("xcap-caps/global/index")).body)
    listed = {element.text for element in root.iter("{*}auid")}
    assert {example.auid for example in EXAMPLES} < listed
    namespaces = {element.text for element in root.iter("{*}namespace")}
    assert {one.default_namespace for one in usages(ON)} <= namespaces
    assert {"urn:oma:xml:prs:pres-rules", "urn:ietf:params:xml:ns:pidf:rpid"} < namespaces
