"""External lists of rules (OMA Presence XDM, AUT-07): what is on them, for whom, how far."""

import pytest

from presence.policy.rule_sources import Members
from server.list_walk import MAX_REFERENCES
from server.rules_lists import ExternalLists
from sip.uri import AoR
from store.values import Change, Document, DocumentKey, Grant, Kind, document_key
from xcap.access import Access
from xcap.config import XcapConfig
from xcap.registry import USAGES

ALICE, BOB = AoR("sip:alice@example.com"), AoR("sip:bob@example.com")
CAROL, DAVE, ERIN = "sip:carol@example.com", "sip:dave@example.com", "tel:+15551234"
ROOT = "http://xcap.example.com/xcap-root"
NAMESPACE = "urn:ietf:params:xml:ns:resource-lists"
CONFIG = XcapConfig(domains=("example.com",), public_root="/front/xcap")
NOBODY = Members(None)


def anchor(name: str, owner: str = ALICE, root: str = f"{ROOT}/") -> str:
    tree = f"users/{owner}" if owner else "global"
    return f"{root}resource-lists/{tree}/index/~~/resource-lists/list%5B@name=%22{name}%22%5D"


def entry(uri: str) -> str:
    return f'<entry uri="{uri}"/>'


def listed(name: str, *content: str) -> str:
    return f'<list name="{name}">{"".join(content)}</list>'


def external(target: str) -> str:
    return f'<external anchor="{target}"/>'


def entry_ref(reference: str) -> str:
    return f'<entry-ref ref="{reference}"/>'


class Shelf:
    """Documents and grants, and what was read of them."""

    def __init__(self) -> None:
        self.documents: dict[DocumentKey, Document] = {}
        self.grants: list[Grant] = []
        self.reads: list[DocumentKey] = []
        access = Access(grants=self.grants_of, trusted_users=frozenset(), usages=USAGES)
        self.lists = ExternalLists(read=self.read, access=access, config=CONFIG)

    def put(self, owner: str, *content: str, path: str = "index") -> Change:
        key = DocumentKey("resource-lists", owner, path)
        body = f'<resource-lists xmlns="{NAMESPACE}">{"".join(content)}</resource-lists>'
        etag = f"etag{len(self.documents)}"
        self.documents[key] = Document(key, etag, "application/xml", body.encode(), 0.0)
        return Change(Kind.DOCUMENT, document_key(key), 1)

    def grant(self, owner: str, grantee: str) -> Change:
        self.grants.append(Grant(owner, "resource-lists", "", grantee, write=False))
        return Change(Kind.GRANT, owner, 0)

    async def read(self, key: DocumentKey) -> Document | None:
        self.reads.append(key)
        return self.documents.get(key)

    async def grants_of(self, owner: str) -> list[Grant]:
        return [grant for grant in self.grants if grant.owner == owner]

    async def uris(self, where: str) -> set[str] | None:
        found = (await self.lists.members(ALICE, where)).uris
        return None if found is None else set(found)


@pytest.fixture
def shelf() -> Shelf:
    shelf = Shelf()
    shelf.put(ALICE, listed("friends", entry(CAROL), entry("sip:Dave@EXAMPLE.com;transport=tcp")))
    return shelf


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(anchor("friends"), id="absolute"),
        pytest.param(anchor("friends", root="https://10.0.0.1:8443/xcap-root/"), id="another-name"),
        pytest.param(anchor("friends", root="http://example.com/front/xcap/"), id="public-root"),
        pytest.param(anchor("friends", root="/xcap-root/"), id="path"),
        pytest.param(anchor("friends", root=""), id="relative-to-the-root"),
        pytest.param(anchor("friends", "alice@example.com"), id="user-without-scheme"),
        pytest.param(anchor("friends", "sip%3Aalice%40example.com"), id="escaped-user"),
        pytest.param(anchor("friends").replace("%22", '"').replace("%5B", "["), id="bare-quotes"),
        pytest.param(
            f"{ROOT}/resource-lists/users/{ALICE}/index/~~/resource-lists/list%5B1%5D",
            id="by-position",
        ),
        pytest.param(
            f"{ROOT}/resource-lists/users/{ALICE}/index/~~/rl:resource-lists/rl:list%5B1%5D"
            f"?xmlns(rl={NAMESPACE})",
            id="prefixed",
        ),
    ],
)
async def test_an_anchor_names_a_list(shelf: Shelf, where: str) -> None:
    """RFC 4825 §6: URIs are compared as addresses-of-record afterwards (RFC 4745 §7.1)."""
    assert await shelf.uris(where) == {CAROL, "sip:Dave@example.com"}


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(anchor("nobody"), id="no-such-list"),
        pytest.param(anchor("friends", BOB), id="no-such-document"),
        pytest.param(f"{ROOT}/resource-lists/users/{ALICE}/index", id="no-list-selected"),
        pytest.param(
            f"{ROOT}/resource-lists/users/{ALICE}/index/~~/resource-lists", id="the-root-element"
        ),
        pytest.param(anchor("friends") + "/@name", id="an-attribute"),
        pytest.param(anchor("friends") + "/entry%5B1%5D", id="an-entry"),
        pytest.param(
            anchor("friends").replace("resource-lists/users", "pres-rules/users"), id="of-rules"
        ),
        pytest.param(anchor("friends", root="http://xcap.example.com/elsewhere/"), id="other-root"),
        pytest.param("http://[::1/nonsense", id="no-uri"),
        pytest.param("", id="empty"),
        pytest.param(anchor("friends").replace("index", ".."), id="dot-segments"),
    ],
)
async def test_what_names_no_list_has_nobody_on_it(shelf: Shelf, where: str) -> None:
    assert await shelf.uris(where) is None


async def test_a_list_takes_in_nested_external_and_referred_to(shelf: Shelf) -> None:
    """RFC 4826 §3.2: list, external and entry-ref within a list."""
    reference = f"resource-lists/users/{ALICE}/index/~~/resource-lists/list%5B2%5D/entry%5B1%5D"
    shelf.put(
        ALICE,
        listed(
            "all", listed("inner", entry(CAROL)), external(anchor("more")), entry_ref(reference)
        ),
        listed("more", entry(ERIN), entry(DAVE)),
    )
    assert await shelf.uris(anchor("all")) == {CAROL, DAVE, ERIN}


async def test_loops_end(shelf: Shelf) -> None:
    shelf.put(
        ALICE,
        listed("one", entry(CAROL), external(anchor("two"))),
        listed("two", entry(DAVE), external(anchor("one")), external(anchor("two"))),
    )
    assert await shelf.uris(anchor("one")) == {CAROL, DAVE}


async def test_what_cannot_be_found_is_left_out(shelf: Shelf) -> None:
    shelf.put(ALICE, listed("one", external(anchor("none")), entry_ref("nonsense"), entry(CAROL)))
    assert await shelf.uris(anchor("one")) == {CAROL}


async def test_references_are_bounded(shelf: Shelf) -> None:
    many = [entry_ref(f"nonsense/{number}") for number in range(2 * MAX_REFERENCES)]
    shelf.put(ALICE, listed("one", entry(CAROL), *many, entry(DAVE)))
    assert await shelf.uris(anchor("one")) == {CAROL}


@pytest.mark.parametrize(
    ("grantee", "found"),
    [(None, None), (BOB, None), (ALICE, {CAROL}), ("@example.com", {CAROL})],
)
async def test_lists_of_others_count_where_they_are_granted(
    shelf: Shelf, grantee: str | None, found: set[str] | None
) -> None:
    """RFC 4825 §5.7: the owner of the rules must be allowed to read what they refer to."""
    shelf.put(BOB, listed("friends", entry(CAROL)))
    if grantee is not None:
        shelf.grant(BOB, grantee)
    assert await shelf.uris(anchor("friends", BOB)) == found


async def test_lists_of_the_global_tree_count(shelf: Shelf) -> None:
    shelf.put("", listed("staff", entry(DAVE)))
    assert await shelf.lists.members(ALICE, anchor("staff", "")) == Members(
        frozenset({DAVE}), frozenset({""})
    )


async def test_a_list_is_kept_until_its_document_changes(shelf: Shelf) -> None:
    for _ in range(3):
        await shelf.uris(anchor("friends"))
    assert len(shelf.reads) == 1
    shelf.lists.on_change(shelf.put(ALICE, listed("friends", entry(ERIN))))
    assert await shelf.uris(anchor("friends")) == {ERIN}


async def test_that_there_is_no_list_is_kept_too(shelf: Shelf) -> None:
    """Also where nobody may read the document that was named."""
    shelf.put(BOB, listed("friends", entry(CAROL)))
    for where in (anchor("nobody"), anchor("friends", BOB)) * 2:
        assert await shelf.uris(where) is None
    assert len(shelf.reads) == 1
    shelf.lists.on_change(shelf.grant(BOB, ALICE))
    assert await shelf.uris(anchor("friends", BOB)) == {CAROL}


async def test_a_list_follows_those_it_takes_in(shelf: Shelf) -> None:
    shelf.put(ALICE, listed("all", external(anchor("theirs", BOB))))
    shelf.put(BOB, listed("theirs", entry(CAROL)))
    shelf.grant(BOB, ALICE)
    found = await shelf.lists.members(ALICE, anchor("all"))
    assert found == Members(frozenset({CAROL}), frozenset({BOB}))
    shelf.lists.on_change(shelf.put(BOB, listed("theirs", entry(DAVE))))
    assert await shelf.uris(anchor("all")) == {DAVE}


async def test_news_that_may_be_lost_are_read_anew(shelf: Shelf) -> None:
    await shelf.uris(anchor("friends"))
    shelf.put(ALICE, listed("friends", entry(ERIN)))
    shelf.lists.on_change(Change(Kind.RESYNC, "", 0))
    assert await shelf.uris(anchor("friends")) == {ERIN}


async def test_a_document_that_is_none_has_nobody_on_it(shelf: Shelf) -> None:
    key = DocumentKey("resource-lists", ALICE, "index")
    shelf.documents[key] = Document(key, "etag", "application/xml", b"<broken", 0.0)
    assert await shelf.lists.members(ALICE, anchor("friends")) == NOBODY
