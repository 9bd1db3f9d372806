"""RFC 3841 §7, §9.1: which contacts the caller gets, in which order, and how they are tried."""

import time

import pytest

from proxy.features import MAX_FEATURES, contact_features, features, matches
from proxy.preferences import (
    DEFAULT_DISPOSITION,
    MAX_PREDICATE,
    MAX_PREDICATES,
    Disposition,
    by_caller,
    read_disposition,
    read_preferences,
)
from sip.parameters import Parameters
from store.values import Binding
from tests.proxy.proxykit import binding, request

U1 = binding("sip:u1@h", q=0.2, parameters='audio;video;methods="INVITE,BYE";q=0.2')
U2 = binding("sip:u2@h", q=0.2, parameters='audio="FALSE";methods="INVITE";actor="msg-taker";q=0.2')
U3 = binding("sip:u3@h", q=0.3, parameters='audio;actor="msg-taker";methods="INVITE";video;q=0.3')
U4 = binding("sip:u4@h", q=0.2, parameters='audio;methods="INVITE,OPTIONS";q=0.2')
U5 = binding("sip:u5@h", q=0.5, parameters="q=0.5")
ALL = (U5, U3, U4, U1, U2)
"""The contacts of RFC 3841 §7.2.5, by q."""


def chosen(bindings: tuple[Binding, ...], *lines: str, method: str = "INVITE") -> list[list[str]]:
    asked = request(method, "sip:user@example.com", *lines)
    groups = by_caller(bindings, lambda: read_preferences(asked))
    return [[one.contact.removeprefix("sip:").removesuffix("@h") for one in g] for g in groups]


def test_example_of_the_rfc() -> None:
    """§7.2.5."""
    assert chosen(
        ALL,
        'Reject-Contact: *;actor="msg-taker";video',
        "Accept-Contact: *;audio;require",
        "Accept-Contact: *;video;explicit",
        'Accept-Contact: *;methods="BYE";class="business";q=1.0',
    ) == [["u5"], ["u1", "u4"]]


@pytest.mark.parametrize(
    ("lines", "groups"),
    [
        pytest.param(["Accept-Contact: *;video;require"], [["u5"], ["u3"], ["u1", "u4", "u2"]],
                     id="silence-is-no-refusal"),
        pytest.param(["Accept-Contact: *;video;require;explicit"], [["u5"], ["u3"], ["u1"]],
                     id="require-explicit"),
        pytest.param(["a: *;audio;require"], [["u5"], ["u3"], ["u4", "u1"]], id="compact-form"),
        pytest.param(["Reject-Contact: *;audio"], [["u5"], ["u2"]], id="reject"),
        pytest.param(['j: *;actor="principal"'], [["u5"], ["u3"], ["u4", "u1", "u2"]],
                     id="reject-of-another-value"),
        pytest.param(["Accept-Contact: ;;", "Reject-Contact: *"], [["u5"], ["u3"],
                     ["u4", "u1", "u2"]], id="malformed-says-nothing"),
    ],
)  # fmt: skip
def test_explicit_preferences(lines: list[str], groups: list[list[str]]) -> None:
    """§7.2.4."""
    assert chosen(ALL, *lines) == groups


def test_method_is_an_implicit_preference() -> None:
    """§7.2.2.1: u3 and u2 do INVITE only, and u5 does not say."""
    assert chosen(ALL, method="OPTIONS") == [["u5"], ["u4"]]


def test_event_package_is_an_implicit_preference() -> None:
    """§7.2.2.2."""
    there = (binding("sip:a@h", parameters='events="presence"'),
             binding("sip:b@h", parameters='events="dialog"'))  # fmt: skip
    assert chosen(there, "Event: dialog;id=1", method="SUBSCRIBE") == [["b"]]


def test_implicit_preference_that_leaves_nobody_is_dropped() -> None:
    """§7.2.4: so that the caller is answered 405 and not 480."""
    assert chosen((U3, U2), method="MESSAGE") == [["u3"], ["u2"]]


def test_explicit_preference_may_leave_nobody() -> None:
    """§7.2.4."""
    assert chosen((U3, U1), 'Accept-Contact: *;audio="FALSE";require') == []


def test_contact_without_features_is_immune() -> None:
    """§7.2.3."""
    assert chosen((U5,), "Accept-Contact: *;video;require;explicit") == [["u5"]]


def test_features_are_decoded() -> None:
    """§8, §7.2.3: only feature tags, without the plus, base tags in the tree sip."""
    parsed = features(
        Parameters.parse(';mobility="fixed";language="en,de";+sip.message;+audio;other=1;q=0.2')
    )
    assert set(parsed) == {"sip.mobility", "language", "sip.message", "audio"}


@pytest.mark.parametrize(
    ("wanted", "offered", "match"),
    [
        pytest.param('methods="BYE"', 'methods="INVITE,BYE"', True, id="one-of-many"),
        pytest.param('methods="bye"', 'methods="INVITE,BYE"', True, id="tokens-in-any-case"),
        pytest.param('description="<PC>"', 'description="<pc>"', False, id="strings-as-written"),
        pytest.param('events="!presence"', 'events="presence"', False, id="negation"),
        pytest.param('events="!presence"', 'events="presence,dialog"', True, id="another-than"),
        pytest.param('+a.n="#>=5"', '+a.n="#1:4"', False, id="range-below"),
        pytest.param('+a.n="#>=4"', '+a.n="#1:4"', True, id="range-touches"),
        pytest.param('+a.n="#<=4.5"', '+a.n="#=4.4"', True, id="decimals"),
        pytest.param('+a.n="!#1:9"', '+a.n="#4"', False, id="number-in-negated-range"),
        pytest.param('+a.n="#x"', '+a.n="#x"', True, id="no-number-is-a-token"),
        pytest.param('events="!a"', 'events="!b"', True, id="two-negations-leave-something"),
        pytest.param('events="!a,!b"', 'events="a"', True, id="one-of-two-negations"),
        pytest.param('+a.n="!#1:9"', '+a.n="#4:10"', True, id="beyond-a-negated-range"),
        pytest.param('+a.n="!#1:9"', '+a.n="some"', True, id="token-is-no-number"),
        pytest.param('+a.n="!some"', '+a.n="#4"', True, id="number-is-no-token"),
        pytest.param('+a.n="#1,#3"', '+a.n="#2,#4"', False, id="ranges-apart"),
        pytest.param("video", "audio", True, id="silence-matches"),
        pytest.param("video", 'video="FALSE"', False, id="boolean"),
    ],
)
def test_matching(wanted: str, offered: str, match: bool) -> None:
    """§7.2.4, §8 (RFC 2533)."""
    assert matches(contact_features(wanted), contact_features(offered)) is match


@pytest.mark.parametrize("name", ["Accept-Contact", "Reject-Contact"])
def test_preferences_are_looked_at_up_to_a_bound(name: str) -> None:
    """§11: so many predicates, each of a length."""
    many = [f"{name}: *;+x{number}" for number in range(MAX_PREDICATES + 5)]
    long = f"{name}: *;+x={'a' * MAX_PREDICATE}"
    read = read_preferences(request("INVITE", "sip:user@example.com", long, *many))
    assert len(read.accept or read.reject) == MAX_PREDICATES - 1


def test_features_are_looked_at_up_to_a_bound() -> None:
    """§11: those that are read are kept for thousands of contacts; base tags come first."""
    found = contact_features(";".join([*(f"+x{number}" for number in range(100)), "audio"]))
    assert len(found) == MAX_FEATURES
    assert {"sip.audio", "x0"} <= found.keys()


OFFERED = ";".join(f'+x{number}="{"a," * 63}z"' for number in range(14))
WANTED = ";".join(f'+x{number}="{"b," * 63}z"' for number in range(3))
"""Alternatives of which only the last ones meet."""
OTHER = {"a": "", "j": ";+other"}
"""What makes a Reject-Contact match nobody in the end."""


def test_hostile_preferences_cost_little() -> None:
    """§11: one request did seconds of matching against contacts of its sender's own."""
    contacts = tuple(binding(f"sip:u{n}@h", parameters=f"{OFFERED};+u{n}") for n in range(50))
    lines = [
        f"{name}: *;{WANTED}{OTHER[name]}" for name in ("a", "j") for _ in range(MAX_PREDICATES)
    ]
    begun = time.process_time()
    assert [len(group) for group in chosen(contacts, *lines)] == [50]
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize(
    ("lines", "disposition"),
    [
        pytest.param([], DEFAULT_DISPOSITION, id="none"),
        pytest.param(["Request-Disposition: no-fork, Redirect"],
                     Disposition(fork=False, redirect=True), id="list"),
        pytest.param(["d: sequential"], Disposition(parallel=False), id="compact"),
        pytest.param(["d: parallel, no-cancel"], Disposition(parallel=True, cancel=False),
                     id="parallel"),
        pytest.param(["d: no-recurse", "d: queue, unheard-of"], Disposition(recurse=False),
                     id="others-are-passed-over"),
    ],
)  # fmt: skip
def test_request_disposition(lines: list[str], disposition: Disposition) -> None:
    """§9.1."""
    assert read_disposition(request("INVITE", "sip:user@example.com", *lines)) == disposition
