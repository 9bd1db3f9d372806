"""RFC 4825 §12: what the server says it can do."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.xcap.kit import CONFIG, Served, serving
from xcap.config import DeclaredUsage, XcapConfig
from xcap.registry import usages
from xcap.usages.xcap_caps import NAMESPACE, capabilities
from xmldoc.parse import parse
from xmldoc.schema import schema

CAPS = "xcap-caps/global/index"
OWN_SCHEMA = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
 targetNamespace="urn:example:notes"><xs:element name="notes" type="xs:string"/></xs:schema>"""


def listed(body: bytes, name: str) -> list[str | None]:
    return [element.text for element in parse(body).iter(f"{{{NAMESPACE}}}{name}")]


def document(config: XcapConfig = CONFIG) -> bytes:
    return capabilities(usages(config))


def test_the_document_is_valid() -> None:
    assert schema("xcap-caps").check(parse(document())) is None


@pytest.mark.parametrize(
    "auid",
    [
        "xcap-caps",
        "resource-lists",
        "rls-services",
        "pres-rules",
        "org.openmobilealliance.pres-rules",
        "org.openmobilealliance.pres-content",
        "org.openmobilealliance.xcap-directory",
        "org.openmobilealliance.user-profile",
        "org.openmobilealliance.groups",
        "org.openmobilealliance.search",
        "pidf-manipulation",
        "simservs.ngn.etsi.org",
        "org.openxcap.dialog-rules",
        "org.openxcap.watchers",
    ],
)
def test_every_usage_is_listed_once(auid: str) -> None:
    """§12, the usage itself among them."""
    assert listed(document(), "auid").count(auid) == 1


@pytest.mark.parametrize(
    ("config", "auid"),
    [
        (replace(CONFIG, search=False), "org.openmobilealliance.search"),
        (CONFIG, "test-app"),
    ],
)
def test_what_the_settings_turn_off_is_not_listed(config: XcapConfig, auid: str) -> None:
    assert auid not in listed(document(config), "auid")


def test_what_the_operator_declares_is_listed(tmp_path: Path) -> None:
    """§12: with the namespace that its schema checks."""
    path = tmp_path / "notes.xsd"
    path.write_bytes(OWN_SCHEMA)
    declared = DeclaredUsage("com.example.notes", "urn:example:notes", "application/x", str(path))
    body = document(replace(CONFIG, declared=(declared,)))
    assert "com.example.notes" in listed(body, "auid")
    assert "urn:example:notes" in listed(body, "namespace")


def test_every_namespace_that_is_validated_is_listed() -> None:
    namespaces = listed(document(), "namespace")
    assert {
        NAMESPACE,
        "urn:ietf:params:xml:ns:pidf",
        "urn:ietf:params:xml:ns:pidf:rpid",
        "urn:ietf:params:xml:ns:common-policy",
        "urn:ietf:params:xml:ns:pres-rules",
        "urn:ietf:params:xml:ns:resource-lists",
        "urn:ietf:params:xml:ns:rls-services",
        "urn:oma:xml:xdm:xcap-directory",
    } <= set(namespaces)
    assert len(set(namespaces)) == len(namespaces)


async def test_any_user_reads_it_and_keeps_it(served: Served) -> None:
    client = served.client()
    got = await client.get(CAPS)
    assert (got.status, got.headers["Content-Type"]) == (200, "application/xcap-caps+xml")
    assert got.body == document()
    assert (await client.get(CAPS, if_none_match=got.etag)).status == 304
    assert (await client.get(CAPS, if_match='"other"')).status == 412
    node = await client.get(f"{CAPS}/~~/xcap-caps/auids/auid%5B1%5D")
    assert node.body == b"<auid>xcap-caps</auid>"
    assert (await client.get(CAPS, if_match=node.etag)).status == 200


@pytest.mark.parametrize(
    "path", ["xcap-caps/global/other", "xcap-caps/users/sip:alice@example.com/index"]
)
async def test_there_is_no_other_document(served: Served, path: str) -> None:
    """§12.7: one document called "index", none below home directories."""
    assert (await served.client().get(path)).status == 404


async def test_nobody_writes_it() -> None:
    """Deviation from §12.9, which lets trusted users write: it is what the server knows."""
    trusting = replace(CONFIG, trusted_users=frozenset({"sip:alice@example.com"}))
    async with serving(trusting) as served:
        client = served.client()
        for answer in (
            await client.put(CAPS, b"<x/>", "application/xcap-caps+xml"),
            await client.delete(CAPS),
            await client.delete(f"{CAPS}/~~/xcap-caps/auids"),
        ):
            assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
