"""What a failed NOTIFY means for its subscription (RFC 6665 §4.2.2, RFC 5057 §5). Pure."""

from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

REMOVING: Final = frozenset({404, 405, 410, 416, *range(480, 486), 489, 501, 604})
"""The watcher has no such subscription any more, or never had."""
TIMER_F: Final = 408
FIRST_SERVER_FAILURE: Final = 500
MAX_HOLD: Final = 3600
"""Seconds; whoever asks for more is asked again after this."""
RETRY_AFTER: Final = 30
"""Seconds after a 5xx that names no time, or a road that was not there: the watcher has missed
something, and there may be no further change to tell it."""

Fate = Enum("Fate", ["REMOVE", "HOLD", "RETRY", "KEEP"])


class Reaction(NamedTuple):
    """What to do about it."""

    fate: Fate
    seconds: int = 0
    """HOLD: no NOTIFY for so long, then the newest state. RETRY: the newest state after so
    long, unless a change was told before."""


REMOVE: Final = Reaction(Fate.REMOVE)
KEEP: Final = Reaction(Fate.KEEP)
RETRY: Final = Reaction(Fate.RETRY, RETRY_AFTER)


def reaction(status: int, *, answered: bool, header: Callable[[str], str | None]) -> Reaction:
    """What final `status` asks for.

    `answered` is False when no response came (timer F, a dead connection); `header` reads
    the response. What the watcher's side may get over is tried again; 401 and 407 are not,
    since we hold no credentials for watchers.
    """
    if status in REMOVING or (status == TIMER_F and not answered):
        return REMOVE
    if status < FIRST_SERVER_FAILURE:
        return KEEP
    seconds = retry_after(header("retry-after"))
    return RETRY if seconds is None else Reaction(Fate.HOLD, seconds)


def retry_after(value: str | None) -> int | None:
    """The seconds of a Retry-After value, at most MAX_HOLD (RFC 3261 §20.33)."""
    digits = (value or "").partition("(")[0].partition(";")[0].strip()
    if not (digits.isascii() and digits.isdigit()):
        return None
    return min(int(digits[:10]), MAX_HOLD)
