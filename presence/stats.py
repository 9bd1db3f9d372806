"""Counters of the event server: plain attributes that `server` reads (OPS-01)."""

from collections import Counter

from presence.histogram import Histogram


class EventStats:
    """Counts since the start; nothing here is stored."""

    __slots__ = (
        "adopted",
        "coalesced",
        "limited",
        "migrated",
        "notify_delay",
        "notify_failed",
        "notify_sent",
        "publish_accepted",
        "refused",
        "subs_replaced",
        "subscribe_accepted",
        "suppressed",
    )

    def __init__(self) -> None:
        self.publish_accepted = 0
        self.subscribe_accepted = 0
        self.notify_sent = 0
        self.suppressed = 0
        """NOTIFYs that would have repeated what the watcher knows (PRS-09)."""
        self.coalesced = 0
        """Changes that went into a later NOTIFY."""
        self.adopted = 0
        self.migrated = 0
        """Subscriptions asked to go elsewhere (EVT-12)."""
        self.subs_replaced = 0
        """Subscriptions that a newer one of the same device has ended (EVT-13)."""
        self.notify_delay = Histogram()
        """Seconds from a PUBLISH read here to each NOTIFY that tells it, throttles included."""
        self.notify_failed: Counter[int] = Counter()
        """By final status."""
        self.refused: Counter[int] = Counter()
        """Requests answered with an error, by status."""
        self.limited: Counter[str] = Counter()
        """Requests refused by a limit of EVT-14, by its name."""
