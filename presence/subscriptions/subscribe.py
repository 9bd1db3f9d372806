"""A SUBSCRIBE as the notifier reads it (RFC 6665 §4.2.1).

Pure: tags and instants are given. Reading raises PresenceError or ParseError; what comes out
are values for the store.
"""

from typing import Final, NamedTuple

from presence.coding import preferred
from presence.config import PresenceConfig
from presence.errors import (
    BadRequest,
    BodyTooLarge,
    NotAcceptable,
    OutOfOrder,
    SubscriptionUnknown,
)
from presence.filters.request import read_request
from presence.live import CSEQ_BLOCK
from presence.notifier.conditional import ANY
from presence.notifier.route import next_hop
from presence.package import EventPackage
from presence.publications.etag import read_suppress_if_match
from presence.subscriptions.bounds import bounds_of, granted_subscription
from presence.subscriptions.device import device_of
from presence.subscriptions.rates import chosen, read_rates
from presence.subscriptions.subscription import State
from presence.subscriptions.wishes import Wishes
from sip.accept import best
from sip.dialog import Dialog, contact_of
from sip.event import EventHeader
from sip.message import Request
from sip.transport.flow import Flow
from sip.uri import AoR
from store.operations import RefreshSubscription
from store.values import Resource, SubscriptionRow

NEVER_TOLD: Final = -1
"""`told_version` before the first answered NOTIFY; below every version."""


class Subscribe(NamedTuple):
    """What a SUBSCRIBE asks for."""

    package: EventPackage
    event: EventHeader
    expires: int
    """Seconds granted; 0 fetches or unsubscribes."""
    wishes: Wishes
    """What the watcher takes."""
    content_type: str
    """The one of the package's types that the watcher likes best."""
    target: str | None
    """URI of its Contact; None keeps that of the dialog."""
    content: str = ""
    """What the package made of its body."""
    condition: str = ""
    """The entity-tag of its Suppress-If-Match, "*" for any state (RFC 5839 §5.2)."""

    @property
    def kept_condition(self) -> str:
        """What is stored of `condition`: a tag that came true may have become false since."""
        return ANY if self.condition == ANY else ""


def read_subscribe(
    request: Request,
    package: EventPackage,
    config: PresenceConfig,
    resource: AoR,
    before: str = "",
    *,
    share: float = 0.0,
) -> Subscribe:
    """All that can be said of a SUBSCRIBE to `resource` without the store or the policy.

    `before`: the content of the SUBSCRIBE before it in the dialog; `share`: what is taken off
    its expiry, from 0 to 1.
    """
    if len(request.body) > config.max_body:
        raise BodyTooLarge
    if package.admit is not None:
        package.admit(request)
    event = request.event
    assert event is not None, "find_package has read it"
    accept = ", ".join(request.all("accept"))
    expires = granted_subscription(request.expires, bounds_of(package, config), share)
    coding = preferred(request.all("accept-encoding")) if config.compress else ""
    rates = read_rates(event.parameters)
    if rates:
        rates = chosen(rates, expires=expires, interval=package.min_interval)
    return Subscribe(
        package=package,
        event=event,
        expires=expires,
        wishes=Wishes(accept, coding, rates, device_of(request, config.replace)),
        content_type=negotiate(request, accept, package),
        target=None if request.get("contact") is None else contact_of(request),
        content=_content(request, package, resource, before),
        condition=read_suppress_if_match(request.all("suppress-if-match")),
    )


def _content(request: Request, package: EventPackage, resource: AoR, before: str) -> str:
    if package.read_content is not None:
        return package.read_content(request, before)
    if not package.filterable:
        return ""
    return read_request(request, before, package=package.name, resource=resource)


def negotiate(request: Request, accept: str, package: EventPackage) -> str:
    """The media type of the NOTIFYs (RFC 3856 §6.5); without Accept the package's default.

    An empty Accept takes nothing (RFC 3261 §20.1).
    """
    types = package.content_types
    if request.get("accept") is None or accept == types[0]:
        return types[0]
    values = request.values("accept")
    chosen = best(values, types) if values else None
    if chosen is None:
        raise NotAcceptable(types)
    return chosen


def open_row(
    request: Request,
    subscribe: Subscribe,
    resource: Resource,
    *,
    watcher: str,
    state: State,
    local_tag: str,
    flow: Flow,
    now: float,
) -> SubscriptionRow:
    """The subscription and its dialog usage (RFC 3261 §12.1.1), as they are stored."""
    dialog = Dialog.accept(request, local_tag)
    if not dialog.remote_tag:
        raise BadRequest("a SUBSCRIBE needs a From tag")
    row = SubscriptionRow(
        id=local_tag,
        resource=resource,
        event_id=subscribe.event.id,
        event_parameters=str(subscribe.event.parameters),
        watcher=watcher,
        state=state.value,
        call_id=dialog.call_id,
        local_tag=local_tag,
        remote_tag=dialog.remote_tag,
        local_address=dialog.local_address,
        remote_address=dialog.remote_address,
        remote_target=dialog.remote_target,
        route_set=dialog.route_set,
        local_contact=flow.contact,
        remote_cseq=request.cseq.number,
        cseq_ceiling=CSEQ_BLOCK,
        expires_at=now + subscribe.expires,
        accept=str(subscribe.wishes),
        content_type=subscribe.content_type,
        told_version=NEVER_TOLD,
        owner="",
        transport=flow.transport,
        flow=describe(flow),
        created_at=now,
        content=subscribe.content,
        condition=subscribe.kept_condition,
    )
    check_storable(row)
    if row.route_set and next_hop(row) is None:
        raise BadRequest("its first Record-Route leads nowhere")
    return row


def check_storable(row: SubscriptionRow) -> None:
    """Refuse octets that are no text; they would come back in no header (RFC 3261 §7.3.1)."""
    texts = (
        row.call_id,
        row.remote_tag,
        row.local_address,
        row.remote_address,
        row.remote_target,
        row.event_parameters,
        row.accept,
        *row.route_set,
    )
    for text in texts:
        if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
            raise BadRequest("a header is not UTF-8")
        if "\0" in text:
            raise BadRequest("a header holds a NUL")


def describe(flow: Flow) -> str:
    """Where a request came from, for people who look into the store."""
    host, port = flow.remote
    return f"{flow.transport.lower()}:{host}:{port}"


def check_dialog(row: SubscriptionRow, request: Request, event: EventHeader) -> None:
    """Refuse a SUBSCRIBE that is in no dialog usage of ours, or out of order.

    Dialog id, package and `id` must all match (RFC 3261 §12.2.2, RFC 6665 §4.1.2.2, §8.2.1).
    """
    if (
        row.call_id != request.call_id
        or row.remote_tag != request.from_.tag
        or row.event_id != event.id
    ):
        raise SubscriptionUnknown
    if request.cseq.number <= row.remote_cseq:
        raise OutOfOrder


def refresh_operation(
    row: SubscriptionRow,
    request: Request,
    subscribe: Subscribe,
    *,
    state: State,
    ceiling: int,
    flow: Flow,
    now: float,
) -> RefreshSubscription:
    """The write that prolongs `row`; a Contact is a target refresh (RFC 3261 §12.2.2)."""
    return RefreshSubscription(
        id=row.id,
        expires_at=now + subscribe.expires,
        remote_cseq=request.cseq.number,
        remote_target=subscribe.target or row.remote_target,
        cseq_ceiling=ceiling,
        state=state.value,
        accept=str(subscribe.wishes.after(row.accept)),
        content_type=subscribe.content_type,
        local_contact=flow.contact,
        transport=flow.transport,
        flow=describe(flow),
        content=subscribe.content,
        condition=subscribe.kept_condition,
    )


def refreshed_row(row: SubscriptionRow, op: RefreshSubscription) -> SubscriptionRow:
    """`row` as the store has it once `op` is committed."""
    return row._replace(
        expires_at=op.expires_at,
        remote_cseq=op.remote_cseq,
        remote_target=op.remote_target,
        cseq_ceiling=max(row.cseq_ceiling, op.cseq_ceiling),
        state=op.state,
        accept=op.accept,
        content_type=op.content_type,
        local_contact=op.local_contact,
        transport=op.transport,
        flow=op.flow,
        content=op.content,
        condition=op.condition,
    )
