"""All that is watched here, by resource, by subscription and by watcher. Memory only."""

from collections import Counter
from collections.abc import Iterator

from presence.live import LiveResource, LiveSubscription
from presence.package import EventPackage
from presence.subscriptions.subscription import State
from sip.transport.flow import Flow
from store.values import Resource, SubscriptionRow


class LiveIndex:
    """All that is watched here, by resource and by subscription."""

    __slots__ = (
        "_by_id",
        "_by_resource",
        "_by_source",
        "_by_topic",
        "_by_watcher",
        "_pending",
        "_topics_of",
    )

    def __init__(self) -> None:
        self._by_id: dict[str, LiveSubscription] = {}
        self._by_resource: dict[Resource, LiveResource] = {}
        self._by_topic: dict[tuple[str, str], dict[str, LiveSubscription]] = {}
        """By package and topic; empty but for packages that have `topics`."""
        self._by_watcher: Counter[str] = Counter()
        self._by_source: Counter[str] = Counter()
        """By the address that the last SUBSCRIBE came from, if this process has heard it."""
        self._pending: dict[str, set[str]] = {}
        """By watcher, those of which nobody has decided."""
        self._topics_of: Counter[str] = Counter()
        """How many topics a watcher follows, the same one twice in two subscriptions."""

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[LiveSubscription]:
        return iter(self._by_id.values())

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Everything that is watched."""
        return tuple(self._by_resource)

    def get(self, subscription_id: str) -> LiveSubscription | None:
        """The subscription with this local tag."""
        return self._by_id.get(subscription_id)

    def resource(self, resource: Resource) -> LiveResource | None:
        """The watched resource, None when nobody here watches it."""
        return self._by_resource.get(resource)

    def resource_for(self, resource: Resource, package: EventPackage) -> LiveResource:
        """The watched resource, or a new one that `add` will keep."""
        return self._by_resource.get(resource) or LiveResource(resource, package)

    def watched_by(self, watcher: str) -> int:
        """How many subscriptions `watcher` has here."""
        return self._by_watcher[watcher]

    def coming_from(self, source: str) -> int:
        """How many subscriptions here came from the address `source` last."""
        return self._by_source[source]

    def arrived(self, live: LiveSubscription, arrival: Flow | None) -> None:
        """A SUBSCRIBE of `live` came by `arrival`."""
        if self._by_id.get(live.id) is live:
            self._count_source(live.arrival, -1)
            self._count_source(arrival, 1)
        live.arrival = arrival

    def _count_source(self, arrival: Flow | None, more: int) -> None:
        if arrival is None:
            return
        source = arrival.remote[0]
        self._by_source[source] += more
        if not self._by_source[source]:
            del self._by_source[source]

    def pending_of(self, watcher: str) -> int:
        """How many subscriptions of `watcher` here are pending."""
        return len(self._pending.get(watcher, ()))

    def note_state(self, live: LiveSubscription) -> None:
        """The state of `live` may have changed."""
        if live.usage.state is State.PENDING and self._by_id.get(live.id) is live:
            self._pending.setdefault(live.watcher, set()).add(live.id)
        else:
            self._not_pending(live)

    def _not_pending(self, live: LiveSubscription) -> None:
        pending = self._pending.get(live.watcher)
        if pending is not None:
            pending.discard(live.id)
            if not pending:
                del self._pending[live.watcher]

    def followed_by(self, watcher: str) -> int:
        """How many topics the subscriptions of `watcher` follow here."""
        return self._topics_of[watcher]

    def followers(self, package: EventPackage, topic: str) -> tuple[LiveSubscription, ...]:
        """The subscriptions to `package` that follow `topic`."""
        return tuple(self._by_topic.get((package.stored_as, topic), {}).values())

    def replace_row(self, live: LiveSubscription, row: SubscriptionRow) -> None:
        """Give `live` the row that a refresh made, which may follow something else."""
        if self._by_id.get(live.id) is not live:
            live.row = row
            return
        self._unfollow(live)
        live.row = row
        self._follow(live)

    def add(self, live: LiveSubscription) -> None:
        """Keep `live`, in the place of one with its id."""
        self.remove(live.id)
        live.resource = self._by_resource.setdefault(live.resource.resource, live.resource)
        live.resource.join(live)
        self._by_id[live.id] = live
        self._by_watcher[live.watcher] += 1
        self._count_source(live.arrival, 1)
        self.note_state(live)
        self._follow(live)

    def remove(self, subscription_id: str) -> LiveSubscription | None:
        """Let go of a subscription, and of its resource when it was the last watcher."""
        live = self._by_id.pop(subscription_id, None)
        if live is None:
            return None
        if live.resource.leave(live):
            self._by_resource.pop(live.resource.resource, None)
        self._count_source(live.arrival, -1)
        self._by_watcher[live.watcher] -= 1
        if not self._by_watcher[live.watcher]:
            del self._by_watcher[live.watcher]
        self._not_pending(live)
        self._unfollow(live)
        return live

    def _follow(self, live: LiveSubscription) -> None:
        package = live.resource.package
        if package.topics is not None:
            for topic in package.topics(live.row):
                followers = self._by_topic.setdefault((package.stored_as, topic), {})
                self._topics_of[live.watcher] += live.id not in followers
                followers[live.id] = live

    def _unfollow(self, live: LiveSubscription) -> None:
        package = live.resource.package
        if package.topics is not None:
            for topic in package.topics(live.row):
                key = (package.stored_as, topic)
                followers = self._by_topic.get(key, {})
                if followers.pop(live.id, None) is not None:
                    self._topics_of[live.watcher] -= 1
                if not followers:
                    self._by_topic.pop(key, None)
            if not self._topics_of[live.watcher]:
                del self._topics_of[live.watcher]
