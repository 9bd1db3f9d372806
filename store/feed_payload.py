"""What one notification of the feed says: its sender, then changes. Pure.

`sender RS change RS change …`, a change being its kind's letter, its version, a space
and its key. A part that cannot be understood means that something was missed.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from store.values import Change, Kind

CHANNEL: Final = "presentity"
SEPARATOR: Final = "\x1e"
PAYLOAD_LIMIT: Final = 7000
"""Octets of changes in one payload; PostgreSQL takes less than 8,000 in all."""
HELLO: Final = "+"
"""Instead of a change: a process has started, or is back."""
RESYNC: Final = Change(Kind.RESYNC, "", 0)


def encode(sender: str, changes: Iterable[Change]) -> str:
    """Return the payload of `changes`."""
    parts = (f"{change.kind.value}{change.version} {change.key}" for change in changes)
    return SEPARATOR.join((sender, *parts))


def hello(sender: str) -> str:
    """Return the payload by which a process makes itself known."""
    return SEPARATOR.join((sender, HELLO))


def decode(payload: str) -> tuple[str, list[Change]]:
    """Return sender and changes; a hello brings none."""
    sender, *parts = payload.split(SEPARATOR)
    return sender, list(_changes(parts))


def _changes(parts: Iterable[str]) -> Iterator[Change]:
    for part in parts:
        if part == HELLO:
            continue
        head, space, key = part.partition(" ")
        try:
            kind = Kind(head[:1])
            version = int(head[1:])
        except ValueError:
            yield RESYNC
            continue
        yield Change(kind, key, version) if space else RESYNC
