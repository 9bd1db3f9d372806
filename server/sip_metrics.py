"""What the SIP side counts, under the names of /metrics (OPS-01). Shell."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from server.metrics import Metrics, Sample, from_counter, from_value
from server.wiring import Services
from sip.transport.config import STREAMS

_CONNECTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "accepted": ("connections_accepted", "Connections accepted, with TLS before the handshake"),
    "opened": ("connections_opened", "Connections that this server opened"),
    "failed_connects": ("connects_failed", "Connections that could not be opened"),
    "failed_handshakes": (
        "tls_handshakes_failed",
        "TLS handshakes of clients that failed or stalled",
    ),
    "stalled": (
        "connections_stalled",
        "Connections closed since the peer was idle or did not read",
    ),
}
_IDENTITIES: Final[Mapping[str, tuple[str, str]]] = {
    "challenged": ("challenged", "Requests answered 401 or 407"),
    "failures": ("auth_failures", "Wrong passwords and users"),
    "lockouts": ("lockouts", "Times that a user or an address was locked out"),
    "refused_locked": ("lockout_refused", "Requests refused during a lock-out"),
}
_DNS: Final[Mapping[str, tuple[str, str]]] = {
    "queries": ("queries", "DNS questions asked"),
    "cache_hits": ("cache_hits", "DNS questions answered from the cache"),
    "failures": ("failures", "DNS questions without an answer"),
    "stale": ("stale", "DNS answers used past their time, since none newer could be had"),
}


def publish_sip(metrics: Metrics, services: Services) -> None:
    """Let `metrics` read what the SIP side counts."""
    endpoint = services.endpoint
    metrics.gauge(
        "presentity_sip_transactions", "Server transactions without a final answer", (),
        from_value(lambda: endpoint.pending),
    )  # fmt: skip
    metrics.gauge(
        "presentity_sip_requests_in_work", "SIP requests being worked on", (),
        from_value(lambda: services.dispatcher.in_work),
    )  # fmt: skip
    metrics.gauge(
        "presentity_relay_in_flight", "Relayed requests that something is still open of", (),
        from_value(lambda: services.relay.under_way),
    )  # fmt: skip
    _publish_connections(metrics, services)
    _publish_refusals(metrics, services)
    dns = services.resolver.stats
    for attribute, (name, text) in _DNS.items():
        metrics.counter(f"presentity_dns_{name}", text, (), from_value(_attribute(dns, attribute)))
    metrics.counter(
        "presentity_binding_changes", "Changes of an AoR's bindings, by cause", ("cause",),
        from_counter(services.registrar.changes),
    )  # fmt: skip
    _publish_routing(metrics, services)


def _publish_connections(metrics: Metrics, services: Services) -> None:
    endpoint = services.endpoint
    stats = endpoint.connection_stats
    metrics.gauge(
        "presentity_sip_connections", "Open SIP connections", ("transport",),
        lambda: [((name,), float(endpoint.connections_by(name))) for name in STREAMS],
    )  # fmt: skip
    metrics.counter(
        "presentity_sip_connections_refused", "Connections not let in, by reason",
        ("transport", "reason"), from_counter(stats.refused),
    )  # fmt: skip
    for attribute, (name, text) in _CONNECTIONS.items():
        counts = getattr(stats, attribute)
        metrics.counter(f"presentity_sip_{name}", text, ("transport",), from_counter(counts))


def _publish_refusals(metrics: Metrics, services: Services) -> None:
    for attribute, (name, text) in _IDENTITIES.items():
        read = _attribute(services.identities.stats, attribute)
        metrics.counter(f"presentity_sip_{name}", text, (), from_value(read))
    metrics.counter(
        "presentity_sip_limited", "Requests beyond a limit, by its name", ("limit",),
        lambda: _limited(services),
    )  # fmt: skip


def _limited(services: Services) -> Iterable[Sample]:
    sources = services.endpoint.limits
    yield ("source",), float(sources.refused if sources is not None else 0)
    yield ("account",), float(services.identities.account_refusals)


def _publish_routing(metrics: Metrics, services: Services) -> None:
    routing = services.routing
    if routing.path is None:
        return
    metrics.counter(
        "presentity_routing_calls", "Callbacks of the routing file that were called",
        ("callback",), from_counter(routing.calls),
    )  # fmt: skip
    metrics.counter(
        "presentity_routing_failures", 'Those that failed, and "load" for files not taken',
        ("callback",), from_counter(routing.failures),
    )  # fmt: skip


def _attribute(holder: object, name: str) -> Callable[[], float]:
    return lambda: float(getattr(holder, name))
