"""Multipart bodies (RFC 2046 §5.1, RFC 2387): taken apart and put together, octets untouched.

Pure.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sip.errors import ParseError
from sip.grammar import TOKEN, is_token, quote
from sip.head import decode, encode, header_line, index_lines
from sip.parameters import Parameters

MAX_PARTS: Final = 1000
MAX_BOUNDARY: Final = 70
"""Characters (RFC 2046 §5.1.1)."""

_MULTIPART: Final = re.compile(rf"multipart[ \t]*/[ \t]*({TOKEN})[ \t]*(;.*)?", re.IGNORECASE)
_BOUNDARY: Final = re.compile(r"[A-Za-z0-9'()+_,\-./:=? ]*[A-Za-z0-9'()+_,\-./:=?]")


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its headers by key in lower case, and its octets."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def content_id(self) -> str | None:
        """Content-ID without its angle brackets (RFC 2392 §2)."""
        value = self.headers.get("content-id")
        return None if value is None else value.removeprefix("<").removesuffix(">")


def parse_multipart(content_type: str, body: bytes) -> tuple[Part, ...]:
    """The parts of `body`, whose Content-Type header is `content_type`.

    Preamble and epilogue are passed over. Raises ParseError for another type, a bad boundary,
    no closing delimiter or more than MAX_PARTS parts.
    """
    delimiter = b"--" + _boundary(content_type)
    pieces = re.split(rb"(?:\A|\r\n)" + re.escape(delimiter) + rb"(--)?[ \t]*(?=\r\n|\Z)", body)
    closings = pieces[1::2]
    if b"--" not in closings:
        raise ParseError("multipart body, it has no end", content_type)
    count = closings.index(b"--")
    if not 0 < count <= MAX_PARTS:
        raise ParseError("multipart body, number of parts", str(count))
    return tuple(_part(piece) for piece in pieces[2 : 2 * count + 1 : 2])


def build_multipart(
    parts: Iterable[tuple[Sequence[tuple[str, str]], bytes]],
    *,
    boundary: str,
    subtype: str,
    parameters: Mapping[str, str] | None = None,
) -> tuple[str, bytes]:
    """The Content-Type value and the body of a multipart/`subtype` of these parts.

    Each part is its header lines and its octets. `boundary` must not occur in any of them;
    the caller makes it from random text. `parameters` (type, start) are written quoted.
    Raises ParseError for a boundary or subtype that cannot be written.
    """
    if not _BOUNDARY.fullmatch(boundary) or len(boundary) > MAX_BOUNDARY or not is_token(subtype):
        raise ParseError("multipart boundary or subtype", f"{boundary} {subtype}")
    content_type = f"multipart/{subtype}"
    for name, value in (parameters or {}).items():
        content_type += f";{name}={quote(value)}"
    body = bytearray()
    for headers, octets in parts:
        lines = [f"--{boundary}", *(header_line(name, value) for name, value in headers)]
        body += encode("\r\n".join((*lines, "", ""))) + octets + b"\r\n"
    body += encode(f"--{boundary}--\r\n")
    return f"{content_type};boundary={quote(boundary)}", bytes(body)


def _boundary(content_type: str) -> bytes:
    match = _MULTIPART.fullmatch(content_type)
    boundary = Parameters.parse(match[2] or "").value("boundary") if match else None
    if not boundary or len(boundary) > MAX_BOUNDARY or not _BOUNDARY.fullmatch(boundary):
        raise ParseError("multipart type", content_type)
    return encode(boundary)


def _part(piece: bytes) -> Part:
    """`piece` begins with the CRLF that ended the delimiter line."""
    head, blank, body = piece.partition(b"\r\n\r\n")
    if not blank:
        raise ParseError("multipart part", decode(piece[:MAX_BOUNDARY]))
    lines = decode(head[2:]).split("\r\n") if len(head) > len(b"\r\n") else []
    headers, _ = index_lines(lines)
    return Part(headers, body)
