"""Messages out of a byte stream (RFC 3261 §18.3, §7.5; keep-alives of RFC 5626 §3.5.1).

Pure. Octets are looked at a bounded number of times, however they are cut.
"""

import re
from typing import Final

from sip.errors import ParseError, TooLong
from sip.grammar import parse_digits
from sip.head import decode
from sip.message import MAX_BODY, MAX_HEAD, MAX_SHOWN

MAX_MESSAGE: Final = 1024 * 1024
"""Octets of head and body together, by default."""
PONG: Final = b"\r\n"
"""The answer to a ping."""

_END_OF_HEAD: Final = b"\r\n\r\n"
_CRLF: Final = b"\r\n"
_LENGTHS: Final = re.compile(
    rb"\r\n(?:content-length|l)[ \t]*:((?:[^\r\n]|\r\n[ \t])*)", re.IGNORECASE
)


class Ping:
    """A double CRLF between messages: the peer wants a CRLF back (RFC 5626 §4.4.1)."""

    __slots__ = ()


PING: Final = Ping()


class StreamReader:
    """Reassembles one connection's messages; of no further use once `broken`."""

    __slots__ = ("_buffer", "_limit", "_needed", "_scanned", "broken")

    def __init__(self, limit: int = MAX_MESSAGE) -> None:
        """`limit`: octets of the longest message."""
        self._limit = limit
        self._buffer = bytearray()
        self._scanned = 0
        self._needed: int | None = None
        self.broken: ParseError | None = None
        """Why nothing more can be read; the connection is to be closed."""

    @property
    def rest(self) -> bytes:
        """The octets not given out: an unfinished message, or the one that broke the stream."""
        return bytes(self._buffer)

    @property
    def empty(self) -> bool:
        """True when there is no `rest`, without copying it."""
        return not self._buffer

    @property
    def between_messages(self) -> bool:
        """True when no message is begun: a line break may be half a ping or of no meaning."""
        return _END_OF_HEAD.startswith(self._buffer)

    def feed(self, data: bytes) -> list[bytes | Ping]:
        """Take what was read; the messages and pings that are complete now, in order.

        A single CRLF (a pong) is passed over. Raises ParseError when the next message has no end
        that can be found: Content-Length missing, malformed, given in two ways or too large, or
        a head too long. When messages were complete before that, they are returned, `broken` is
        set, and the next call raises.
        """
        if self.broken:
            raise self.broken
        self._buffer += data
        found: list[bytes | Ping] = []
        try:
            while (one := self._next()) is not None:
                found.append(one)
        except ParseError as error:
            self.broken = error
            if not found:
                raise
        return found

    def _next(self) -> bytes | Ping | None:
        buffer = self._buffer
        while buffer.startswith(_CRLF):
            if _END_OF_HEAD.startswith(buffer[: len(_END_OF_HEAD)]):
                return self._ping()
            del buffer[: len(_CRLF)]
        if self._needed is None:
            self._needed = self._measure()
        if self._needed is None or len(buffer) < self._needed:
            return None
        message = bytes(buffer[: self._needed])
        del buffer[: self._needed]
        self._needed = None
        self._scanned = 0
        return message

    def _ping(self) -> Ping | None:
        """The ping in front, or None while half of it is still to come."""
        if len(self._buffer) < len(_END_OF_HEAD):
            return None
        del self._buffer[: len(_END_OF_HEAD)]
        return PING

    def _measure(self) -> int | None:
        """Octets of the message in front, or None while its head is not complete."""
        buffer = self._buffer
        end = buffer.find(_END_OF_HEAD, self._scanned)
        self._scanned = max(0, len(buffer) - len(_END_OF_HEAD) + 1)
        if end > MAX_HEAD or (end < 0 and len(buffer) > MAX_HEAD):
            raise ParseError("message, its head is too long", decode(bytes(buffer[:MAX_SHOWN])))
        if end < 0:
            return None
        needed = end + len(_END_OF_HEAD) + _content_length(bytes(buffer[:end]))
        if needed > self._limit:
            raise TooLong("message, it is too long", str(needed))
        return needed


def _content_length(head: bytes) -> int:
    values = {decode(b" ".join(value.split())) for value in _LENGTHS.findall(head)}
    if not values:
        raise ParseError("message, Content-Length is missing", "")
    lengths = {parse_digits("Content-Length", value, MAX_BODY) for value in values}
    if len(lengths) > 1:
        raise ParseError("Content-Length", ", ".join(sorted(values)))
    return lengths.pop()
