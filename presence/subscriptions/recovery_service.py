"""What the event server does unasked: adopt, sweep, follow the change feed. Shell.

Recovery reads the newest version of every resource and tells only those watchers whose last
answered NOTIFY was older (EVT-15). The sweep finds in the store what has expired (PUB-08).
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine, Sequence

import structlog

from presence.core_service import Core, identity_of
from presence.live import LiveResource, LiveSubscription
from presence.notifier.conditional import ANY
from presence.package import EventPackage
from presence.policy.policy import SubHandling
from presence.subscriptions.subscription import Cause
from sip.uri import AoR
from store.errors import StoreError
from store.values import Change, Kind, Resource, SubscriptionRow

log = structlog.get_logger(__name__)

OnExpiredBindings = Callable[[Sequence[str]], Coroutine[object, object, None]]
"""Told the AoRs whose bindings a sweep found expired."""


class RecoveryService:
    """Keeps memory and store in step."""

    def __init__(self, core: Core, on_expired_bindings: OnExpiredBindings | None) -> None:
        self._core = core
        self._on_expired_bindings = on_expired_bindings
        self._adopting = False
        self._claimed: Sequence[SubscriptionRow] = ()
        """Taken over in the store; kept until all of them are served."""
        self._touched: list[LiveSubscription] = []
        self._again: list[LiveSubscription] = []
        self._unsure = False
        """News may have been lost: the next sweep compares versions."""
        self._adopt_at = 0.0
        self._told_at = 0.0

    def adopt_soon(self) -> None:
        """Take over what has no owner, beside everything else; one run at a time."""
        if self._core.adopts and not self._adopting:
            self._adopting = True
            self._core.spawn(self._adopt_all())

    async def _adopt_all(self) -> None:
        """A batch at a time, with a pause between, so that requests are served meanwhile."""
        try:
            adopted = await self.adopt()
            while adopted and self._core.adopts:
                await asyncio.sleep(self._core.config.adopt_pause)
                adopted = await self.adopt()
        finally:
            self._adopting = False

    async def adopt(self) -> int:
        """Take over one batch; how many there were.

        They are in the index before the versions are read, so that no change falls between. A
        store that goes away in the middle is asked again for the same batch.
        """
        core = self._core
        rows = await self._claim()
        await self._learn_rules(rows)
        resumed = [live for row in rows if (live := await self._resume(row)) is not None]
        resources = {live.resource.resource for live in resumed}
        versions = await core.store.versions(list(resources)) if resources else {}
        await self._provide({live.resource for live in resumed})
        behind: dict[Resource, list[LiveSubscription]] = defaultdict(list)
        for live in resumed:
            watched, version = live.resource, versions.get(live.resource.resource, 0)
            watched.known(version)
            if moved(live, max(watched.published_version, version) + watched.provided.version):
                behind[live.resource.resource].append(live)
        for group in behind.values():
            await self._catch_up(group)
        self._claimed = ()
        core.stats.adopted += len(rows)
        return len(rows)

    async def _claim(self) -> Sequence[SubscriptionRow]:
        """A new batch, or of the one that was left half done what is still ours."""
        core = self._core
        if not self._claimed:
            self._claimed = await core.store.adopt_subscriptions(core.config.adopt_batch)
            return self._claimed
        there = await core.store.subscriptions([row.id for row in self._claimed])
        return [row for row in there.values() if row.owner == core.store.owner]

    async def _learn_rules(self, rows: Sequence[SubscriptionRow]) -> None:
        """Have what decisions are made of read, many at a time; `_resume` decides one by one."""
        core = self._core
        firsts = {row.resource: row for row in rows if row.resource.package in core.packages}
        await asyncio.gather(
            *(
                core.decide(
                    AoR(resource.aor), identity_of(row.watcher), core.packages[resource.package]
                )
                for resource, row in firsts.items()
            )
        )

    async def _resume(self, row: SubscriptionRow) -> LiveSubscription | None:
        """Serve `row` as policy has it now, or as a refresh left it; None when it is over."""
        core = self._core
        package = core.packages.get(row.resource.package)
        if package is None or row.expires_at <= core.clock():
            return None
        decision = await core.decide(AoR(row.resource.aor), identity_of(row.watcher), package)
        known = core.engine.index.get(row.id)
        if known is not None:
            return known
        live = core.engine.resume(row, package, decision, last_cseq=row.cseq_ceiling)
        if decision.handling is SubHandling.BLOCK:
            await core.end(row.id, row.resource, row.watcher, Cause.DENIED)
            core.engine.finish(live, Cause.DENIED)
            return None
        unsure = package.load is not None and row.condition != ANY
        if live.usage.state.value != row.state:
            core.unsettled[live.id] = live
        if live.usage.state.value != row.state or unsure:
            core.engine.notifier.force(live)
        return live

    async def _provide(self, resources: Collection[LiveResource]) -> None:
        """Read what is provided beside publications, many at a time: they share statements."""

        async def read(watched: LiveResource) -> None:
            async with self._core.readers:
                if watched.package.provide is not None:
                    watched.provide(await watched.package.provide(watched.resource))

        unread = (
            one for one in resources if one.package.publishable and one.provided.state is None
        )
        await asyncio.gather(*(read(one) for one in unread))

    async def _catch_up(self, group: list[LiveSubscription]) -> None:
        """Tell the watchers of one resource what they missed."""
        core = self._core
        watched = group[0].resource
        await core.load(watched)
        now = core.clock()
        for live in group:
            if live.told is None and moved(live, watched.version) and not live.in_flight:
                core.engine.notifier.hear(live, now)

    async def run(self) -> None:
        """Sweep until cancelled; a store that is away is asked again."""
        while True:
            await asyncio.sleep(self._core.config.sweep_interval)
            try:
                await self.sweep()
            except StoreError as error:
                self._unsure = True
                log.warning("sweep-failed", error=str(error))
            except Exception:
                self._unsure = True
                log.exception("sweep-failed")

    async def sweep(self) -> None:
        """Act on what has expired, and do what is due less often."""
        core, now = self._core, self._core.clock()
        if self._unsure:
            await self.resync()
        self._try_again()
        expired = await core.store.expire(now)
        for subscription_id in expired.subscriptions:
            core.engine.lapse(subscription_id)
        self._watchers_moved(expired.watched)
        if core.unsettled:
            await core.settle()
        for resource, version in expired.resources:
            self._moved(resource, version)
            core.published_here(resource, version)
        if expired.bindings and self._on_expired_bindings is not None:
            core.spawn(self._on_expired_bindings(expired.bindings))
        if now >= self._told_at:
            self._told_at = now + core.config.told_interval
            self.write_told()
        if now >= self._adopt_at:
            self._adopt_at = now + core.config.adopt_interval
            self.adopt_soon()

    def _watchers_moved(self, watchers: Sequence[tuple[Resource, str]]) -> None:
        """Tell whoever watches these, and look once more for those who
        have just begun: another process may have written while their first look was prepared,
        and told nobody, since it saw nobody who would hear."""
        core, now = self._core, self._core.clock()
        for resource, watcher in watchers:
            core.watcher_moved(resource, watcher)
        again, self._again, core.fresh = self._again, core.fresh, []
        for live in again:
            if core.engine.index.get(live.id) is live:
                core.engine.notifier.hear(live, now)

    def _try_again(self) -> None:
        """Read what could not be read when it changed."""
        core = self._core
        for watched in tuple(core.behind):
            if core.engine.index.resource(watched.resource) is not watched:
                core.behind.discard(watched)
            elif not watched.loading:
                core.reload(watched)

    def write_told(self) -> None:
        """Hand the store what watchers were told, and the CSeq numbers reserved."""
        for live in self._core.engine.take_told():
            self._core.store.touch_subscription(live.id, live.told_version, live.ceiling)

    def on_change(self, change: Change) -> None:
        """Another process, or another part of this one, changed something."""
        match change.kind:
            case Kind.RESOURCE:
                self._moved(change.resource, change.version)
                self._core.announce(change)
            case Kind.SUBSCRIPTION:
                self._touched_elsewhere(change.key)
            case Kind.WATCHER:
                self._core.watcher_moved(*change.watcher)
            case Kind.RESYNC:
                self._core.spawn(self.resync())
            case _:
                pass
        self._core.provided_moved(change)
        for package in self._core.packages.values():
            if package.touches is not None:
                self._touched_topics(package, package.touches(change))

    def _touched_topics(self, package: EventPackage, topics: Sequence[str]) -> None:
        """Tell each subscription that follows one of `topics`, once."""
        core, now = self._core, self._core.clock()
        followers = {
            live.id: live
            for topic in topics
            for live in core.engine.index.followers(package, topic)
        }
        for live in followers.values():
            core.engine.notifier.hear(live, now)

    def _moved(self, resource: Resource, version: int) -> None:
        watched = self._core.engine.index.resource(resource)
        if watched is not None and version > watched.published_version:
            self._core.reload(watched)

    def _touched_elsewhere(self, subscription_id: str) -> None:
        """Look at it soon; what is told in one turn of the loop shares a statement."""
        live = self._core.engine.index.get(subscription_id)
        if live is None:
            return
        if not self._touched:
            self._core.spawn(self._check_touched())
        self._touched.append(live)

    async def _check_touched(self) -> None:
        touched, self._touched = self._touched, []
        try:
            await self._check_owners(touched)
        except StoreError:
            self._unsure = True
            raise

    async def _check_owners(self, lives: Sequence[LiveSubscription]) -> None:
        """Find out which were touched elsewhere: swept, ended or moved."""
        core = self._core
        size = core.config.adopt_batch
        for start in range(0, len(lives), size):
            batch = lives[start : start + size]
            rows = await core.store.subscriptions([live.id for live in batch])
            for live in batch:
                self._settle_owner(live, rows.get(live.id))

    def _settle_owner(self, live: LiveSubscription, row: SubscriptionRow | None) -> None:
        """`row` is what the store has; one whose write is still awaited is not there yet."""
        core = self._core
        if core.engine.index.get(live.id) is not live or not live.opened:
            return
        if row is None and live.usage.expires_at <= core.clock():
            core.engine.finish(live, Cause.LAPSED)
        elif row is None or row.owner != core.store.owner:
            core.engine.forget(live)

    async def resync(self) -> None:
        """News may have been lost: compare all that is watched, and who serves it.

        While this process could not be heard, others may have taken it for dead.
        """
        self._unsure = False
        try:
            await self._compare()
        except StoreError:
            self._unsure = True
            raise

    async def _compare(self) -> None:
        core = self._core
        await self._check_owners(tuple(core.engine.index))
        versions = await core.store.versions(list(core.engine.index.resources))
        for resource, version in versions.items():
            self._moved(resource, version)
        for watched in self._provided():
            core.reload(watched)
        for live in tuple(core.engine.index):
            if live.resource.package.load is not None:
                core.engine.notifier.hear(live, core.clock())

    def _provided(self) -> list[LiveResource]:
        index = self._core.engine.index
        watched = (index.resource(resource) for resource in index.resources)
        return [one for one in watched if one is not None and one.package.provide is not None]


def moved(live: LiveSubscription, version: int) -> bool:
    """Whether the watcher of `live` was told another state than that of `version`.

    The version of provided state may be smaller after it was deleted while nobody looked; where
    there is no other, it may be of this process only.
    """
    package = live.resource.package
    if package.provide is None:
        return live.told_version < version
    return not package.publishable or live.told_version != version
