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
    """There are no steps left."""


class Effort:
    """The steps that are left."""

    __slots__ = ("left",)

    def __init__(self, steps: int = UNBOUNDED) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        """Take `steps` away. Raises TooMuchEffort."""
        self.left -= steps
        if self.left < 0:
            raise TooMuchEffort

    def read(self, document: bytes) -> None:
        """Take away what it costs to read `document`, which is known before it is done."""
        marks = document.count(b"<") + document.count(b"=")
        declarations = DECLARATION_STEPS * document.count(b"xmlns")
        self.spend(marks + declarations + len(document) // OCTETS_A_STEP)
