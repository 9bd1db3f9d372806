"""RFC 3261 §17.1, RFC 6026 §7.2: every state times every event of the client machines."""

import pytest

from sip.transaction.client import (
    ClientEffect,
    ClientEvent,
    ClientState,
    InviteClient,
    NonInviteClient,
    event_of,
)
from sip.transaction.timers import NEVER, T1, T2, T4, TIMER_D, TRANSACTION

S, E, F = ClientState, ClientEvent, ClientEffect
NOW = 100.0
SAME: tuple[ClientEffect, ...] = ()

INVITE_STATES = (S.CALLING, S.PROCEEDING, S.ACCEPTED, S.COMPLETED, S.TERMINATED)
INVITE = {
    (S.CALLING, E.RESEND): (S.CALLING, (F.RESEND,)),
    (S.CALLING, E.PROVISIONAL): (S.PROCEEDING, (F.TO_TU,)),
    (S.CALLING, E.SUCCESS): (S.ACCEPTED, (F.TO_TU,)),
    (S.CALLING, E.FAILURE): (S.COMPLETED, (F.SEND_ACK, F.TO_TU)),
    (S.CALLING, E.EXPIRE): (S.TERMINATED, (F.TELL_TIMEOUT,)),
    (S.CALLING, E.TRANSPORT_ERROR): (S.TERMINATED, (F.TELL_TRANSPORT_ERROR,)),
    (S.PROCEEDING, E.PROVISIONAL): (S.PROCEEDING, (F.TO_TU,)),
    (S.PROCEEDING, E.SUCCESS): (S.ACCEPTED, (F.TO_TU,)),
    (S.PROCEEDING, E.FAILURE): (S.COMPLETED, (F.SEND_ACK, F.TO_TU)),
    (S.ACCEPTED, E.SUCCESS): (S.ACCEPTED, (F.TO_TU,)),
    (S.ACCEPTED, E.EXPIRE): (S.TERMINATED, ()),
    (S.COMPLETED, E.FAILURE): (S.COMPLETED, (F.SEND_ACK,)),
    (S.COMPLETED, E.EXPIRE): (S.TERMINATED, ()),
    (S.COMPLETED, E.TRANSPORT_ERROR): (S.TERMINATED, (F.TELL_TRANSPORT_ERROR,)),
}
OTHER_STATES = (S.TRYING, S.PROCEEDING, S.COMPLETED, S.TERMINATED)
OTHER = {
    **{
        (state, event): outcome
        for state in (S.TRYING, S.PROCEEDING)
        for event, outcome in {
            E.RESEND: (state, (F.RESEND,)),
            E.PROVISIONAL: (S.PROCEEDING, (F.TO_TU,)),
            E.SUCCESS: (S.COMPLETED, (F.TO_TU,)),
            E.FAILURE: (S.COMPLETED, (F.TO_TU,)),
            E.EXPIRE: (S.TERMINATED, (F.TELL_TIMEOUT,)),
            E.TRANSPORT_ERROR: (S.TERMINATED, (F.TELL_TRANSPORT_ERROR,)),
        }.items()
    },
    (S.COMPLETED, E.EXPIRE): (S.TERMINATED, ()),
}


@pytest.mark.parametrize("state", INVITE_STATES)
@pytest.mark.parametrize("event", ClientEvent)
def test_invite_client(state: ClientState, event: ClientEvent) -> None:
    """What the table does not name changes nothing and sends nothing."""
    machine = InviteClient(NOW, False)
    machine.state = state
    expected, effects = INVITE.get((state, event), (state, SAME))
    assert machine.step(event, NOW) == effects
    assert machine.state is expected


@pytest.mark.parametrize("state", OTHER_STATES)
@pytest.mark.parametrize("event", ClientEvent)
def test_non_invite_client(state: ClientState, event: ClientEvent) -> None:
    """What the table does not name changes nothing and sends nothing."""
    machine = NonInviteClient(NOW, False)
    machine.state = state
    expected, effects = OTHER.get((state, event), (state, SAME))
    assert machine.step(event, NOW) == effects
    assert machine.state is expected


def retransmissions(machine: InviteClient | NonInviteClient) -> tuple[list[float], float]:
    """When the request goes out again, after NOW, and when the machine gives up."""
    sent = []
    while machine.state is not S.TERMINATED:
        at = machine.deadline
        if F.RESEND in machine.on_deadline(at):
            sent.append(at - NOW)
    return sent, at - NOW


def test_timer_e_doubles_to_t2_and_timer_f_ends() -> None:
    """RFC 3261 §17.1.2.2: 500 ms, 1 s, 2 s, 4 s, 4 s… for 32 s."""
    sent, ended = retransmissions(NonInviteClient(NOW, False))
    assert sent == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert ended == TRANSACTION


def test_timer_a_doubles_without_end_and_timer_b_ends() -> None:
    """RFC 3261 §17.1.1.2: seven requests in all."""
    sent, ended = retransmissions(InviteClient(NOW, False))
    assert sent == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert ended == TRANSACTION


@pytest.mark.parametrize("machine", [InviteClient, NonInviteClient])
def test_nothing_is_sent_again_over_a_connection(
    machine: type[InviteClient] | type[NonInviteClient],
) -> None:
    """RFC 3261 §17.1.1.2, §17.1.2.2."""
    assert retransmissions(machine(NOW, True)) == ([], TRANSACTION)


def test_after_a_provisional_the_pause_is_t2() -> None:
    """RFC 3261 §17.1.2.2."""
    machine = NonInviteClient(NOW, False)
    machine.step(E.PROVISIONAL, NOW)
    assert machine.deadline == NOW + T1
    machine.on_deadline(NOW + T1)
    assert machine.deadline == NOW + T1 + T2


def test_a_ringing_invite_waits_for_its_tu() -> None:
    """RFC 3261 §17.1.1.2: timer B is for Calling only; a proxy has timer C."""
    machine = InviteClient(NOW, False)
    machine.step(E.PROVISIONAL, NOW)
    assert machine.deadline == NEVER


@pytest.mark.parametrize(("reliable", "kept"), [(False, T4), (True, 0.0)])
def test_timer_k(reliable: bool, kept: float) -> None:
    """RFC 3261 §17.1.2.2."""
    machine = NonInviteClient(NOW, reliable)
    machine.step(E.SUCCESS, NOW)
    assert machine.deadline == NOW + kept


@pytest.mark.parametrize(("reliable", "kept"), [(False, TIMER_D), (True, 0.0)])
def test_timer_d(reliable: bool, kept: float) -> None:
    """RFC 6026 §8.4."""
    machine = InviteClient(NOW, reliable)
    machine.step(E.FAILURE, NOW)
    assert machine.deadline == NOW + kept


def test_timer_m_waits_for_more_2xx() -> None:
    """RFC 6026 §7.2."""
    machine = InviteClient(NOW, False)
    machine.step(E.SUCCESS, NOW)
    assert machine.deadline == NOW + TRANSACTION


@pytest.mark.parametrize(
    ("status", "event"), [(199, E.PROVISIONAL), (200, E.SUCCESS), (300, E.FAILURE)]
)
def test_event_of(status: int, event: ClientEvent) -> None:
    assert event_of(status) is event
