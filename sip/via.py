"""Via (RFC 3261 §20.42, §18.2.1; rport of RFC 3581 §3).

Pure.
"""

import re
from typing import Final

from sip.errors import ParseError
from sip.grammar import HOST, TOKEN, check_ipv6, parse_digits, split_list
from sip.parameters import NO_PARAMETERS, PLAIN_PARAMETERS, Parameters
from sip.uri import MAX_PORT

MAGIC_COOKIE: Final = "z9hG4bK"
"""Every branch made by RFC 3261's rules begins with this (RFC 3261 §8.1.1.7)."""

_PLAIN: Final = re.compile(
    rf"SIP/2\.0/([A-Z]+) ({HOST})(?::([0-9]{{1,4}}|[1-5][0-9]{{4}}))?({PLAIN_PARAMETERS})"
)
"""As nearly all of them are written; what does not fit is read by `_FULL`."""
_RPORT: Final = r";rport(?:=[0-9]{1,5};received=[0-9.]{7,15})?"
_BRANCH: Final = rf";branch={TOKEN}"
_USUAL: Final = re.compile(
    rf"SIP/2\.0/[A-Z]+ [A-Za-z0-9.\-]*[A-Za-z0-9](?::[1-9][0-9]{{0,3}}|:[1-5][0-9]{{4}})?"
    rf"(?:{_RPORT}{_BRANCH}|{_BRANCH}(?:{_RPORT})?)"
)
_FULL: Final = re.compile(
    rf"SIP[ \t]*/[ \t]*[0-9]+\.[0-9]+[ \t]*/[ \t]*({TOKEN})[ \t]+({HOST})"
    r"(?:[ \t]*:[ \t]*([0-9]+))?[ \t]*(;.*)?",
    re.IGNORECASE | re.DOTALL,
)


def is_plain_via(text: str) -> bool:
    """Whether `text` is one Via value with branch and perhaps rport, which `Via.parse` is sure
    to read; a tenth of its cost (tests/bench/bench_codec.py)."""
    return _USUAL.fullmatch(text) is not None


class Via:
    """One hop of the way back.

    A slotted class, not a dataclass: every message makes one (tests/bench/bench_codec.py).
    """

    __slots__ = ("host", "parameters", "port", "transport")

    def __init__(
        self,
        transport: str,
        host: str,
        port: int | None = None,
        parameters: Parameters = NO_PARAMETERS,
    ) -> None:
        self.transport = transport
        """In upper case: "UDP", "TCP"…"""
        self.host = host
        """As written; an IPv6 address with its brackets."""
        self.port = port
        self.parameters = parameters

    @classmethod
    def parse(cls, text: str) -> "Via":
        """Read one Via value; ParseError when it is none."""
        match = _PLAIN.fullmatch(text)
        if match:
            transport, host, port, parameters = match.groups()
            if host[0] == "[":
                check_ipv6(host, text)
            return cls(transport, host, int(port) if port else None, Parameters.split(parameters))
        match = _FULL.fullmatch(text)
        if match is None:
            raise ParseError("Via", text)
        transport, host, port, parameters = match.groups()
        if host[0] == "[":
            check_ipv6(host, text)
        return cls(
            transport.upper(),
            host,
            None if port is None else parse_digits("Via port", port, MAX_PORT),
            Parameters.parse(parameters) if parameters else NO_PARAMETERS,
        )

    @classmethod
    def parse_many(cls, text: str) -> "tuple[Via, ...]":
        """Read a comma list of Via values."""
        return tuple(cls.parse(item) for item in split_list(text))

    @property
    def branch(self) -> str | None:
        """The branch parameter."""
        return self.parameters.value("branch")

    @property
    def received(self) -> str | None:
        """The address the message came from (RFC 3261 §18.2.1), without brackets."""
        received = self.parameters.value("received")
        return None if received is None else received.strip("[]")

    @property
    def rport(self) -> int | None:
        """The port the message came from (RFC 3581 §4); None when not filled in."""
        rport = self.parameters.value("rport")
        return None if rport is None else parse_digits("rport", rport, MAX_PORT)

    @property
    def wants_rport(self) -> bool:
        """Whether the rport parameter is there, filled in or not (RFC 3581 §4)."""
        return "rport" in self.parameters

    @property
    def sent_by(self) -> str:
        """host[:port] as the sender names itself, host in lower case."""
        host = self.host.lower()
        return host if self.port is None else f"{host}:{self.port}"

    def with_parameters(self, **changes: str | None) -> "Via":
        """This Via with some parameters set (received, rport)."""
        return Via(self.transport, self.host, self.port, self.parameters.with_(**changes))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Via)
            and self.transport == other.transport
            and self.host == other.host
            and self.port == other.port
            and self.parameters == other.parameters
        )

    def __hash__(self) -> int:
        return hash((self.transport, self.host, self.port, self.branch))

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{self.parameters}"

    def __repr__(self) -> str:
        return f"Via({str(self)!r})"
