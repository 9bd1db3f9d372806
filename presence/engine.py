"""The live half of the event server: what happens to watched resources and subscriptions.

Synchronous and without I/O of its own, so a whole PUBLISH-to-NOTIFY road runs in a test with
plain calls. The services around it bring what the store said.
"""

from collections.abc import Callable

from presence.index import LiveIndex
from presence.live import CSEQ_BLOCK, LiveResource, LiveSubscription
from presence.notifier.conditional import impose
from presence.notifier.helper import Helper, Schedule
from presence.notifier.notifier import Notifier
from presence.notifier.pacer import Pacer
from presence.package import EventPackage, Provided
from presence.policy.policy import Decision, granted, view_of
from presence.ports import Notifying
from presence.stats import EventStats
from presence.subscriptions.subscription import Cause, State, Subscription
from presence.subscriptions.wants import terms_for, view_for
from sip.transport.flow import Flow
from store.values import Publication, Resource, SubscriptionRow


class Engine:
    """All live subscriptions, and the NOTIFYs that follow from what happens to them."""

    def __init__(
        self,
        *,
        endpoint: Notifying,
        clock: Callable[[], float],
        schedule: Schedule,
        stats: EventStats,
        domains: frozenset[str],
        helper: Helper,
        on_over: Callable[[LiveSubscription], None] = lambda live: None,
        notify_rate: float = 0.0,
        compress: int = 0,
    ) -> None:
        """`on_over` is told of each subscription that ended with its resource; `notify_rate` is
        NOTIFYs a second, 0 for no limit; `compress` is as in `wants.view_for`."""
        self._compress = compress
        self.index = LiveIndex()
        self._on_over = on_over
        self.stats = stats
        self._clock = clock
        self.notifier = Notifier(
            endpoint=endpoint,
            clock=clock,
            schedule=schedule,
            stats=stats,
            domains=domains,
            helper=helper,
            pacer=Pacer(notify_rate) if notify_rate else None,
        )

    def published(
        self,
        resource: Resource,
        version: int,
        publications: tuple[Publication, ...],
        *,
        asked_at: float = 0.0,
    ) -> None:
        """`resource` has these publications at `version`; older news change nothing.

        `asked_at`: when the PUBLISH came that made the change; 0 when it was none of ours.
        """
        watched = self.index.resource(resource)
        if watched is None:
            return
        was_there = there(watched)
        if not watched.published(version, publications):
            return
        watched.asked_at = asked_at
        if watched.package.hear is not None:
            watched.package.hear(watched.aor, watched.state)
        if was_there and not there(watched):
            self._vanished(watched)
        elif watched.complete:
            self.notifier.changed(watched)

    def _vanished(self, watched: LiveResource) -> None:
        """`watched` is no more, and so are its subscriptions (RFC 6665 §4.1.3)."""
        for live in tuple(watched.subscriptions.values()):
            self.finish(live, Cause.VANISHED)
            self._on_over(live)

    def provided(self, resource: Resource, provided: Provided) -> None:
        """The same for state that was not published."""
        watched = self.index.resource(resource)
        if watched is not None and watched.provide(provided):
            watched.asked_at = 0.0
            if watched.complete:
                self.notifier.changed(watched)

    def enter(
        self, row: SubscriptionRow, package: EventPackage, decision: Decision, arrival: Flow | None
    ) -> LiveSubscription:
        """Put a subscription into the index before its write is awaited.

        A change that commits meanwhile marks it, and is told once `opened`.
        """
        usage = Subscription.begin(granted=granted(decision), expires_at=row.expires_at)
        view = view_for(decision, row, package, self._compress)
        watched = self.index.resource_for(row.resource, package)
        live = LiveSubscription(row, usage, watched, view, arrival)
        live.terms = terms_for(row, package, self._clock())
        self.index.add(live)
        return live

    def resume(
        self,
        row: SubscriptionRow,
        package: EventPackage,
        decision: Decision,
        arrival: Flow | None = None,
        *,
        last_cseq: int,
    ) -> LiveSubscription:
        """Serve a subscription that another process, or an earlier life, has opened.

        Its CSeq goes on after `last_cseq`, above all that were reserved (EVT-08).
        """
        live = self.enter(row, package, decision, arrival)
        live.cseq = last_cseq
        live.ceiling = last_cseq + CSEQ_BLOCK
        live.opened = True
        self.notifier.told[live.id] = live
        self.notifier.keep_pace(live)
        return live

    def opened(self, live: LiveSubscription, condition: str = "", loaded: object = None) -> None:
        """The 2xx is on the wire: the NOTIFY may follow (RFC 6665 §4.2.1.2).

        `live` may be a `single` one, which is in no index. While `condition` holds its NOTIFYs
        show no state (RFC 5839 §6.2). `loaded` is as in `Notifier.force`.
        """
        impose(live, condition)
        live.opened = True
        self.notifier.force(live, loaded)

    def unchanged(self, live: LiveSubscription) -> None:
        """The 204 is on the wire: no NOTIFY follows but what was due already (RFC 5839 §6.3)."""
        live.opened = True
        self.notifier.keep_pace(live)
        self.notifier.pump(live, self._clock())

    def refreshed(
        self, live: LiveSubscription, row: SubscriptionRow, decision: Decision, arrival: Flow | None
    ) -> None:
        """A SUBSCRIBE within the dialog was accepted and committed as `row`."""
        self.decided(live, decision)
        live.usage = live.usage.refreshed(row.expires_at)
        self.index.replace_row(live, row)
        package = live.resource.package
        live.view = view_for(decision, row, package, self._compress)
        live.terms = terms_for(row, package, self._clock(), live.terms)
        self.index.arrived(live, arrival)
        live.readdress()

    def decided(self, live: LiveSubscription, decision: Decision) -> bool:
        """Apply a policy decision that grants or suspends; True when the state changed.

        A decision to block ends the subscription: see `finish`.
        """
        cause = Cause.APPROVED if granted(decision) else Cause.SUSPENDED
        live.usage, notify = live.usage.step(cause, self._clock())
        view, before = view_of(decision, live.view.content_type), live.view
        live.view = view._replace(filter=before.filter, coding=before.coding)
        if notify is not None:
            self.index.note_state(live)
        return notify is not None

    def finish(
        self, live: LiveSubscription, cause: Cause, condition: str = "", loaded: object = None
    ) -> None:
        """End `live`, with a last NOTIFY that says why; the rest is as in `opened`."""
        impose(live, condition)
        self.index.remove(live.id)
        self.notifier.told.pop(live.id, None)
        live.usage, notify = live.usage.step(cause, self._clock())
        if notify is not None:
            self.notifier.force(live, loaded)

    def forget(self, live: LiveSubscription) -> None:
        """Let go of `live` without a word: it is served elsewhere, or its watcher is gone."""
        if self.index.get(live.id) is live:
            self.index.remove(live.id)
        self.notifier.forget(live)
        live.usage, _ = live.usage.step(Cause.FAILED, self._clock())
        live.opened = False
        if live.timer is not None:
            live.timer.cancel()
        if live.terms is not None:
            live.terms.stop()

    def single(
        self, row: SubscriptionRow, watched: LiveResource, decision: Decision, arrival: Flow
    ) -> LiveSubscription:
        """A subscription that is over with its first NOTIFY (RFC 6665 §4.4.3)."""
        usage = Subscription.fetch(granted=granted(decision), now=self._clock())
        view = view_for(decision, row, watched.package, self._compress)
        return LiveSubscription(row, usage, watched, view, arrival)

    def lapse(self, subscription_id: str) -> None:
        """The store says that this subscription expired."""
        live = self.index.get(subscription_id)
        if live is not None:
            self.finish(live, Cause.LAPSED)

    def take_told(self) -> tuple[LiveSubscription, ...]:
        """Whose progress is to be written to the store now."""
        told = tuple(self.notifier.told.values())
        self.notifier.told.clear()
        return told


def there(watched: LiveResource) -> bool:
    """Whether `watched` is known to be there, in a package whose resources can go away."""
    over = watched.package.over
    return over is not None and watched.loaded and not over(watched.state)


def state_of(decision: Decision) -> State:
    """The state a decision opens a subscription in."""
    return State.ACTIVE if granted(decision) else State.PENDING
