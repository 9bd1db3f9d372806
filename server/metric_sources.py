"""What the packages count, under the names of /metrics (OPS-01). Shell.

Packages keep plain numbers and know nothing of Prometheus; here each gets its name and labels.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from presence.stats import EventStats
from server.metrics import Metrics, Sample, from_counter, from_value
from server.sip_metrics import publish_sip
from server.wiring import Services
from store.stats import LaneStats, StoreStats
from xcap.http.stats import XcapStats

_EVENT_COUNTERS = {
    "publish_accepted": "PUBLISH requests accepted",
    "subscribe_accepted": "SUBSCRIBE requests accepted",
    "notify_sent": "NOTIFY requests sent",
    "suppressed": "NOTIFYs not sent since they would have told nothing new",
    "coalesced": "Changes that went into a later NOTIFY",
    "adopted": "Subscriptions taken over from an earlier life or another process",
    "subs_replaced": "Subscriptions ended by a newer one of the same device (presence.replace)",
    "migrated": "Subscriptions asked to go elsewhere (presentity drain)",
}
_XCAP_COUNTERS = {
    "challenged": ("challenged", "XCAP requests answered 401"),
    "failures": ("auth_failures", "Wrong passwords and users"),
    "lockouts": ("lockouts", "Times that a user or an address was locked out"),
    "refused_locked": ("lockout_refused", "XCAP requests refused during a lock-out"),
}
_LANE_COUNTERS: dict[str, tuple[str, Callable[[LaneStats], float]]] = {
    "operations": ("Operations that were answered", lambda lane: lane.operations),
    "batches": ("Transactions that carried them", lambda lane: lane.batches),
    "refused": ("Operations refused since the queue was full", lambda lane: lane.refused),
    "failed": ("Transactions that failed as a whole", lambda lane: lane.failed),
    "seconds": ("Time that transactions were under way", lambda lane: lane.seconds),
}
_LANE_GAUGES: dict[str, tuple[str, Callable[[LaneStats], float]]] = {
    "queued": ("Operations waiting or under way", lambda lane: lane.queued),
    "largest_batch": ("Operations of the largest batch", lambda lane: lane.largest),
    "slowest_seconds": ("The slowest transaction", lambda lane: lane.slowest),
}
_STORE_COUNTERS = {
    "reconnects": "Connections to the database made anew",
    "changes_heard": "Changes heard from other processes",
    "resyncs": "Times that changes may have been missed",
    "credential_hits": "Credentials found in the cache",
    "credential_misses": "Credentials asked of the database",
}


def publish_metrics(services: Services) -> None:
    """Let `services.metrics` read all that its services count; the endpoint was started."""
    metrics = services.metrics
    _publish_events(metrics, services.event_stats)
    _publish_store(metrics, services.store.stats)
    metrics.gauge(
        "presentity_subscriptions", "Subscriptions served here", ("package", "state"),
        lambda: from_counter(_subscriptions(services))(),
    )  # fmt: skip
    migration = services.events.migration
    metrics.gauge(
        "presentity_draining", "1 while subscriptions are asked to go elsewhere", (),
        from_value(lambda: migration.active),
    )  # fmt: skip
    notifier = services.events.engine.notifier
    metrics.counter(
        "presentity_notify_paced", "NOTIFYs that waited for a turn (presence.notify_rate)", (),
        from_value(lambda: notifier.paced),
    )  # fmt: skip
    metrics.gauge(
        "presentity_notify_waiting", "NOTIFYs that wait for a turn now", (),
        from_value(lambda: notifier.waiting),
    )  # fmt: skip
    _publish_xcap(metrics, services.xcap.stats)
    publish_sip(metrics, services)


def _publish_events(metrics: Metrics, stats: EventStats) -> None:
    for name, text in _EVENT_COUNTERS.items():
        metrics.counter(f"presentity_{name}", text, (), from_value(_attribute(stats, name)))
    metrics.histogram(
        "presentity_publish_to_notify_seconds",
        "From a PUBLISH to each NOTIFY that tells it, throttles included",
        stats.notify_delay,
    )
    metrics.counter(
        "presentity_notify_failed", "NOTIFYs by final status other than 2xx", ("code",),
        from_counter(stats.notify_failed),
    )  # fmt: skip
    metrics.counter(
        "presentity_event_refused", "PUBLISH and SUBSCRIBE refused (412, 423, 489 …)", ("code",),
        from_counter(stats.refused),
    )  # fmt: skip
    metrics.counter(
        "presentity_limited", "Requests refused by a limit, by its name", ("limit",),
        from_counter(stats.limited),
    )  # fmt: skip


def _publish_xcap(metrics: Metrics, stats: XcapStats) -> None:
    metrics.counter(
        "presentity_xcap_requests", "XCAP requests", ("auid", "method", "code"),
        from_counter(stats.requests),
    )  # fmt: skip
    for attribute, (name, text) in _XCAP_COUNTERS.items():
        read = from_value(_attribute(stats.auth, attribute))
        metrics.counter(f"presentity_xcap_{name}", text, (), read)


def _publish_store(metrics: Metrics, stats: StoreStats) -> None:
    for name, (text, read) in _LANE_COUNTERS.items():
        metrics.counter(f"presentity_store_{name}", text, ("lane",), _of_lanes(stats, read))
    for name, (text, read) in _LANE_GAUGES.items():
        metrics.gauge(f"presentity_store_{name}", text, ("lane",), _of_lanes(stats, read))
    for name, text in _STORE_COUNTERS.items():
        metrics.counter(f"presentity_store_{name}", text, (), from_value(_attribute(stats, name)))


def _subscriptions(services: Services) -> Counter[tuple[str, str]]:
    index = services.events.engine.index
    return Counter((live.resource.resource.package, live.usage.state.value) for live in index)


def _attribute(holder: object, name: str) -> Callable[[], float]:
    return lambda: float(getattr(holder, name))


def _of_lanes(
    stats: StoreStats, read: Callable[[LaneStats], float]
) -> Callable[[], Iterable[Sample]]:
    def samples() -> Iterator[Sample]:
        for name, lane in list(stats.lanes.items()):
            yield (name,), read(lane)

    return samples
