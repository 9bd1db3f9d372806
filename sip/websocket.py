"""SIP in WebSocket messages: frames that a server sends, and what a handshake must say.

Pure (RFC 6455 §5.2, §4.2; RFC 7118 §4.1, §4.2). Frames that come in are read by aiohttp.
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

_FINAL: Final = 0x80
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
