"""AUT-08: the default documents of OMA are there for XCAP clients and for decisions alike."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from presence.policy.policy import ALLOW, BLOCK, CONFIRM, Decision
from presence.policy.rulebook import read_document
from presence.rules.evaluate import Context, evaluate
from presence.rules.permissions import EVERYTHING
from server.oma_documents import ALL_CONTACTS, BLOCKED, GRANTED, LISTS, anchor, lists, rules
from server.provision_service import ProvisionedDocuments
from sip.authenticator import Identity
from sip.uri import AoR
from store import migrate
from store.store import Store, open_store
from store.values import Change, DocumentKey, Kind
from xcap.conditions import UNCONDITIONAL, Conditions
from xcap.config import XcapConfig
from xcap.errors import Forbidden, NoDocument, NotFound
from xcap.registry import usages
from xcap.service import XcapService
from xcap.uri import Tree, XcapUri, parse
from xcap.usage import Place, parse_document
from xcap.usages import oma_pres_rules, resource_lists

ALICE, BOB, CAROL = (AoR(f"sip:{name}@example.com") for name in ("alice", "bob", "carol"))
AS_ALICE: Final = Identity(ALICE, "digest")
ROOT: Final = "http://xcap.example.com/xcap-root/"
CONFIG: Final = XcapConfig(domains=("example.com",))
RULES: Final = XcapUri("pres-rules", Tree.USERS, ALICE, "index")
OMA_RULES: Final = XcapUri("org.openmobilealliance.pres-rules", Tree.USERS, ALICE, "pres-rules")
SHARED: Final = XcapUri("resource-lists", Tree.USERS, ALICE, "index")


class Desk:
    """The XCAP service over a store whose accounts have default documents."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.changes: list[Change] = []
        documents = ProvisionedDocuments(
            store, root_url=ROOT, clock=lambda: 1e9, on_change=self.changes.append
        )
        self.xcap = XcapService(
            store=documents,
            usages=usages(CONFIG),
            config=CONFIG,
            exists=self.exists,
            clock=lambda: 1e9,
            on_change=self.changes.append,
        )

    async def exists(self, aor: AoR, identity: Identity) -> bool:
        return "ghost" not in aor

    async def get(self, uri: XcapUri) -> bytes:
        return (await self.xcap.read(uri, AS_ALICE, UNCONDITIONAL)).body

    async def put(self, uri: XcapUri, body: bytes, conditions: Conditions = UNCONDITIONAL) -> bool:
        written = await self.xcap.write(uri, AS_ALICE, conditions, body, source="")
        return written.created


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    url = f"sqlite:///{tmp_path}/presentity.db"
    migrate.upgrade(url)
    store = await open_store(url, node="test")
    yield Desk(store)
    await store.close()


def outcome(watcher: AoR | None, *, granted: frozenset[str], blocked: frozenset[str]) -> Decision:
    """What the default rules of alice say of `watcher`."""
    on = {anchor(ALICE, ROOT, GRANTED): granted, anchor(ALICE, ROOT, BLOCKED): blocked}
    ruleset = read_document("pres-rules", rules(ALICE, ROOT))
    domain = None if watcher is None else "example.com"
    context = Context(watcher, domain, watcher is None, None, 0.0, on.get)
    found = evaluate(ruleset, context)
    assert found.handling is not None
    assert (found.permissions == EVERYTHING) is (found.handling is ALLOW.handling)
    return Decision(found.handling)


@pytest.mark.parametrize(
    ("watcher", "decision"),
    [
        pytest.param(ALICE, ALLOW, id="wp_prs_allow_own"),
        pytest.param(BOB, ALLOW, id="wp_prs_grantedcontacts"),
        pytest.param(CAROL, BLOCK, id="wp_prs_blockedcontacts"),
        pytest.param(AoR("sip:dave@example.com"), CONFIRM, id="wp_prs_unlisted"),
        pytest.param(None, BLOCK, id="wp_prs_block_anonymous"),
    ],
)
def test_default_rules(watcher: AoR | None, decision: Decision) -> None:
    """OMA Presence XDM: by what list a watcher is on."""
    granted, blocked = frozenset({BOB}), frozenset({CAROL})
    assert outcome(watcher, granted=granted, blocked=blocked) == decision


@pytest.mark.parametrize("owner", [ALICE, AoR('sip:o"hara&co@example.com'), AoR("sip:%20@x.org")])
def test_default_documents_are_valid(owner: AoR) -> None:
    """As those that a client puts, by the constraints of OMA as well."""
    place = Place(Tree.USERS, owner, "example.com", root="/xcap-root")
    oma_pres_rules.USAGE.validate(rules(owner, ROOT), place)
    root = resource_lists.USAGE.validate(lists(owner, ROOT), place)
    assert [each.get("name") for each in root] == [*LISTS, ALL_CONTACTS]


def test_anchors_lead_to_the_lists() -> None:
    uri = parse(anchor(ALICE, ROOT, GRANTED), "/xcap-root")
    assert (uri.auid, uri.xui, uri.path) == ("resource-lists", ALICE, "index")


@pytest.mark.parametrize("uri", [RULES, OMA_RULES, SHARED])
async def test_a_client_finds_them(desk: Desk, uri: XcapUri) -> None:
    """Under the names of IETF and of OMA, with an entity-tag that stays."""
    first = await desk.xcap.read(uri, AS_ALICE, UNCONDITIONAL)
    again = await desk.xcap.read(uri, AS_ALICE, UNCONDITIONAL)
    assert first == again
    assert [change.kind for change in desk.changes] == [Kind.DOCUMENT]


async def test_a_client_edits_a_list_at_once(desk: Desk) -> None:
    """What an RCS client does first: PUT one entry into oma_grantedcontacts."""
    node = f'resource-lists/list[@name="{GRANTED}"]/entry[@uri="{BOB}"]'
    target = XcapUri("resource-lists", Tree.USERS, ALICE, "index", node)
    assert await desk.put(target, f'<entry uri="{BOB}"/>'.encode())
    root = parse_document(await desk.get(SHARED))
    granted = root.find(f"{{*}}list[@name='{GRANTED}']")
    assert granted is not None
    assert [entry.get("uri") for entry in granted] == [BOB]
    versions = await desk.store.document_versions(DocumentKey("resource-lists", ALICE, "index"))
    assert [version.author for version in versions] == ["admin", ALICE]


async def test_two_first_readers_get_one_document(desk: Desk) -> None:
    other = Desk(desk.store)
    tags = {
        (await each.xcap.read(RULES, AS_ALICE, UNCONDITIONAL)).etag for each in (desk, other, desk)
    }
    assert len(tags) == 1
    assert len(desk.changes) + len(other.changes) == 1


async def test_what_a_client_puts_first_is_its_own(desk: Desk) -> None:
    """A whole document never meets the default one, whatever the condition."""
    body = b'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"/>'
    assert await desk.put(SHARED, body, Conditions(if_none_match=("*",)))
    assert await desk.get(SHARED) == body


async def test_who_deletes_has_the_default_again(desk: Desk) -> None:
    default = await desk.get(RULES)
    await desk.put(RULES, rules(BOB, ROOT))
    await desk.xcap.delete(RULES, AS_ALICE, UNCONDITIONAL, source="")
    assert await desk.get(RULES) == default


async def test_rules_of_another_name_are_not_added_to(desk: Desk) -> None:
    """RFC 5025 §9.7: a GET must not change who is let in."""
    other = XcapUri("pres-rules", Tree.USERS, ALICE, "work")
    await desk.put(other, rules(BOB, ROOT))
    with pytest.raises(NoDocument):
        await desk.get(RULES)


async def test_nobody_else_s_are_made(desk: Desk) -> None:
    """For a user that there is not, nor for who may not read them."""
    for uri, error in (
        (XcapUri("pres-rules", Tree.USERS, "ghost", "index"), NotFound),
        (XcapUri("pres-rules", Tree.USERS, BOB, "index"), Forbidden),
    ):
        with pytest.raises(error):
            await desk.get(uri)
    assert desk.changes == []


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param(XcapUri("pres-rules", Tree.USERS, ALICE, "other"), id="another-name"),
        pytest.param(XcapUri("pidf-manipulation", Tree.USERS, ALICE, "index"), id="another-usage"),
        pytest.param(XcapUri("resource-lists", Tree.GLOBAL, "", "index"), id="global"),
    ],
)
async def test_there_are_no_others(desk: Desk, uri: XcapUri) -> None:
    with pytest.raises(NoDocument):
        await desk.xcap.read(uri, Identity(AoR(uri.xui or ALICE), "digest"), UNCONDITIONAL)
    assert desk.changes == []
