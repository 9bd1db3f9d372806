"""The pieces of RFC 3261 §25 that several headers share: character classes, lists, quoting.

Pure. Patterns work on unfolded text, where LWS is spaces and tabs only. Text from the wire
is UTF-8 decoded with surrogateescape, so octets that were not UTF-8 are lone surrogates:
`NON_ASCII` leaves them out, and a header that holds one outside its free text is malformed.
"""

import re
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final

from sip.errors import ParseError

TOKEN: Final = r"[A-Za-z0-9\-.!%*_+`'~]+"
NON_ASCII: Final = r"\x80-\ud7ff\ue000-\U0010ffff"
QUOTED: Final = (
    rf'"[\t !#-\[\]-~{NON_ASCII}]*(?:\\[\x00-\x09\x0b\x0c\x0e-\x7f][\t !#-\[\]-~{NON_ASCII}]*)*"'
)
"""quoted-string without the white space around it; a quoted-pair may hold a NUL."""
BARE_VALUE: Final = r"[!#-+\--:=?-\[\]-~]+"
"""A parameter value without quotes.

Deviation: wider than gen-value (token / host); clients put IPv6 addresses and base64 there.
"""
HOST: Final = r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+\])"
"""Name, IPv4 or IPv6 reference. Deviation: underscores, which real host names have."""
HEX: Final = "%[0-9A-Fa-f]{2}"

MAX_DELTA: Final = 2**32 - 1
"""The largest delta-seconds (RFC 3261 §20.19)."""
MAX_IPV6_REFERENCE: Final = 48
"""Octets of the longest IPv6 address with its brackets and an extra colon (RFC 5954 §4.1)."""
CACHED_REFERENCES: Final = 4096

_TOKEN: Final = re.compile(TOKEN)
_QUOTED: Final = re.compile(QUOTED)
_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)
_ENDS_OF_ITEMS: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|<[^>]*(?:>|$)|,', re.DOTALL)
_ESCAPE: Final = re.compile("%([0-9A-Fa-f]{2})")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_TEN_DIGITS: Final = 10
_EXTRA_COLON: Final = re.compile(r":::(?=[0-9]{1,3}(?:\.[0-9]{1,3}){3}\])")


def is_token(text: str) -> bool:
    """Whether `text` is one token."""
    return _TOKEN.fullmatch(text) is not None


def is_quoted(text: str) -> bool:
    """Whether `text` is one quoted-string."""
    return _QUOTED.fullmatch(text) is not None


def quote(text: str) -> str:
    """`text` as a quoted-string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquote(text: str) -> str:
    """The text inside a quoted-string; anything else as it is."""
    if not text.startswith('"'):
        return text
    inner = text[1:-1]
    return _QUOTED_PAIR.sub(r"\1", inner) if "\\" in inner else inner


def split_list(text: str) -> list[str]:
    """The items of a comma list (RFC 3261 §7.3.1), stripped; empty ones are left out.

    Commas inside quotes and angle brackets do not count.
    """
    if "," not in text:
        item = text.strip(" \t")
        return [item] if item else []
    items = []
    start = 0
    for match in _ENDS_OF_ITEMS.finditer(text):
        if match.group() == ",":
            items.append(text[start : match.start()].strip(" \t"))
            start = match.end()
    items.append(text[start:].strip(" \t"))
    return [item for item in items if item]


def parse_digits(what: str, text: str, largest: int) -> int:
    """`text`, 1*DIGIT, as a number; ParseError when it is none or above `largest`."""
    if not (text.isascii() and text.isdigit()):
        raise ParseError(what, text)
    digits = text.lstrip("0")
    number = int(digits or "0") if len(digits) <= _TEN_DIGITS else largest + 1
    if number > largest:
        raise ParseError(what, text)
    return number


def parse_delta(what: str, text: str) -> int:
    """`text` as delta-seconds; what is too large counts as the largest (RFC 3261 §20.19)."""
    if not (text.isascii() and text.isdigit()):
        raise ParseError(what, text)
    if len(text) < _TEN_DIGITS:
        return int(text)
    digits = text.lstrip("0")
    return min(int(digits or "0"), MAX_DELTA) if len(digits) <= _TEN_DIGITS else MAX_DELTA


def check_ipv6(reference: str, text: str) -> None:
    """ParseError when `reference`, an address in brackets within `text`, is no IPv6 address.

    Three colons before an IPv4 part, an old slip of the ABNF, pass (RFC 5118 §4.10, RFC 5954 §4.1).
    """
    if len(reference) > MAX_IPV6_REFERENCE or _ipv6(reference) is None:
        raise ParseError("IPv6 reference", text, text.find(reference))


def canonical_host(host: str) -> str:
    """`host` as hosts are compared: in lower case, an IPv6 reference in its one shortest form.

    However an address is written, it is the same address (RFC 5954 §4.2). A reference that is
    none stays as it is.
    """
    if not host.startswith("[") or len(host) > MAX_IPV6_REFERENCE:
        return host.lower()
    return _ipv6(host) or host.lower()


@lru_cache(CACHED_REFERENCES)
def _ipv6(reference: str) -> str | None:
    """The canonical form of an address in brackets, or None when it is no address."""
    try:
        return f"[{IPv6Address(_EXTRA_COLON.sub('::', reference)[1:-1])}]"
    except ValueError:
        return None


def normal_escapes(text: str, plain: frozenset[str]) -> str:
    """`text` with each %-escape of a character in `plain` undone, the others in upper case."""
    if "%" not in text:
        return text

    def normal(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in plain else match[0].upper()

    return _ESCAPE.sub(normal, text)


def is_storable(text: str) -> bool:
    """Whether `text` is UTF-8 without NULs, as a database column wants it.

    A NUL may come in a quoted-pair, a lone surrogate in a header's free text.
    """
    return "\0" not in text and (text.isascii() or not _SURROGATE.search(text))
