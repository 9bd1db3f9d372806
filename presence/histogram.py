"""How long things took, counted in buckets (OPS-01). Pure; seconds."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

LATENCY_BOUNDS: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Upper bounds of the buckets of a latency, seconds."""


class Histogram:
    """Observations in buckets; `observe` costs one bisection."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float] = LATENCY_BOUNDS) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one that took `value`."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts by upper bound, `+Inf` last, as Prometheus wants them."""
        names = [*(str(bound) for bound in self.bounds), "+Inf"]
        running = 0
        result: list[tuple[str, float]] = []
        for name, count in zip(names, self.counts, strict=True):
            running += count
            result.append((name, float(running)))
        return result
