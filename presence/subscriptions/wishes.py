"""What a watcher takes, as it is kept with its subscription. Pure.

`SubscriptionRow.accept` holds the Accept line, and below it, if there are any, the coding of
bodies, the rates that were granted, and the device: four lines, the later ones possibly empty, or
missing in what an earlier version has stored. What was chosen is kept and not what was asked for,
so that whoever serves the subscription next tells the watcher the same.
"""

from functools import lru_cache
from typing import Final, NamedTuple, Self

from presence.subscriptions.rates import NO_RATES, Rates, read_rates
from sip.parameters import Parameters

KNOWN: Final = 1024
LINE: Final = "\n"
"""Stands in no header."""
FIELDS: Final = 4


class Wishes(NamedTuple):
    """Of one watcher."""

    accept: str
    """Its Accept values in one line."""
    coding: str = ""
    """That of its bodies, "" for none."""
    rates: Rates = NO_RATES
    device: str = ""
    """By which it is known again after it was rebooted; "" for none."""

    def __str__(self) -> str:
        if not self.coding and not self.rates and not self.device:
            return self.accept
        return LINE.join((self.accept, self.coding, str(self.rates), self.device))

    def after(self, before: str) -> Self:
        """These, of the device that the SUBSCRIBE `before` named if this one names none."""
        return self if self.device else self._replace(device=read_wishes(before).device)


def read_wishes(text: str) -> Wishes:
    """The wishes that `str` made `text` of."""
    return _known(text) if LINE in text else Wishes(text)


@lru_cache(KNOWN)
def _known(text: str) -> Wishes:
    accept, coding, rates, device = (text + LINE).split(LINE)[:FIELDS]
    return Wishes(accept, coding, read_rates(Parameters.parse(rates)), device)
