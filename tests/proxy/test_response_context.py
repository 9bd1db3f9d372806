"""RFC 3261 §16.7 to §16.10: what each event makes a relay do, in each of its states."""

import pytest

from proxy.response_context import Act, ResponseContext

FRESH: dict[str, bool] = {}
RINGING = {"ringing": True}
CANCELLED = {"cancelled": True}
CANCELLING = {"ringing": True, "cancelled": True, "cancel_sent": True}
FINISHED = {"finished": True}


@pytest.mark.parametrize(
    ("state", "status", "acts"),
    [
        pytest.param(FRESH, 100, (Act.RESTART_TIMER,), id="100-is-ours-alone"),
        pytest.param(FRESH, 180, (Act.FORWARD, Act.RESTART_TIMER), id="180"),
        pytest.param(RINGING, 183, (Act.FORWARD, Act.RESTART_TIMER), id="183"),
        pytest.param(FRESH, 200, (Act.FORWARD, Act.STOP), id="200"),
        pytest.param(RINGING, 486, (Act.FORWARD, Act.STOP), id="486"),
        pytest.param(FRESH, 600, (Act.FORWARD, Act.STOP), id="600"),
        pytest.param(FRESH, 503, (Act.BAD_GATEWAY, Act.STOP), id="503-of-one-target"),
        pytest.param(
            CANCELLED, 180, (Act.FORWARD, Act.CANCEL, Act.RESTART_TIMER), id="late-cancel"
        ),
        pytest.param(CANCELLED, 100, (Act.CANCEL, Act.RESTART_TIMER), id="late-cancel-at-100"),
        pytest.param(CANCELLING, 180, (Act.FORWARD,), id="cancel-goes-once"),
        pytest.param(CANCELLING, 487, (Act.FORWARD, Act.STOP), id="487"),
        pytest.param(CANCELLING, 200, (Act.FORWARD, Act.STOP), id="answered-meanwhile"),
        pytest.param(FINISHED, 180, (), id="straggler"),
        pytest.param(FINISHED, 200, (Act.FORWARD,), id="200-again-until-acknowledged"),
        pytest.param(FINISHED, 486, (), id="second-final"),
    ],
)
def test_response_to_an_invite(state: dict[str, bool], status: int, acts: tuple[Act, ...]) -> None:
    """§16.7 steps 2 to 10."""
    assert ResponseContext(is_invite=True, **state).on_response(status) == acts


@pytest.mark.parametrize(
    ("state", "status", "acts"),
    [
        pytest.param(FRESH, 200, (Act.FORWARD, Act.STOP), id="200"),
        pytest.param(FRESH, 180, (Act.FORWARD,), id="no-timer-c"),
        pytest.param(FINISHED, 200, (), id="second-200"),
    ],
)
def test_response_to_another_request(
    state: dict[str, bool], status: int, acts: tuple[Act, ...]
) -> None:
    """§16.7 step 5."""
    assert ResponseContext(is_invite=False, **state).on_response(status) == acts


@pytest.mark.parametrize(
    ("state", "acts"),
    [
        pytest.param(FRESH, (), id="waits-for-a-provisional"),
        pytest.param(RINGING, (Act.CANCEL, Act.RESTART_TIMER), id="at-once"),
        pytest.param(CANCELLING, (), id="once"),
        pytest.param(FINISHED, (), id="too-late"),
    ],
)
def test_cancel(state: dict[str, bool], acts: tuple[Act, ...]) -> None:
    """RFC 3261 §16.10, §9.1: no CANCEL before a provisional response."""
    assert ResponseContext(is_invite=True, **state).on_cancel() == acts


@pytest.mark.parametrize(
    ("state", "acts"),
    [
        pytest.param(FRESH, (Act.TIMEOUT, Act.STOP), id="nothing-came"),
        pytest.param(RINGING, (Act.CANCEL, Act.RESTART_TIMER), id="rings-for-ever"),
        pytest.param(CANCELLING, (Act.TIMEOUT, Act.STOP), id="cancel-unheard"),
        pytest.param(FINISHED, (), id="over"),
    ],
)
def test_timer_c(state: dict[str, bool], acts: tuple[Act, ...]) -> None:
    """§16.8."""
    assert ResponseContext(is_invite=True, **state).on_timer_c() == acts


@pytest.mark.parametrize(
    ("state", "timeout", "error"),
    [
        pytest.param(FRESH, (Act.TIMEOUT, Act.STOP), (Act.BAD_GATEWAY, Act.STOP), id="open"),
        pytest.param(FINISHED, (), (), id="over"),
    ],
)
def test_no_answer(
    state: dict[str, bool], timeout: tuple[Act, ...], error: tuple[Act, ...]
) -> None:
    """§16.7 step 6, §16.9."""
    assert ResponseContext(is_invite=True, **state).on_timeout() == timeout
    assert ResponseContext(is_invite=True, **state).on_transport_error() == error
