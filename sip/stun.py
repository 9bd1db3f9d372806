"""STUN Binding answers for keep-alives on SIP sockets (RFC 5626 §8; RFC 5389).

Pure: the octets of a datagram and where they came from give the octets of an answer, or none.
A client finds by them that its flow is alive and its mapping has not changed (RFC 5626 §4.4.2).
Only Binding requests are answered, with nothing but what such a client needs, so that an answer
is hardly larger than what asked for it. Clients of RFC 3489 are not (RFC 5626 §8 needs none).

Deviation: no SOFTWARE attribute (RFC 5389 §7.3.1.1), which would only make answers larger.
"""

import ipaddress
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from sip.errors import ParseError

FIRST_OCTET: Final = b"\x00"
"""What a Binding request begins with; no SIP message does (RFC 5626 §8)."""
MAX_REQUEST: Final = 548
"""Octets of the longest request answered (RFC 5389 §7.1: what fits any IPv4 path)."""

BINDING_REQUEST: Final = 0x0001
BINDING_SUCCESS: Final = 0x0101
BINDING_ERROR: Final = 0x0111
MAGIC_COOKIE: Final = 0x2112A442
ERROR_CODE: Final = 0x0009
UNKNOWN_ATTRIBUTES: Final = 0x000A
XOR_MAPPED_ADDRESS: Final = 0x0020
FINGERPRINT: Final = 0x8028
FINGERPRINT_MASK: Final = 0x5354554E
FIRST_OPTIONAL: Final = 0x8000
"""Attribute types from here on may be passed over (RFC 5389 §15)."""
UNDERSTOOD: Final = frozenset(
    {0x0001, 0x0006, 0x0008, ERROR_CODE, UNKNOWN_ATTRIBUTES, 0x0014, 0x0015, XOR_MAPPED_ADDRESS}
)
"""Types that RFC 5389 §18.2 defines; those of its authentication mean nothing here."""
UNKNOWN_ATTRIBUTE: Final = (4, 20)
"""420 as class and number."""
REASON: Final = b"Unknown Attribute"

_HEADER: Final = struct.Struct("!HHI12s")
_ATTRIBUTE: Final = struct.Struct("!HH")
_FINGERPRINT: Final = struct.Struct("!HHI")
_PADDING: Final = 4
_FAMILIES: Final = {4: 0x01, 6: 0x02}

Attribute = tuple[int, bytes]
"""Type and value."""


def binding_answer(data: bytes, remote: tuple[str, int]) -> bytes | None:
    """The answer to the Binding request `data` from `remote`, a numeric address and a port.

    None for anything else: indications, responses, other methods, and what is no STUN message
    at all or has a wrong fingerprint is passed over in silence (RFC 5389 §7.3).
    """
    try:
        transaction, attributes = _read_request(data)
    except ParseError:
        return None
    unknown = [kind for kind, _ in attributes if kind < FIRST_OPTIONAL and kind not in UNDERSTOOD]
    if unknown:
        answer = _message(BINDING_ERROR, transaction, _refusal(unknown))
    else:
        mapped = (XOR_MAPPED_ADDRESS, _xor_mapped(remote, transaction))
        answer = _message(BINDING_SUCCESS, transaction, [mapped])
    has_fingerprint = any(kind == FINGERPRINT for kind, _ in attributes)
    return _with_fingerprint(answer) if has_fingerprint else answer


def _read_request(data: bytes) -> tuple[bytes, list[Attribute]]:
    """Transaction id and attributes; ParseError unless `data` is a sound Binding request."""
    if not _HEADER.size <= len(data) <= MAX_REQUEST:
        raise ParseError("STUN request", "its length")
    kind, length, cookie, transaction = _HEADER.unpack_from(data)
    if kind != BINDING_REQUEST or cookie != MAGIC_COOKIE or length + _HEADER.size != len(data):
        raise ParseError("STUN request", "its header")
    attributes = list(_attributes(data))
    if any(kind == FINGERPRINT for kind, _ in attributes):
        _check_fingerprint(data, attributes)
    return transaction, attributes


def _attributes(data: bytes) -> Iterator[Attribute]:
    """The attributes in order (RFC 5389 §15); ParseError when one runs over the end."""
    at = _HEADER.size
    while at < len(data):
        if len(data) - at < _ATTRIBUTE.size:
            raise ParseError("STUN attribute", "it is cut off")
        kind, length = _ATTRIBUTE.unpack_from(data, at)
        at += _ATTRIBUTE.size
        padded = _padded(length)
        if at + padded > len(data):
            raise ParseError("STUN attribute", "it is longer than the message")
        yield kind, data[at : at + length]
        at += padded


def _check_fingerprint(data: bytes, attributes: list[Attribute]) -> None:
    """ParseError unless the fingerprint is the last attribute and right (RFC 5389 §15.5)."""
    kind, value = attributes[-1]
    head = data[: -_FINGERPRINT.size]
    if kind != FINGERPRINT or value != _crc(head).to_bytes(4, "big"):
        raise ParseError("STUN fingerprint", value.hex())


def _refusal(unknown: list[int]) -> list[Attribute]:
    """420 and the types that were not understood (RFC 5389 §15.6, §15.9)."""
    code = bytes((0, 0, *UNKNOWN_ATTRIBUTE)) + REASON
    return [
        (ERROR_CODE, code),
        (UNKNOWN_ATTRIBUTES, struct.pack(f"!{len(unknown)}H", *unknown)),
    ]


def _xor_mapped(remote: tuple[str, int], transaction: bytes) -> bytes:
    """`remote` as XOR-MAPPED-ADDRESS has it (RFC 5389 §15.2)."""
    address = ipaddress.ip_address(remote[0].partition("%")[0])
    mask = MAGIC_COOKIE.to_bytes(4, "big") + transaction
    masked = bytes(a ^ b for a, b in zip(address.packed, mask, strict=False))
    port = remote[1] ^ (MAGIC_COOKIE >> 16)
    return struct.pack("!BBH", 0, _FAMILIES[address.version], port) + masked


def _message(kind: int, transaction: bytes, attributes: list[Attribute]) -> bytes:
    body = b"".join(
        _ATTRIBUTE.pack(name, len(value)) + value.ljust(_padded(len(value)), b"\0")
        for name, value in attributes
    )
    return _HEADER.pack(kind, len(body), MAGIC_COOKIE, transaction) + body


def _with_fingerprint(message: bytes) -> bytes:
    """`message` with the attribute counted in its length, as the checksum wants it."""
    kind, length, cookie, transaction = _HEADER.unpack_from(message)
    longer = _HEADER.pack(kind, length + _FINGERPRINT.size, cookie, transaction)
    longer += message[_HEADER.size :]
    return longer + _FINGERPRINT.pack(FINGERPRINT, 4, _crc(longer))


def _crc(data: bytes) -> int:
    return zlib.crc32(data) ^ FINGERPRINT_MASK


def _padded(length: int) -> int:
    """`length` rounded up to whole 32-bit words (RFC 5389 §15)."""
    return -(-length // _PADDING) * _PADDING
