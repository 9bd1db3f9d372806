"""What a watcher takes, as it is kept with its subscription. Pure.

`SubscriptionRow.accept` holds the Accept line, and below it, if there are any, the coding of
bodies and the rates that were granted: three lines, the later ones possibly empty. What was
chosen is kept and not what was asked for, so that whoever serves the subscription next tells the
watcher the same.
"""

from functools import lru_cache
from typing import Final, NamedTuple

from presence.rates import NO_RATES, Rates, read_rates
from sip.parameters import Parameters

KNOWN: Final = 1024
LINE: Final = "\n"
"""Stands in no header."""


class Wishes(NamedTuple):
    """Of one watcher."""

    accept: str
    """Its Accept values in one line."""
    coding: str = ""
    """That of its bodies, "" for none."""
    rates: Rates = NO_RATES

    def __str__(self) -> str:
        if not self.coding and not self.rates:
            return self.accept
        return LINE.join((self.accept, self.coding, str(self.rates)))


def read_wishes(text: str) -> Wishes:
    """The wishes that `str` made `text` of."""
    return _known(text) if LINE in text else Wishes(text)


@lru_cache(KNOWN)
def _known(text: str) -> Wishes:
    accept, coding, rates = text.split(LINE)
    return Wishes(accept, coding, read_rates(Parameters.parse(rates)))
