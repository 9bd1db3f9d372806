"""The caps on subscriptions, counted in this process (RFC 6665 §6.3, EVT-14). Pure.

Each raises what the SUBSCRIBE is answered with, and counts it: 403 when the watcher has to let go
of something first, 503 with Retry-After when others have.
"""

from typing import Final

from presence.config import PresenceConfig
from presence.errors import Forbidden, Overloaded
from presence.index import LiveIndex
from presence.package import EventPackage
from presence.policy.policy import Decision, granted
from presence.stats import EventStats
from sip.authenticator import Identity
from sip.transport.flow import Flow
from store.values import Resource, SubscriptionRow

ASSERTED: Final = "asserted"
"""How a trusted peer tells who asks; it speaks for many."""


class Limits:
    """Of one process."""

    def __init__(self, index: LiveIndex, config: PresenceConfig, stats: EventStats) -> None:
        self._index = index
        self._config = config
        self._stats = stats

    def check(self, resource: Resource, identity: Identity, decision: Decision, flow: Flow) -> None:
        """Whether one more subscription may be opened."""
        self._check_watcher(identity.aor or "", decision)
        self._check_resource(resource)
        if identity.how != ASSERTED:
            self._check_source(flow.remote[0])

    def check_topics(
        self, package: EventPackage, row: SubscriptionRow, before: SubscriptionRow | None = None
    ) -> None:
        """Whether the watcher may follow what `row` follows more than the row `before` it."""
        topics = package.topics
        if topics is None or (before is not None and before.content == row.content):
            return
        more = len(topics(row)) - (len(topics(before)) if before is not None else 0)
        follows = self._index.followed_by(row.watcher)
        if more > 0 and follows + more > self._config.max_topics_per_watcher:
            self._stats.limited["watcher"] += 1
            raise Forbidden("too much is followed by this watcher")

    def _check_watcher(self, watcher: str, decision: Decision) -> None:
        pending = self._index.pending_of(watcher)
        if not granted(decision) and pending >= self._config.max_pending_per_watcher:
            self._stats.limited["pending"] += 1
            raise Forbidden("too many subscriptions of this watcher are undecided")
        if self._index.watched_by(watcher) >= self._config.max_subscriptions_per_watcher:
            self._stats.limited["watcher"] += 1
            raise Forbidden("too many subscriptions of this watcher")

    def _check_resource(self, resource: Resource) -> None:
        watched = self._index.resource(resource)
        most = self._config.max_subscriptions_per_resource
        if watched is not None and len(watched.subscriptions) >= most:
            self._stats.limited["resource"] += 1
            raise Overloaded("too many watchers", self._config.retry_after)

    def _check_source(self, source: str) -> None:
        if self._index.coming_from(source) >= self._config.max_subscriptions_per_source:
            self._stats.limited["source"] += 1
            raise Overloaded("too many subscriptions of this address", self._config.retry_after)
