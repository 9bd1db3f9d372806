"""What phones expect of a busy lamp field beyond RFC 4235, by their User-Agent. Pure.

docs/blf.md says which phones get what, and why.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Quirks:
    """How documents for one class of phones differ from those of the standard."""

    full: bool = False
    """Every document tells all dialogs, and is marked so."""
    single: bool = False
    """No document has more than one dialog, the one that matters most to a lamp."""
    dummy: bool = False
    """No document is without a dialog: an idle line has one that is terminated."""

    def __str__(self) -> str:
        names = ("full", "single", "dummy")
        return "+".join(name for name in names if getattr(self, name)) or STANDARD

    @classmethod
    def parse(cls, text: str) -> "Quirks":
        """`full+dummy`, `standard`… Raises ValueError for a word that is none."""
        words = set(text.split("+")) - {STANDARD}
        unknown = words - {"full", "single", "dummy"}
        if unknown:
            raise ValueError(f"{min(unknown)!r} is not one of standard, full, single, dummy")
        return cls("full" in words, "single" in words, "dummy" in words)


STANDARD: Final = "standard"
PLAIN: Final = Quirks()
LAMP: Final = Quirks(full=True, dummy=True)
ONE_LAMP: Final = Quirks(full=True, single=True, dummy=True)

PHONES: Final[Mapping[str, Quirks]] = {
    "yealink": LAMP,
    "fanvil": LAMP,
    "grandstream": LAMP,
    "sangoma": LAMP,
    "snom": LAMP,
    "bria": Quirks(dummy=True),
    "linksys": ONE_LAMP,
    "sipura": ONE_LAMP,
    "cisco/spa": ONE_LAMP,
    "cisco-cp": LAMP,
}
"""By how a User-Agent begins, in lower case."""


class Phones:
    """The table that is asked, with what the operator says before what we know."""

    def __init__(self, said: Mapping[str, Quirks]) -> None:
        own = {start.lower(): quirks for start, quirks in said.items()}
        self._starts = sorted({**PHONES, **own}.items(), key=lambda item: -len(item[0]))

    def quirks(self, user_agent: str | None) -> Quirks:
        """Those of the longest start that fits; none for what nobody has told us of."""
        agent = (user_agent or "").lower()
        return next((quirks for start, quirks in self._starts if agent.startswith(start)), PLAIN)
