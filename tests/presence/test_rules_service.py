"""RFC 5025, RFC 4745: what is decided of what, what is read for it, and what a change leads to."""

import asyncio

import pytest

from presence.policy.policy import (
    ALLOW,
    BLOCK,
    CONFIRM,
    POLITE,
    Decision,
    Policies,
    SubHandling,
)
from presence.policy.rule_sources import Members
from presence.policy.rulebook import (
    DIALOG_RULES,
    ENTRY_WEIGHT,
    MAX_OCTETS,
    MAX_REMEMBERED,
    PRES_RULES,
    read_document,
)
from presence.rules.permissions import ALL_MEMBERS, Permissions
from sip.authenticator import Identity
from sip.uri import AoR
from store.errors import StoreUnavailable
from store.values import Change, Document, DocumentKey, Kind
from tests.presence.fakes import ALICE, AS_ALICE, AS_BOB, BOB, pidf
from tests.presence.rule_shelf import (
    CAROL,
    DIALOG,
    RuleShelf,
    external_list,
    one,
    rule,
    ruleset,
    sphere,
    valid,
)

AS_CAROL = Identity(CAROL, "asserted")
NOBODY = Identity(None, "none")
SERVICES = "<pr:provide-services><pr:all-services/></pr:provide-services>"
OTHERS = "<ocp:other-identity/>"
HOME = (
    '<dm:person id="p"><rpid:sphere><rpid:home/></rpid:sphere></dm:person>',
    '<dm:person id="p"><rpid:sphere><rpid:work/></rpid:sphere></dm:person>',
)


async def decided(shelf: RuleShelf, watcher: Identity, package: str = "presence") -> Decision:
    return await shelf.rules.authorize(ALICE, watcher, package)


@pytest.mark.parametrize(
    ("handling", "decision"),
    [
        pytest.param("allow", ALLOW, id="allow"),
        pytest.param("polite-block", POLITE, id="polite-block"),
        pytest.param("confirm", CONFIRM, id="confirm"),
        pytest.param("block", BLOCK, id="block"),
        pytest.param(None, BLOCK, id="unsaid-is-block"),
    ],
)
async def test_a_rule_says_what_becomes_of_a_watcher(
    handling: str | None, decision: Decision
) -> None:
    """RFC 5025 §3.2.1."""
    shelf = RuleShelf()
    shelf.put(ruleset(rule(one(BOB), handling)))
    assert await decided(shelf, AS_BOB) == decision


async def test_permissions_are_the_grant() -> None:
    """RFC 5025 §3.3: what is not everything is said in the view."""
    shelf = RuleShelf()
    shelf.put(ruleset(rule(one(BOB), provide=SERVICES)))
    permissions = Permissions(services=ALL_MEMBERS)
    assert await decided(shelf, AS_BOB) == Decision(SubHandling.ALLOW, permissions)


@pytest.mark.parametrize("watcher", [AS_ALICE, Identity(ALICE, "certificate")])
@pytest.mark.parametrize("package", ["presence", "dialog", "message-summary"])
async def test_the_owner_sees_everything(watcher: Identity, package: str) -> None:
    """Whatever its rules say, without looking at them."""
    shelf = RuleShelf(policies=Policies(default="block"))
    shelf.put(ruleset(rule("", "block")))
    assert await decided(shelf, watcher, package) == ALLOW
    assert shelf.reads == []


@pytest.mark.parametrize(
    ("watcher", "decision"),
    [
        pytest.param(NOBODY, BLOCK, id="unauthenticated"),
        pytest.param(Identity(AoR("sip:bob@example.com.evil.example"), "digest"), BLOCK, id="else"),
        pytest.param(AS_BOB, ALLOW, id="bob"),
    ],
)
async def test_who_asks_is_who_the_authenticator_says(
    watcher: Identity, decision: Decision
) -> None:
    """RFC 5025 §3.1.1: no identity matches no identity condition but the empty one."""
    shelf = RuleShelf()
    shelf.put(ruleset(rule(one(BOB))))
    assert await decided(shelf, watcher) == decision


@pytest.mark.parametrize(
    ("policies", "decision"),
    [
        pytest.param(Policies(), CONFIRM, id="confirm-is-the-default"),
        pytest.param(Policies(default="allow"), ALLOW, id="of-the-server"),
        pytest.param(Policies(by_domain={"example.com": "allow"}), ALLOW, id="of-the-domain"),
        pytest.param(Policies(by_domain={"example.org": "allow"}), CONFIRM, id="of-another-domain"),
        pytest.param(
            Policies(by_domain={"example.com": "allow"}, by_package={"presence": "block"}),
            BLOCK,
            id="of-the-package-first",
        ),
        pytest.param(Policies(by_package={"dialog": "allow"}), CONFIRM, id="of-another-package"),
        pytest.param(
            Policies(default="allow", no_match="block"), ALLOW, id="no-match-is-for-rules"
        ),
    ],
)
async def test_without_rules_the_operator_decides(policies: Policies, decision: Decision) -> None:
    """AUT-09."""
    assert await decided(RuleShelf(policies=policies), AS_BOB) == decision


@pytest.mark.parametrize(
    ("policies", "decision"),
    [
        pytest.param(Policies(default="allow"), BLOCK, id="block"),
        pytest.param(Policies(no_match="confirm"), CONFIRM, id="confirm"),
        pytest.param(Policies(default="allow", no_match="default"), ALLOW, id="default"),
    ],
)
async def test_a_watcher_whom_no_rule_names(policies: Policies, decision: Decision) -> None:
    """RFC 5025 §3.2.1: block is the default value of sub-handling."""
    shelf = RuleShelf(policies=policies)
    shelf.put(ruleset(rule(one(CAROL))))
    assert await decided(shelf, AS_BOB) == decision


@pytest.mark.parametrize("policies", [Policies(silent_block=True), Policies(default="allow")])
async def test_silence_about_a_block(policies: Policies) -> None:
    """RFC 3856 §6.6.2: as if nobody had decided yet; RFC 5025 §3.2.1: 403."""
    shelf = RuleShelf(policies=policies)
    shelf.put(ruleset(rule(one(BOB), "block")))
    assert await decided(shelf, AS_BOB) == (CONFIRM if policies.silent_block else BLOCK)


async def test_all_documents_of_the_presentity_rule() -> None:
    """RFC 5025 §9.7: those beneath its directory, whatever they are called."""
    shelf = RuleShelf()
    shelf.put(ruleset(rule(one(BOB), "block")))
    shelf.put(ruleset(rule(one(BOB, CAROL), "allow")), path="work")
    assert await decided(shelf, AS_BOB) == ALLOW
    assert await decided(shelf, AS_CAROL) == ALLOW


async def test_precedence_holds_across_documents() -> None:
    """OMA: who is named by an identity is none of the others."""
    shelf = RuleShelf()
    shelf.put(ruleset(rule(OTHERS, "allow")))
    shelf.put(ruleset(rule(one(BOB), "block")), path="work")
    assert [await decided(shelf, who) for who in (AS_BOB, AS_CAROL)] == [BLOCK, ALLOW]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<broken", id="no-xml"),
        pytest.param(b"<other/>", id="another-document"),
        pytest.param(ruleset(rule(one(BOB), "everything")), id="not-in-the-schema"),
        pytest.param(ruleset(rule(one(BOB))).replace(b'id="r0"', b""), id="rule-without-id"),
        pytest.param(b"<!DOCTYPE x [<!ENTITY e 'x'>]>" + ruleset(rule("")), id="dtd"),
    ],
)
async def test_rules_that_cannot_be_read_grant_nothing(body: bytes) -> None:
    """Whoever put them there: nobody matches, and the operator's default is not asked."""
    shelf = RuleShelf(policies=Policies(default="allow"))
    shelf.put(body)
    assert await decided(shelf, AS_BOB) == BLOCK


async def test_good_rules_hold_beside_unreadable_ones() -> None:
    shelf = RuleShelf()
    shelf.put(b"<broken")
    shelf.put(ruleset(rule(one(BOB))), path="work")
    assert await decided(shelf, AS_BOB) == ALLOW


@pytest.mark.parametrize(
    ("package", "before", "after"),
    [
        pytest.param("dialog", ALLOW, BLOCK, id="dialog-by-its-own-rules"),
        pytest.param("message-summary", BLOCK, BLOCK, id="no-rules-of-its-own"),
        pytest.param("presence", BLOCK, BLOCK, id="presence"),
    ],
)
async def test_which_rules_are_of_which_package(
    package: str, before: Decision, after: Decision
) -> None:
    """AUT-11: dialog by org.openxcap.dialog-rules, others by default policy."""
    policies = Policies(by_package={"dialog": "allow", "message-summary": "block"})
    shelf = RuleShelf(policies=policies)
    shelf.put(ruleset(rule(one(CAROL))))
    assert await decided(shelf, AS_BOB, package) == before
    shelf.change(ruleset(rule(one(CAROL), action=DIALOG, provide="")), auid=DIALOG_RULES)
    assert await decided(shelf, AS_BOB, package) == after


async def test_a_stranger_may_see_that_there_is_a_call() -> None:
    """RFC 4235 §3.6: to be blocked politely is to see the one virtual dialog."""
    shelf = RuleShelf()
    shelf.put(ruleset(rule("", "polite-block", action=DIALOG)), auid=DIALOG_RULES)
    assert await decided(shelf, AS_BOB, "dialog") == Decision(SubHandling.ALLOW, "virtual")


async def test_rules_are_read_once() -> None:
    """No statement for a SUBSCRIBE to somebody whose rules are known, nor where there are none."""
    shelf = RuleShelf()
    for _ in range(3):
        await decided(shelf, AS_BOB)
    shelf.change(ruleset(rule(one(BOB))))
    for watcher in (AS_BOB, AS_CAROL, NOBODY):
        await decided(shelf, watcher)
    assert len(shelf.reads) == 2


@pytest.mark.parametrize(("padding", "decision"), [(0, ALLOW), (MAX_OCTETS, BLOCK)])
async def test_rules_beyond_the_bound_grant_nothing(padding: int, decision: Decision) -> None:
    """Documents in the order of their names, as long as they are not too much together."""
    shelf = RuleShelf()
    shelf.put(ruleset() + b"\n" * (padding // 2), path="a")
    shelf.put(ruleset() + b"\n" * (padding // 2), path="b")
    shelf.put(ruleset(rule(one(BOB))), path="c")
    assert await decided(shelf, AS_BOB) == decision


@pytest.mark.parametrize(("padding", "shared"), [(0, True), (MAX_REMEMBERED, False)])
def test_those_who_have_the_same_document_share_its_rules(padding: int, shared: bool) -> None:
    body = ruleset(rule(one(BOB))) + b" " * padding
    same = read_document(PRES_RULES, body) is read_document(PRES_RULES, bytes(bytearray(body)))
    assert same is shared


async def test_memory_of_rules_is_bounded() -> None:
    shelf = RuleShelf(max_books=ENTRY_WEIGHT)
    shelf.put(ruleset(rule(one(BOB))))
    for _ in range(2):
        assert await decided(shelf, AS_BOB) == ALLOW
    assert len(shelf.reads) == 2


async def test_a_change_while_rules_are_read_is_seen() -> None:
    """The newest decision is the one that is given."""
    shelf = RuleShelf()
    shelf.put(ruleset(rule(one(BOB), "allow")))
    shelf.gate.clear()
    asked = asyncio.ensure_future(decided(shelf, AS_BOB))
    await asyncio.sleep(0)
    shelf.change(ruleset(rule(one(BOB), "block")))
    shelf.gate.set()
    assert await asked == BLOCK


async def test_a_store_that_is_away_decides_nothing() -> None:
    shelf = RuleShelf()
    shelf.failing = StoreUnavailable("away")
    with pytest.raises(StoreUnavailable):
        await decided(shelf, AS_BOB)
    shelf.failing = None
    assert await decided(shelf, AS_BOB) == CONFIRM


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        pytest.param(Change(Kind.DOCUMENT, f"pres-rules {ALICE} any", 2), [ALICE], id="rules"),
        pytest.param(Change(Kind.DOCUMENT, f"{DIALOG_RULES} {ALICE} x", 2), [ALICE], id="dialogs"),
        pytest.param(Change(Kind.DOCUMENT, "pres-rules  index", 2), [], id="of-the-global-tree"),
        pytest.param(Change(Kind.DOCUMENT, f"user-profile {ALICE} x", 2), [], id="other-usage"),
        pytest.param(Change(Kind.DOCUMENT, f"resource-lists {ALICE} x", 2), [], id="unused-lists"),
        pytest.param(Change(Kind.GRANT, ALICE, 0), [], id="unused-grants"),
        pytest.param(Change(Kind.RESYNC, "", 0), ["everybody"], id="news-lost"),
        pytest.param(Change(Kind.BINDING, ALICE, 2), [], id="bindings"),
    ],
)
async def test_what_a_change_leads_to(change: Change, asked: list[str]) -> None:
    """AUT-05: those whose rules it is, and nobody else."""
    shelf = RuleShelf()
    shelf.put(ruleset(rule(one(BOB))))
    await decided(shelf, AS_BOB)
    shelf.rules.on_change(change)
    assert shelf.noted.taken() == asked


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        pytest.param(Change(Kind.DOCUMENT, f"resource-lists {ALICE} index", 2), True, id="own"),
        pytest.param(Change(Kind.DOCUMENT, f"resource-lists {CAROL} index", 2), True, id="others"),
        pytest.param(Change(Kind.GRANT, CAROL, 0), True, id="grants-of-others"),
        pytest.param(Change(Kind.DOCUMENT, f"resource-lists {BOB} index", 2), False, id="unused"),
        pytest.param(Change(Kind.DOCUMENT, f"pres-content {CAROL} index", 2), False, id="no-list"),
    ],
)
async def test_a_change_of_a_list_decides_anew(change: Change, asked: bool) -> None:
    """AUT-07: for those whose rules refer to it."""
    shelf = RuleShelf()
    shelf.put(ruleset(rule(external_list("friends"))))
    shelf.lists["friends"] = Members(frozenset({BOB}), frozenset({CAROL}))
    assert await decided(shelf, AS_BOB) == ALLOW
    shelf.rules.on_change(change)
    assert shelf.noted.taken() == ([ALICE] if asked else [])


async def test_a_list_that_is_not_there_has_nobody_on_it() -> None:
    shelf = RuleShelf()
    shelf.put(ruleset(rule(external_list("friends"))))
    assert await decided(shelf, AS_BOB) == BLOCK


async def test_rules_that_ask_no_more_for_lists_hear_of_none() -> None:
    shelf = RuleShelf()
    shelf.put(ruleset(rule(external_list("friends"))))
    shelf.lists["friends"] = Members(frozenset({BOB}), frozenset({CAROL}))
    await decided(shelf, AS_BOB)
    shelf.change(ruleset(rule(one(BOB))))
    await decided(shelf, AS_BOB)
    shelf.noted.taken()
    for owner in (ALICE, CAROL):
        shelf.rules.on_change(Change(Kind.DOCUMENT, f"resource-lists {owner} index", 2))
    assert shelf.noted.taken() == []


@pytest.mark.parametrize(
    ("persons", "decision"),
    [
        pytest.param(HOME[:1], ALLOW, id="in-it"),
        pytest.param(HOME[1:], BLOCK, id="in-another"),
        pytest.param((), BLOCK, id="undefined"),
        pytest.param(HOME, BLOCK, id="inconsistent"),
    ],
)
async def test_the_sphere_is_what_all_publications_say(
    persons: tuple[str, ...], decision: Decision
) -> None:
    """RFC 5025 §3.1.2."""
    shelf = RuleShelf()
    shelf.put(ruleset(rule(sphere("home"))))
    shelf.publish(*(pidf(more=person) for person in persons))
    assert await decided(shelf, AS_BOB) == decision


async def publish_and_settle(shelf: RuleShelf, *bodies: bytes) -> list[str]:
    """Whose watchers are decided about after alice published `bodies`."""
    change = shelf.publish(*bodies)
    for listener in shelf.noted.listeners:
        listener(change)
    for work in shelf.noted.works:
        await work
    shelf.noted.works.clear()
    return shelf.noted.taken()


async def test_a_change_of_the_sphere_decides_anew() -> None:
    """AUT-03: only when it is another one, and only where rules ask for it."""
    shelf = RuleShelf()
    shelf.put(ruleset(rule(sphere("home"))))
    shelf.publish(pidf(more=HOME[0]))
    assert await decided(shelf, AS_BOB) == ALLOW
    assert await publish_and_settle(shelf, pidf("later", more=HOME[0])) == []
    assert await publish_and_settle(shelf, pidf(more=HOME[1])) == [ALICE]
    assert await decided(shelf, AS_BOB) == BLOCK


async def test_what_is_published_costs_nothing_where_no_rules_ask_for_it() -> None:
    shelf = RuleShelf()
    shelf.put(ruleset(rule(one(BOB))))
    await decided(shelf, AS_BOB)
    assert shelf.noted.listeners == []


async def test_a_sphere_that_cannot_be_read_decides_anew() -> None:
    shelf = RuleShelf()
    shelf.put(ruleset(rule(sphere("home"))))
    await decided(shelf, AS_BOB)
    shelf.failing = StoreUnavailable("away")
    assert await publish_and_settle(shelf, pidf(more=HOME[0])) == [ALICE]


async def test_validity_is_a_matter_of_time() -> None:
    """RFC 4745 §7.3: from is within, until is not; a timer asks again at each edge."""
    shelf = RuleShelf()
    shelf.clock.now = 1_800_000_000.0  # 2027-01-15T08:00:00Z
    shelf.put(ruleset(rule(valid("2027-01-15T09:00:00Z", "2027-01-15T10:00:00Z"))))
    assert await decided(shelf, AS_BOB) == BLOCK
    for seconds, decision in ((3600.0, ALLOW), (7200.0, BLOCK)):
        ((at, fire),) = shelf.noted.timers
        shelf.noted.timers.clear()
        assert at == 1_800_000_000.0 + seconds
        shelf.clock.now = at
        fire()
        assert shelf.noted.taken() == [ALICE]
        assert await decided(shelf, AS_BOB) == decision
    assert shelf.noted.timers == []


async def test_one_timer_waits_for_all_watchers() -> None:
    shelf = RuleShelf()
    shelf.put(ruleset(rule(valid("2027-01-15T09:00:00Z", "2027-01-15T10:00:00Z"))))
    for watcher in (AS_BOB, AS_CAROL, NOBODY):
        await decided(shelf, watcher)
    assert len(shelf.noted.timers) == 1


async def test_rules_may_be_given_to_those_who_have_none() -> None:
    """AUT-08: until the presentity has a document of its own."""
    given = Document(DocumentKey("pres-rules", ALICE, "index"), "e", "t", ruleset(rule("")), 0.0)
    shelf = RuleShelf(provisioned=lambda owner: given)
    assert await decided(shelf, AS_BOB) == ALLOW
    shelf.change(ruleset(rule(one(CAROL))))
    assert await decided(shelf, AS_BOB) == BLOCK
