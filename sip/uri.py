"""SIP, SIPS and other URIs, and the address-of-record made of one (RFC 3261 §19.1, §10.3).

Pure. Parsing is cached by text, bounded in entries and in the length of what is kept.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, NewType, Self

from sip.errors import ParseError
from sip.grammar import HEX, HOST, canonical_host, check_ipv6, normal_escapes, parse_digits
from sip.parameters import NO_PARAMETERS, Parameters

AoR = NewType("AoR", str)
"""Canonical "sip:user@host": host as it is compared, no port, parameters or password."""

MAX_PORT: Final = 65535
CACHED_URIS: Final = 8192
CACHED_LENGTH: Final = 256
"""Longer texts are parsed anew each time, so that the caches stay a few megabytes."""

_ALPHANUMERIC: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_UNRESERVED: Final = frozenset(_ALPHANUMERIC + "-_.!~*'()")
_USER_PLAIN: Final = _UNRESERVED | frozenset("&=+$,;?/")
_USER: Final = rf"[A-Za-z0-9\-_.!~*'()&=+$,;?/]*(?:{HEX}[A-Za-z0-9\-_.!~*'()&=+$,;?/]*)*"
_PASSWORD: Final = rf"[A-Za-z0-9\-_.!~*'()&=+$,]*(?:{HEX}[A-Za-z0-9\-_.!~*'()&=+$,]*)*"
_HEADERS: Final = rf"(?:[A-Za-z0-9\-_.!~*'()\[\]/?:+$&=]|{HEX})+"

_PLAIN_AOR: Final = re.compile(r"sip:[A-Za-z0-9\-_.+]+@[a-z0-9](?:[a-z0-9.\-]*[a-z0-9])?")
_PLAIN_URI: Final = re.compile(
    r"(sips?):([A-Za-z0-9\-_.+]+)@([A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?)"
    r"(?::([1-9][0-9]{0,3}|[1-5][0-9]{4}))?"
)
"""As most of them are: no escapes, password, parameters or headers."""
_SIP_URI: Final = re.compile(
    rf"(sips?):(?:({_USER})(?::({_PASSWORD}))?@)?({HOST})(?::([0-9]+))?(;[^?]*)?(?:\?({_HEADERS}))?",
    re.IGNORECASE,
)
_OTHER_URI: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):([!#-;=?-Z\[\]_a-z~]+)")
_COMPARED_IF_EITHER: Final = frozenset({"user", "ttl", "method", "maddr", "transport"})
_AOR_SCHEMES: Final = frozenset({"pres", "im"})


class SipUri(NamedTuple):
    """A sip: or sips: URI (§19.1.1). A tuple: every contact makes one (bench_codec.py)."""

    scheme: str
    """"sip" or "sips"."""
    user: str | None
    """As written, with its %-escapes."""
    host: str
    """As written; an IPv6 address with its brackets."""
    port: int | None = None
    parameters: Parameters = NO_PARAMETERS
    headers: str | None = None
    """What follows "?", as written."""
    password: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one SIP or SIPS URI; ParseError for anything else."""
        plain = _PLAIN_URI.fullmatch(text)
        if plain:
            scheme, user, host, port = plain.groups()
            return cls(scheme, user, host, int(port) if port else None)
        match = _SIP_URI.fullmatch(text)
        if match is None or match[2] == "":
            raise ParseError("SIP URI", text)
        scheme, user, password, host, port, parameters, headers = match.groups()
        if host[0] == "[":
            check_ipv6(host, text)
        return cls(
            scheme.lower(),
            user,
            host,
            None if port is None else parse_digits("port", port, MAX_PORT),
            Parameters.parse_uri(parameters) if parameters else NO_PARAMETERS,
            headers,
            password,
        )

    def __str__(self) -> str:
        user = self.user or ""
        if self.password is not None:
            user += f":{self.password}"
        at = "@" if self.user is not None else ""
        port = "" if self.port is None else f":{self.port}"
        headers = "" if self.headers is None else f"?{self.headers}"
        return f"{self.scheme}:{user}{at}{self.host}{port}{self.parameters}{headers}"

    @property
    def aor(self) -> AoR:
        """The canonical address-of-record (RFC 3261 §10.3 step 5)."""
        host = self.canonical_host
        if self.user is None:
            return AoR(f"sip:{host}")
        return AoR(f"sip:{normal_escapes(self.user, _USER_PLAIN)}@{host}")

    @property
    def canonical_host(self) -> str:
        """The host as it is compared: lower case, an IPv6 reference in its shortest form."""
        return canonical_host(self.host)

    @property
    def transport(self) -> str | None:
        """The transport parameter in lower case."""
        transport = self.parameters.value("transport")
        return None if transport is None else transport.lower()

    def equivalent(self, other: "SipUri") -> bool:
        """Whether both name the same resource (RFC 3261 §19.1.4, RFC 5954 §4.2)."""
        return (
            self.scheme == other.scheme
            and _unescaped(self.user) == _unescaped(other.user)
            and _unescaped(self.password) == _unescaped(other.password)
            and self.canonical_host == other.canonical_host
            and self.port == other.port
            and _same_parameters(self.parameters, other.parameters)
            and _header_set(self.headers) == _header_set(other.headers)
        )


@dataclass(frozen=True, slots=True)
class OtherUri:
    """A URI of another scheme, not looked into."""

    scheme: str
    """In lower case."""
    rest: str
    """What follows the colon, as written."""

    def __str__(self) -> str:
        return f"{self.scheme}:{self.rest}"


Uri = SipUri | OtherUri


def parse_uri(text: str) -> Uri:
    """Read a URI of any scheme; ParseError when it is none."""
    return _cached_uri(text) if len(text) <= CACHED_LENGTH else _parse_uri(text)


def aor_of(text: str) -> AoR:
    """The canonical address-of-record of a URI (RFC 3261 §10.3); ParseError when it has none.

    pres: and im: URIs name the SIP user of the same name (RFC 3856 §5).
    """
    return _cached_aor(text) if len(text) <= CACHED_LENGTH else _aor_of(text)


def _parse_uri(text: str) -> Uri:
    scheme = text.partition(":")[0].lower()
    if scheme in ("sip", "sips"):
        return SipUri.parse(text)
    match = _OTHER_URI.fullmatch(text)
    if match is None:
        raise ParseError("URI", text)
    return OtherUri(scheme, match[2])


def _aor_of(text: str) -> AoR:
    if _PLAIN_AOR.fullmatch(text):
        return AoR(text)
    uri = parse_uri(text)
    if isinstance(uri, OtherUri):
        if uri.scheme not in _AOR_SCHEMES or "@" not in uri.rest:
            raise ParseError("address-of-record", text)
        uri = SipUri.parse(f"sip:{uri.rest}")
    return uri.aor


_cached_uri = lru_cache(CACHED_URIS)(_parse_uri)
_cached_aor = lru_cache(CACHED_URIS)(_aor_of)


def _unescaped(text: str | None) -> str | None:
    return None if text is None else normal_escapes(text, _USER_PLAIN)


def _same_parameters(ours: Parameters, theirs: Parameters) -> bool:
    """Those in both must match; a few must be in both or in neither (§19.1.4)."""
    for name in ours.keys() | theirs.keys():
        in_both = name in ours and name in theirs
        if not in_both and name in _COMPARED_IF_EITHER:
            return False
        if in_both and _folded(ours[name]) != _folded(theirs[name]):
            return False
    return True


def _folded(value: str | None) -> str | None:
    return None if value is None else normal_escapes(value, _UNRESERVED).lower()


def _header_set(headers: str | None) -> Mapping[str, str]:
    pairs = (one.partition("=") for one in (headers or "").split("&") if one)
    return {
        normal_escapes(name, _UNRESERVED).lower(): normal_escapes(value, _UNRESERVED)
        for name, _, value in pairs
    }
