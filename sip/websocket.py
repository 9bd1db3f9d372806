"""SIP in WebSocket messages: frames that a server sends, and what a handshake must say.

Pure (RFC 6455 §5.2, §4.2; RFC 7118 §4.1, §4.2). Frames that come in are read by aiohttp, which
does not mind whether they are masked; that they are is seen to here.
"""

import struct
from collections.abc import Mapping
from enum import IntEnum
from http import HTTPStatus
from typing import Final, NamedTuple

SUBPROTOCOL: Final = "sip"
VERSION: Final = "13"
"""Of the WebSocket protocol (RFC 6455 §4.4)."""
GOING_AWAY: Final = 1001
"""Status code of a server that closes (RFC 6455 §7.4.1)."""

PROTOCOL_ERROR: Final = 1002

_FINAL: Final = 0x80
_MASKED: Final = 0x80
_LENGTH: Final = 0x7F
_START: Final = 2
"""Octets of a frame that tell how long its head is."""
_MASK: Final = 4
_END_OF_HANDSHAKE: Final = b"\r\n\r\n"
_SHORT: Final = 125
"""Octets of the longest payload whose length fits into the second octet of a frame."""
_MEDIUM: Final = 0xFFFF


class Opcode(IntEnum):
    """Kinds of frames (RFC 6455 §11.8)."""

    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PONG = 0xA


class Refusal(NamedTuple):
    """Why a handshake fails, as an HTTP response."""

    status: HTTPStatus
    text: str
    headers: Mapping[str, str] = {}


NO_UPGRADE: Final = Refusal(
    HTTPStatus.UPGRADE_REQUIRED,
    "SIP over WebSocket only",
    {"Upgrade": "websocket", "Connection": "Upgrade, close"},
)
OTHER_VERSION: Final = Refusal(
    HTTPStatus.UPGRADE_REQUIRED,
    "WebSocket version 13 only",
    {
        "Upgrade": "websocket",
        "Connection": "Upgrade, close",
        "Sec-WebSocket-Version": VERSION,
    },
)
NO_SUBPROTOCOL: Final = Refusal(HTTPStatus.BAD_REQUEST, "Sec-WebSocket-Protocol does not offer sip")
OTHER_ORIGIN: Final = Refusal(HTTPStatus.FORBIDDEN, "this origin is not let in")


def refusal(headers: Mapping[str, str], origins: frozenset[str]) -> Refusal | None:
    """Why the handshake with `headers` fails, None when it may go on (RFC 6455 §4.2.2).

    The names in `headers` are found whatever their case. A browser names the page's origin,
    which must be one of `origins`, in lower case, if there are any (RFC 6455 §10.2); programs
    name none, and could name any.
    """
    if "websocket" not in _tokens(headers.get("Upgrade", "").lower()):
        return NO_UPGRADE
    if headers.get("Sec-WebSocket-Version", "").strip() != VERSION:
        return OTHER_VERSION
    origin = headers.get("Origin", "").strip().lower()
    if origins and origin and origin not in origins:
        return OTHER_ORIGIN
    if SUBPROTOCOL not in _tokens(headers.get("Sec-WebSocket-Protocol", "")):
        return NO_SUBPROTOCOL
    return None


def frame(opcode: Opcode, payload: bytes) -> bytes:
    """One whole message from a server: a single frame without a mask (RFC 6455 §5.2)."""
    size = len(payload)
    first = _FINAL | opcode
    if size <= _SHORT:
        return bytes((first, size)) + payload
    if size <= _MEDIUM:
        return struct.pack("!BBH", first, _SHORT + 1, size) + payload
    return struct.pack("!BBQ", first, _SHORT + 2, size) + payload


class FrameWatch:
    """Follows what one client sends, however it is cut: a handshake, then frames, all of which
    must be masked (RFC 6455 §5.1)."""

    __slots__ = ("_head", "_left", "_shaken", "sound")

    def __init__(self) -> None:
        self._shaken = False
        self._head = b""
        self._left = 0
        """Octets of the payload still to come."""
        self.sound = True
        """False once there was a frame without a mask; the rest is not looked at."""

    def see(self, data: bytes) -> bool:
        """Take what was read; whether it is still `sound`."""
        if not self._shaken:
            data = self._behind_handshake(data)
        if self.sound and data:
            self.sound = self._all_masked(data)
        return self.sound

    def _behind_handshake(self, data: bytes) -> bytes:
        """What of `data` comes after the end of the handshake."""
        seen = self._head + data
        _, end, rest = seen.partition(_END_OF_HANDSHAKE)
        self._shaken = bool(end)
        self._head = b"" if end else seen[1 - len(_END_OF_HANDSHAKE) :]
        return rest

    def _all_masked(self, data: bytes) -> bool:
        at = 0
        while at < len(data):
            if self._left:
                passed = min(self._left, len(data) - at)
                self._left -= passed
                at += passed
                continue
            wanted = self._head_size() - len(self._head)
            self._head += data[at : at + wanted]
            at += wanted
            if len(self._head) >= _START and not self._head[1] & _MASKED:
                return False
            if len(self._head) > _START and len(self._head) == self._head_size():
                self._left = self._payload()
                self._head = b""
        return True

    def _extension(self) -> int:
        """Octets of a length that does not fit into the second octet."""
        return {_SHORT + 1: 2, _SHORT + 2: 8}.get(self._head[1] & _LENGTH, 0)

    def _head_size(self) -> int:
        """Octets of the head, as far as is known."""
        return _START if len(self._head) < _START else _START + self._extension() + _MASK

    def _payload(self) -> int:
        extension = self._extension()
        if not extension:
            return self._head[1] & _LENGTH
        return int.from_bytes(self._head[_START : _START + extension], "big")


def opcode_for(message: bytes) -> Opcode:
    """Text if `message` is UTF-8 throughout, else binary (RFC 7118 §4.2)."""
    if not message.isascii():
        try:
            message.decode()
        except UnicodeDecodeError:
            return Opcode.BINARY
    return Opcode.TEXT


def _tokens(value: str) -> list[str]:
    return [token.strip() for token in value.split(",")]
