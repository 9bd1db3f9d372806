"""RFC 4826 §4.4.5: the URI of a service is nobody else's."""

import pytest
from lxml import etree

from sip.uri import AoR
from tests.xcap.kit import BOB, Served
from xcap.claims import claimed_as, proposals
from xcap.errors import UniquenessFailure
from xcap.report import NAMESPACE
from xcap.uri import Tree
from xcap.usage import Place
from xcap.usages.rls_services import USAGE

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


@pytest.mark.parametrize("uri", [" sip:bob@example.com", "&#10;sip:bob@example.com&#9; "])
async def test_white_space_around_a_uri_is_not_of_it(served: Served, uri: str) -> None:
    """XML Schema part 2 §4.3.6: xs:anyURI is collapsed."""
    client, space = served.client(), uri.partition("sip:")[0]
    assert (await client.put(f"{HOME}/index", services(uri), TYPE)).status == 409
    mine = "sip:friends@example.com"
    assert (await client.put(f"{HOME}/first", services(space + mine), TYPE)).status == 201
    answer = await client.put(f"{HOME}/second", services(mine), TYPE)
    assert answer.status == 409
    assert exists(answer.body)[0][0].text == "sip:friends-2@example.com"
    assert (await client.put(f"{HOME}/twice", services("sip:x@y", " sip:x@y"), TYPE)).status == 409


async def test_the_uri_of_another_document_is_taken(served: Served) -> None:
    client = served.client()
    taken = ("sip:friends@example.com", "sip:friends-2@example.com")
    assert (await client.put(f"{HOME}/first", services(*taken), TYPE)).status == 201
    answer = await client.put(f"{HOME}/second", services(taken[0]), TYPE)
    assert answer.status == 409
    (failure,) = exists(answer.body)
    assert [one.text for one in failure] == [
        "sip:friends-3@example.com",
        "sip:friends-4@example.com",
    ]


async def test_a_uri_that_is_no_sip_uri_is_free(served: Served) -> None:
    answer = await served.client().put(f"{HOME}/index", services("urn:service:x"), TYPE)
    assert answer.status == 201


@pytest.mark.parametrize(
    "uri", ["sip:friends@example.com", "sips:friends@EXAMPLE.com;transport=tcp"]
)
async def test_the_uri_of_another_users_service_is_taken(served: Served, uri: str) -> None:
    """Whatever its form: all name one address-of-record, by which subscribers ask for it."""
    mine = services("sip:friends@example.com")
    assert (await served.client().put(f"{HOME}/index", mine, TYPE)).status == 201
    his = HOME.replace("alice", "bob")
    answer = await served.client(BOB).put(f"{his}/index", services("sip:x@example.com", uri), TYPE)
    assert answer.status == 409
    (failure,) = exists(answer.body)
    assert failure.get("field") == "rls-services/service%5B2%5D/@uri"
    user, _, domain = uri.partition("@")
    assert [one.text for one in failure] == [f"{user}-2@{domain}", f"{user}-3@{domain}"]


ALICES_LIST = "sip:alice@example.com;pres-list=rcs"


async def test_lists_below_the_users_own_uri_are_the_users(served: Served) -> None:
    """OMA's URI of a list: it is the user's own address, and differs by the name of the list."""
    client = served.client()
    both = services(ALICES_LIST, ALICES_LIST.replace("rcs", "oma_buddylist"))
    assert (await client.put(f"{HOME}/index", both, TYPE)).status == 201
    answer = await client.put(f"{HOME}/other", services(ALICES_LIST), TYPE)
    assert answer.status == 409
    (failure,) = exists(answer.body)
    assert [one.text for one in failure] == [f"{ALICES_LIST}-2", f"{ALICES_LIST}-3"]


async def test_lists_below_the_uri_of_another_user_are_not(served: Served) -> None:
    his = HOME.replace("alice", "bob")
    answer = await served.client(BOB).put(f"{his}/index", services(ALICES_LIST), TYPE)
    assert answer.status == 409
    (failure,) = exists(answer.body)
    assert len(failure) == 0


@pytest.mark.parametrize(
    ("uri", "claimed", "proposed"),
    [
        ("sip:a@b", "sip:a@b", "sip:a-2@b"),
        ("sips:a@B:5061;transport=tcp", "sip:a@b", "sips:a-2@B:5061;transport=tcp"),
        ("pres:a@b", "sip:a@b", "pres:a-2@b"),
        ("sip:a@b;pres-list=x;lr", "sip:a@b;pres-list=x", "sip:a@b;pres-list=x-2;lr"),
        ("urn:service:x", "urn:service:x", None),
        ("\n sip:a@b\t", "sip:a@b", "\n sip:a-2@b\t"),
    ],
)
def test_a_uri_is_claimed_in_one_form(uri: str, claimed: str, proposed: str | None) -> None:
    assert claimed_as(uri) == claimed
    assert next(iter(proposals(uri)), None) == proposed


def test_no_uri_is_claimed_twice_in_one_document() -> None:
    place = Place(Tree.USERS, AoR("sip:alice@example.com"), "example.com")
    body = services("sip:a@example.com", "sips:a@EXAMPLE.com")
    with pytest.raises(UniquenessFailure) as refused:
        USAGE.validate(body, place)
    assert [one.field for one in refused.value.exists] == ["rls-services/service%5B2%5D/@uri"]


@pytest.mark.parametrize("given_up", ["replaced", "deleted"])
async def test_a_uri_that_is_given_up_is_free(served: Served, given_up: str) -> None:
    client, path = served.client(), f"{HOME}/index"
    assert (await client.put(path, services("sip:friends@example.com"), TYPE)).status == 201
    if given_up == "deleted":
        assert (await client.delete(path)).status == 200
    else:
        assert (await client.put(path, services("sip:family@example.com"), TYPE)).status == 200
    other = await client.put(f"{HOME}/other", services("sip:friends@example.com"), TYPE)
    assert other.status == 201


async def test_the_uri_of_a_group_is_nobody_elses_either(served: Served) -> None:
    client = served.client()
    assert (await client.put(f"{HOME}/index", services("sip:team@example.com"), TYPE)).status == 201
    group = (
        b'<group xmlns="urn:oma:xml:poc:list-service">'
        b'<list-service uri="sip:team@example.com"/></group>'
    )
    path = "org.openmobilealliance.groups/users/sip:alice@example.com/index"
    answer = await client.put(path, group, "application/vnd.oma.poc.groups+xml")
    assert answer.status == 409
    assert exists(answer.body)[0].get("field") == "group/list-service%5B1%5D/@uri"


async def test_claims_are_bounded(served: Served) -> None:
    """Each costs a look-up."""
    many = services(*(f"sip:s{n}@example.com" for n in range(201)))
    answer = await served.client().put(f"{HOME}/index", many, TYPE)
    assert (answer.status, b"<constraint-failure" in answer.body) == (409, True)
