"""RFC 4745 §10 and RFC 5025 §3.2.1: all matching rules together, whatever their order."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presence.policy.policy import SubHandling
from presence.rules.evaluate import evaluate
from presence.rules.grants import DIALOG_HANDLING, PRESENCE_HANDLING
from presence.rules.permissions import (
    EVERYTHING,
    NOTHING,
    Member,
    MemberKind,
    Permissions,
    UserInput,
)
from presence.rules.ruleset import merge, parse_ruleset
from tests.presence.rules.rule_documents import (
    NOW,
    OPEN,
    granted,
    identity,
    one,
    outcome,
    request,
    rule,
    ruleset,
)
from xmldoc.parse import parse

BOB = one("sip:bob@example.com")
HANDLINGS = ["block", "confirm", "polite-block", "allow"]
"""From lowest to highest."""


def test_nobody_matches_no_rule() -> None:
    assert evaluate(ruleset(), request()) == (None, NOTHING, None)
    assert outcome(rule(one("sip:eve@example.com"), "allow"), request()).handling is None


def test_block_is_what_a_matching_rule_says_by_saying_nothing() -> None:
    """RFC 5025 §3.2.1: the default value."""
    assert outcome(rule(BOB), request()).handling is SubHandling.BLOCK
    assert outcome(rule(BOB, "", "<pr:provide-all-attributes/>"), request()).handling is (
        SubHandling.BLOCK
    )


@pytest.mark.parametrize("first", range(4))
@pytest.mark.parametrize("second", range(4))
def test_highest_handling_wins(first: int, second: int) -> None:
    """RFC 5025 §3.2.1: to say block denies nothing that another rule grants."""
    document = ruleset(rule(BOB, HANDLINGS[first], name="a"), rule("", HANDLINGS[second], name="b"))
    assert evaluate(document, request()).handling == HANDLINGS[max(first, second)]


def test_a_handling_nobody_knows_grants_nothing() -> None:
    """RFC 5025 §3.2.1: other actions are of other namespaces."""
    actions = "<cp:actions><x:sub-handling>allow</x:sub-handling></cp:actions>"
    document = rule(BOB, "allow").replace(
        "<cp:actions><pr:sub-handling>allow</pr:sub-handling></cp:actions>", actions
    )
    assert outcome(document, request()).handling is SubHandling.BLOCK


def test_white_space_around_a_handling() -> None:
    assert outcome(rule(BOB, "\n polite-block "), request()).handling is SubHandling.POLITE_BLOCK


def windowed(watcher: str, sphere: str, start: str, end: str) -> str:
    """Conditions as in the table of RFC 4745 §10.3."""
    return (
        f'{one(f"sip:{watcher}@example.com")}<cp:sphere value="{sphere}"/><cp:validity>'
        f"<cp:from>{start}</cp:from><cp:until>{end}</cp:until></cp:validity>"
    )


A1, A2, A3 = (f"2003-12-24T{time}:00+01:00" for time in ("17:00", "21:00", "23:30"))
B1, B2 = (f"2003-12-{day}T17:00:00+01:00" for day in (22, 23))
"""RFC 4745 §10.3."""
TABLE = (
    (windowed("bob", "home", A1, A2), "true", "allow", "thresholds"),
    (windowed("alice", "work", A1, A2), "false", "block", "full"),
    (windowed("bob", "work", A1, A2), "true", "block", "bare"),
    (windowed("tom", "work", A1, A2), "true", "block", "full"),
    (windowed("bob", "work", A1, A3), "", "confirm", "thresholds"),
    (windowed("bob", "work", B1, B2), "false", "allow", "bare"),
)
"""Its six rules; mood stands for X, sub-handling for Y, user-input for Z."""


@pytest.mark.parametrize("order", [*permutations(range(6), 6)][::60])
def test_example_of_common_policy(order: Sequence[int]) -> None:
    """RFC 4745 §10.3: only rules 3 and 5 fire; X is true, Y and Z are the maximum of the two."""
    rows = [
        rule(
            TABLE[number][0],
            TABLE[number][2],
            (f"<pr:provide-mood>{TABLE[number][1]}</pr:provide-mood>" if TABLE[number][1] else "")
            + f"<pr:provide-user-input>{TABLE[number][3]}</pr:provide-user-input>",
            name=f"r{number + 1}",
        )
        for number in order
    ]
    said = evaluate(ruleset(*rows), request(sphere="work", now=NOW))
    assert said.handling is SubHandling.CONFIRM
    assert said.permissions == granted(
        "<pr:provide-mood>true</pr:provide-mood>"
        "<pr:provide-user-input>thresholds</pr:provide-user-input>"
    )


def test_sets_are_united() -> None:
    """The example of RFC 5025 §3.3.1.1."""
    device = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    document = ruleset(
        rule(
            BOB,
            "allow",
            f"<pr:provide-devices><pr:deviceID>{device}</pr:deviceID><pr:class>biz</pr:class>"
            "</pr:provide-devices>",
            name="a",
        ),
        rule(
            "",
            "allow",
            "<pr:provide-devices><pr:class>home</pr:class><pr:class>biz</pr:class>"
            "</pr:provide-devices>",
            name="b",
        ),
    )
    assert evaluate(document, request()).permissions == Permissions(
        devices=frozenset(
            {
                Member(MemberKind.CLASS, "home"),
                Member(MemberKind.CLASS, "biz"),
                Member(MemberKind.DEVICE_ID, device),
            }
        )
    )


def test_grants_that_are_equal_are_one_view() -> None:
    """Watchers share a document when their permissions are equal values."""
    all_of_it = (
        "<pr:provide-services><pr:all-services/></pr:provide-services>"
        "<pr:provide-persons><pr:all-persons/></pr:provide-persons>"
        "<pr:provide-devices><pr:all-devices/></pr:provide-devices>"
        "<pr:provide-all-attributes/>"
    )
    more = "<pr:provide-mood>true</pr:provide-mood>"
    some = "<pr:provide-services><pr:class>biz</pr:class></pr:provide-services>" + more
    document = ruleset(rule(BOB, "allow", all_of_it, name="a"), rule("", "allow", some, name="b"))
    of_two = evaluate(document, request()).permissions
    assert of_two == EVERYTHING
    assert of_two is evaluate(document, request()).permissions, "subscriptions share it"
    assert hash(of_two) == hash(EVERYTHING)
    assert of_two.everything
    assert not granted(some).everything


# What hypothesis makes rules of: each part as XML, and as the oracle below reads it.

BOOLEANS = {"mood": "mood", "activities": "activities", "sphere": "sphere"}
INPUTS = ["false", "bare", "thresholds", "full"]


@dataclass(frozen=True)
class Described:
    """A rule in plain values."""

    watchers: frozenset[str] | None
    domains: frozenset[str]
    spheres: frozenset[str] | None
    window: tuple[int, int] | None
    unknown: bool
    handling: int | None
    booleans: frozenset[str]
    user_input: int | None
    classes: frozenset[str]
    all_services: bool

    def xml(self, name: str) -> str:
        conditions = ""
        if self.watchers is not None:
            ones = "".join(f'<cp:one id="{uri}"/>' for uri in sorted(self.watchers))
            manies = "".join(f'<cp:many domain="{name}"/>' for name in sorted(self.domains))
            conditions += identity(ones + manies + "<x:nobody/>")
        if self.spheres is not None:
            conditions += f'<cp:sphere value="{" ".join(sorted(self.spheres))}"/>'
        if self.window is not None:
            start, end = (f"2020-01-01T00:00:{second:02d}Z" for second in self.window)
            conditions += f"<cp:validity><cp:from>{start}</cp:from><cp:until>{end}</cp:until>"
            conditions += "</cp:validity>"
        if self.unknown:
            conditions += "<x:moon>full</x:moon>"
        shown = "".join(
            f"<pr:provide-{name}>{'true' if name in self.booleans else 'false'}</pr:provide-{name}>"
            for name in BOOLEANS
        )
        if self.user_input is not None:
            shown += f"<pr:provide-user-input>{INPUTS[self.user_input]}</pr:provide-user-input>"
        services = "".join(f"<pr:class>{name}</pr:class>" for name in sorted(self.classes))
        if self.all_services:
            services = "<pr:all-services/>"
        shown += f"<pr:provide-services>{services}</pr:provide-services>"
        handling = "" if self.handling is None else HANDLINGS[self.handling]
        return rule(conditions, handling, shown, name=name)

    def fires(self, watcher: str | None, sphere: str | None, second: int) -> bool:
        """RFC 4745 §7 in as many words."""
        if self.watchers is not None:
            if watcher is None:
                return False
            domain = watcher.split("@")[1]
            if watcher not in self.watchers and domain not in self.domains:
                return False
        if self.spheres is not None and (sphere is None or sphere not in self.spheres):
            return False
        if self.window is not None and not self.window[0] <= second < self.window[1]:
            return False
        return not self.unknown


NAMES = ["sip:bob@example.com", "sip:eve@example.com", "sip:bob@example.org"]
DESCRIBED = st.builds(
    Described,
    watchers=st.none() | st.frozensets(st.sampled_from(NAMES), max_size=2),
    domains=st.frozensets(st.sampled_from(["example.com", "example.org"]), max_size=1),
    spheres=st.none() | st.frozensets(st.sampled_from(["work", "home"]), max_size=2),
    window=st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9)),
    unknown=st.sampled_from([False, False, False, True]),
    handling=st.none() | st.integers(0, 3),
    booleans=st.frozensets(st.sampled_from(sorted(BOOLEANS))),
    user_input=st.none() | st.integers(0, 3),
    classes=st.frozensets(st.sampled_from(["biz", "home", "club"])),
    all_services=st.booleans(),
)
RPID = "{urn:ietf:params:xml:ns:pidf:rpid}"


@settings(deadline=None)
@given(
    st.lists(DESCRIBED, max_size=5),
    st.none() | st.sampled_from(NAMES),
    st.none() | st.sampled_from(["work", "home"]),
    st.integers(0, 9),
    st.randoms(use_true_random=False),
)
def test_any_rules_in_any_order(
    rules: list[Described],
    watcher: str | None,
    sphere: str | None,
    second: int,
    shuffler: Random,
) -> None:
    """RFC 4745 §10.2, against an oracle that knows nothing of sets of URIs, edges or groups."""
    firing = [each for each in rules if each.fires(watcher, sphere, second)]
    written = [each.xml(f"r{number}") for number, each in enumerate(rules)]
    context = request(watcher, sphere=sphere, now=1_577_836_800 + second)
    said = evaluate(ruleset(*written), context)
    shuffler.shuffle(written)
    assert evaluate(ruleset(*written), context) == said
    if not firing:
        assert said.handling is None
        assert said.permissions == NOTHING
        return
    assert said.handling == HANDLINGS[max(each.handling or 0 for each in firing)]
    permissions = said.permissions
    shown = {name for each in firing for name in each.booleans}
    assert permissions.attributes == {RPID + name for name in shown}
    levels = [UserInput.FALSE, UserInput.BARE, UserInput.THRESHOLDS, UserInput.FULL]
    assert permissions.user_input is levels[max(each.user_input or 0 for each in firing)]
    if any(each.all_services for each in firing):
        assert permissions.services == EVERYTHING.services
    else:
        classes = {name for each in firing for name in each.classes}
        assert permissions.services == {Member(MemberKind.CLASS, name) for name in classes}


def test_rules_of_several_documents_are_those_of_one() -> None:
    """RFC 5025 §9.7, with the precedence of OMA among all of them."""
    shown = "<pr:provide-mood>true</pr:provide-mood>"
    rules = [
        rule(BOB, "confirm", name="a"),
        rule('<cp:sphere value="work"/>', "", shown, name="b"),
        rule("<ocp:other-identity/>", "allow", name="c"),
        rule('<ocp:external-list><ocp:entry anc="http://e"/></ocp:external-list>', name="d"),
    ]
    together = ruleset(*rules)
    apart = merge([ruleset(each) for each in rules])
    assert apart == together
    assert apart.uses_sphere
    assert apart.lists == {"http://e"}
    assert evaluate(apart, request(sphere="work")).handling is SubHandling.CONFIRM
    assert merge([]) == ruleset()
    assert merge([together]) is together


@pytest.mark.parametrize(
    ("action", "expected"),
    [(PRESENCE_HANDLING, SubHandling.BLOCK), (DIALOG_HANDLING, SubHandling.ALLOW)],
)
def test_rules_for_calls_have_an_action_of_their_own(action: str, expected: SubHandling) -> None:
    """RFC 5025 §3.2.1: what is granted of one package is not granted of another."""
    dialog = rule(BOB, "allow").replace(
        "<pr:sub-handling>allow</pr:sub-handling>",
        '<dr:sub-handling xmlns:dr="http://openxcap.org/ns/dialog-rules">allow</dr:sub-handling>',
    )
    root = parse(f"{OPEN}{dialog}</cp:ruleset>".encode())
    assert evaluate(parse_ruleset(root, action=action), request()).handling is expected
