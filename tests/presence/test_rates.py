"""RFC 6446 §5 to §9: the rates a watcher asks for, what it gets, and when it is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presence.errors import BadRequest
from presence.subscriptions.rates import (
    MAX_COUNT,
    NO_RATES,
    PERIODS,
    Pace,
    Rates,
    chosen,
    read_rates,
)
from sip.parameters import Parameters

NOW = 1000.0


def read(text: str) -> Rates:
    return read_rates(Parameters.parse(text))


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("", NO_RATES),
        (";id=4", NO_RATES),
        (";max-rate=0.5", Rates(most=0.5)),
        (";MIN-RATE=2", Rates(least=2.0)),
        (";adaptive-min-rate=99.9999999999", Rates(adaptive=99.9999999999)),
        (";max-rate=0.0000000001", Rates(most=1e-10)),
        (";id=1;max-rate=1;min-rate=0.1;adaptive-min-rate=0.2", Rates(1.0, 0.1, 0.2)),
    ],
)
def test_rates_are_read(text: str, rates: Rates) -> None:
    """§9.2."""
    assert read(text) == rates


@pytest.mark.parametrize("value", ["", "=", "=0", "=0.0", "=100", "=-1", "=1e3", "=.5", "=1.",
                                   "=0.00000000001", "=fast"])  # fmt: skip
def test_what_is_no_rate_is_refused(value: str) -> None:
    """§5.1: zero is not allowed, nor is what the grammar does not have."""
    if value == "=":
        value = '=""'
    with pytest.raises(BadRequest):
        read(f";min-rate{value}")


@pytest.mark.parametrize(
    ("asked", "expires", "interval", "got"),
    [
        pytest.param(Rates(most=0.1), 3600, 0, Rates(most=0.1), id="as-asked"),
        pytest.param(Rates(most=0.0001), 3600, 0, Rates(most=1 / 3600), id="one-before-the-end"),
        pytest.param(Rates(most=1e-10), 100, 0, Rates(most=0.01), id="a-pause"),
        pytest.param(Rates(most=1.0), 3600, 5, Rates(most=0.2), id="not-faster-than-the-package"),
        pytest.param(Rates(most=0.1), 3600, 5, Rates(most=0.1), id="slower-than-the-package"),
        pytest.param(Rates(least=0.5), 3600, 0, Rates(least=0.5), id="minimum"),
        pytest.param(Rates(least=50.0), 3600, 0, Rates(least=1.0), id="minimum-of-our-choice"),
        pytest.param(Rates(least=1.0), 3600, 5, Rates(least=0.2), id="minimum-by-the-package"),
        pytest.param(Rates(0.1, 0.5, None), 3600, 0, Rates(0.1, 0.1, None),
                     id="minimum-not-above-maximum"),
        pytest.param(Rates(0.1, None, 0.5), 3600, 0, Rates(0.1, None, 0.1),
                     id="adaptive-not-above-maximum"),
        pytest.param(Rates(None, 0.5, 0.2), 3600, 0, Rates(None, None, 0.2),
                     id="minimum-above-adaptive-does-not-count"),
        pytest.param(Rates(1.0, 0.1, 0.2), 3600, 0, Rates(1.0, 0.1, 0.2), id="all-three"),
        pytest.param(NO_RATES, 3600, 5, NO_RATES, id="none"),
        pytest.param(Rates(most=0.1), 0, 0, Rates(most=0.1), id="a-fetch"),
    ],
)  # fmt: skip
def test_rates_are_chosen(asked: Rates, expires: int, interval: float, got: Rates) -> None:
    """§5.3, §6.3, §7.3, §8."""
    assert chosen(asked, expires=expires, interval=interval) == got


RATES = st.none() | st.floats(1e-10, 99.9)


@given(st.builds(Rates, RATES, RATES, RATES), st.integers(60, 7200), st.sampled_from([0, 1, 5]))
def test_what_is_chosen_can_be_told_and_kept(asked: Rates, expires: int, interval: int) -> None:
    """Rounded to ten decimals it is read again, and asking for it again changes nothing."""
    got = chosen(asked, expires=expires, interval=interval)
    again = read(str(got))
    assert str(again) == str(got)
    assert bool(again) == bool(asked)
    for one, other in zip(vars_of(got), vars_of(again), strict=True):
        assert (one is None) == (other is None)


def vars_of(rates: Rates) -> tuple[float | None, ...]:
    return rates.most, rates.least, rates.adaptive


def test_a_pause_lasts_from_the_last_notify() -> None:
    """§5.2: the reciprocal of max-rate since the most recent notification, whatever it was."""
    pace = Pace(Rates(most=0.1), NOW)
    pace.sent(NOW + 3)
    assert pace.quiet_until == NOW + 13
    assert pace.again_at(NOW + 3) is None


def test_a_minimum_counts_from_the_last_notify() -> None:
    """§6.2."""
    pace = Pace(Rates(least=0.1), NOW)
    assert pace.again_at(NOW) == NOW + 10
    pace.sent(NOW + 4)
    assert pace.again_at(NOW + 4) == NOW + 14
    assert pace.quiet_until == NOW + 4


def test_the_adaptive_rate_begins_with_a_history_at_that_rate() -> None:
    """§7.2, step 1: so the first time-out is its reciprocal."""
    pace = Pace(Rates(adaptive=0.1), NOW)
    assert pace.again_at(NOW) == pytest.approx(NOW + 10)


def test_the_adaptive_rate_slows_down_after_many_and_quickens_after_few() -> None:
    """§7.4, equation (1): count / (rate**2 * period)."""
    pace = Pace(Rates(adaptive=0.1), NOW)
    for step in range(1, PERIODS + 1):
        pace.sent(NOW + step)
    last = NOW + PERIODS
    recent = sum(1 for step in range(PERIODS) if -10 * step > last - NOW - 100) + PERIODS
    assert pace.again_at(last) == pytest.approx(last + recent / (0.1**2 * 100))
    later = NOW + 105
    pace.sent(later)
    assert pace.again_at(later) == pytest.approx(later + 6)


def test_the_adaptive_time_out_is_not_below_the_pause() -> None:
    """§7.4, equation (2)."""
    pace = Pace(Rates(most=0.1, adaptive=0.1), NOW)
    pace.sent(NOW + 1000)
    assert pace.again_at(NOW + 1000) == NOW + 1010


def test_the_minimum_holds_when_the_adaptive_rate_would_be_silent() -> None:
    """§8."""
    pace = Pace(Rates(least=0.05, adaptive=0.1), NOW)
    for _ in range(100):
        pace.sent(NOW)
    assert pace.again_at(NOW) == NOW + 20


def test_the_history_is_bounded() -> None:
    pace = Pace(Rates(adaptive=0.001), NOW)
    for _ in range(10 * MAX_COUNT):
        pace.sent(NOW)
    assert pace.again_at(NOW) == pytest.approx(NOW + MAX_COUNT / PERIODS / 0.001)
