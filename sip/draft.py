"""A message being changed on its way through (RFC 3261 §16.6). Pure."""

from collections.abc import Sequence
from typing import Protocol

from sip.errors import ParseError
from sip.grammar import split_list
from sip.head import header_line, key_of_line, to_wire, with_length
from sip.header_names import key_of


class Drafted(Protocol):
    """What a draft is made from: a request or a response."""

    @property
    def start_line(self) -> str: ...
    @property
    def lines(self) -> Sequence[str]: ...
    @property
    def body(self) -> bytes: ...


class Draft:
    """A copy that may be changed: lines are kept as they are unless named.

    Names are matched whatever their case or form, and written as given.
    """

    __slots__ = ("_keys", "_lines", "_start", "body")

    def __init__(self, message: Drafted) -> None:
        self._start = message.start_line
        self._lines = list(message.lines)
        self._keys = [key_of_line(line) for line in self._lines]
        self.body = message.body
        """May be replaced; Content-Length follows it."""

    def set_uri(self, uri: str) -> None:
        """Replace the Request-URI; ParseError when it is no word or this is a response."""
        method, _, rest = self._start.partition(" ")
        if method.upper().startswith("SIP/") or not uri or len(uri.split()) != 1:
            raise ParseError("Request-URI", uri)
        self._start = f"{method} {uri} {rest.rpartition(' ')[2]}"

    def prepend(self, name: str, value: str) -> None:
        """Put a line before the first of the same name, or first of all."""
        key = key_of(name)
        self._insert(self._keys.index(key) if key in self._keys else 0, key, name, value)

    def append(self, name: str, value: str) -> None:
        """Put a line after all others."""
        self._insert(len(self._lines), key_of(name), name, value)

    def replace(self, name: str, value: str) -> None:
        """Put one line in the place of the first of that name; drop the others; append if none."""
        key = key_of(name)
        at = self._keys.index(key) if key in self._keys else len(self._keys)
        self.remove(name)
        self._insert(at, key, name, value)

    def remove(self, name: str) -> None:
        """Drop every line of that name."""
        key = key_of(name)
        kept = [at for at, each in enumerate(self._keys) if each != key]
        self._lines = [self._lines[at] for at in kept]
        self._keys = [self._keys[at] for at in kept]

    def remove_first_value(self, name: str) -> None:
        """Drop the topmost value only, also out of a comma list (Via, Route); no-op if none."""
        key = key_of(name)
        if key not in self._keys:
            return
        at = self._keys.index(key)
        written, _, value = self._lines[at].partition(":")
        rest = split_list(value)[1:]
        if rest:
            self._lines[at] = f"{written}: {', '.join(rest)}"
        else:
            del self._lines[at], self._keys[at]

    def _insert(self, at: int, key: str, name: str, value: str) -> None:
        self._lines.insert(at, header_line(name, value))
        self._keys.insert(at, key)

    def __bytes__(self) -> bytes:
        """The wire form; Content-Length is made right."""
        return to_wire(self._start, with_length(self._lines, len(self.body)), self.body)
