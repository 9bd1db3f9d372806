"""What a failed NOTIFY means for its subscription (RFC 6665 §4.2.2, RFC 5057 §5). Pure."""

from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

REMOVING: Final = frozenset({404, 405, 410, 416, *range(480, 486), 489, 501, 604})
"""The watcher has no such subscription any more, or never had."""
TIMER_F: Final = 408
MAX_HOLD: Final = 3600
"""Seconds; whoever asks for more is asked again after this."""

Fate = Enum("Fate", ["REMOVE", "HOLD", "KEEP"])


class Reaction(NamedTuple):
    """What to do about it."""

    fate: Fate
    seconds: int = 0
    """HOLD: no NOTIFY for so long, then the newest state."""


REMOVE: Final = Reaction(Fate.REMOVE)
KEEP: Final = Reaction(Fate.KEEP)


def reaction(status: int, *, answered: bool, header: Callable[[str], str | None]) -> Reaction:
    """What final `status` asks for.

    `answered` is False when no response came (timer F, a dead connection); `header` reads
    the response. Nothing is retried for 401 and 407: we hold no credentials for watchers.
    """
    if status in REMOVING or (status == TIMER_F and not answered):
        return REMOVE
    seconds = retry_after(header("retry-after")) if status >= 500 else None
    return KEEP if seconds is None else Reaction(Fate.HOLD, seconds)


def retry_after(value: str | None) -> int | None:
    """The seconds of a Retry-After value, at most MAX_HOLD (RFC 3261 §20.33)."""
    digits = (value or "").partition("(")[0].partition(";")[0].strip()
    if not (digits.isascii() and digits.isdigit()):
        return None
    return min(int(digits[:10]), MAX_HOLD)
