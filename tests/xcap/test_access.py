"""RFC 4825 §5.7, XCP-15: who may do what with whose documents; 403 versus 404."""

from dataclasses import replace

import pytest

from sip.uri import AoR
from store.values import Grant
from tests.rawxcap import resource_list
from tests.xcap.kit import ALICE, BOB, CONFIG, LISTS, DocumentsInMemory, serving
from xcap.access import Access, Action
from xcap.config import XcapConfig
from xcap.registry import USAGES

USAGE = {usage.auid: usage for usage in USAGES}
LISTS_USAGE = USAGE["resource-lists"]
STRANGER = AoR("sip:carol@example.org")
NUMBER = AoR("tel:+15550100")
NOBODY = AoR("")


def grant(grantee: str, *, auid: str = "", path: str = "", write: bool = False) -> Grant:
    return Grant(owner=ALICE, auid=auid, path=path, grantee=grantee, write=write)


def access(*grants: Grant, trusted: frozenset[str] = frozenset()) -> Access:
    async def grants_of(owner: str) -> list[Grant]:
        return [one for one in grants if one.owner == owner]

    return Access(grants=grants_of, trusted_users=trusted, usages=USAGES)


@pytest.mark.parametrize(
    ("given", "user", "reads", "writes"),
    [
        pytest.param([], BOB, False, False, id="nothing"),
        pytest.param([grant(BOB)], BOB, True, False, id="all to read"),
        pytest.param([grant(BOB, write=True)], BOB, True, True, id="a writer reads too"),
        pytest.param([grant(BOB)], STRANGER, False, False, id="somebody else"),
        pytest.param([grant(BOB)], None, False, False, id="nobody known"),
        pytest.param([grant("@example.com")], BOB, True, False, id="a domain"),
        pytest.param([grant("@example.com")], STRANGER, False, False, id="another domain"),
        pytest.param([grant("@ample.com")], BOB, False, False, id="the end of a domain"),
        pytest.param([grant("@")], BOB, False, False, id="no domain"),
        pytest.param([grant("@example.com")], NUMBER, False, False, id="a number has no domain"),
        pytest.param([grant(BOB, auid="resource-lists")], BOB, True, False, id="the usage"),
        pytest.param([grant(BOB, auid="pres-rules")], BOB, False, False, id="another usage"),
        pytest.param(
            [grant(BOB, auid="resource-lists", path="index")], BOB, True, False, id="the document"
        ),
        pytest.param([grant(BOB, path="other")], BOB, False, False, id="another document"),
        pytest.param(
            [grant(BOB), grant(BOB, path="index", write=True)], BOB, True, True, id="the sum"
        ),
    ],
)
async def test_a_grant_opens_what_it_names(
    given: list[Grant], user: AoR | None, reads: bool, writes: bool
) -> None:
    """XCP-15."""
    gate = access(*given)
    assert await gate.may(Action.READ, LISTS_USAGE, ALICE, "index", user) is reads
    assert await gate.may(Action.WRITE, LISTS_USAGE, ALICE, "index", user) is writes


OMA_RULES = "org.openmobilealliance.pres-rules"
RULES = [("pres-rules", "index"), (OMA_RULES, "pres-rules"), (OMA_RULES, "index")]
CALLS = [("simservs.ngn.etsi.org", "simservs.xml"), ("simservs.ngn.etsi.org", "simservs")]


@pytest.mark.parametrize(
    ("granted", "asked"),
    [(granted, asked) for names in (RULES, CALLS) for granted in names for asked in names],
)
async def test_a_document_with_two_names_is_granted_and_asked_for_under_each(
    granted: tuple[str, str], asked: tuple[str, str]
) -> None:
    """RFC 5025 §9: one document with two URIs; a grant of either is one of the other."""
    auid, path = asked
    for given in (grant(BOB, auid=granted[0], path=granted[1]), grant(BOB, auid=granted[0])):
        assert await access(given).may(Action.READ, USAGE[auid], ALICE, path, BOB)


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        pytest.param((OMA_RULES, "pres-rules"), ("pres-rules", "pres-rules"), id="stored so"),
        pytest.param(("pres-rules", "other"), (OMA_RULES, "pres-rules"), id="another path"),
        pytest.param((OMA_RULES, ""), ("resource-lists", "index"), id="another usage"),
        pytest.param(("", "index"), ("pres-rules", "pres-rules"), id="any usage"),
    ],
)
async def test_a_grant_of_one_document_is_of_no_other(
    given: tuple[str, str], asked: tuple[str, str]
) -> None:
    """XCP-15: what is called alike in two usages need not be one document."""
    gate = access(grant(BOB, auid=given[0], path=given[1]))
    assert not await gate.may(Action.READ, USAGE[asked[0]], ALICE, asked[1], BOB)


async def test_the_grants_of_an_owner_are_looked_up_once_for_all_documents() -> None:
    """XCP-15."""
    asked: list[str] = []

    async def grants_of(owner: str) -> list[Grant]:
        asked.append(owner)
        return [grant(BOB, auid="resource-lists", path=name) for name in "ab"]

    gate = Access(grants=grants_of, trusted_users=frozenset(), usages=USAGES)
    allowed = await gate.permission(Action.READ, LISTS_USAGE, ALICE, BOB)
    assert [allowed(name) for name in "abc"] == [True, True, False]
    assert asked == [ALICE]


@pytest.mark.parametrize(
    ("auid", "user", "reads", "writes"),
    [
        pytest.param("resource-lists", BOB, True, False, id="users read"),
        pytest.param("resource-lists", None, False, False, id="nobody does not"),
        pytest.param("resource-lists", STRANGER, True, True, id="a trusted one writes"),
        pytest.param("rls-services", BOB, False, False, id="a private one"),
        pytest.param("rls-services", STRANGER, True, True, id="a trusted reader"),
    ],
)
async def test_the_global_tree_is_read_by_users_and_written_by_trusted_ones(
    auid: str, user: AoR | None, reads: bool, writes: bool
) -> None:
    """RFC 4825 §5.7; RFC 4826 §4.4.7 reserves its own for the list server."""
    gate = access(trusted=frozenset({STRANGER}))
    assert await gate.may(Action.READ, USAGE[auid], NOBODY, "index", user) is reads
    assert await gate.may(Action.WRITE, USAGE[auid], NOBODY, "index", user) is writes


async def test_the_global_tree_can_be_granted() -> None:
    """XCP-15: a grant whose owner is nobody."""
    gate = access(Grant("", "resource-lists", "", BOB, write=True))
    assert await gate.may(Action.WRITE, LISTS_USAGE, NOBODY, "index", BOB)
    assert not await gate.may(Action.WRITE, USAGE["rls-services"], NOBODY, "index", BOB)


async def test_what_is_public_is_read_by_anybody_and_written_by_its_owner() -> None:
    """XCP-11: icons, when the settings say so."""
    public = replace(LISTS_USAGE, public=True)
    assert await access().may(Action.READ, public, ALICE, "index", None)
    assert not await access().may(Action.WRITE, public, ALICE, "index", None)
    assert not await access().may(Action.WRITE, public, ALICE, "index", BOB)


@pytest.mark.parametrize(
    ("give", "there", "get", "put", "delete"),
    [
        pytest.param(None, True, 403, 403, 403, id="no grant, a document"),
        pytest.param(None, False, 403, 403, 403, id="no grant, none: the same answers"),
        pytest.param(grant(BOB), True, 200, 403, 403, id="may read"),
        pytest.param(grant(BOB), False, 404, 403, 403, id="may read that there is none"),
        pytest.param(grant(BOB, write=True), True, 200, 200, 200, id="may write"),
        pytest.param(grant(BOB, write=True), False, 404, 201, 200, id="may create"),
    ],
)
async def test_403_tells_nothing_and_404_is_for_who_may_look(
    give: Grant | None, there: bool, get: int, put: int, delete: int
) -> None:
    """RFC 4825 §5.7, docs/xcap.md."""
    store = DocumentsInMemory()
    async with serving(store=store) as served:
        if there:
            assert (await served.client(ALICE).put(LISTS, resource_list("a"))).status == 201
        store.given = [give] if give else []
        bob = served.client(BOB)
        assert (await bob.get(LISTS)).status == get
        node = await bob.get(f"{LISTS}/~~/resource-lists")
        assert node.status == get
        assert (await bob.put(LISTS, resource_list("b"))).status == put
        assert (await bob.delete(LISTS)).status == delete


async def test_who_wrote_by_a_grant_is_the_author() -> None:
    """XCP-19."""
    store = DocumentsInMemory()
    store.given = [grant("@example.com", auid="resource-lists", write=True)]
    async with serving(store=store) as served:
        await served.client(BOB).put(LISTS, resource_list("a"))
    assert [version.author for versions in store.kept.values() for version in versions] == [BOB]


async def test_an_owner_needs_no_look_up_of_grants() -> None:
    """XCP-15: neither on the way in nor for the global tree."""
    store = DocumentsInMemory()
    async with serving(store=store) as served:
        client = served.client()
        assert (await client.put(LISTS, resource_list("a"))).status == 201
        assert (await client.get(LISTS)).status == 200
        assert (await client.get("resource-lists/global/index")).status == 404
        assert store.grant_reads == []
        assert (await served.client(BOB).get(LISTS)).status == 403
        assert store.grant_reads == [ALICE]


async def test_without_authentication_everybody_is_the_owner() -> None:
    """The author of a version is then the owner, too."""
    store = DocumentsInMemory()
    async with serving(replace(CONFIG, authenticate=False), store) as served:
        client = served.client(None)
        assert (await client.put(LISTS, resource_list("a"))).status == 201
        path = "resource-lists/global/index"
        assert (await client.get(path)).status == 404
        assert (await client.put(path, resource_list("a"))).status == 403
    assert [version.author for versions in store.kept.values() for version in versions] == [ALICE]


async def test_an_unnamed_reader_of_what_is_public_is_not_the_owner() -> None:
    """Settings that ask for passwords and make icons public do not open anything else.

    Nor do they tell who is a user (RFC 4825 §8).
    """
    config = XcapConfig(domains=("example.com",), public_icons=True)
    store = DocumentsInMemory()
    async with serving(config, store) as served:
        client = served.client(None)
        icon = "org.openmobilealliance.pres-content/users/alice/oma_status-icon/index"
        missing = await client.get(icon)
        assert missing.status == 404
        nobodys = await client.get(icon.replace("/alice/", "/nobody/"))
        assert (nobodys.status, nobodys.body) == (404, missing.body)
        assert (await client.ask("PUT", icon, b"x")).status == 401
        assert (await client.get(LISTS)).status == 401
