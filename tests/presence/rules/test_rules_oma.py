"""OMA XDM: external-list, other-identity and anonymous-request, and which of them goes first."""

from itertools import permutations

import pytest

from presence.rules.evaluate import evaluate
from tests.presence.rules.rule_documents import (
    matches,
    one,
    outcome,
    request,
    rule,
    ruleset,
)

ANCHOR = "http://xcap.example.com/resource-lists/users/sip:alice@example.com/index/~~/friends"
OTHER_ANCHOR = "http://xcap.example.com/other"
BOB = "sip:bob@example.com"
LISTS = {ANCHOR: frozenset({BOB, "sip:carol@example.org"}), OTHER_ANCHOR: frozenset({BOB})}


def on(*anchors: str) -> str:
    """An external-list condition."""
    entries = "".join(f'<ocp:entry anc="{anchor}"/>' for anchor in anchors)
    return f"<ocp:external-list>{entries}</ocp:external-list>"


ANONYMOUS = "<ocp:anonymous-request/>"
OTHER = "<ocp:other-identity/>"


@pytest.mark.parametrize(
    ("condition", "watcher", "expected"),
    [
        pytest.param(on(ANCHOR), BOB, True, id="listed"),
        pytest.param(on(ANCHOR), "sip:eve@example.com", False, id="not-listed"),
        pytest.param(on(ANCHOR), None, False, id="nobody-is-listed"),
        pytest.param(on("http://gone.example"), BOB, False, id="no-such-list"),
        pytest.param(on("http://gone.example", ANCHOR), BOB, True, id="any-of-the-lists"),
        pytest.param(on(), BOB, False, id="no-list-at-all"),
        pytest.param(
            f"<ocp:external-list><ocp:anc> {ANCHOR} </ocp:anc></ocp:external-list>",
            BOB,
            True,
            id="anchor-as-element",
        ),
        pytest.param(
            f"<ocp:external-list><x:list>{ANCHOR}</x:list></ocp:external-list>",
            BOB,
            False,
            id="unknown-child",
        ),
        pytest.param(OTHER, BOB, True, id="other-when-nobody-is-named"),
        pytest.param(OTHER, None, False, id="who-has-no-identity-is-no-other"),
        pytest.param(ANONYMOUS, None, True, id="anonymous"),
        pytest.param(ANONYMOUS, BOB, False, id="not-anonymous"),
    ],
)
def test_conditions(condition: str, watcher: str | None, expected: bool) -> None:
    assert matches(condition, request(watcher, lists=LISTS)) is expected


def test_a_request_may_be_anonymous_though_its_sender_is_known() -> None:
    assert matches(ANONYMOUS, request(BOB, anonymous=True))


EACH = {
    "anonymous": rule(ANONYMOUS, "block", name="anonymous"),
    "identity": rule(one(BOB), "confirm", name="identity"),
    "list": rule(on(ANCHOR), "polite-block", name="list"),
    "other": rule(OTHER, "allow", name="other"),
}
"""The higher the precedence the less is granted, so that a union would show."""


@pytest.mark.parametrize(
    ("watcher", "anonymous", "expected"),
    [
        pytest.param(BOB, True, "block", id="anonymous-goes-first"),
        pytest.param(BOB, False, "confirm", id="identity-before-list"),
        pytest.param("sip:carol@example.org", False, "polite-block", id="list-before-other"),
        pytest.param("sip:eve@example.net", False, "allow", id="all-others"),
        pytest.param(None, True, "block", id="nobody"),
    ],
)
@pytest.mark.parametrize("order", [*permutations(EACH)][::5])
def test_precedence(
    watcher: str | None, anonymous: bool, expected: str, order: tuple[str, ...]
) -> None:
    document = ruleset(*(EACH[name] for name in order))
    context = request(watcher, anonymous=anonymous, lists=LISTS)
    assert evaluate(document, context).handling == expected


def test_rules_of_one_group_are_combined() -> None:
    """RFC 4745 §10.2 within the group that was chosen."""
    document = ruleset(
        rule(on(ANCHOR), "confirm", "<pr:provide-mood>true</pr:provide-mood>", name="a"),
        rule(on(OTHER_ANCHOR), "allow", "<pr:provide-note>true</pr:provide-note>", name="b"),
        rule(OTHER, "allow", "<pr:provide-all-attributes/>", name="c"),
    )
    said = evaluate(document, request(lists=LISTS))
    assert said.handling == "allow"
    assert len(said.permissions.attributes) == 3
    assert not said.permissions.all_attributes


def test_rules_about_anybody_are_combined_with_the_chosen_group() -> None:
    document = ruleset(
        rule(one(BOB), "confirm", name="a"),
        rule('<cp:sphere value="work"/>', "allow", name="b"),
        rule(OTHER, "block", name="c"),
    )
    assert evaluate(document, request(BOB, sphere="work")).handling == "allow"
    assert evaluate(document, request(BOB, sphere="home")).handling == "confirm"


def test_who_is_named_in_a_rule_that_does_not_hold_is_no_other() -> None:
    """Who is let in at home only is not let in elsewhere as one of the others."""
    document = ruleset(
        rule(one(BOB) + '<cp:sphere value="home"/>', "allow", name="a"),
        rule(OTHER, "allow", name="b"),
    )
    assert evaluate(document, request(BOB, sphere="home")).handling == "allow"
    assert evaluate(document, request(BOB, sphere="work")).handling is None
    assert evaluate(document, request("sip:eve@example.net", sphere="work")).handling == "allow"


def test_other_than_somebody_named_in_the_same_rule_is_nobody() -> None:
    said = outcome(rule(OTHER + one(BOB), "allow"), request(BOB))
    assert said.handling is None
    assert not matches(OTHER + one(BOB), request("sip:eve@example.com"))


def test_a_list_and_an_identity_must_both_be_true() -> None:
    """RFC 4745 §10.1; the usage of OMA refuses such a rule, that of RFC 5025 does not."""
    conditions = on(ANCHOR) + one(BOB)
    assert matches(conditions, request(BOB, lists=LISTS))
    assert not matches(conditions, request("sip:carol@example.org", lists=LISTS))
    assert not matches(conditions, request(BOB))


def test_anchors_are_known_so_that_their_changes_can_be_followed() -> None:
    document = ruleset(rule(on(ANCHOR, OTHER_ANCHOR), name="a"), rule(OTHER, name="b"))
    assert document.lists == {ANCHOR, OTHER_ANCHOR}
    assert ruleset(rule(one(BOB))).lists == set()
