"""CSeq (RFC 3261 §20.16, §8.1.1.5). Pure."""

import re
from typing import Final, NamedTuple

from sip.errors import ParseError
from sip.grammar import TOKEN, parse_digits

MAX_CSEQ: Final = 2**31 - 1
METHODS: Final = frozenset(
    (
        *("ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK"),
        *("PUBLISH", "REFER", "REGISTER", "SUBSCRIBE", "UPDATE"),
    )
)
"""The methods that are registered; any other token is a method too."""

_SURE_DIGITS: Final = 9
_CSEQ: Final = re.compile(rf"([0-9]+)[ \t]+({TOKEN})")


class CSeq(NamedTuple):
    """Sequence number and method: orders the requests of a dialog."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> "CSeq":
        """Read `number method`; ParseError when malformed or the number is 2**31 or more."""
        digits, _, method = text.partition(" ")
        if method in METHODS and len(digits) <= _SURE_DIGITS and digits.isascii():
            if digits.isdigit():
                return tuple.__new__(cls, (int(digits), method))
            raise ParseError("CSeq", text)
        match = _CSEQ.fullmatch(text)
        if match is None:
            raise ParseError("CSeq", text)
        return cls(parse_digits("CSeq number", match[1], MAX_CSEQ), match[2])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"
