"""Compressed answers (RFC 9110 §8.4, §12.5.3). Pure.

Two codings of one document are two representations, so each has a strong entity-tag of
its own (RFC 9110 §8.8.3.3): the compressed one's ends in `CODED`
(`xcap/conditions.py`), which the conditions of later requests are read without.
"""

import re
import zlib
from typing import Final

GZIP: Final = "gzip"
MIN_OCTETS: Final = 1024
"""Shorter bodies fit into one packet as they are."""

_LEVEL: Final = 1
"""XML shrinks to a quarter already at the fastest level."""
_GZIP_WRAPPER: Final = 16 + zlib.MAX_WBITS
_ELEMENT: Final = re.compile(
    r"[ \t]*([\w*.+-]+)[ \t]*(?:;[ \t]*[qQ]=([01](?:\.\d{0,3})?))?[ \t]*", re.ASCII
)


def takes_gzip(accept_encoding: str) -> bool:
    """Whether a client that says `accept_encoding` wants gzip (RFC 9110 §12.5.3).

    What cannot be read asks for nothing.
    """
    anything = False
    for element in accept_encoding.split(","):
        found = _ELEMENT.fullmatch(element)
        if found is None:
            continue
        coding, wanted = found[1].lower(), found[2] is None or float(found[2]) > 0
        if coding in (GZIP, "x-gzip"):
            return wanted
        if coding == "*":
            anything = wanted
    return anything


def compress(body: bytes) -> bytes:
    """`body` in the gzip format (RFC 1952), always the same octets for the same body."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WRAPPER)
    return packer.compress(body) + packer.flush()
