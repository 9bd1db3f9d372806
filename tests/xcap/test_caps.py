"""RFC 4825 §12: what the server says it can do."""

from tests.xcap.kit import Served
from xcap.caps import NAMESPACE, capabilities
from xcap.registry import USAGES
from xmldoc.parse import parse
from xmldoc.schema import schema


def listed(body: bytes, name: str) -> list[str | None]:
    return [element.text for element in parse(body).iter(f"{{{NAMESPACE}}}{name}")]


def test_the_document_is_valid() -> None:
    assert schema("xcap-caps").check(parse(capabilities(USAGES))) is None


def test_every_usage_and_the_usage_itself_is_listed() -> None:
    assert listed(capabilities(USAGES), "auid") == [
        "xcap-caps",
        "resource-lists",
        "rls-services",
        "pres-rules",
        "org.openmobilealliance.pres-rules",
        "pidf-manipulation",
    ]


def test_every_namespace_that_is_validated_is_listed() -> None:
    namespaces = listed(capabilities(USAGES), "namespace")
    assert namespaces[0] == NAMESPACE
    assert {
        "urn:ietf:params:xml:ns:pidf",
        "urn:ietf:params:xml:ns:pidf:rpid",
        "urn:ietf:params:xml:ns:common-policy",
        "urn:ietf:params:xml:ns:pres-rules",
        "urn:ietf:params:xml:ns:resource-lists",
        "urn:ietf:params:xml:ns:rls-services",
    } <= set(namespaces)
    assert len(set(namespaces)) == len(namespaces)


async def test_any_user_reads_it_and_keeps_it(served: Served) -> None:
    client = served.client()
    got = await client.get("xcap-caps/global/index")
    assert (got.status, got.headers["Content-Type"]) == (200, "application/xcap-caps+xml")
    assert got.body == capabilities(USAGES)
    assert (await client.get("xcap-caps/global/index", if_none_match=got.etag)).status == 304
    assert (await client.get("xcap-caps/global/index", if_match='"other"')).status == 412
    assert (await client.get("xcap-caps/global/other")).status == 404
    assert (await client.get("xcap-caps/global/index/~~/xcap-caps")).status == 501
