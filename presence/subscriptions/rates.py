"""How often a watcher wants to be told (RFC 6446). Pure; rates are NOTIFYs a second.

`read_rates` is what a SUBSCRIBE asks for, `chosen` what it gets, `Pace` when the next NOTIFY is
due although nothing has changed.
"""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from presence.errors import BadRequest

MAX_RATE: Final = "max-rate"
MIN_RATE: Final = "min-rate"
ADAPTIVE_MIN_RATE: Final = "adaptive-min-rate"
LEAST: Final = 1e-10
"""The lowest that the grammar can write (§9.2)."""
MOST_UNASKED: Final = 1.0
"""The highest rate at which the same is told again: the choice is ours (§6.3, §7.3)."""
PERIODS: Final = 10
"""The rolling average of the adaptive rate is taken over so many times its interval (§7.4)."""
MAX_COUNT: Final = 20 * PERIODS
"""NOTIFYs that are counted in such a period."""

_RATE: Final = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,10})?")


@dataclass(frozen=True, slots=True)
class Rates:
    """None for what was not asked for."""

    most: float | None = None
    least: float | None = None
    adaptive: float | None = None

    def __bool__(self) -> bool:
        return not self.most is self.least is self.adaptive is None

    def __str__(self) -> str:
        """Parameters for Subscription-State (§9.2), each with its semicolon; "" for none."""
        named = ((MAX_RATE, self.most), (MIN_RATE, self.least), (ADAPTIVE_MIN_RATE, self.adaptive))
        return "".join(f";{name}={_written(rate)}" for name, rate in named if rate is not None)

    @property
    def pause(self) -> float:
        """Seconds that are at least between two NOTIFYs."""
        return 0.0 if self.most is None else 1 / self.most

    @property
    def repeats(self) -> bool:
        """Whether NOTIFYs are due without a change."""
        return self.least is not None or self.adaptive is not None


NO_RATES: Final = Rates()


def read_rates(parameters: Mapping[str, str | None]) -> Rates:
    """The rates among the parameters of an Event header. Raises BadRequest."""
    names = (MAX_RATE, MIN_RATE, ADAPTIVE_MIN_RATE)
    if not any(name in parameters for name in names):
        return NO_RATES
    return Rates(*(_read(name, parameters) for name in names))


def _read(name: str, parameters: Mapping[str, str | None]) -> float | None:
    if name not in parameters:
        return None
    text = parameters[name] or ""
    rate = float(text) if _RATE.fullmatch(text) else 0.0
    if not rate:
        raise BadRequest(f"{name} is above 0 and below 100, with up to ten decimals")
    return rate


def chosen(asked: Rates, *, expires: int, interval: float) -> Rates:
    """What is granted for `expires` seconds by a package with one NOTIFY in `interval` seconds.

    One NOTIFY is left before the end (§5.3), and the package's own bound stays. The rates of
    repetition are not above the maximum; `least` counts only below `adaptive` (§8).
    """
    if not asked:
        return asked
    bound = 1 / interval if interval > 0 else None
    most = asked.most
    if most is not None:
        most = max(most, 1 / expires) if expires > 0 else most
        most = most if bound is None else min(most, bound)
    ceiling = min(one for one in (most, bound, MOST_UNASKED) if one is not None)
    adaptive = None if asked.adaptive is None else min(asked.adaptive, ceiling)
    least = None if asked.least is None else min(asked.least, ceiling)
    if least is not None and adaptive is not None and least >= adaptive:
        least = None
    return replace(asked, most=most, least=least, adaptive=adaptive)


def _written(rate: float) -> str:
    return f"{max(rate, LEAST):.10f}".rstrip("0").rstrip(".")


class Pace:
    """When one subscription is told again. Slotted and mutable: every NOTIFY changes it."""

    __slots__ = ("_history", "_last_at", "rates")

    def __init__(self, rates: Rates, now: float) -> None:
        """As if NOTIFYs had been sent at the adaptive rate until now (§7.2)."""
        self.rates = rates
        self._last_at = now
        self._history: deque[float] | None = None
        if rates.adaptive is not None:
            steps = range(PERIODS - 1, -1, -1)
            past = (now - step / rates.adaptive for step in steps)
            self._history = deque(past, maxlen=MAX_COUNT)

    def changed(self, rates: Rates, now: float) -> "Pace":
        """The pace at other rates, after the same last NOTIFY."""
        if rates == self.rates:
            return self
        pace = Pace(rates, now)
        pace._last_at = self._last_at
        return pace

    def sent(self, now: float) -> None:
        """A NOTIFY goes out."""
        self._last_at = now
        if self._history is not None:
            self._history.append(now)

    @property
    def quiet_until(self) -> float:
        """No change is told before (§5.2), Unix seconds."""
        return self._last_at + self.rates.pause

    def again_at(self, now: float) -> float | None:
        """When the state is told again though it be the same, Unix seconds; None for never."""
        rates = self.rates
        waits = [] if rates.least is None else [1 / rates.least]
        if rates.adaptive is not None:
            waits.append(max(rates.pause, self._timeout(rates.adaptive, now)))
        return self._last_at + min(waits) if waits else None

    def _timeout(self, adaptive: float, now: float) -> float:
        """Equation (1) of §7.4, with a period of PERIODS intervals."""
        period = PERIODS / adaptive
        count = sum(1 for at in self._history or () if at > now - period)
        return count / (adaptive**2 * period)
