"""What is counted comes out in the text format of Prometheus (OPS-01)."""

from collections import Counter

from presence.histogram import Histogram
from server.metrics import Metrics, from_counter, from_value


def test_requests_are_counted_by_method_and_status() -> None:
    metrics = Metrics()
    for _ in range(3):
        metrics.request("PUBLISH", 412)
    line = b'presentity_sip_requests_total{method="PUBLISH",status="412"} 3.0'
    assert line in metrics.exposition()


def test_methods_that_nobody_knows_share_a_label() -> None:
    metrics = Metrics()
    metrics.request("NONSENSE", 405)
    metrics.request("RUBBISH", 405)
    assert b'{method="other",status="405"} 2.0' in metrics.exposition()


def test_a_gauge_is_read_when_asked_for() -> None:
    metrics, depth = Metrics(), [1]
    metrics.gauge("queue", "Queue", (), from_value(lambda: depth[0]))
    depth[0] = 7
    assert b"\nqueue 7.0" in metrics.exposition()


def test_single_labels_need_no_tuple() -> None:
    metrics, codes = Metrics(), Counter({200: 2})
    metrics.counter("notifies", "NOTIFYs", ("code",), from_counter(codes))
    assert b'notifies_total{code="200"} 2.0' in metrics.exposition()


def test_a_histogram_is_cumulative_and_keeps_the_sum() -> None:
    histogram = Histogram((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 9.0):
        histogram.observe(seconds)
    assert histogram.buckets() == [("0.1", 2.0), ("1.0", 3.0), ("+Inf", 4.0)]
    metrics = Metrics()
    metrics.histogram("delay_seconds", "Delay", histogram)
    assert b"delay_seconds_sum 9.65" in metrics.exposition()
