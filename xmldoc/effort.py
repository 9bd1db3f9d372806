"""How much may be done to find what differs between two documents. Pure.

Counted in steps, not in time, so that the same documents always have the same patch. A step
is a microsecond or less.
"""

import sys
from typing import Final

UNBOUNDED: Final = sys.maxsize
OCTETS_A_STEP: Final = 128
"""Octets of text that are read in one."""
DECLARATION_STEPS: Final = 3
"""What a namespace declaration takes beyond an attribute."""


class TooMuchEffort(Exception):
    """It would take more steps than there may be."""


class Effort:
    """At most so many steps."""

    __slots__ = ("most", "spent")

    def __init__(self, most: int = UNBOUNDED) -> None:
        self.most = most
        self.spent = 0

    def spend(self, steps: int) -> None:
        """Count `steps` more, before they are made. Raises TooMuchEffort."""
        self.spent += steps
        if self.spent > self.most:
            raise TooMuchEffort

    def read(self, document: bytes) -> None:
        """Count what it takes to read `document`, known before it is done."""
        marks = document.count(b"<") + document.count(b"=")
        declarations = DECLARATION_STEPS * document.count(b"xmlns")
        self.spend(marks + declarations + len(document) // OCTETS_A_STEP)
