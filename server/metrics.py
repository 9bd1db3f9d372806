"""Counters of the process, and their Prometheus form (OPS-01). Shell.

The hot path adds to plain integers in dictionaries; names, labels and types appear only when
/metrics is read, by one collector that reads them all. Durations are seconds.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

LATENCY_BOUNDS: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Upper bounds of the buckets of a latency histogram, seconds."""


class Histogram:
    """Observations in buckets; `observe` costs one bisection."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float] = LATENCY_BOUNDS) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
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


METHODS: Final = frozenset(
    {"REGISTER", "PUBLISH", "SUBSCRIBE", "NOTIFY", "OPTIONS", "MESSAGE", "INVITE", "ACK", "BYE"}
    | {"CANCEL", "INFO", "PRACK", "REFER", "UPDATE"}
)
OTHER_METHOD: Final = "other"
"""What a stranger makes up gets no label of its own."""

K = TypeVar("K")
Labels = tuple[str, ...]
Sample = tuple[Labels, float]
Read = Callable[[], Iterable[Sample]]


def from_counter(counts: Mapping[K, int]) -> Read:
    """Samples of a dictionary from label (or tuple of labels) to count."""

    def read() -> Iterator[Sample]:
        for key, count in list(counts.items()):
            labels = key if isinstance(key, tuple) else (key,)
            yield tuple(str(label) for label in labels), float(count)

    return read


def from_value(value: Callable[[], float]) -> Read:
    """One sample without labels, read when asked for."""
    return lambda: [((), float(value()))]


class Metrics(Collector):
    """Everything that is counted: own counters, and what other packages let it read."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        """SIP requests answered by this server, by method and status."""
        self._families: list[Callable[[], Metric]] = []
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self.counter(
            "presentity_sip_requests", "SIP requests by final status", ("method", "status"),
            from_counter(self.requests),
        )  # fmt: skip

    def request(self, method: str, status: int) -> None:
        """Count one SIP request and the final status it got."""
        self.requests[method if method in METHODS else OTHER_METHOD, status] += 1

    def counter(self, name: str, text: str, labels: Sequence[str], read: Read) -> None:
        """Publish what `read` gives as a counter; `name` without `_total`."""

        def family() -> Metric:
            metric = CounterMetricFamily(name, text, labels=labels)
            for values, number in read():
                metric.add_metric(values, number)
            return metric

        self._families.append(family)

    def gauge(self, name: str, text: str, labels: Sequence[str], read: Read) -> None:
        """Publish what `read` gives as a gauge."""

        def family() -> Metric:
            metric = GaugeMetricFamily(name, text, labels=labels)
            for values, number in read():
                metric.add_metric(values, number)
            return metric

        self._families.append(family)

    def histogram(self, name: str, text: str, histogram: Histogram) -> None:
        """Publish `histogram`, which has no labels."""

        def family() -> Metric:
            metric = HistogramMetricFamily(name, text)
            metric.add_metric([], histogram.buckets(), histogram.total)
            return metric

        self._families.append(family)

    def collect(self) -> Iterable[Metric]:
        return [family() for family in self._families]

    def exposition(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self._registry)
