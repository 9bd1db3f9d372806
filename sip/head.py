"""The lines of a message head: indexing, unfolding, writing (RFC 3261 §7.3, §7.5).

Pure. Lines are text decoded as UTF-8 with surrogateescape, without CRLF.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from sip.errors import ParseError
from sip.header_names import KEYS, key_of

Index = dict[str, str]
More = dict[str, list[str]]
Indexed = tuple[Index, More]

NO_MORE: Final[More] = {}
"""Shared by all messages whose headers have one line each; never changed."""

_BLANK: Final = " \t"
_BLANKS: Final = (" ", "\t")
_BREAKS: Final = ("\r", "\n")
_CONTENT_LENGTH: Final = "content-length"


def decode(head: bytes) -> str:
    """Text of wire octets; those that are not UTF-8 become lone surrogates."""
    return head.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Wire octets of text: the inverse of `decode`."""
    return text.encode("utf-8", "surrogateescape")


def index_plain_lines(lines: list[str]) -> Indexed:
    """What `index_lines` gives, faster when every header is a usual one on one line."""
    index: Index = {}
    try:
        for line in lines:
            name, _, value = line.partition(": ")
            index[KEYS[name]] = value.strip(_BLANK)
    except KeyError:
        return index_lines(lines)
    return (index, NO_MORE) if len(index) == len(lines) else index_lines(lines)


def index_lines(lines: list[str]) -> Indexed:
    """The first value of each key, and all the values of keys that come more than once.

    Folded lines are put together in `lines` itself (§7.3.1). Raises ParseError.
    """
    index: Index = {}
    more: More = {}
    for line in lines:
        name, colon, value = line.partition(":")
        key = KEYS.get(name)
        if key is None or not colon:
            if line[:1] in _BLANKS and line is not lines[0]:
                lines[:] = unfold(lines)
                return index_lines(lines)
            key = _odd_key(line, name, colon)
        if key in index:
            more.setdefault(key, [index[key]]).append(value.strip(_BLANK))
        else:
            index[key] = value.strip(_BLANK)
    return index, more


def _odd_key(line: str, name: str, colon: str) -> str:
    if not colon:
        raise ParseError("header line", line)
    return key_of(name)


def unfold(lines: Sequence[str]) -> list[str]:
    """`lines` with continuation lines joined to the one before by one space (§7.3.1)."""
    unfolded: list[list[str]] = []
    for line in lines:
        if line[:1] in _BLANKS and unfolded:
            unfolded[-1].append(line.strip(_BLANK))
        else:
            unfolded.append([line])
    return [" ".join(parts) for parts in unfolded]


def is_header(line: str) -> bool:
    """Whether `line` is a header line whose name can be read."""
    name, colon, _ = line.partition(":")
    try:
        return bool(colon and key_of(name))
    except ParseError:
        return False


def key_of_line(line: str) -> str:
    """The key of a header line."""
    name = line.partition(":")[0]
    return KEYS.get(name) or key_of(name)


def header_line(name: str, value: str) -> str:
    """One line of our own; ParseError when it would break the head (a CR or LF inside)."""
    line = f"{name}: {value}"
    if any(mark in line for mark in _BREAKS):
        raise ParseError("header value", line)
    return line


def to_wire(start_line: str, lines: Iterable[str], body: bytes) -> bytes:
    """A whole message as it is written."""
    return encode("\r\n".join((start_line, *lines, "", ""))) + body


def with_length(lines: Iterable[str], length: int) -> list[str]:
    """`lines` with one Content-Length, at the end, that says `length` octets."""
    kept = [line for line in lines if key_of_line(line) != _CONTENT_LENGTH]
    return [*kept, f"Content-Length: {length}"]
