"""RFC 3261 §16.7 to §16.10: what each event makes a fork do, in each state of its branch."""

import pytest

from proxy.best_response import Outcome
from proxy.fork import (
    CANCEL_WAIT,
    ELSEWHERE,
    FROM_ROUTE,
    RANG_OUT,
    STOPPED,
    TIMER_C,
    Act,
    Acts,
    Answer,
    Cancel,
    Drop,
    Finish,
    Fork,
    Forward,
    Policy,
    Start,
    Wait,
)
from sip.message import Response, build_response, parse_message
from tests.proxy.proxykit import request

POLICY = Policy()
_INVITE = request("INVITE", "sip:bob@example.com")


def response(status: int) -> Response:
    message = parse_message(build_response(_INVITE, status, to_tag="b"))
    assert isinstance(message, Response)
    return message


def in_state(name: str, method: str = "INVITE") -> Fork:
    """A fork of one branch, 0, whose branch is as `name` says."""
    fork = Fork(method, [1], POLICY)
    fork.begin()
    if name == "starting":
        return fork
    fork.on_sent(0)
    if name in ("proceeding", "cancelling", "rang-out"):
        fork.on_response(0, response(180))
    if name in ("cancelling", "calling-cancelled"):
        fork.on_cancel(("why",))
    if name == "rang-out":
        fork.on_timer(0)
    if name in ("answered", "refused"):
        fork.on_response(0, response(200 if name == "answered" else 486))
    return fork


STATES = (
    "starting", "calling", "calling-cancelled", "proceeding", "cancelling", "rang-out",
    "answered", "refused",
)  # fmt: skip


def made(acts: Acts) -> list[str]:
    """Acts in short: their names, with what tells them apart."""
    return [_short(act) for act in acts]


def _short(act: Act) -> str:
    match act:
        case Forward(forwarded):
            return f"forward {forwarded.status}"
        case Answer(best, _):
            return f"answer {best.status}"
        case Cancel(at, reasons):
            return f"cancel {at} {','.join(reasons)}"
        case Wait(at, seconds):
            return f"wait {at} {seconds:g}"
        case Start(at) | Drop(at):
            return f"{type(act).__name__.lower()} {at}"
        case Finish():
            return "finish"


C, W = f"wait 0 {TIMER_C:g}", f"wait 0 {CANCEL_WAIT:g}"

TABLE: dict[tuple[str, str], list[str]] = {
    ("starting", "sent"): [C],
    ("starting", "unreachable"): ["answer 500", "finish"],
    ("starting", "cancel"): ["answer 487", "finish"],
    ("starting", "timer"): ["drop 0", "answer 408", "finish"],
    ("calling", "100"): [],
    ("calling", "183"): ["forward 183", C],
    ("calling", "200"): ["forward 200", "finish"],
    ("calling", "486"): ["answer 486", "finish"],
    ("calling", "503"): ["answer 500", "finish"],
    ("calling", "603"): ["answer 603", "finish"],
    ("calling", "timeout"): ["answer 408", "finish"],
    ("calling", "unreachable"): ["answer 500", "finish"],
    ("calling", "cancel"): [],
    ("calling", "timer"): ["drop 0", "answer 408", "finish"],
    ("calling-cancelled", "100"): ["cancel 0 why", W],
    ("calling-cancelled", "183"): ["forward 183", "cancel 0 why", W],
    ("calling-cancelled", "200"): ["forward 200", "finish"],
    ("calling-cancelled", "486"): ["answer 486", "finish"],
    ("calling-cancelled", "503"): ["answer 500", "finish"],
    ("calling-cancelled", "603"): ["answer 603", "finish"],
    ("calling-cancelled", "timeout"): ["answer 487", "finish"],
    ("calling-cancelled", "unreachable"): ["answer 487", "finish"],
    ("calling-cancelled", "cancel"): [],
    ("calling-cancelled", "timer"): ["drop 0", "answer 487", "finish"],
    ("proceeding", "100"): [],
    ("proceeding", "183"): ["forward 183", C],
    ("proceeding", "200"): ["forward 200", "finish"],
    ("proceeding", "486"): ["answer 486", "finish"],
    ("proceeding", "503"): ["answer 500", "finish"],
    ("proceeding", "603"): ["answer 603", "finish"],
    ("proceeding", "unreachable"): ["answer 500", "finish"],
    ("proceeding", "cancel"): ["cancel 0 why", W],
    ("proceeding", "timer"): [f"cancel 0 {RANG_OUT}", W],
    ("cancelling", "183"): ["forward 183"],
    ("cancelling", "200"): ["forward 200", "finish"],
    ("cancelling", "486"): ["answer 486", "finish"],
    ("cancelling", "487"): ["answer 487", "finish"],
    ("cancelling", "503"): ["answer 500", "finish"],
    ("cancelling", "603"): ["answer 603", "finish"],
    ("cancelling", "unreachable"): ["answer 487", "finish"],
    ("cancelling", "timer"): ["drop 0", "answer 487", "finish"],
    ("rang-out", "183"): ["forward 183"],
    ("rang-out", "200"): ["forward 200", "finish"],
    ("rang-out", "486"): ["answer 486", "finish"],
    ("rang-out", "487"): ["answer 408", "finish"],
    ("rang-out", "503"): ["answer 500", "finish"],
    ("rang-out", "603"): ["answer 603", "finish"],
    ("rang-out", "unreachable"): ["answer 500", "finish"],
    ("rang-out", "timer"): ["drop 0", "answer 408", "finish"],
    ("answered", "200"): ["forward 200"],
    ("refused", "200"): ["forward 200"],
}
"""What happens; nothing does where there is no row."""

POSSIBLE = {
    "starting": ("sent", "unreachable", "cancel", "timer"),
    "proceeding": ("100", "183", "200", "486", "503", "603", "unreachable", "cancel", "timer"),
}
EVENTS = (
    "100", "183", "200", "486", "487", "503", "603", "timeout", "unreachable", "cancel", "timer",
)  # fmt: skip


def happens(fork: Fork, event: str, *, more: bool = False) -> Acts:
    if event.isdigit():
        return fork.on_response(0, response(int(event)), more=more)
    match event:
        case "sent":
            return fork.on_sent(0)
        case "timeout":
            return fork.on_timeout(0, more=more)
        case "unreachable":
            return fork.on_unreachable(0, more=more)
        case "cancel":
            return fork.on_cancel(("why",))
        case _:
            return fork.on_timer(0)


@pytest.mark.parametrize("state", STATES)
def test_every_event_in_every_state(state: str) -> None:
    """§16.7 steps 2 to 10, §16.8, §16.9, §16.10: the whole table."""
    cases = [event for event in POSSIBLE.get(state, EVENTS) if (state, event) in TABLE]
    assert cases
    for event in POSSIBLE.get(state, EVENTS):
        if state in ("answered", "refused") or (state, event) in TABLE:
            assert made(happens(in_state(state), event)) == TABLE.get((state, event), []), event


@pytest.mark.parametrize(
    ("state", "event", "again"),
    [
        pytest.param("calling", "503", True, id="refused-by-one-server"),
        pytest.param("calling", "timeout", True, id="silence"),
        pytest.param("calling", "unreachable", True, id="transport-error"),
        pytest.param("starting", "unreachable", True, id="never-sent"),
        pytest.param("proceeding", "503", True, id="refused-after-a-100"),
        pytest.param("calling", "486", False, id="a-real-answer"),
        pytest.param("calling-cancelled", "503", False, id="nobody-wants-it"),
        pytest.param("cancelling", "503", False, id="cancelled"),
        pytest.param("rang-out", "503", False, id="rang-too-long"),
    ],
)
def test_branch_goes_on_to_what_else_there_is(state: str, event: str, *, again: bool) -> None:
    """RFC 3263 §4.3, before the branch counts as failed."""
    assert (made(happens(in_state(state), event, more=True)) == ["start 0"]) is again


@pytest.mark.parametrize(("status", "again"), [(430, True), (408, True), (480, False)])
def test_other_flow_is_tried(status: int, *, again: bool) -> None:
    """RFC 5626 §5.3: on 430, and on the 408 of a flow that is dead."""
    acts = in_state("calling").on_response(0, response(status), more=True)
    assert (made(acts) == ["start 0"]) is again


@pytest.mark.parametrize(
    ("policy", "status"), [(Policy(), 480), (Policy(replaced=FROM_ROUTE), 430)]
)
def test_430_goes_only_to_who_knows_other_flows(policy: Policy, status: int) -> None:
    """RFC 5626 §11.6: endpoints never see it."""
    fork = Fork("INVITE", [1], policy)
    fork.begin()
    fork.on_sent(0)
    assert made(fork.on_response(0, response(430))) == [f"answer {status}", "finish"]


@pytest.mark.parametrize(
    ("event", "acts"),
    [
        pytest.param("183", ["forward 183"], id="no-timer-c"),
        pytest.param("200", ["forward 200", "finish"], id="200"),
        pytest.param("cancel", [], id="no-cancel"),
        pytest.param("timeout", ["answer 408", "finish"], id="time-out"),
    ],
)
def test_other_requests(event: str, acts: list[str]) -> None:
    """§16.6 step 11, §9.1: timer C and CANCEL are for INVITE only."""
    assert made(happens(in_state("calling", "MESSAGE"), event)) == acts
    assert made(in_state("starting", "MESSAGE").on_sent(0)) == []


def test_second_2xx_of_another_request_stops_here() -> None:
    """§16.7 step 5: exactly one final response."""
    fork = Fork("MESSAGE", [2], POLICY)
    fork.begin()
    for at in (0, 1):
        fork.on_sent(at)
    assert made(fork.on_response(0, response(200))) == ["forward 200"]
    assert made(fork.on_response(1, response(200))) == ["finish"]


def forked(*groups: int, policy: Policy = POLICY, ringing: bool = True) -> Fork:
    """A fork whose first group was sent, and rings."""
    fork = Fork("INVITE", groups, policy)
    for act in fork.begin():
        assert isinstance(act, Start)
        fork.on_sent(act.branch)
        if ringing:
            fork.on_response(act.branch, response(180))
    return fork


def test_groups_are_begun_one_after_the_other() -> None:
    """§16.6: the next lower q when the one before has failed."""
    fork = forked(2, 1, 0, 2)
    assert made(fork.on_response(0, response(486))) == []
    assert made(fork.on_response(1, response(486))) == ["start 2"]
    fork.on_sent(2)
    assert made(fork.on_response(2, response(486))) == ["start 3", "start 4"]


def test_no_branch_is_begun_after_a_6xx() -> None:
    """§16.7 step 5."""
    fork = forked(2, 1)
    assert made(fork.on_response(0, response(603)))[0].startswith("cancel 1 SIP;cause=603")
    assert made(fork.on_response(1, response(487))) == ["answer 603", "finish"]


def test_2xx_after_a_6xx_still_wins() -> None:
    """§16.7 step 5: that is why a 6xx waits."""
    fork = forked(2)
    fork.on_response(0, response(603))
    assert made(fork.on_response(1, response(200))) == ["forward 200", "finish"]


def test_winner_ends_the_others() -> None:
    """§16.7 step 10, RFC 3326 §3.1."""
    fork = forked(3, 1)
    assert made(fork.on_response(1, response(200))) == [
        "forward 200",
        f"cancel 0 {ELSEWHERE}", f"wait 0 {CANCEL_WAIT:g}",
        f"cancel 2 {ELSEWHERE}", f"wait 2 {CANCEL_WAIT:g}",
    ]  # fmt: skip
    assert made(fork.on_response(0, response(487))) == []
    assert made(fork.on_response(2, response(487))) == ["finish"]


def test_caller_may_want_the_others_to_ring_on() -> None:
    """RFC 3841 §9.1: no-cancel."""
    fork = forked(2, policy=Policy(cancels=False))
    assert made(fork.on_response(0, response(200))) == ["forward 200"]
    assert made(fork.on_response(1, response(200))) == ["forward 200", "finish"]


def test_breadth_bounds_what_is_open() -> None:
    """RFC 5393 §5.3.3.1: an ended branch makes room for the next."""
    fork = Fork("INVITE", [3], Policy(breadth=1))
    assert made(fork.begin()) == ["start 0"]
    fork.on_sent(0)
    assert made(fork.on_response(0, response(486))) == ["start 1"]


def test_nothing_to_try_at_all_is_408() -> None:
    """§16.7 step 6."""
    fork = Fork("INVITE", [], POLICY)
    assert fork.begin() == [Answer(Outcome(408, None), ()), Finish()]


def test_only_what_is_wanted_is_sent() -> None:
    """§16.10: a branch whose server is still sought when the caller gives up."""
    fork = in_state("starting")
    assert fork.wants(0)
    fork.on_cancel()
    assert not fork.wants(0)


@pytest.mark.parametrize(
    ("state", "acts"),
    [
        pytest.param("starting", ["answer 503", "finish"], id="starting"),
        pytest.param("calling", ["answer 503", "finish"], id="calling"),
        pytest.param("calling-cancelled", ["answer 487", "finish"], id="calling-cancelled"),
        pytest.param("proceeding", ["answer 503", f"cancel 0 {STOPPED}",
                                    f"wait 0 {CANCEL_WAIT:g}", "finish"], id="proceeding"),
        pytest.param("cancelling", ["answer 487", "finish"], id="cancelling"),
        pytest.param("rang-out", ["answer 503", "finish"], id="rang-out"),
        pytest.param("answered", ["finish"], id="answered"),
        pytest.param("refused", ["finish"], id="refused"),
    ],
)  # fmt: skip
def test_the_end_of_the_server_answers_a_call(state: str, acts: list[str]) -> None:
    """§21.5.4, §16.10: tried elsewhere by the caller, cancelled at the callee once it rings."""
    assert made(in_state(state).on_shutdown()) == acts


def test_the_end_of_the_server_answers_other_requests() -> None:
    """§21.5.1: no 503, or what was done already would be sent again."""
    assert made(in_state("calling", "MESSAGE").on_shutdown()) == ["answer 500", "finish"]


def test_a_call_that_is_taken_after_the_end_is_told() -> None:
    """§16.7 step 5: a 2xx goes upstream whatever went before."""
    fork = in_state("proceeding")
    fork.on_shutdown()
    assert made(fork.on_response(0, response(200)))[0] == "forward 200"
    fork = in_state("calling")
    fork.on_shutdown()
    assert made(fork.on_response(0, response(180)))[0] == f"cancel 0 {STOPPED}"
