"""The road of a SUBSCRIBE (RFC 6665 §4.2.1). Shell."""

from collections.abc import Callable
from typing import Final

from presence.coding import decoded
from presence.core_service import Core, identity_of, resource_of, watcher_of
from presence.engine import state_of
from presence.errors import Forbidden, OutOfOrder, SubscriptionUnknown
from presence.live import CSEQ_BLOCK, LiveResource, LiveSubscription
from presence.notifier.conditional import ANY
from presence.package import EventPackage, find_package
from presence.policy.policy import Decision, SubHandling
from presence.ports import Transaction
from presence.subscriptions.limits import Limits
from presence.subscriptions.replace_service import ReplaceService
from presence.subscriptions.subscribe import (
    Subscribe,
    check_dialog,
    open_row,
    read_subscribe,
    refresh_operation,
    refreshed_row,
)
from presence.subscriptions.subscription import Cause
from sip.authenticator import Identity
from sip.message import Request
from sip.uri import AoR
from store.outcomes import SubscriptionGone
from store.values import Resource, SubscriptionRow

NO_NOTIFICATION: Final = 204
"""RFC 5839 §7.1."""


class SubscribeService:
    """The notifier's answering side."""

    def __init__(self, core: Core, new_tag: Callable[[], str]) -> None:
        self._core = core
        self._new_tag = new_tag
        self._replace = ReplaceService(core)
        self._limits = Limits(core.engine.index, core.config, core.stats)

    async def subscribe(self, tx: Transaction, identity: Identity) -> None:
        """Answer, then notify. Raises PresenceError, SipError, StoreError."""
        package = find_package(self._core.packages, tx.request.get("event"))
        tag = tx.request.to.tag
        if tag is None:
            await self._initial(tx, identity, package)
        else:
            await self._within(tx, identity, package, tag)

    async def _initial(self, tx: Transaction, identity: Identity, package: EventPackage) -> None:
        core = self._core
        request = decoded(tx.request, core.config.max_body)
        if package.of_watcher and identity.aor is not None:
            aor = identity.aor
        else:
            located = package.locate(request) if package.locate is not None else None
            aor = located or await core.target(request, identity)
        package = await self._variant(aor, package, request)
        subscribe = read_subscribe(request, package, core.config, aor, share=core.share())
        decision = await core.decide(aor, identity, package)
        if decision.handling is SubHandling.BLOCK:
            raise Forbidden("the presentity does not want this watcher")
        resource = resource_of(aor, package)
        if subscribe.expires:
            self._limits.check(resource, identity, decision, tx.flow)
        row = open_row(
            request,
            subscribe,
            resource,
            watcher=watcher_of(identity),
            state=state_of(decision),
            local_tag=self._new_tag(),
            flow=tx.flow,
            now=core.clock(),
        )
        if subscribe.expires:
            self._limits.check_topics(package, row)
            await self._open(tx, row, subscribe, decision)
        else:
            await self._once(tx, row, subscribe, decision)

    async def _variant(self, aor: AoR, package: EventPackage, request: Request) -> EventPackage:
        for variant in self._core.variants:
            other = await variant(aor, package, request)
            if other is not None:
                return other
        return package

    async def _open(
        self, tx: Transaction, row: SubscriptionRow, subscribe: Subscribe, decision: Decision
    ) -> None:
        """In the index first, so that no change is lost while the write is awaited."""
        core = self._core
        live = core.engine.enter(row, subscribe.package, decision, tx.flow)
        try:
            written = await core.store.write_subscription(row)
            if subscribe.package.provide and live.resource.provided.state is None:
                await core.load_provided(live.resource)
        except BaseException:
            core.engine.forget(live)
            raise
        state = written.state
        core.engine.published(row.resource, state.version, state.publications)
        self._accept(tx, row, subscribe, to_tag=row.local_tag)
        core.engine.opened(live, subscribe.condition)
        if subscribe.package.inner:
            core.fresh.append(live)
        core.watcher_moved(row.resource, row.watcher)
        self._replace.opened(row)

    async def _once(
        self,
        tx: Transaction,
        row: SubscriptionRow,
        subscribe: Subscribe,
        decision: Decision,
        *,
        last_cseq: int = 0,
    ) -> None:
        """A fetch, or the last word in a dialog that is not served here: nothing is stored."""
        core = self._core
        watched = await self._read(row.resource, subscribe.package)
        live = core.engine.single(row, watched, decision, tx.flow)
        live.cseq = last_cseq
        loaded: object = None
        if tx.request.to.tag is None and not live.usage.granted:
            await core.store.hold_watcher(row)
            core.watcher_moved(row.resource, row.watcher)
        if tx.request.to.tag is not None:
            knows, loaded = await self._knows(live, subscribe)
            if knows:
                self._accept(tx, row, subscribe, to_tag=None, status=NO_NOTIFICATION)
                return
        self._accept(tx, row, subscribe, to_tag=row.local_tag)
        core.engine.opened(live, subscribe.condition, loaded)

    async def _read(self, resource: Resource, package: EventPackage) -> LiveResource:
        """The newest state, read past whatever is watched here."""
        watched = LiveResource(resource, package)
        if package.publishable:
            state = await self._core.store.resource_state(resource)
            watched.published(state.version, state.publications)
        if package.provide is not None:
            watched.provide(await package.provide(resource))
        return watched

    async def _within(
        self, tx: Transaction, identity: Identity, package: EventPackage, tag: str
    ) -> None:
        core = self._core
        request = decoded(tx.request, core.config.max_body)
        row = await self._row(tag)
        package, aor = self._package_of(row, package), AoR(row.resource.aor)
        subscribe = read_subscribe(
            request, package, core.config, aor, row.content, share=core.share()
        )
        check_dialog(row, request, subscribe.event)
        if row.watcher != watcher_of(identity):
            raise Forbidden("this is the subscription of another watcher")
        decision = await core.decide(aor, identity_of(row.watcher), package)
        if decision.handling is SubHandling.BLOCK:
            await self._deny(row)
        if subscribe.expires:
            await self._refresh(tx, row, subscribe, decision)
        else:
            await self._unsubscribe(tx, row, subscribe, decision)

    async def _row(self, tag: str) -> SubscriptionRow:
        """The subscription with our tag, from memory or from the process that served it."""
        live = self._core.engine.index.get(tag)
        row = live.row if live is not None else await self._core.store.subscription(tag)
        if row is None or row.expires_at <= self._core.clock():
            raise SubscriptionUnknown
        return row

    def _package_of(self, row: SubscriptionRow, named: EventPackage) -> EventPackage:
        package = self._core.packages.get(row.resource.package)
        if package is None or package.name != named.name:
            raise SubscriptionUnknown
        return package

    async def _deny(self, row: SubscriptionRow) -> None:
        """Policy has changed its mind: the refresh is refused and the subscription over."""
        await self._core.end(row.id, row.resource, row.watcher, Cause.DENIED)
        live = self._core.engine.index.get(row.id)
        if live is not None:
            self._core.engine.finish(live, Cause.DENIED)
        raise Forbidden("the presentity does not want this watcher any more")

    async def _refresh(
        self, tx: Transaction, row: SubscriptionRow, subscribe: Subscribe, decision: Decision
    ) -> None:
        core = self._core
        live = core.engine.index.get(row.id)
        before = row.state if live is None else live.usage.state
        op = refresh_operation(
            row,
            tx.request,
            subscribe,
            state=state_of(decision),
            ceiling=live.ceiling if live is not None else row.cseq_ceiling + 2 * CSEQ_BLOCK,
            flow=tx.flow,
            now=core.clock(),
        )
        if live is not None:
            self._limits.check_topics(subscribe.package, refreshed_row(live.row, op), live.row)
        moved = core.policy_moved
        outcome = await core.store.refresh_subscription(op)
        if isinstance(outcome, SubscriptionGone):
            raise self._lost(core.engine.index.get(row.id), op.remote_cseq)
        decision = await self._newest(decision, row, subscribe.package, moved)
        if decision.handling is SubHandling.BLOCK:
            await self._deny(row)
        live = core.engine.index.get(row.id)
        state = outcome.state
        if live is None:
            live = self._take_over(tx, refreshed_row(row, op), subscribe, decision)
        elif op.remote_cseq > live.row.remote_cseq:
            core.engine.refreshed(live, refreshed_row(live.row, op), decision, tx.flow)
        if live.usage.state.value != op.state:
            core.unsettled[live.id] = live
        if subscribe.package.provide and live.resource.provided.state is None:
            await core.load_provided(live.resource)
        core.engine.published(row.resource, state.version, state.publications)
        loaded: object = None
        if live.usage.state != before:
            core.watcher_moved(row.resource, row.watcher)
        else:
            knows, loaded = await self._knows(live, subscribe)
            if knows:
                self._accept(tx, live.row, subscribe, to_tag=None, status=NO_NOTIFICATION)
                core.engine.unchanged(live)
                return
        self._accept(tx, live.row, subscribe, to_tag=None)
        core.engine.opened(live, subscribe.condition, loaded)

    async def _newest(
        self, decision: Decision, row: SubscriptionRow, package: EventPackage, moved: int
    ) -> Decision:
        """The decision about `row` as of now; `decision` is what it was at `moved`.

        Rules that changed while the store was awaited were applied already to what is served
        here, and to nobody else.
        """
        core = self._core
        if core.engine.index.get(row.id) is not None and core.policy_moved == moved:
            return decision
        return await core.decide(AoR(row.resource.aor), identity_of(row.watcher), package)

    async def _knows(self, live: LiveSubscription, subscribe: Subscribe) -> tuple[bool, object]:
        """Whether the watcher has what it would be told, by a condition that it set.

        And what was read to find out, if it can be told now. What cannot be read now, or has
        changed meanwhile, is left to the NOTIFY, which reads again.
        """
        condition, loaded, held = subscribe.condition, None, False
        if not condition:
            return False, None
        if subscribe.package.load and condition != ANY and live.usage.shows_state:
            row, sent = live.row, live.cseq
            due = self._core.engine.notifier.reserve(live)
            held = fresh = due is not None
            try:
                loaded = await self._core.read(live)
            except Exception:  # noqa: BLE001 - whatever it is, `EventService` says so then
                return False, None
            finally:
                if due is not None:
                    fresh = self._core.engine.notifier.release(live, due)
            if live.row != row or live.cseq != sent or (held and not fresh):
                return False, None
        if self._core.engine.notifier.knows(live, condition, loaded):
            return True, None
        return False, loaded if held else None

    def _lost(self, live: LiveSubscription | None, cseq: int) -> Exception:
        """Why the store refused a refresh: overtaken by a later one, or gone."""
        if live is not None and cseq <= live.row.remote_cseq:
            return OutOfOrder()
        if live is not None:
            self._core.engine.forget(live)
        return SubscriptionUnknown()

    def _take_over(
        self, tx: Transaction, row: SubscriptionRow, subscribe: Subscribe, decision: Decision
    ) -> LiveSubscription:
        """Serve here what another process served; it hears of it by the feed."""
        live = self._core.engine.resume(
            row, subscribe.package, decision, tx.flow, last_cseq=row.cseq_ceiling - CSEQ_BLOCK
        )
        live.opened = False
        return live

    async def _unsubscribe(
        self, tx: Transaction, row: SubscriptionRow, subscribe: Subscribe, decision: Decision
    ) -> None:
        core = self._core
        moved = core.policy_moved
        await core.end(row.id, row.resource, row.watcher, Cause.LAPSED)
        decision = await self._newest(decision, row, subscribe.package, moved)
        live = core.engine.index.get(row.id)
        if live is None:
            last_cseq = row.cseq_ceiling + CSEQ_BLOCK
            await self._once(tx, row, subscribe, decision, last_cseq=last_cseq)
            return
        if subscribe.target is not None:
            op = refresh_operation(
                live.row,
                tx.request,
                subscribe,
                state=live.usage.state,
                ceiling=live.ceiling,
                flow=tx.flow,
                now=core.clock(),
            )
            core.engine.refreshed(live, refreshed_row(live.row, op), decision, tx.flow)
        knows, loaded = await self._knows(live, subscribe)
        if knows:
            self._accept(tx, row, subscribe, to_tag=None, status=NO_NOTIFICATION)
            core.engine.forget(live)
            return
        self._accept(tx, row, subscribe, to_tag=None)
        core.engine.finish(live, Cause.LAPSED, subscribe.condition, loaded)

    def _accept(
        self,
        tx: Transaction,
        row: SubscriptionRow,
        subscribe: Subscribe,
        *,
        to_tag: str | None,
        status: int = 200,
    ) -> None:
        """200, never 202 (RFC 6665 §8.3.1); what makes the dialog goes along (RFC 3261 §12.1.1)."""
        self._core.stats.subscribe_accepted += 1
        routes = tuple(("Record-Route", line) for line in tx.request.all("record-route"))
        headers = (
            *routes,
            ("Expires", str(subscribe.expires)),
            ("Contact", row.local_contact),
            *(self._core.allow_events if to_tag is not None else ()),
            *subscribe.package.headers,
        )
        tx.respond(status, headers=headers, to_tag=to_tag)
