"""The timer wheel: fires in order, late by at most a tick, never early, and once."""

import pytest

from sip.wheel import TICK, TimerWheel


def test_a_timer_fires_within_one_tick_and_never_early() -> None:
    wheel = TimerWheel()
    fired: list[str] = []
    wheel.schedule(10.0, lambda: fired.append("x"))
    wheel.advance(10.0 - 0.001)
    assert fired == []
    wheel.advance(10.0 + TICK)
    assert fired == ["x"]
    wheel.advance(20.0)
    assert fired == ["x"]


def test_slots_fire_in_order_of_time_after_a_long_sleep() -> None:
    wheel = TimerWheel()
    fired: list[float] = []
    for at in (30.0, 10.0, 20.0):
        wheel.schedule(at, lambda at=at: fired.append(at))  # type: ignore[misc]
    wheel.advance(1_000_000.0)
    assert fired == [10.0, 20.0, 30.0]
    assert wheel.next_at() is None


def test_a_cancelled_timer_is_silent_and_lets_its_callback_go() -> None:
    wheel = TimerWheel()
    timer = wheel.schedule(10.0, lambda: pytest.fail("cancelled"))
    timer.cancel()
    wheel.advance(11.0)


def test_a_callback_may_schedule_again_even_for_the_past() -> None:
    wheel = TimerWheel()
    fired: list[float] = []

    def again() -> None:
        fired.append(1.0)
        if len(fired) < 3:
            wheel.schedule(0.0, again)

    wheel.schedule(10.0, again)
    wheel.advance(10.1)
    assert len(fired) == 3


def test_one_that_raises_does_not_take_the_others_along() -> None:
    wheel = TimerWheel()
    fired: list[str] = []
    wheel.schedule(1.0, lambda: 1 / 0)  # type: ignore[arg-type]
    wheel.schedule(1.0, lambda: fired.append("second"))
    for timer in wheel.due(2.0):
        try:
            timer.fire()
        except ZeroDivisionError:
            fired.append("raised")
    assert fired == ["raised", "second"]


def test_next_at_is_the_earliest() -> None:
    wheel = TimerWheel()
    assert wheel.next_at() is None
    wheel.schedule(50.0, lambda: None)
    wheel.schedule(5.01, lambda: None)
    next_at = wheel.next_at()
    assert next_at is not None
    assert 5.01 <= next_at <= 5.01 + TICK
