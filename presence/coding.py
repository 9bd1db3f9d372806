"""Bodies that are compressed (RFC 3261 §20.2, §20.12). Pure.

Two codings: gzip, and deflate in the zlib format that its name stands for (RFC 9110 §8.4.1.2);
what is read may be bare deflate too, as some clients send it.
"""

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from presence.errors import BadBody, BodyTooLarge, UnsupportedEncoding
from sip.draft import Draft
from sip.message import Request, parse_message

GZIP: Final = "gzip"
DEFLATE: Final = "deflate"
CODINGS: Final = (GZIP, DEFLATE)
"""What we write and read, what we like best first."""
IDENTITY: Final = "identity"
ALIASES: Final = {"x-gzip": GZIP}

_WBITS: Final = {GZIP: 31, DEFLATE: 15}
_BARE: Final = -15
_ITEM: Final = re.compile(
    r"\s*([!#$%&'*+\-.^_`|~\w]+)\s*(?:;\s*[qQ]\s*=\s*([01](?:\.\d{0,3})?)\s*)?"
)
"""One item of Accept-Encoding."""
KNOWN_HEADERS: Final = 256


class Coding(NamedTuple):
    """How the bodies of a watcher are compressed."""

    name: str
    least: int
    """Octets from which that is worth it."""


@lru_cache(KNOWN_HEADERS)
def preferred(lines: Sequence[str]) -> str:
    """The coding that the Accept-Encoding `lines` like best; "" when that is none of ours.

    Without the header nothing is compressed: old clients do not expect it (RFC 3261 §20.2 says
    that then identity is meant).
    """
    liked: dict[str, float] = {}
    for item in ",".join(lines).split(","):
        match = _ITEM.fullmatch(item)
        if match is not None:
            name = match[1].lower()
            liked[ALIASES.get(name, name)] = float(match[2] or 1)
    qualities = {name: liked.get(name, liked.get("*", 0.0)) for name in CODINGS}
    best = max(CODINGS, key=lambda name: qualities[name])
    return best if qualities[best] > 0 and qualities[best] >= liked.get(IDENTITY, 0.0) else ""


def compress(body: bytes, coding: Coding) -> bytes | None:
    """`body` in `coding`; None when it is too short or would not get shorter."""
    if len(body) < coding.least:
        return None
    packer = zlib.compressobj(wbits=_WBITS[coding.name])
    packed = packer.compress(body) + packer.flush()
    return packed if len(packed) < len(body) else None


def decoded(request: Request, most: int) -> Request:
    """`request` with its body as it is without Content-Encoding.

    Raises UnsupportedEncoding (415), BadBody (400), and BodyTooLarge (413) as soon as more than
    `most` octets come out: what is left in a bomb stays there.
    """
    if request.get("content-encoding") is None:
        return request
    name = ", ".join(request.all("content-encoding")).strip().lower()
    if name in ("", IDENTITY):
        return request
    coding = ALIASES.get(name, name)
    if coding not in CODINGS:
        raise UnsupportedEncoding(CODINGS)
    body = _decompress(request.body, coding, most) if request.body else b""
    draft = Draft(request)
    draft.remove("content-encoding")
    draft.body = body
    plain = parse_message(bytes(draft))
    assert isinstance(plain, Request), "its start line is that of a request"
    return plain


def _decompress(data: bytes, coding: str, most: int) -> bytes:
    for wbits in (_WBITS[coding], *((_BARE,) if coding == DEFLATE else ())):
        reader = zlib.decompressobj(wbits=wbits)
        try:
            body = reader.decompress(data, most + 1)
        except zlib.error:
            continue
        if len(body) > most:
            raise BodyTooLarge
        if reader.eof and not reader.unused_data:
            return body
    raise BadBody(f"the body is not in {coding}")
