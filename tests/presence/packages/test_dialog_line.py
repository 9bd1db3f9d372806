"""RFC 4235 §3.7.1, PKG-02: over all who publish, the state of a dialog only moves forward."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presence.packages.dialog.document import CallState, Dialog
from presence.packages.dialog.line import MAX_REMEMBERED, MAX_REPORTS, Line, Lines, advance, reports
from presence.packages.dialog.virtual import confirmed
from store.values import Publication
from tests.presence.packages.dialogs import dialog, info, publication

STATES = ("trying", "proceeding", "early", "confirmed", "terminated")
Step = tuple[str, str, str]


def heard(line: Line, *publications: Publication) -> tuple[Line, dict[str, str]]:
    line, shown = advance(line, reports(publications))
    return line, states(shown)


def states(dialogs: Sequence[Dialog]) -> dict[str, str]:
    return {one.id: one.state.token for one in dialogs}


def saying(name: str, at: float, *dialogs: str) -> Publication:
    return publication(info(*dialogs), name, at)


steps = st.lists(
    st.tuples(st.sampled_from("pqr"), st.sampled_from("xyz"), st.sampled_from((*STATES, "gone"))),
    max_size=25,
)


@settings(deadline=None)
@given(steps)
def test_no_report_takes_a_dialog_back(steps: Sequence[Step]) -> None:
    """Whoever reports which state when, and whoever's publication is gone."""
    said: dict[str, dict[str, str]] = {}
    stored: dict[str, Publication] = {}
    furthest: dict[str, CallState] = {}
    line: Line = ()
    for at, (publisher, name, state) in enumerate(steps):
        if state == "gone":
            said.pop(publisher, None)
            stored.pop(publisher, None)
        else:
            own = said.setdefault(publisher, {})
            own[name] = state
            body = [dialog(one, its) for one, its in own.items()]
            stored[publisher] = saying(publisher, float(at), *body)
        line, shown = advance(line, reports(stored.values()))
        for one in shown:
            assert one.state >= furthest.get(one.id, CallState.TRYING)
            furthest[one.id] = one.state


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from(STATES)), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_the_order_of_arrival_makes_no_difference(
    said: list[tuple[str, str]], random: object
) -> None:
    """Each report in a publication of its own, in any order, and each twice."""
    publications = [
        saying(f"p{place}", float(place), dialog(name, state))
        for place, (name, state) in enumerate(said)
    ]
    shuffled = [*publications, *publications]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    line: Line = ()
    for one in shuffled:
        line, _ = advance(line, reports([one]))
    _, together = heard((), *publications)
    assert {one.dialog.id: one.dialog.state.token for one in line} == together


def test_the_end_outlives_the_publication_that_told_it() -> None:
    """A terminated publication lives for seconds; a stale one of the call may live for an hour."""
    stale = saying("old", 1.0, dialog("x", "early"))
    line, _ = heard((), stale)
    line, shown = heard(line, stale, saying("new", 2.0, dialog("x", "terminated")))
    assert shown == {"x": "terminated"}
    assert heard(line, stale)[1] == {"x": "terminated"}


def test_two_publishers_of_one_call_tell_one_dialog() -> None:
    """A phone and a B2BUA that passes Call-ID and tags on number it differently."""
    phone = saying("p", 1.0, dialog("7", "early", call="c@x"))
    server = saying("s", 2.0, dialog("abc", "confirmed", call="c@x"))
    assert heard((), phone, server)[1] == {"7": "confirmed"}


def test_a_half_dialog_becomes_the_dialog() -> None:
    """RFC 4235 §4.1.1: the id stays when the remote tag comes to be known."""
    line, _ = heard((), saying("p", 1.0, dialog("7", "trying", tags="l/")))
    assert heard(line, saying("p", 2.0, dialog("7", "early")))[1] == {"7": "early"}


def test_branches_with_one_id_are_dialogs_of_their_own() -> None:
    """A forking proxy may give both the id of the call; the one that lost ends alone."""
    won = saying("p", 1.0, dialog("c", "confirmed", call="c@x", tags="l/r1"))
    lost = saying("q", 2.0, dialog("c", "terminated", call="c@x", tags="l/r2"))
    assert heard((), won, lost)[1] == {"c": "confirmed", "c.q": "terminated"}


def test_two_calls_with_one_id_keep_apart() -> None:
    """Ids are unique within one publisher only."""
    one = saying("p", 1.0, dialog("1", "confirmed", call="a@x"))
    other = saying("q", 2.0, dialog("1", "early", call="b@x"))
    line, shown = heard((), one, other)
    assert shown == {"1": "confirmed", "1.q": "early"}
    assert heard(line, other)[1] == {"1.q": "early"}


def test_an_id_without_call_may_come_back_for_the_next_call() -> None:
    """RFC 4235 §4.1.1: an id is unique among current dialogs."""
    line, _ = heard((), saying("p", 1.0, dialog("101", "confirmed", call=None)))
    line, shown = heard(line, saying("p", 2.0, dialog("101", "terminated", call=None)))
    assert shown == {"101": "terminated"}
    line, shown = heard(line, saying("p", 3.0, dialog("101", "early", call=None)))
    assert shown == {"101": "early"}
    late = saying("q", 2.5, dialog("101", "trying", call=None))
    assert heard(line, saying("p", 3.0, dialog("101", "early", call=None)), late)[1] == {
        "101": "early"
    }


def test_what_a_line_remembers_is_bounded() -> None:
    line: Line = ()
    for call in range(3 * MAX_REMEMBERED):
        line, _ = heard(line, saying("p", float(call), dialog(f"c{call}", "terminated")))
    assert len(line) <= MAX_REMEMBERED + 1


def test_so_many_dialogs_of_a_line_are_looked_at() -> None:
    """The newest, whoever fills it with publications."""
    many = [
        saying(f"p{n}", float(n), *(dialog(f"{n}-{m}", "early") for m in range(50)))
        for n in range(2 * MAX_REPORTS // 50)
    ]
    _, shown = heard((), *many)
    assert len(shown) == MAX_REPORTS
    assert f"{len(many) - 1}-49" in shown


def test_lines_are_bounded() -> None:
    lines = Lines(most=2)
    ended = [saying("p", 1.0, dialog("x", "terminated"))]
    for name in ("a", "b", "c"):
        lines.hear(name, ended)
    stale = [saying("q", 0.0, dialog("x", "early"))]
    assert states(lines.hear("c", stale)) == {"x": "terminated"}
    assert states(lines.hear("a", stale)) == {"x": "early"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param([], False, id="nothing-published"),
        pytest.param([("p", "early")], False, id="ringing"),
        pytest.param([("p", "confirmed")], True, id="in-a-call"),
        pytest.param([("p", "confirmed"), ("q", "terminated")], False, id="over-for-one-is-over"),
    ],
)
def test_whether_a_user_is_in_a_call(said: list[tuple[str, str]], expected: bool) -> None:
    """PRS-08."""
    publications = [saying(name, 1.0, dialog("x", state)) for name, state in said]
    assert confirmed(publications) is expected
