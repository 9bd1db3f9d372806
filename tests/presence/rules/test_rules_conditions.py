"""RFC 4745 §7.3 and §7.4, RFC 5025 §3.1.2: where and when rules hold."""

from datetime import datetime, timedelta
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presence.rules.conditions import instant
from presence.rules.evaluate import evaluate
from presence.rules.sphere import sphere_of, spheres
from tests.presence.rules.rule_documents import (
    matches,
    one,
    outcome,
    request,
    rule,
    ruleset,
)


@pytest.mark.parametrize(
    ("value", "sphere", "expected"),
    [
        pytest.param("work", "work", True, id="same"),
        pytest.param("home work", "work", True, id="one-of-several"),
        pytest.param("WORK", "work", True, id="case"),
        pytest.param("homework", "work", False, id="part-of-a-token"),
        pytest.param("work", "home", False, id="other"),
        pytest.param("work", "home work", True, id="in-several-at-once"),
        pytest.param("work", None, False, id="undefined"),
        pytest.param("", None, False, id="nothing-named"),
        pytest.param("", "", False, id="nothing-named-in-no-named-sphere"),
        pytest.param("  home \n work ", "work", True, id="white-space"),
    ],
)
def test_sphere(value: str, sphere: str | None, expected: bool) -> None:
    assert matches(f'<cp:sphere value="{value}"/>', request(sphere=sphere)) is expected


def test_what_stands_in_a_sphere_is_not_its_value() -> None:
    """RFC 4745 §7.3: the attribute says it, and two conditions must both be true."""
    conditions = '<cp:sphere value="work"/><cp:sphere value="home"/>'
    assert not matches(conditions, request(sphere="work"))
    assert matches(conditions, request(sphere="work home"))


def test_who_asks_for_the_sphere_is_known() -> None:
    assert ruleset(rule('<cp:sphere value="work"/>')).uses_sphere
    assert not ruleset(rule(one("sip:bob@example.com"))).uses_sphere


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param("<r:sphere><r:work/></r:sphere>", {"work"}, id="element"),
        pytest.param("<r:sphere><x:Bowling/></r:sphere>", {"bowling"}, id="element-of-others"),
        pytest.param("<r:sphere>bowling league</r:sphere>", {"bowling", "league"}, id="text"),
        pytest.param("<r:sphere><x:a/><x:b/></r:sphere>", {"a", "b"}, id="several"),
        pytest.param("<r:sphere/>", set(), id="nameless"),
        pytest.param("<r:mood/>", None, id="none"),
    ],
)
def test_sphere_of_a_document(document: str, expected: set[str] | None) -> None:
    """RFC 4480 §3.11."""
    assert spheres(person(document)) == expected


def person(*contents: str) -> bytes:
    """A presence document of a person for each of `contents`."""
    persons = "".join(f'<d:person id="p{n}">{each}</d:person>' for n, each in enumerate(contents))
    return (
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@example.com"'
        ' xmlns:d="urn:ietf:params:xml:ns:pidf:data-model" xmlns:x="urn:example:x"'
        f' xmlns:r="urn:ietf:params:xml:ns:pidf:rpid">{persons}</presence>'
    ).encode()


WORK = "<r:sphere><r:work/></r:sphere>"
HOME = "<r:sphere><r:home/></r:sphere>"


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        pytest.param([person(WORK), person("")], {"work"}, id="the-others-say-nothing"),
        pytest.param([person(WORK), person(WORK)], {"work"}, id="all-agree"),
        pytest.param([person(WORK), person(HOME)], None, id="they-differ"),
        pytest.param([person(WORK, HOME)], None, id="two-persons-differ"),
        pytest.param([person("")], None, id="nobody-says"),
        pytest.param([], None, id="nothing-published"),
    ],
)
def test_sphere_of_all_that_is_published(documents: list[bytes], expected: set[str] | None) -> None:
    """RFC 5025 §3.1.2: undefined when absent, and when inconsistent."""
    assert sphere_of(documents) == expected


def test_a_sphere_outside_a_person_is_none() -> None:
    """RFC 5025 §3.1.2: as part of the person data component."""
    document = person("").replace(b"</presence>", b"<r:sphere><r:work/></r:sphere></presence>")
    assert spheres(document) is None


def validity(*pairs: tuple[float, float]) -> str:
    """A validity condition in seconds since 2000-01-01T00:00:00Z."""
    text = "".join(
        f"<cp:from>{moment(start)}</cp:from><cp:until>{moment(end)}</cp:until>"
        for start, end in pairs
    )
    return f"<cp:validity>{text}</cp:validity>"


EPOCH = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
START = EPOCH.timestamp()


def moment(seconds: float) -> str:
    return (EPOCH + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


TWICE = validity((10, 20), (30, 40))


@pytest.mark.parametrize(
    ("now", "expected", "until"),
    [
        pytest.param(9, False, 10, id="before"),
        pytest.param(10, True, 20, id="from-is-within"),
        pytest.param(19.5, True, 20, id="within"),
        pytest.param(20, False, 30, id="until-is-not"),
        pytest.param(35, True, 40, id="second-pair"),
        pytest.param(40, False, None, id="for-ever-after"),
    ],
)
def test_validity(now: float, expected: bool, until: float | None) -> None:
    """RFC 4745 §7.4: at or after a from, before the until that follows it."""
    said = outcome(rule(TWICE, "allow"), request(now=START + now))
    assert (said.handling is not None) is expected
    assert said.until == (None if until is None else START + until)


@pytest.mark.parametrize(
    ("pairs", "now", "until"),
    [
        pytest.param([(30, 40), (10, 20)], 15, 20, id="in-any-order"),
        pytest.param([(10, 20), (20, 30)], 15, 30, id="touching-are-one"),
        pytest.param([(10, 30), (15, 20)], 12, 30, id="overlapping-are-one"),
        pytest.param([(20, 10)], 5, None, id="backwards-is-never"),
        pytest.param([(10, 10)], 5, None, id="empty-is-never"),
    ],
)
def test_next_change(pairs: list[tuple[float, float]], now: float, until: float | None) -> None:
    said = outcome(rule(validity(*pairs), "allow"), request(now=START + now))
    assert said.until == (None if until is None else START + until)


def test_several_validity_conditions_must_all_hold() -> None:
    """RFC 4745 §7.4: all children of conditions are combined by AND."""
    conditions = validity((0, 20)) + validity((10, 30))
    assert not matches(conditions, request(now=START + 5))
    assert matches(conditions, request(now=START + 15))
    assert outcome(rule(conditions), request(now=START + 5)).until == START + 10


def test_changes_of_rules_about_others_are_not_waited_for() -> None:
    """Nor of those that do not match whatever the time."""
    elsewhere = validity((0, 10)) + '<cp:sphere value="home"/>'
    unknown = validity((0, 20)) + "<x:weather/>"
    document = ruleset(
        rule(one("sip:eve@example.com") + validity((0, 5)), name="a"),
        rule(elsewhere, name="b"),
        rule(unknown, name="c"),
        rule(validity((0, 30)), name="d"),
    )
    assert evaluate(document, request(now=START, sphere="work")).until == START + 30


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2003-12-24T17:15:00+01:00", 1_072_282_500.0),
        ("2003-12-24T16:15:00Z", 1_072_282_500.0),
        ("2003-12-24T11:15:00.000-05:00", 1_072_282_500.0),
        ("2003-12-24T16:15:00", 1_072_282_500.0),
        ("2003-12-24T16:15:00.5Z", 1_072_282_500.5),
        (" 2003-12-24T16:15:00Z\n", 1_072_282_500.0),
        ("2003-12-23T24:00:00Z", 1_072_224_000.0),
        ("9999-12-31T23:59:59-14:00", 253_402_351_199.0),
        ("12003-01-01T00:00:00Z", inf),
        ("123456789012345678901234567890-01-01T00:00:00Z", inf),
        ("-0044-03-15T12:00:00Z", -inf),
        ("2003-02-30T00:00:00Z", None),
        ("2003-12-24T17:15:00+24:00", None),
        ("24 December", None),
        ("", None),
    ],
)
def test_instants(text: str, expected: float | None) -> None:
    """XML Schema part 2 §3.2.7; a time without zone is taken as UTC."""
    assert instant(text) == expected


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=6))
def test_validity_is_what_its_pairs_say(pairs: list[tuple[float, float]]) -> None:
    """RFC 4745 §7.4, at every second, with the next change where the answer changes."""
    document = ruleset(rule(validity(*pairs), "allow"))

    def holds(second: float) -> bool:
        return any(start <= second < end for start, end in pairs)

    for second in range(52):
        said = evaluate(document, request(now=START + second))
        assert (said.handling is not None) is holds(second)
        changes = [later for later in range(second + 1, 52) if holds(later) is not holds(second)]
        assert said.until == (START + changes[0] if changes else None)
