"""Counters of the process, and their Prometheus form (OPS-01). Shell.

The hot path adds to plain integers in dictionaries; names, labels and types appear only when
/metrics is read, by one collector that reads them all. Durations are seconds.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from presence.histogram import Histogram

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
