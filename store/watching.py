"""How long what is known of watchers outlives their subscriptions (RFC 3857 §4.7.1). Pure."""

from typing import Final, NamedTuple

TEMPLATE: Final = ".winfo"
"""What the package of watcher information has behind the name of the one it is about."""
KEEP_WAITING: Final = 30 * 86_400.0
"""Seconds that a watcher waits for a decision before the server gives up."""
KEEP_ENDED: Final = 60.0
"""Seconds for which the end of a watcher can be read, if anybody watches the watchers."""
WAITING_LIMIT: Final = 1000
"""Presentities and packages that one watcher waits for; of further ones nothing is kept."""

NAME_LIMIT: Final = 2_000
"""Octets that AoR, package and watcher may have together: of longer ones nothing is kept or told,
since neither an index nor the feed of PostgreSQL would take it."""


class Keeping(NamedTuple):
    """Until when what ends at `now` is kept."""

    now: float
    waiting_until: float
    ended_until: float

    @classmethod
    def since(cls, now: float, keep_waiting: float) -> "Keeping":
        return cls(now, now + keep_waiting, now + KEEP_ENDED)
