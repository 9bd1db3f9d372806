"""Bodies of `application/simple-message-summary` (RFC 3842 §5.2). Pure.

Read strictly, written in one spelling. The headers of single messages that may follow are read
past: no watcher is told them, since the first NOTIFY must not have any and each later one only
those of new messages (RFC 3842 §3.5), which a body that is published whole does not tell.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from sip.errors import ParseError
from sip.uri import parse_uri

CONTENT_TYPE: Final = "application/simple-message-summary"
MAX_COUNT: Final = 2**32 - 1
"""Messages; a larger number must not be written (RFC 3842 §3.5)."""
CLASSES: Final = {
    name.lower(): name
    for name in (
        "Voice-Message",
        "Video-Message",
        "Fax-Message",
        "Pager-Message",
        "Multimedia-Message",
        "Text-Message",
        "None",
    )
}
"""message-context-class (RFC 3842 §5.2) and those that were registered since, as written."""

_NAME: Final = r"[A-Za-z0-9\-.!%*_+`'~]+"
_FOLD: Final = re.compile(r"\r\n[ \t]+")
_STATUS: Final = re.compile(r"messages-waiting[ \t]*:[ \t]*(yes|no)[ \t]*", re.IGNORECASE)
_ACCOUNT: Final = re.compile(r"message-account[ \t]*:[ \t]*([^\s<>]+)[ \t]*", re.IGNORECASE)
_PAIR: Final = r"(\d{1,10})[ \t]*/[ \t]*(\d{1,10})"
_SUMMARY: Final = re.compile(
    rf"({_NAME})[ \t]*:[ \t]*{_PAIR}(?:[ \t]*\([ \t]*{_PAIR}[ \t]*\))?[ \t]*", re.ASCII
)
_HEADER: Final = re.compile(rf"{_NAME}[ \t]*:.*", re.DOTALL)


class BadSummary(ValueError):
    """The text does not follow the grammar; says where."""


class Counts(NamedTuple):
    """How many messages of one class there are."""

    new: int
    old: int
    new_urgent: int | None = None
    """None when nobody counts what is urgent."""
    old_urgent: int | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """One mailbox, or several as one."""

    waiting: bool
    account: str
    """URI of the mailbox, "" when it is not told."""
    counts: tuple[tuple[str, Counts], ...]
    """By class, as it is written; none where only `waiting` is known."""


@lru_cache(512)
def read(body: bytes) -> Summary:
    """The summary that `body` is. Raises BadSummary."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise BadSummary("it is not UTF-8") from None
    head, _, headers = text.partition("\r\n\r\n")
    if not headers and not text.endswith("\r\n"):
        raise BadSummary("its last line has no end")
    _check_headers(headers)
    lines = _FOLD.sub(" ", head.removesuffix("\r\n")).split("\r\n")
    status = _STATUS.fullmatch(lines[0])
    if status is None:
        raise BadSummary("line 1 is not Messages-Waiting: yes or no")
    rest = lines[1:]
    account = _ACCOUNT.fullmatch(rest[0]) if rest else None
    if account is not None:
        _check_uri(account[1])
        rest = rest[1:]
    counts = tuple(_counts(line) for line in rest)
    if len({name for name, _ in counts}) < len(counts):
        raise BadSummary("a class of messages is there twice")
    return Summary(status[1].lower() == "yes", "" if account is None else account[1], counts)


def _check_uri(text: str) -> None:
    try:
        parse_uri(text)
    except ParseError:
        raise BadSummary("Message-Account is not a URI") from None


def _counts(line: str) -> tuple[str, Counts]:
    match = _SUMMARY.fullmatch(line)
    if match is None:
        raise BadSummary(f"{line[:40]!r} is not a count of messages")
    name = CLASSES.get(match[1].lower())
    if name is None:
        raise BadSummary(f"{match[1][:40]!r} is no class of messages")
    numbers = [None if text is None else int(text) for text in match.groups()[1:]]
    if any(number is not None and number > MAX_COUNT for number in numbers):
        raise BadSummary(f"more than {MAX_COUNT} messages")
    new, old, new_urgent, old_urgent = numbers
    return name, Counts(new or 0, old or 0, new_urgent, old_urgent)


def _check_headers(text: str) -> None:
    """Refuse what is not a list of headers for each message, between empty lines."""
    if not text:
        return
    if not text.endswith("\r\n"):
        raise BadSummary("its last line has no end")
    for message in text.removesuffix("\r\n").split("\r\n\r\n"):
        for header in _FOLD.sub(" ", message).split("\r\n"):
            if not _HEADER.fullmatch(header):
                raise BadSummary(f"{header[:40]!r} is not a header of a message")


def write(summary: Summary) -> bytes:
    """The body of `summary`."""
    lines = [f"Messages-Waiting: {'yes' if summary.waiting else 'no'}"]
    if summary.account:
        lines.append(f"Message-Account: {summary.account}")
    lines += [f"{name}: {_written(counts)}" for name, counts in summary.counts]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _written(counts: Counts) -> str:
    text = f"{counts.new}/{counts.old}"
    if counts.new_urgent is None:
        return text
    return f"{text} ({counts.new_urgent}/{counts.old_urgent})"


def combine(summaries: Sequence[Summary], account: str) -> Summary:
    """Several mailboxes as one, that of `account` (RFC 3842 §3.10).

    Messages wait when they wait in any. Counts are added up class by class, unless a mailbox
    tells none: then no count would be true, and none is told.
    """
    waiting = any(one.waiting for one in summaries)
    if not all(one.counts for one in summaries):
        return Summary(waiting, account, ())
    known = [dict(one.counts) for one in summaries]
    names = [name for name in CLASSES.values() if any(name in one for one in known)]
    return Summary(
        waiting,
        account,
        tuple((name, _sum([one[name] for one in known if name in one])) for name in names),
    )


def _sum(all_counts: Sequence[Counts]) -> Counts:
    """What is urgent is added up where all count it."""
    new, old = (
        min(sum(pair), MAX_COUNT) for pair in zip(*(one[:2] for one in all_counts), strict=True)
    )
    urgent = [(one.new_urgent, one.old_urgent) for one in all_counts]
    pairs = [(a, b) for a, b in urgent if a is not None and b is not None]
    if len(pairs) < len(urgent):
        return Counts(new, old)
    first, second = (min(sum(pair), MAX_COUNT) for pair in zip(*pairs, strict=True))
    return Counts(new, old, first, second)
