"""Plain counters of the store's lanes, for whoever wants to show them."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class LaneStats:
    """One lane since the start; averages are total over count."""

    queued: int = 0
    """Operations that wait or are under way now."""
    operations: int = 0
    batches: int = 0
    largest: int = 0
    """Operations of the largest batch."""
    refused: int = 0
    """Operations refused because the queue was full."""
    failed: int = 0
    """Batches that failed as a whole."""
    seconds: float = 0.0
    """Time that batches were under way, all together."""
    slowest: float = 0.0


@dataclass(slots=True)
class StoreStats:
    """All lanes by name, and what else the store counts."""

    lanes: dict[str, LaneStats] = field(default_factory=dict)
    reconnects: int = 0
    changes_heard: int = 0
    resyncs: int = 0
    credential_hits: int = 0
    credential_misses: int = 0

    def lane(self, name: str) -> LaneStats:
        """Return the counters of lane `name`, making them the first time."""
        return self.lanes.setdefault(name, LaneStats())
