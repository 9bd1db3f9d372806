"""WWW-Authenticate and Authorization values (RFC 3261 §25, RFC 7616 §3.3, §3.4).

Pure. One value per header line: the commas inside separate the parameters of one challenge.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Self
from urllib.parse import unquote as percent_decode

from sip.errors import ParseError
from sip.grammar import TOKEN, quote, unquote

MAX_LENGTH: Final = 8192
"""Characters of a value that is read at all: a long node selector stands in it as well."""

KNOWN: Final = frozenset(
    (
        *("username", "realm", "nonce", "uri", "response", "algorithm", "qop", "nc", "cnonce"),
        *("opaque", "stale", "domain"),
    )
)
"""Parameters of challenges and credentials, as they are usually spelled."""
NEEDED: Final = frozenset(("username", "realm", "nonce", "uri", "response"))
"""What credentials cannot do without."""

_PARAMETER: Final = re.compile(
    rf'[ \t]*({TOKEN})[ \t]*=[ \t]*("[^"\\]*(?:\\.[^"\\]*)*"|[^\s",;]+)[ \t]*(,[ \t,]*|$)',
    re.DOTALL,
)
_SCHEME: Final = re.compile(rf"({TOKEN})[ \t]+")
_UNQUOTED: Final = frozenset({"algorithm", "stale", "nc"})


def _read(what: str, text: str) -> tuple[str, dict[str, str]]:
    """The scheme in lower case and its parameters, names in lower case; ParseError."""
    scheme = _SCHEME.match(text)
    if scheme is None or len(text) > MAX_LENGTH:
        raise ParseError(what, text)
    usual = _usual(text[scheme.end() :])
    if usual is not None:
        return scheme[1].lower(), usual
    parameters: dict[str, str] = {}
    position = scheme.end()
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None or match[1].lower() in parameters:
            raise ParseError(what, text, position)
        parameters[match[1].lower()] = unquote(match[2])
        position = match.end()
    return scheme[1].lower(), parameters


def _usual(text: str) -> dict[str, str] | None:
    """The parameters when all are known, given once and written as usual; None otherwise.

    A third of what the pattern costs, and every signed request pays it.
    """
    parameters: dict[str, str] = {}
    quoted = 0
    items = text.split(", ")
    for item in items:
        name, _, value = item.partition("=")
        if value.startswith('"') and value.endswith('"'):
            quoted += 1
            parameters[name] = value[1:-1]
        elif value.replace("-", "").isalnum():
            parameters[name] = value
        else:
            return None
    plain = "\\" not in text and text.count('"') == 2 * quoted and len(parameters) == len(items)
    return parameters if plain and KNOWN.issuperset(parameters) else None


def _extended(text: str) -> str:
    """The text of an extended value, charset'language'escaped (RFC 7616 §3.4); UTF-8 only."""
    charset, _, rest = text.partition("'")
    if charset.lower() != "utf-8" or "'" not in rest:
        raise ParseError("extended user name", text)
    return percent_decode(rest.partition("'")[2], errors="surrogateescape")


def _write(parameters: Mapping[str, str], unquoted: frozenset[str]) -> str:
    written = (
        f"{name}={value}" if name in unquoted else f"{name}={quote(value)}"
        for name, value in parameters.items()
    )
    return "Digest " + ", ".join(written)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A Digest challenge (RFC 7616 §3.3)."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    """As written; compare with `sip.digest.ALGORITHMS`."""
    qop: tuple[str, ...] = ()
    """What the server offers, in its order; empty is the way of RFC 2069."""
    opaque: str | None = None
    stale: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one challenge; ParseError for another scheme or without realm or nonce."""
        scheme, parameters = _read("challenge", text)
        if scheme != "digest" or not {"realm", "nonce"} <= parameters.keys():
            raise ParseError("Digest challenge", text)
        return cls(
            realm=parameters["realm"],
            nonce=parameters["nonce"],
            algorithm=parameters.get("algorithm", "MD5"),
            qop=tuple(parameters.get("qop", "").replace(",", " ").split()),
            opaque=parameters.get("opaque"),
            stale=parameters.get("stale", "").lower() == "true",
        )

    def __str__(self) -> str:
        parameters = {"realm": self.realm, "nonce": self.nonce, "algorithm": self.algorithm}
        if self.qop:
            parameters["qop"] = ",".join(self.qop)
        if self.opaque is not None:
            parameters["opaque"] = self.opaque
        if self.stale:
            parameters["stale"] = "true"
        return _write(parameters, _UNQUOTED)


class Credentials(NamedTuple):
    """Digest credentials (RFC 7616 §3.4). A tuple: every signed request makes one."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    """Hexadecimal, in lower case."""
    algorithm: str = "MD5"
    qop: str | None = None
    nc: str = ""
    """As written: eight hexadecimal digits."""
    cnonce: str = ""
    opaque: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one value; ParseError for another scheme or when a needed part is missing."""
        scheme, parameters = _read("credentials", text)
        if "username*" in parameters:
            parameters["username"] = _extended(parameters["username*"])
        if scheme != "digest" or not parameters.keys() >= NEEDED:
            raise ParseError("Digest credentials", text)
        get = parameters.get
        return cls(
            parameters["username"],
            parameters["realm"],
            parameters["nonce"],
            parameters["uri"],
            parameters["response"].lower(),
            get("algorithm", "MD5"),
            parameters["qop"].lower() if "qop" in parameters else None,
            get("nc", ""),
            get("cnonce", ""),
            get("opaque"),
        )

    def signed(self, response: str) -> Self:
        """These credentials with their response."""
        return self._replace(response=response)

    def __str__(self) -> str:
        parameters = {
            "username": self.username,
            "realm": self.realm,
            "nonce": self.nonce,
            "uri": self.uri,
            "response": self.response,
            "algorithm": self.algorithm,
        }
        if self.qop is not None:
            parameters |= {"qop": self.qop, "nc": self.nc, "cnonce": self.cnonce}
        if self.opaque is not None:
            parameters["opaque"] = self.opaque
        return _write(parameters, _UNQUOTED | {"qop"})
