"""What the HTTP listeners count, under the names of /metrics (OPS-01). Shell."""

from collections.abc import Iterator, Mapping

from server.http_listener import HttpListener
from server.metrics import Metrics, Sample


def publish_http(metrics: Metrics, listeners: Mapping[str, HttpListener]) -> None:
    """Let `metrics` read what each of `listeners` counts, by its name."""
    metrics.gauge(
        "presentity_http_connections", "Open HTTP connections", ("listener",),
        lambda: [((name,), float(one.connections)) for name, one in listeners.items()],
    )  # fmt: skip
    metrics.counter(
        "presentity_http_connections_overdue", "HTTP connections closed for being slow or idle",
        ("listener",),
        lambda: [((name,), float(one.overdue)) for name, one in listeners.items()],
    )  # fmt: skip
    metrics.counter(
        "presentity_http_tls_handshakes_failed", "TLS handshakes of clients that failed or stalled",
        ("listener",),
        lambda: [((name,), float(one.failed_handshakes)) for name, one in listeners.items()],
    )  # fmt: skip
    metrics.counter(
        "presentity_http_connections_refused", "HTTP connections not let in, by reason",
        ("listener", "reason"), lambda: _refused(listeners),
    )  # fmt: skip


def _refused(listeners: Mapping[str, HttpListener]) -> Iterator[Sample]:
    for name, listener in listeners.items():
        for (_, reason), count in listener.stats.refused.items():
            yield (name, reason), float(count)
