"""What the roads of the event server share: the store, the engine, the settings. Shell."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from presence.config import PresenceConfig
from presence.engine import Engine
from presence.errors import Headers, NotFound
from presence.live import LiveResource, LiveSubscription
from presence.package import WINFO, Asking, EventPackage, Variant, allow_events
from presence.policy.policy import Authorize, Decision
from presence.ports import EventStore
from presence.presentity import presentity_of
from presence.stats import EventStats
from presence.subscriptions.subscription import Cause
from presence.winfo.events import ENDINGS, settled
from sip.authenticator import Identity
from sip.errors import ParseError
from sip.message import Request
from sip.uri import AoR
from store.errors import StoreError
from store.values import Change, Kind, Resource, resource_key

log = structlog.get_logger(__name__)

PERCENT: Final = 100
MAX_READS: Final = 32
"""NOTIFYs for which packages read at the same time; the next wait. Each may ask the store for
hundreds of documents, and others ask it for something too."""

Listener = Callable[[Change], None]
"""Told of every change of published state, in this process or another; must not wait."""

Exists = Callable[[AoR, Identity], Awaitable[bool]]
"""Whether an AoR is one of ours, as far as the one who asks may rely on it."""


@dataclass(slots=True)
class Core:
    """One per process."""

    store: EventStore
    engine: Engine
    packages: Mapping[str, EventPackage]
    config: PresenceConfig
    default_authorize: Authorize
    exists: Exists
    clock: Callable[[], float]
    """Unix seconds."""
    variants: Sequence[Variant] = ()
    draw: Callable[[], float] = lambda: 0.0
    """At random, from 0 to 1."""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    behind: set[LiveResource] = field(default_factory=set)
    """Whose newest state is not read yet; the sweep asks again for what failed."""
    readers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_READS))
    """Those that `read`."""
    listeners: list[Listener] = field(default_factory=list)
    unsettled: dict[str, LiveSubscription] = field(default_factory=dict)
    """By id: whose state policy has changed, which the store does not know yet."""
    fresh: list[LiveSubscription] = field(default_factory=list)
    """Subscriptions to watchers that were opened since the last sweep."""
    policy_moved: int = 0
    """Rises with each subscription whose decision was replaced by a newer one: who has waited
    since a decision was made looks whether it still is the newest."""
    adopts: bool = True
    """Whether subscriptions without a process are taken over here."""
    computed: tuple[EventPackage, ...] = field(init=False)
    """Packages whose state follows changes in the store."""
    allow_events: Headers = field(init=False)
    """For the 2xx that begins a dialog (RFC 6665 §4.4.4)."""

    def __post_init__(self) -> None:
        self.allow_events = (("Allow-Events", ", ".join(allow_events(self.packages))),)
        self.computed = tuple(p for p in self.packages.values() if p.affected is not None)

    @property
    def stats(self) -> EventStats:
        return self.engine.stats

    def share(self) -> float:
        """What is taken off the next expiry that is granted, from 0 to 1 (EVT-17)."""
        return self.config.expires_jitter / PERCENT * self.draw()

    async def target(self, request: Request, identity: Identity) -> AoR:
        """The AoR that the Request-URI names; NotFound when it is none of ours."""
        try:
            aor = presentity_of(request.uri_text, self.config.tel_domain)
        except ParseError:
            raise NotFound from None
        if not await self.exists(aor, identity):
            raise NotFound
        return aor

    async def decide(self, aor: AoR, watcher: Identity, package: EventPackage) -> Decision:
        """What the package's policy, or else the server's, says."""
        if package.narrow is not None:
            inner = await self.decide(aor, watcher, self.packages[package.inner])
            return package.narrow(aor, watcher, inner)
        authorize = package.authorize or self.default_authorize
        return await authorize(aor, watcher, package.name)

    async def load(self, watched: LiveResource) -> None:
        """Read the newest state of `watched`; the engine tells whoever has not heard."""
        engine, resource = self.engine, watched.resource
        if watched.package.publishable:
            state = await self.store.resource_state(resource)
            engine.published(resource, state.version, state.publications)
        await self.load_provided(watched)

    async def load_provided(self, watched: LiveResource) -> None:
        """The same for state that is not published."""
        if watched.package.provide is not None:
            provided = await watched.package.provide(watched.resource)
            self.engine.provided(watched.resource, provided)

    async def read(self, live: LiveSubscription) -> object:
        """What the next NOTIFY of `live` is made of, when it is its turn; see `Load`."""
        load = live.resource.package.load
        assert load is not None, "the caller has looked"
        async with self.readers:
            row = live.row
            asking = Asking(live.resource.aor, row.watcher, row.content, live.memory, live.cseq)
            return await load(asking)

    def published_here(self, resource: Resource, version: int) -> None:
        """This process has committed a change of what is published for `resource`."""
        if self.listeners or self.computed:
            change = Change(Kind.RESOURCE, resource_key(resource), version)
            self.announce(change)
            self.provided_moved(change)

    def announce(self, change: Change) -> None:
        """Tell all who listen."""
        for listener in self.listeners:
            listener(change)

    def provided_moved(self, change: Change) -> None:
        """Read again what packages provide out of what has changed."""
        for package in self.computed:
            assert package.affected is not None
            for resource in package.affected(change):
                watched = self.engine.index.resource(resource)
                if watched is not None:
                    self.reload(watched)

    def reload(self, watched: LiveResource) -> None:
        """Have `load` run soon; one run answers all that asked before it began to read."""
        if watched.loading:
            watched.stale = True
            return
        watched.loading = True
        self.spawn(self._reload(watched))

    async def _reload(self, watched: LiveResource) -> None:
        self.behind.add(watched)
        try:
            while True:
                watched.stale = False
                await self.load(watched)
                if not watched.stale:
                    break
            self.behind.discard(watched)
        finally:
            watched.loading = False

    async def end(
        self, subscription_id: str, resource: Resource, watcher: str, cause: Cause
    ) -> None:
        """Delete a subscription that is over, because of `cause`."""
        await self.store.end_subscription(subscription_id, ENDINGS[cause])
        self.watcher_moved(resource, watcher)

    async def end_live(self, live: LiveSubscription, cause: Cause) -> None:
        """The same for one that is, or was, served here."""
        await self.end(live.id, live.resource.resource, live.watcher, cause)

    def watcher_moved(self, resource: Resource, watcher: str) -> None:
        """What the store knows of a watcher has changed: tell those who watch that.

        They are the presentity and the watcher (RFC 3857 §4.6).
        """
        about = self.engine.index.resource(Resource(resource.aor, resource.package + WINFO))
        if about is not None:
            now = self.clock()
            for live in tuple(about.subscriptions.values()):
                if live.watcher in (resource.aor, watcher):
                    self.engine.notifier.hear(live, now)

    async def settle(self) -> None:
        """Write the state of the subscriptions in `unsettled`; what fails stays there."""
        lives, self.unsettled = self.unsettled, {}
        try:
            await asyncio.gather(*(self._settle(live) for live in lives.values()))
        except StoreError:
            self.unsettled = lives | self.unsettled
            raise
        for live in lives.values():
            self.watcher_moved(live.resource.resource, live.watcher)

    async def _settle(self, live: LiveSubscription) -> None:
        state = live.usage.state
        if not live.usage.ended:
            await self.store.settle_subscription(live.id, state.value, settled(state))

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run `work` beside everything else; a store that is away is logged."""
        task = asyncio.create_task(self._guard(work))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _guard(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except StoreError as error:
            log.warning("store-unavailable", error=str(error))
        except Exception:
            log.exception("event-task-failed")


def watcher_of(identity: Identity) -> str:
    """The name a watcher is stored under; "" for an anonymous one."""
    return identity.aor or ""


def identity_of(watcher: str) -> Identity:
    """The other way round, for a subscription that was read back."""
    return Identity(AoR(watcher), "asserted") if watcher else Identity(None, "none")


def resource_of(aor: AoR, package: EventPackage) -> Resource:
    """What a subscription to `package` of `aor` watches."""
    return Resource(aor, package.stored_as)
