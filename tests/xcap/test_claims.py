"""RFC 4826 §4.4.5: the URI of a service is nobody else's."""

import pytest
from lxml import etree

from tests.xcap.kit import Served
from xcap.report import NAMESPACE

HOME = "rls-services/users/sip:alice@example.com"
TYPE = "application/rls-services+xml"


def services(*uris: str) -> bytes:
    rows = "".join(f'<service uri="{uri}"><list/></service>' for uri in uris)
    return (
        f'<rls-services xmlns="urn:ietf:params:xml:ns:rls-services">{rows}</rls-services>'.encode()
    )


def exists(body: bytes) -> list[etree._Element]:
    return list(etree.fromstring(body).iter(f"{{{NAMESPACE}}}exists"))


async def test_a_document_may_be_put_again(served: Served) -> None:
    client = served.client()
    for status in (201, 200):
        answer = await client.put(f"{HOME}/index", services("sip:friends@example.com"), TYPE)
        assert answer.status == status


@pytest.mark.parametrize(
    "uri", ["sip:bob@example.com", "sips:bob@example.com", "pres:bob@example.com"]
)
async def test_the_uri_of_a_subscriber_is_taken(served: Served, uri: str) -> None:
    answer = await served.client().put(f"{HOME}/index", services("sip:free@example.com", uri), TYPE)
    assert answer.status == 409
    (failure,) = exists(answer.body)
    assert failure.get("field") == "rls-services/service%5B2%5D/@uri"
    user = uri.partition("@")[0]
    assert [one.text for one in failure] == [f"{user}-2@example.com", f"{user}-3@example.com"]


async def test_the_uri_of_another_document_is_taken(served: Served) -> None:
    client = served.client()
    taken = ("sip:friends@example.com", "sip:friends-2@example.com")
    assert (await client.put(f"{HOME}/first", services(*taken), TYPE)).status == 201
    answer = await client.put(f"{HOME}/second", services(taken[0]), TYPE)
    assert answer.status == 409
    (failure,) = exists(answer.body)
    assert [one.text for one in failure] == ["sip:friends-3@example.com"]


async def test_a_uri_that_is_no_sip_uri_is_free(served: Served) -> None:
    answer = await served.client().put(f"{HOME}/index", services("urn:service:x"), TYPE)
    assert answer.status == 201


async def test_claims_are_bounded(served: Served) -> None:
    """Each costs a look-up, and each other document is read."""
    client = served.client()
    many = services(*(f"sip:s{n}@example.com" for n in range(201)))
    answer = await client.put(f"{HOME}/index", many, TYPE)
    assert (answer.status, b"<constraint-failure" in answer.body) == (409, True)
    for n in range(20):
        path = f"{HOME}/d{n}"
        assert (await client.put(path, services(f"sip:t{n}@example.com"), TYPE)).status == 201
    assert (await client.put(f"{HOME}/d0", services("sip:t@example.com"), TYPE)).status == 200
    assert (await client.put(f"{HOME}/one", services("sip:u@example.com"), TYPE)).status == 409
