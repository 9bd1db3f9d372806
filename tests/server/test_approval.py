"""AUT-12: one watcher approved or blocked in a rules document (RFC 5025 §3.2.1)."""

import pytest

from presence.policy.rulebook import PRES_RULES, read_document
from presence.rules.evaluate import Context, evaluate
from presence.rules.permissions import EVERYTHING
from server.approval import DECISIONS, MAX_MENTIONS, rule_id, with_decision
from server.approvals import read_watcher
from sip.uri import AoR
from tests.presence.rule_shelf import one, rule, ruleset
from xcap.errors import BadRequest, ConstraintFailure

BOB, CAROL = AoR("sip:bob@example.com"), AoR("sip:carol@example.org")
TEL = AoR("tel:+15551234")


def handling(document: bytes, watcher: AoR) -> str | None:
    """What the rules of `document` say of `watcher`, once they are valid."""
    context = Context(watcher, "example.com", False, None, 0.0, lambda anchor: None)
    found = evaluate(read_document(PRES_RULES, document), context)
    if found.handling == "allow":
        assert found.permissions == EVERYTHING
    return None if found.handling is None else found.handling.value


@pytest.mark.parametrize("watcher", [BOB, CAROL, TEL, AoR('sip:o"h&<ara@example.com')])
@pytest.mark.parametrize("decision", DECISIONS)
def test_a_decision_in_a_first_document(decision: str, watcher: AoR) -> None:
    document = with_decision(None, watcher, decision)
    assert handling(document, watcher) == decision
    assert handling(document, AoR("sip:else@example.com")) is None


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize(
    "rules",
    [
        pytest.param((rule(one(BOB)),), id="a-rule-of-its-own"),
        pytest.param((rule(one(CAROL, BOB)),), id="named-with-others"),
        pytest.param((rule(one(BOB), "block"), rule(one(BOB), "polite-block")), id="twice"),
        pytest.param((rule(one("sips:bob@EXAMPLE.com;transport=tcp")),), id="in-other-words"),
        pytest.param((rule(one(CAROL)),), id="not-at-all"),
    ],
)
def test_a_decision_is_what_holds(rules: tuple[str, ...], decision: str) -> None:
    """RFC 4745 §10: grants add up, so none is left beside it; others keep theirs."""
    before = ruleset(*rules)
    after = with_decision(before, BOB, decision)
    assert handling(after, BOB) == decision
    assert handling(after, CAROL) == handling(before, CAROL)


def test_the_last_decision_holds() -> None:
    document: bytes | None = None
    for decision in (*DECISIONS, *reversed(DECISIONS)):
        document = with_decision(document, BOB, decision)
        assert handling(document, BOB) == decision
    assert document is not None
    assert document.count(rule_id(BOB).encode()) == 1


def test_a_decision_is_taken_back() -> None:
    before = ruleset(rule(one(CAROL)))
    document = with_decision(with_decision(before, BOB, "allow"), BOB, None)
    assert document == before


def test_what_else_is_in_the_document_stays() -> None:
    """Comments, prefixes, white space and unknown elements, octet by octet."""
    before = ruleset(rule(one(CAROL))).replace(b"<cp:rule ", b"<!-- mine -->\n <cp:rule ", 1)
    after = with_decision(before, BOB, "allow")
    head, _, tail = after.partition(before[-len(b"</cp:ruleset>") - 20 : -len(b"</cp:ruleset>")])
    assert before.startswith(head)
    assert rule_id(BOB).encode() in tail


def test_rules_that_name_a_watcher_without_end_are_left_alone() -> None:
    with pytest.raises(ConstraintFailure):
        with_decision(ruleset(*[rule(one(BOB))] * (MAX_MENTIONS + 1)), BOB, "block")


@pytest.mark.parametrize(
    ("name", "watcher"),
    [
        ("bob", BOB),
        ("bob@example.com", BOB),
        ("sip:carol@example.org", CAROL),
        ("tel:+1-555-1234", TEL),
    ],
)
def test_names_of_watchers(name: str, watcher: AoR) -> None:
    assert read_watcher(name, "example.com") == watcher


@pytest.mark.parametrize("name", ["@", "sip:", "bob@exa mple.com", "x" * 300])
def test_what_names_nobody(name: str) -> None:
    with pytest.raises(BadRequest):
        read_watcher(name, "example.com")
