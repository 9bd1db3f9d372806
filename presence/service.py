"""The event server: PUBLISH and SUBSCRIBE in, NOTIFY out (RFC 6665, RFC 3903).

Shell. It joins the cores to the store and to the stack; the roads themselves are in
`publish_service`, `subscribe_service` and `recovery_service`.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from random import random as draw_at_random

import structlog

from presence.config import PresenceConfig
from presence.core_service import Core, Exists, Listener
from presence.engine import Engine
from presence.errors import Overloaded, PresenceError, StoreTimeout
from presence.live import Due, LiveSubscription
from presence.notifier.alarm_service import Alarm
from presence.notifier.failover import Failover
from presence.notifier.route import first_hop, leads_home
from presence.package import EventPackage, Variant, allow_events
from presence.policy.policy import Authorize
from presence.policy.reauthorize_service import ReauthorizeService
from presence.ports import EventStore, Hop, Notifying, Transaction
from presence.publications.grace_service import GraceService
from presence.publications.publish_service import PublishService
from presence.stats import EventStats
from presence.subscriptions.migration_service import MigrationService
from presence.subscriptions.recovery_service import OnExpiredBindings, RecoveryService
from presence.subscriptions.subscribe_service import SubscribeService
from presence.subscriptions.subscription import Cause
from sip.authenticator import Identity
from sip.errors import SipError, TransportError
from sip.locate import Target
from sip.transport.flow import Flow
from sip.uri import AoR
from store.errors import StoreError, StoreFull
from store.operations import WritePublication
from store.outcomes import PublicationWritten
from store.values import Change, Resource

log = structlog.get_logger(__name__)

ResolveTarget = Callable[[str], Awaitable[Hop | None]]
"""From a GRUU or AoR of ours, as it stands in a Contact, to the binding it names."""


class EventService:
    """One per process. `packages` is keyed by `EventPackage.stored_as`."""

    def __init__(
        self,
        *,
        store: EventStore,
        endpoint: Notifying,
        packages: Mapping[str, EventPackage],
        config: PresenceConfig,
        authorize: Authorize,
        exists: Exists,
        clock: Callable[[], float],
        metrics: EventStats | None = None,
        variants: Sequence[Variant] = (),
        resolve_target: ResolveTarget | None = None,
        on_expired_bindings: OnExpiredBindings | None = None,
        random: Callable[[int], bytes] = os.urandom,
        draw: Callable[[], float] = draw_at_random,
    ) -> None:
        self.stats = metrics or EventStats()
        self._endpoint = endpoint
        self._resolve_target = resolve_target
        self._alarm = Alarm(clock)
        engine = Engine(
            endpoint=endpoint,
            clock=clock,
            schedule=self._alarm.schedule,
            stats=self.stats,
            domains=config.domains if resolve_target is not None else frozenset(),
            helper=self,
            on_over=self._over,
            compress=config.compress,
            notify_rate=config.notify_rate,
        )
        self._core = Core(
            store=store,
            engine=engine,
            packages=packages,
            config=config,
            default_authorize=authorize,
            exists=exists,
            clock=clock,
            variants=variants,
            draw=draw,
        )
        self._grace = self._with_grace() if config.grace else None
        self._publish = PublishService(self._core, random, self._grace)
        self._subscribe = SubscribeService(self._core, endpoint.new_tag)
        self._recovery = RecoveryService(self._core, on_expired_bindings)
        self.migration = MigrationService(self._core)
        self._policy = ReauthorizeService(self._core, self._alarm.schedule)
        self._sweeper: asyncio.Task[None] | None = None

    @property
    def engine(self) -> Engine:
        """The live subscriptions, for those who count or list them."""
        return self._core.engine

    @property
    def packages(self) -> Mapping[str, EventPackage]:
        """Those that are served, by their name in the store."""
        return self._core.packages

    @property
    def allow_events(self) -> tuple[str, ...]:
        """For Allow-Events (RFC 6665 §8.2.2)."""
        return allow_events(self._core.packages)

    async def publish(self, tx: Transaction, identity: Identity) -> None:
        """Serve a PUBLISH whose sender is authenticated."""
        await self._answer(self._publish.publish(tx, identity), tx)

    async def subscribe(self, tx: Transaction, identity: Identity) -> None:
        """Serve a SUBSCRIBE whose sender is authenticated."""
        await self._answer(self._subscribe.subscribe(tx, identity), tx)

    async def start(self) -> None:
        """Begin to take back what an earlier life served, and to keep watch.

        A refresh or a PUBLISH that comes before all are back is served from the store.
        """
        self._recovery.adopt_soon()
        self._sweeper = asyncio.create_task(self._recovery.run())

    async def stop(self) -> None:
        """Stop keeping watch and write what watchers were told; subscriptions stay stored."""
        self._alarm.stop()
        self.migration.cancel()
        tasks = [*self._core.tasks, *([self._sweeper] if self._sweeper else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._core.engine.notifier.tell_endings()
        self._recovery.write_told()

    async def sweep(self) -> None:
        """Act on what has expired, now."""
        await self._recovery.sweep()

    def on_change(self, change: Change) -> None:
        """A change by another process, or by another part of this one."""
        self._recovery.on_change(change)

    async def write_publication(self, op: WritePublication) -> PublicationWritten:
        """Commit a publication that did not come as a PUBLISH, and tell the watchers.

        Its body has been checked. Raises ConditionFailed and StoreError.
        """
        outcome = await self._publish.write(op)
        self._publish.tell(op, outcome)
        return outcome

    def flow_lost(self, name: str) -> None:
        """The connection of this name is gone; its publishers may be."""
        if self._grace is not None:
            self._grace.flow_lost(name)

    def bindings_changed(self, aor: AoR, gone: Iterable[str], moved: Mapping[str, str]) -> None:
        """`aor` is no longer registered over the flows `gone`; others have `moved` to new ones."""
        if self._grace is not None:
            self._grace.bindings_changed(aor, gone, moved)

    def listen(self, listener: Listener) -> None:
        """Have `listener` told of every change of published state, here or elsewhere."""
        self._core.listeners.append(listener)

    def state_changed(self, resource: Resource) -> None:
        """State that a package provides has changed in this process."""
        watched = self._core.engine.index.resource(resource)
        if watched is not None:
            self._core.reload(watched)

    @property
    def policy(self) -> ReauthorizeService:
        """Those who watch, for whoever knows that rules have changed."""
        return self._policy

    async def reauthorize(self, aor: AoR) -> None:
        """The rules of `aor` may have changed: decide anew before this returns."""
        await self._policy.now(aor)

    def find_way(self, live: LiveSubscription, size: int) -> None:
        """A NOTIFY needs a flow that takes waiting (`notifier.Helper`)."""
        self._core.spawn(self._find_way(live, size))

    def find_other(self, live: LiveSubscription, failover: Failover) -> None:
        """A NOTIFY was not answered by the server it went to (`notifier.Helper`)."""
        self._core.spawn(self._find_other(live, failover))

    def load(self, live: LiveSubscription, due: Due) -> None:
        """A NOTIFY is made of what has to be read first (`notifier.Helper`)."""
        self._core.spawn(self._load(live, due))

    def ended(self, live: LiveSubscription) -> None:
        """A NOTIFY failed in a way that ends `live` (`notifier.Helper`)."""
        if self._core.engine.index.get(live.id) is live:
            self._core.engine.forget(live)
            self._core.spawn(self._core.end_live(live, Cause.FAILED))

    def failed(self, live: LiveSubscription, error: Exception) -> None:
        """A NOTIFY could not be made, which is our fault (`notifier.Helper`)."""
        log.error("notify-failed", exc_info=error, call_id=live.row.call_id)
        self.ended(live)

    def _over(self, live: LiveSubscription) -> None:
        """`live` ended with its resource."""
        self._core.spawn(self._core.end_live(live, Cause.VANISHED))

    def _with_grace(self) -> GraceService:
        core = self._core
        return GraceService(
            store=core.store,
            grace=core.config.grace,
            clock=core.clock,
            schedule=self._alarm.schedule,
            spawn=core.spawn,
        )

    async def _load(self, live: LiveSubscription, due: Due) -> None:
        notifier = self._core.engine.notifier
        try:
            notifier.loaded(live, due, await self._core.read(live))
        except StoreError as error:
            log.warning("notify-delayed", call_id=live.row.call_id, error=str(error))
            notifier.not_loaded(live, due)
        except Exception as error:  # noqa: BLE001 - one watcher's failure is its own
            self.failed(live, error)

    async def _find_way(self, live: LiveSubscription, size: int) -> None:
        flow: Flow | None = None
        found: Hop | None = None
        try:
            found = await self._home(live)
            uri = live.hop if found is None else first_hop(found.uri, found.routes)
            if found is not None and found.flow is not None and not found.flow.closed:
                flow = found.flow
            elif uri is not None:
                flow = await self._endpoint.flow_to(uri, size=size, prefer=live.arrival)
        except (SipError, OSError) as error:
            log.info("notify-unroutable", call_id=live.row.call_id, error=str(error))
        finally:
            self._core.engine.notifier.way_found(live, flow, size=size, home=found)

    async def _find_other(self, live: LiveSubscription, failover: Failover) -> None:
        """A flow to the next server of the next hop that can be reached (RFC 3263 §4.3)."""
        flow: Flow | None = None
        try:
            targets = await self._endpoint.targets(live.hop) if live.hop is not None else ()
            for target in targets:
                if target[:3] in failover.tried:
                    self._endpoint.failed(target)
            flow = await self._first_reached(failover.others(targets), live.arrival)
        except (SipError, OSError) as error:
            log.info("notify-unroutable", call_id=live.row.call_id, error=str(error))
        finally:
            self._core.engine.notifier.other_found(live, flow)

    async def _first_reached(self, targets: Sequence[Target], prefer: Flow | None) -> Flow | None:
        for target in targets:
            try:
                return await self._endpoint.flow_for(target, prefer=prefer)
            except TransportError:
                self._endpoint.failed(target)
        return None

    async def _home(self, live: LiveSubscription) -> Hop | None:
        """The binding behind a Contact that is a GRUU or AoR of ours."""
        if self._resolve_target is None or live.row.route_set or live.hop is None:
            return None
        if not leads_home(live.hop, self._core.config.domains):
            return None
        return await self._resolve_target(live.row.remote_target)

    async def _answer(self, road: Awaitable[None], tx: Transaction) -> None:
        """The one place where an error of the cores becomes a response."""
        try:
            await road
        except PresenceError as error:
            self._refuse(tx, error)
        except StoreFull:
            self._refuse(tx, Overloaded("store", self._core.config.retry_after))
        except StoreError as error:
            log.warning("store-unavailable", call_id=tx.request.get("call-id"), error=str(error))
            self._refuse(tx, StoreTimeout("store", self._core.config.retry_after))
        except SipError as error:
            self.stats.refused[error.status] += 1
            tx.respond(error.status)

    def _refuse(self, tx: Transaction, error: PresenceError) -> None:
        self.stats.refused[error.status] += 1
        tx.respond(error.status, reason=error.reason, headers=error.headers, body=error.body)
