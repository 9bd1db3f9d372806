"""name-addr and addr-spec with header parameters: From, To, Contact, Route (RFC 3261 §20.10).

Pure. The URI inside is kept as text; it is parsed when somebody asks.
"""

import re
from typing import Final, Self

from sip.errors import ParseError
from sip.grammar import NON_ASCII, QUOTED, TOKEN, is_token, quote, split_list, unquote
from sip.parameters import NO_PARAMETERS, PLAIN_PARAMETERS, Parameters
from sip.uri import AoR, SipUri, aor_of, parse_uri

_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[!#-;=?-\[\]-~]+")
_BARE_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[!#-+\--:=@-\[\]-~]+")
"""Outside angle brackets no comma, semicolon or question mark (RFC 3261 §20.10)."""
_WORD: Final = rf"[A-Za-z0-9\-.!%*_+`'~{NON_ASCII}]+"
_DISPLAY: Final = re.compile(rf"({QUOTED})[ \t]*|{_WORD}(?:[ \t]+{_WORD})*[ \t]*")
"""Deviation: letters beyond ASCII without quotes, as several softphones write them."""
_PLAIN: Final = r'(?:"([ !#-\[\]-~]*)" ?)?<([A-Za-z][A-Za-z0-9+.\-]*:[!#-;=?-\[\]-~]+)>'
_USUAL: Final = re.compile(rf"{_PLAIN}(?:;tag={TOKEN})?")
"""As nearly every From and To is written."""
_WHOLE: Final = re.compile(rf"{_PLAIN}(?:;tag=({TOKEN})|({PLAIN_PARAMETERS}))")


def is_plain_address(text: str) -> bool:
    """Whether `text` is one address with at most a tag, which `NameAddr.parse` is sure to read;
    a fifth of its cost (tests/bench/bench_codec.py)."""
    return _USUAL.fullmatch(text) is not None


class NameAddr:
    """An address with its display name and header parameters.

    A slotted class, not a dataclass: each request makes several (tests/bench/bench_codec.py).
    Parsing is not cached: tags differ, and a miss costs more than a hit saves.
    """

    __slots__ = ("display", "parameters", "uri")

    def __init__(self, display: str, uri: str, parameters: Parameters = NO_PARAMETERS) -> None:
        self.display = display
        """Without quotes; "" when there is none."""
        self.uri = uri
        """As written; "*" in a Contact that removes all."""
        self.parameters = parameters

    @classmethod
    def parse(cls, text: str) -> "NameAddr":
        """Read one address; ParseError when it is none."""
        return _parse(text)

    @classmethod
    def parse_many(cls, text: str) -> "tuple[NameAddr, ...]":
        """Read a comma list of addresses."""
        return tuple(_parse(item) for item in split_list(text))

    @property
    def tag(self) -> str | None:
        """The tag parameter (RFC 3261 §19.3)."""
        return self.parameters.value("tag")

    @property
    def sip_uri(self) -> SipUri:
        """The URI as a SIP URI; ParseError when it is of another scheme or malformed."""
        uri = parse_uri(self.uri)
        if not isinstance(uri, SipUri):
            raise ParseError("SIP URI", self.uri)
        return uri

    @property
    def aor(self) -> AoR:
        """The canonical address-of-record of the URI; ParseError when it has none."""
        return aor_of(self.uri)

    def with_tag(self, tag: str) -> Self:
        """This address with `tag` for its tag."""
        return type(self)(self.display, self.uri, self.parameters.with_(tag=tag))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, NameAddr)
            and self.uri == other.uri
            and self.display == other.display
            and self.parameters == other.parameters
        )

    def __hash__(self) -> int:
        return hash((self.uri, self.display))

    def __str__(self) -> str:
        if self.uri == "*":
            return f"*{self.parameters}"
        display = self.display
        if display:
            words = all(is_token(word) for word in display.split(" "))
            display = f"{display} " if words else f"{quote(display)} "
        return f"{display}<{self.uri}>{self.parameters}"

    def __repr__(self) -> str:
        return f"NameAddr({str(self)!r})"


def _parse(text: str) -> NameAddr:
    match = _WHOLE.fullmatch(text)
    if match:
        display, uri, tag, parameters = match.groups("")
        if tag:
            return NameAddr(display, uri, Parameters.of_tag(tag))
        return NameAddr(display, uri, Parameters.split(parameters) if parameters else NO_PARAMETERS)
    if text.startswith("<"):
        return _after_display("", text, 0)
    if text.startswith('"') or "<" in text:
        match = _DISPLAY.match(text)
        if match is None or text[match.end() : match.end() + 1] != "<":
            raise ParseError("display name", text)
        display = unquote(match[1]) if match[1] else match[0].rstrip(" \t")
        return _after_display(display, text, match.end())
    uri, semicolon, parameters = text.partition(";")
    uri = uri.strip(" \t")
    if uri != "*" and not _BARE_URI.fullmatch(uri):
        raise ParseError("address", text)
    return NameAddr("", uri, Parameters.parse(semicolon + parameters))


def _after_display(display: str, text: str, position: int) -> NameAddr:
    """Read `<uri>;parameters` from the "<" at `position`."""
    uri, closed, parameters = text[position + 1 :].partition(">")
    if not closed or not _URI.fullmatch(uri):
        raise ParseError("address", text, position + 1)
    return NameAddr(display, uri, Parameters.parse(parameters) if parameters else NO_PARAMETERS)
