"""The parameters behind a header value or a URI (RFC 3261 §7.3.1, §19.1.1, §25 generic-param).

Pure. Parameters are immutable and keep the text they came from, so that what is passed on
is written as it was read.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, Self

from sip.errors import ParseError
from sip.grammar import BARE_VALUE, HEX, QUOTED, TOKEN, is_quoted, is_token, quote, unquote

PLAIN_PARAMETERS: Final = rf"(?:;{TOKEN}(?:={BARE_VALUE})?)*"
"""Parameters without quotes and white space, which `Parameters.split` may take apart."""

_PLAIN: Final = re.compile(PLAIN_PARAMETERS)
_ONE: Final = re.compile(rf"[ \t]*;[ \t]*({TOKEN})(?:[ \t]*=[ \t]*({QUOTED}|{BARE_VALUE}))?")
_PARAMETER_CHARACTERS: Final = r"A-Za-z0-9\-_.!~*'()\[\]/:&+$"
_URI_NAME: Final = rf"(?:[{_PARAMETER_CHARACTERS}]|{HEX})+"
_URI_VALUE: Final = rf"(?:[{_PARAMETER_CHARACTERS}=]|{HEX})+"
"""Deviation: "=" within a value, since several proxies put base64 into their Record-Route."""
_URI_PLAIN: Final = re.compile(rf"(?:;{_URI_NAME}(?:={_URI_VALUE})?)*")
_BARE: Final = re.compile(BARE_VALUE)


class Parameters(Mapping[str, str | None]):
    """Names in lower case, in order, each with its value, unquoted, or None for a flag.

    A slotted class, not a dataclass: every Via, From and To makes one (tests/bench/bench_codec.py).
    """

    __slots__ = ("_text", "_values")

    def __init__(self, values: Mapping[str, str | None] | None = None) -> None:
        """Parameters of our own making; ParseError for a name that is no token."""
        values = values or {}
        text = ""
        for name, value in values.items():
            if not is_token(name):
                raise ParseError("parameter name", name)
            text += f";{name}" if value is None else f";{name}={_written(value)}"
        self._values = {name.lower(): value for name, value in values.items()}
        self._text = text

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `;name=value;flag…` or nothing, with white space and quotes where they may be."""
        if _PLAIN.fullmatch(text):
            return cls.split(text)
        values: dict[str, str | None] = {}
        position = 0
        end = len(text.rstrip(" \t"))
        while position < end:
            match = _ONE.match(text, position)
            if match is None or match[1].lower() in values:
                raise ParseError("parameters", text, position)
            values[match[1].lower()] = None if match[2] is None else unquote(match[2])
            position = match.end()
        return cls._of(values, text.strip(" \t"))

    @classmethod
    def parse_uri(cls, text: str) -> Self:
        """Read the parameters of a SIP URI (§19.1.1); %-escapes stay as they are."""
        if not _URI_PLAIN.fullmatch(text):
            raise ParseError("URI parameters", text)
        return cls.split(text)

    @classmethod
    def split(cls, text: str) -> Self:
        """Take apart text that fits PLAIN_PARAMETERS."""
        values: dict[str, str | None] = {}
        items = text.split(";")
        for item in items[1:]:
            name, equals, value = item.partition("=")
            values[name.lower()] = value if equals else None
        if len(values) != len(items) - 1:
            raise ParseError("parameters (a name given twice)", text)
        self = cls.__new__(cls)
        self._values = values
        self._text = text
        return self

    @classmethod
    def of_tag(cls, tag: str) -> Self:
        """The one parameter that From and To usually have; `tag` is a token."""
        return cls._of({"tag": tag}, f";tag={tag}")

    @classmethod
    def _of(cls, values: dict[str, str | None], text: str) -> Self:
        self = cls.__new__(cls)
        self._values = values
        self._text = text
        return self

    def __getitem__(self, name: str) -> str | None:
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def value(self, name: str) -> str | None:
        """The value of `name`, a lower-case name; None when it has none or is not there."""
        return self._values.get(name)

    def with_(self, **changes: str | None) -> "Parameters":
        """These parameters with some set; those already there keep their place."""
        return Parameters({**self._values, **changes})

    def without(self, name: str) -> "Parameters":
        """These parameters but `name`."""
        return Parameters({key: value for key, value in self._values.items() if key != name})

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Parameters):
            return self._values == other._values
        return isinstance(other, Mapping) and self._values == dict(other)

    def __hash__(self) -> int:
        return hash(tuple(sorted(self._values, key=str)))

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Parameters({self._text!r})"


def _written(value: str) -> str:
    if _BARE.fullmatch(value):
        return value
    quoted = quote(value)
    if not is_quoted(quoted):
        raise ParseError("parameter value", value)
    return quoted


NO_PARAMETERS: Final = Parameters()
