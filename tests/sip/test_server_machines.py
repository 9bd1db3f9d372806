"""RFC 3261 §17.2, RFC 6026 §7.1, RFC 4320: every state times every event of the server machines."""

import pytest

from sip.transaction.server import (
    InviteServer,
    NonInviteServer,
    ServerEffect,
    ServerEvent,
    ServerState,
    event_of,
    may_send,
)
from sip.transaction.timers import NEVER, T1, T2, T4, TRANSACTION, TRYING_INVITE, TRYING_OTHER

S, E, F = ServerState, ServerEvent, ServerEffect
NOW = 100.0
SAME: tuple[ServerEffect, ...] = ()

INVITE_STATES = (S.PROCEEDING, S.ACCEPTED, S.COMPLETED, S.CONFIRMED, S.TERMINATED)
INVITE = {
    (S.PROCEEDING, E.REQUEST): (S.PROCEEDING, (F.RESEND,)),
    (S.PROCEEDING, E.PROVISIONAL): (S.PROCEEDING, (F.SEND,)),
    (S.PROCEEDING, E.SILENCE): (S.PROCEEDING, (F.SEND_TRYING,)),
    (S.PROCEEDING, E.SUCCESS): (S.ACCEPTED, (F.SEND,)),
    (S.PROCEEDING, E.FAILURE): (S.COMPLETED, (F.SEND,)),
    (S.PROCEEDING, E.TRANSPORT_ERROR): (S.PROCEEDING, (F.TELL_TRANSPORT_ERROR,)),
    (S.ACCEPTED, E.SUCCESS): (S.ACCEPTED, (F.SEND,)),
    (S.ACCEPTED, E.ACK): (S.ACCEPTED, (F.ACK_TO_TU,)),
    (S.ACCEPTED, E.EXPIRE): (S.TERMINATED, ()),
    (S.ACCEPTED, E.TRANSPORT_ERROR): (S.ACCEPTED, (F.TELL_TRANSPORT_ERROR,)),
    (S.COMPLETED, E.REQUEST): (S.COMPLETED, (F.RESEND,)),
    (S.COMPLETED, E.RESEND): (S.COMPLETED, (F.RESEND,)),
    (S.COMPLETED, E.ACK): (S.CONFIRMED, ()),
    (S.COMPLETED, E.EXPIRE): (S.TERMINATED, (F.TELL_NO_ACK,)),
    (S.COMPLETED, E.TRANSPORT_ERROR): (S.COMPLETED, (F.TELL_TRANSPORT_ERROR,)),
    (S.CONFIRMED, E.EXPIRE): (S.TERMINATED, ()),
}
OTHER_STATES = (S.TRYING, S.PROCEEDING, S.COMPLETED, S.TERMINATED)
OTHER = {
    (S.TRYING, E.PROVISIONAL): (S.PROCEEDING, (F.SEND,)),
    (S.TRYING, E.SILENCE): (S.PROCEEDING, (F.SEND_TRYING,)),
    (S.TRYING, E.SUCCESS): (S.COMPLETED, (F.SEND,)),
    (S.TRYING, E.FAILURE): (S.COMPLETED, (F.SEND,)),
    (S.TRYING, E.EXPIRE): (S.TERMINATED, ()),
    (S.PROCEEDING, E.REQUEST): (S.PROCEEDING, (F.RESEND,)),
    (S.PROCEEDING, E.PROVISIONAL): (S.PROCEEDING, (F.SEND,)),
    (S.PROCEEDING, E.SUCCESS): (S.COMPLETED, (F.SEND,)),
    (S.PROCEEDING, E.FAILURE): (S.COMPLETED, (F.SEND,)),
    (S.PROCEEDING, E.EXPIRE): (S.TERMINATED, ()),
    (S.PROCEEDING, E.TRANSPORT_ERROR): (S.PROCEEDING, (F.TELL_TRANSPORT_ERROR,)),
    (S.COMPLETED, E.REQUEST): (S.COMPLETED, (F.RESEND,)),
    (S.COMPLETED, E.EXPIRE): (S.TERMINATED, ()),
    (S.COMPLETED, E.TRANSPORT_ERROR): (S.COMPLETED, (F.TELL_TRANSPORT_ERROR,)),
}


@pytest.mark.parametrize("state", INVITE_STATES)
@pytest.mark.parametrize("event", ServerEvent)
def test_invite_server(state: ServerState, event: ServerEvent) -> None:
    """What the table does not name changes nothing and sends nothing."""
    machine = InviteServer(NOW, False)
    machine.state = state
    expected, effects = INVITE.get((state, event), (state, SAME))
    assert machine.step(event, NOW) == effects
    assert machine.state is expected


@pytest.mark.parametrize("state", OTHER_STATES)
@pytest.mark.parametrize("event", ServerEvent)
def test_non_invite_server(state: ServerState, event: ServerEvent) -> None:
    """What the table does not name changes nothing and sends nothing."""
    machine = NonInviteServer(NOW, False)
    machine.state = state
    expected, effects = OTHER.get((state, event), (state, SAME))
    assert machine.step(event, NOW) == effects
    assert machine.state is expected


def test_timer_g_doubles_to_t2_and_timer_h_ends() -> None:
    """RFC 3261 §17.2.1."""
    machine = InviteServer(NOW, False)
    machine.step(E.FAILURE, NOW)
    at, pauses = NOW, []
    while machine.state is S.COMPLETED:
        pauses.append(machine.deadline - at)
        at = machine.deadline
        effects = machine.on_deadline(at)
    assert pauses[:6] == [T1, 2 * T1, 4 * T1, T2, T2, T2]
    assert at == NOW + TRANSACTION
    assert effects == (F.TELL_NO_ACK,)


def test_over_a_connection_a_failure_is_not_sent_again() -> None:
    """RFC 3261 §17.2.1: no timer G; and timer I is 0."""
    machine = InviteServer(NOW, True)
    machine.step(E.FAILURE, NOW)
    assert machine.deadline == NOW + TRANSACTION
    machine.step(E.ACK, NOW + 1)
    assert machine.deadline == NOW + 1
    machine.on_deadline(NOW + 1)
    assert machine.state is S.TERMINATED


def test_timer_i_absorbs_acks_over_udp() -> None:
    """RFC 3261 §17.2.1."""
    machine = InviteServer(NOW, False)
    machine.step(E.FAILURE, NOW)
    machine.step(E.ACK, NOW)
    assert machine.deadline == NOW + T4


def test_timer_l_keeps_an_accepted_invite() -> None:
    """RFC 6026 §7.1."""
    machine = InviteServer(NOW, False)
    machine.step(E.SUCCESS, NOW)
    assert machine.deadline == NOW + TRANSACTION


def test_a_silent_tu_gets_a_100_sent_for_its_invite_once() -> None:
    """RFC 3261 §17.2.1: after 200 ms."""
    machine = InviteServer(NOW, False)
    assert machine.deadline == NOW + TRYING_INVITE
    assert machine.on_deadline(machine.deadline) == (F.SEND_TRYING,)
    assert machine.deadline == NEVER


def test_a_ringing_tu_needs_no_100() -> None:
    machine = InviteServer(NOW, False)
    machine.step(E.PROVISIONAL, NOW)
    assert machine.deadline == NEVER


@pytest.mark.parametrize(("reliable", "kept"), [(False, TRANSACTION), (True, 0.0)])
def test_timer_j(reliable: bool, kept: float) -> None:
    """RFC 3261 §17.2.2."""
    machine = NonInviteServer(NOW, reliable)
    machine.step(E.SUCCESS, NOW)
    assert machine.deadline == NOW + kept


def test_a_tu_that_never_answers_gets_a_100_sent_and_then_the_end() -> None:
    """RFC 4320 §4.1, §4.2: no response after the client has given up."""
    machine = NonInviteServer(NOW, False)
    assert machine.deadline == NOW + TRYING_OTHER
    assert machine.on_deadline(machine.deadline) == (F.SEND_TRYING,)
    assert machine.deadline == NOW + TRYING_OTHER + TRANSACTION - TRYING_OTHER
    assert machine.on_deadline(machine.deadline) == ()
    assert machine.state is S.TERMINATED
    assert machine.step(E.SUCCESS, NOW) == ()


@pytest.mark.parametrize(
    ("status", "age", "reliable", "allowed"),
    [
        pytest.param(100, 0.0, False, False, id="early-100-over-udp"),
        pytest.param(100, TRYING_OTHER, False, True, id="late-100-over-udp"),
        pytest.param(100, 0.0, True, True, id="100-over-tcp"),
        pytest.param(180, 10.0, True, False, id="other-provisional"),
        pytest.param(200, 0.0, False, True, id="success"),
        pytest.param(408, 0.0, False, False, id="request-timeout"),
        pytest.param(503, 0.0, False, True, id="failure"),
    ],
)
def test_what_a_request_other_than_invite_is_answered(
    status: int, age: float, reliable: bool, allowed: bool
) -> None:
    """RFC 4320 §4.1, §4.2."""
    assert may_send(status, age, reliable) is allowed


@pytest.mark.parametrize(
    ("status", "event"),
    [
        (100, E.PROVISIONAL),
        (199, E.PROVISIONAL),
        (200, E.SUCCESS),
        (299, E.SUCCESS),
        (300, E.FAILURE),
        (699, E.FAILURE),
    ],
)
def test_event_of(status: int, event: ServerEvent) -> None:
    assert event_of(status) is event
