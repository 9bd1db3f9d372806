"""What the event server needs of the stack and of the store, and no more.

The real ones are `sip.transport.endpoint` and `store.store`; tests pass small fakes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from sip.locate import Target
from sip.message import Request, Response
from sip.transport.flow import Flow
from sip.uri import SipUri
from store.operations import RefreshSubscription, WritePublication
from store.outcomes import (
    Expired,
    PublicationOutcome,
    SubscriptionOutcome,
    SubscriptionWritten,
)
from store.values import Resource, ResourceState, SubscriptionRow, WatcherRow

Done = Callable[[int, Response | None], None]
"""The final status of a NOTIFY; the response only when it was not 2xx."""


class Transaction(Protocol):
    """A server transaction."""

    @property
    def request(self) -> Request: ...
    @property
    def flow(self) -> Flow: ...

    def respond(
        self,
        status: int,
        *,
        reason: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        to_tag: str | None = None,
    ) -> None: ...


class Notifying(Protocol):
    """How NOTIFYs leave."""

    def new_branch(self) -> str: ...
    def new_tag(self) -> str: ...
    def flow_now(self, uri: SipUri, *, prefer: Flow | None = None) -> Flow | None: ...
    async def flow_to(self, uri: SipUri, *, size: int = 0, prefer: Flow | None = None) -> Flow: ...
    async def targets(self, uri: SipUri, *, size: int = 0) -> Sequence[Target]: ...
    async def flow_for(self, target: Target, *, prefer: Flow | None = None) -> Flow: ...
    def failed(self, target: Target) -> None: ...
    def send_notify(self, data: bytes, branch: str, flow: Flow, done: Done) -> None: ...


class Hop(NamedTuple):
    """Where a Contact that is a GRUU or AoR of ours leads."""

    uri: str
    """The Contact that was registered; becomes the Request-URI."""
    flow: Flow | None = None
    """The connection it was registered over."""
    routes: tuple[str, ...] = ()
    """Route values that lead there (RFC 3327 §5.4); the first is where the request is sent."""


class EventStore(Protocol):
    """The part of the store that events use."""

    owner: str

    async def write_publication(self, op: WritePublication) -> PublicationOutcome: ...
    async def write_subscription(self, row: SubscriptionRow) -> SubscriptionWritten: ...
    async def refresh_subscription(self, op: RefreshSubscription) -> SubscriptionOutcome: ...
    async def end_subscription(self, subscription_id: str, event: str = ...) -> None: ...
    async def settle_subscription(self, subscription_id: str, state: str, event: str) -> None: ...
    async def hold_watcher(self, row: SubscriptionRow) -> None: ...
    async def settle_watcher(self, subscription_id: str, event: str) -> None: ...
    async def waiting(self, aor: str) -> list[WatcherRow]: ...
    async def subscription(self, subscription_id: str) -> SubscriptionRow | None: ...
    async def subscriptions(self, ids: Sequence[str]) -> Mapping[str, SubscriptionRow]: ...
    def touch_subscription(self, subscription_id: str, told_version: int, cseq: int) -> None: ...
    async def adopt_subscriptions(self, limit: int) -> list[SubscriptionRow]: ...
    async def resource_state(self, resource: Resource) -> ResourceState: ...
    async def expire(self, now: float) -> Expired: ...
    async def versions(self, resources: Sequence[Resource]) -> dict[Resource, int]: ...
