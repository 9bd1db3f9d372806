"""What this process serves: watched resources, and the subscriptions to them.

Memory only: everything can be read again from the store. Versions decide what is newer, so
outcomes may arrive in any order. Slotted and mutable, unlike other values here: there are
hundreds of thousands, and every NOTIFY changes one (tests/bench/bench_engine.py). What can be
made again is not kept while nothing happens (tests/bench/bench_memory.py).
"""

from collections.abc import Mapping
from enum import IntEnum
from sys import intern
from typing import Final

from presence.filters.content import filtered
from presence.kept_row import keep, restore
from presence.notifier.notification import Template
from presence.notifier.route import next_hop
from presence.package import EventPackage, PackageState, Provided
from presence.policy.policy import SubHandling
from presence.subscriptions.subscription import Subscription
from presence.subscriptions.terms import Terms
from presence.view import Rendered, View, rendered, shared
from sip.transport.flow import Flow
from sip.uri import AoR, SipUri
from sip.wheel import Timer
from store.values import Publication, Resource, SubscriptionRow

CSEQ_BLOCK: Final = 20_000
"""CSeq numbers reserved at a time (EVT-08)."""
CSEQ_MARGIN: Final = 10_000
"""Numbers left when the next block is asked for. That is written within 10 s (`told_interval`
and the store's flush): more than 1,000 NOTIFYs/s of one dialog, each awaited, do not happen."""


NOTHING_PROVIDED: Final = Provided(0, None)


def mark(body: bytes) -> int:
    """What is kept of a body that was told, to know it again. Others cannot make two bodies with
    one mark: its key is this process's."""
    return hash(body)


class Due(IntEnum):
    """What the watcher has not been told yet."""

    NOTHING = 0
    CHANGED = 1
    """The resource moved on: told when the throttle lets it, unless nothing differs."""
    FORCED = 2
    """A SUBSCRIBE or a change of the subscription's own state: told at once and in any case."""


class LiveResource:
    """One watched resource: its newest known state, and each view's bytes while they hold.

    Bytes are kept when they can be shared: with one watcher they are made for its NOTIFY.
    """

    __slots__ = (
        "_document",
        "_many",
        "_only",
        "_rendered",
        "asked_at",
        "loading",
        "package",
        "provided",
        "publications",
        "published_version",
        "resource",
        "stale",
    )

    def __init__(self, resource: Resource, package: EventPackage) -> None:
        self.resource = resource
        self.package = package
        self.published_version = 0
        self.publications: tuple[Publication, ...] | None = None
        """None until read from the store."""
        self.provided = NOTHING_PROVIDED
        self._only: LiveSubscription | None = None
        self._many: dict[str, LiveSubscription] | None = None
        """None while there is at most one."""
        self.asked_at = 0.0
        """When the PUBLISH came that made the newest change, Unix seconds; 0 when not here."""
        self.loading = False
        """A read of its state is under way."""
        self.stale = False
        """Another change was heard meanwhile, which asks for one more read."""
        self._document: bytes | None = None
        self._rendered: dict[View, Rendered] | None = None

    @property
    def subscriptions(self) -> Mapping[str, "LiveSubscription"]:
        """Those to it, by id."""
        if self._many is not None:
            return self._many
        return {} if self._only is None else {self._only.id: self._only}

    def join(self, live: "LiveSubscription") -> None:
        """Count `live` among its subscriptions."""
        if self._many is None and self._only in (None, live):
            self._only = live
            return
        if self._many is None:
            self._many = dict(self.subscriptions)
            self._only = None
        self._many[live.id] = live

    def leave(self, live: "LiveSubscription") -> bool:
        """Do so no more; whether it was the last."""
        if self._many is None:
            self._only = None
            return True
        del self._many[live.id]
        return not self._many

    @property
    def aor(self) -> AoR:
        """The presentity."""
        return AoR(self.resource.aor)

    @property
    def version(self) -> int:
        """Rises when anything that a watcher may see changes."""
        return self.published_version + self.provided.version

    @property
    def loaded(self) -> bool:
        """Whether the state is known and not only its version."""
        return self.publications is not None

    @property
    def complete(self) -> bool:
        """Whether all that documents are made of is known; until then nobody is told any."""
        package = self.package
        lacks_publications = package.publishable and self.publications is None
        return not lacks_publications and (
            package.provide is None or self.provided.state is not None
        )

    @property
    def state(self) -> PackageState:
        """What documents are made of."""
        return PackageState(self.publications or (), self.provided.state)

    def published(self, version: int, publications: tuple[Publication, ...]) -> bool:
        """Take over publications unless they are old news; True when they are a change."""
        newer = version > self.published_version
        if newer or (version == self.published_version and not self.loaded):
            self.published_version = version
            self.publications = publications
            self._forget()
        return newer

    def known(self, version: int) -> None:
        """Publications are at `version`, though nobody here has read them yet."""
        if not self.loaded and not self.published_version:
            self.published_version = version

    def provide(self, provided: Provided) -> bool:
        """Take over provided state unless it is old news; True when it is a change."""
        if provided.version <= self.provided.version and self.provided.state is not None:
            return False
        self.provided = provided
        self._forget()
        return True

    def render(self, view: View) -> Rendered:
        """The shared bytes of `view`; composed at most once per version for several watchers."""
        kept = self._rendered
        shown = None if kept is None else kept.get(view)
        return self._render(view) if shown is None else shown

    def _render(self, view: View) -> Rendered:
        """The same, made anew; a filter and a coding work on what the view shows without them."""
        if view.filter or view.coding is not None:
            body = filtered(self.render(view.plain).body, view.filter)
            shown = rendered(view.content_type, body, coding=view.coding)
        elif self._many is None:
            self._forget()
            return rendered(view.content_type, self._show(view, self._compose()))
        else:
            if self._document is None:
                self._document = self._compose()
            shown = rendered(view.content_type, self._show(view, self._document))
        if self._many is not None:
            if self._rendered is None:
                self._rendered = {}
            self._rendered[view] = shown
        return shown

    def _compose(self) -> bytes:
        return self.package.compose(self.aor, self.state)

    def _show(self, view: View, document: bytes) -> bytes:
        if view.grant is SubHandling.POLITE_BLOCK:
            return self.package.compose(self.aor, PackageState())
        if self.package.render is None:
            return document
        return self.package.render(self.aor, self.state, document, view)

    def _forget(self) -> None:
        self._document = self._rendered = None


class LiveSubscription:
    """One watcher of one resource. `Notifier` alone changes the fields about NOTIFYs."""

    __slots__ = (
        "_common",
        "_remote_cseq",
        "_text",
        "_view",
        "arrival",
        "ceiling",
        "condition",
        "content",
        "cseq",
        "due",
        "full",
        "held_until",
        "id",
        "in_flight",
        "large_way",
        "memory",
        "offered_memory",
        "opened",
        "quiet_until",
        "resource",
        "template",
        "terms",
        "timer",
        "told",
        "told_version",
        "usage",
        "watcher",
        "way",
    )

    def __init__(
        self,
        row: SubscriptionRow,
        usage: Subscription,
        resource: LiveResource,
        view: View,
        arrival: Flow | None,
    ) -> None:
        self.id = row.id
        """The local tag."""
        self.watcher = intern(row.watcher)
        """AoR, "" for nobody in particular."""
        self.row = row
        self.usage = usage
        self.resource = resource
        self.view = view
        self.arrival = arrival
        """What its last SUBSCRIBE came by; None after an adoption."""
        self.cseq = 0
        """Of the last NOTIFY sent."""
        self.ceiling = row.cseq_ceiling
        """CSeq numbers up to this one are reserved in the store."""
        self.due = Due.NOTHING
        self.in_flight = False
        self.opened = False
        """False until the 2xx is on the wire; changes wait."""
        self.quiet_until = 0.0
        """Changes are not told before (PRS-10)."""
        self.held_until = 0.0
        """Nothing at all is told before (Retry-After)."""
        self.timer: Timer | None = None
        self.terms: Terms | None = None
        """Rates and triggers, if its watcher asked for any."""
        self.told: int | None = None
        """The `mark` of the body that the watcher has."""
        self.told_version = row.told_version
        self.full = True
        """The next document must not build on what was told before."""
        self.memory: object = None
        self.offered_memory: object = None
        """`memory` once the NOTIFY in flight is answered 2xx."""
        self.template: Template | None = None
        """None until a change is told; made again after that of each SUBSCRIBE."""
        self.way: Flow | None = None
        """The flow to the next hop, kept until a SUBSCRIBE may have changed it."""
        self.large_way: Flow | None = None
        """The same for what is too large for UDP."""

    @property
    def view(self) -> View:
        """What the watcher may see."""
        return self._view

    @view.setter
    def view(self, view: View) -> None:
        self._view = shared(view)

    @property
    def row(self) -> SubscriptionRow:
        """As it is stored, but for what is newer here. Made anew each time."""
        return restore(
            self._text,
            self._common,
            id=self.id,
            resource=self.resource.resource,
            watcher=self.watcher,
            remote_cseq=self._remote_cseq,
            cseq_ceiling=self.ceiling,
            expires_at=self.usage.expires_at,
            told_version=self.told_version,
            content=self.content,
            condition=self.condition,
        )

    @row.setter
    def row(self, row: SubscriptionRow) -> None:
        self._text, self._common = keep(row)
        self._remote_cseq = row.remote_cseq
        self.content = row.content
        """What the SUBSCRIBE's body asked for."""
        self.condition = row.condition
        """Of the last SUBSCRIBE, while it holds (RFC 5839)."""

    @property
    def hop(self) -> SipUri | None:
        """The next hop; None when that is no SIP URI we can read."""
        return next_hop(self.row)

    def readdress(self) -> None:
        """Forget how NOTIFYs were sent: the dialog's remote target may be another."""
        self.template = self.way = self.large_way = None
