"""CSeq (RFC 3261 §20.16, §8.1.1.5). Pure."""

from typing import Final, NamedTuple

from sip.errors import ParseError
from sip.grammar import is_token, parse_digits

MAX_CSEQ: Final = 2**31 - 1


class CSeq(NamedTuple):
    """Sequence number and method: orders the requests of a dialog."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> "CSeq":
        """Read `number method`; ParseError when malformed or the number is 2**31 or more."""
        words = text.split()
        if len(words) != len(cls._fields) or not is_token(words[1]):
            raise ParseError("CSeq", text)
        return cls(parse_digits("CSeq number", words[0], MAX_CSEQ), words[1])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"
