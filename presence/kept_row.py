"""The row of a live subscription in as little memory as it takes.

Pure. There are hundreds of thousands, and whole rows are looked at when something happens to
the subscription itself, not for a NOTIFY. What each has for itself is one text; what many have
in common is one tuple for all of them (tests/bench/bench_memory.py).
"""

from functools import lru_cache
from typing import Final, NamedTuple

from store.values import Resource, SubscriptionRow

SEPARATOR: Final = "\0"
"""Stands in no field: `subscribe.check_storable` refuses it."""
NO_EVENT_ID: Final = "\1"
"""What no token can be (RFC 6665 §8.4)."""
KNOWN_COMMONS: Final = 4096


class Common(NamedTuple):
    """What the subscriptions of one kind of client have in common."""

    event_parameters: str
    local_contact: str
    accept: str
    content_type: str
    owner: str
    transport: str


@lru_cache(KNOWN_COMMONS)
def common(*fields: str) -> Common:
    """The one value of `fields`."""
    return Common(*fields)


def keep(row: SubscriptionRow) -> tuple[str, Common]:
    """What `restore` makes the row of, beside the fields that it is given."""
    text = SEPARATOR.join(
        (
            row.state,
            NO_EVENT_ID if row.event_id is None else row.event_id,
            row.call_id,
            "" if row.local_tag == row.id else row.local_tag,
            row.remote_tag,
            _shortened(row.local_address, row.resource.aor, row.local_tag),
            _shortened(row.remote_address, row.watcher, row.remote_tag),
            row.remote_target,
            row.flow,
            repr(row.created_at),
            *row.route_set,
        )
    )
    return text, common(
        row.event_parameters,
        row.local_contact,
        row.accept,
        row.content_type,
        row.owner,
        row.transport,
    )


def restore(
    text: str,
    shared: Common,
    *,
    id: str,
    resource: Resource,
    watcher: str,
    remote_cseq: int,
    cseq_ceiling: int,
    expires_at: float,
    told_version: int,
    content: str,
    condition: str,
) -> SubscriptionRow:
    """The row again."""
    state, event_id, call_id, tag, remote_tag, local, remote, target, flow, created, *routes = (
        text.split(SEPARATOR)
    )
    return SubscriptionRow(
        id=id,
        resource=resource,
        event_id=None if event_id == NO_EVENT_ID else event_id,
        event_parameters=shared.event_parameters,
        watcher=watcher,
        state=state,
        call_id=call_id,
        local_tag=tag or id,
        remote_tag=remote_tag,
        local_address=local or plain_address(resource.aor, tag or id),
        remote_address=remote or plain_address(watcher, remote_tag),
        remote_target=target,
        route_set=tuple(routes),
        local_contact=shared.local_contact,
        remote_cseq=remote_cseq,
        cseq_ceiling=cseq_ceiling,
        expires_at=expires_at,
        accept=shared.accept,
        content_type=shared.content_type,
        told_version=told_version,
        owner=shared.owner,
        transport=shared.transport,
        flow=flow,
        created_at=float(created),
        content=content,
        condition=condition,
    )


def plain_address(aor: str, tag: str) -> str:
    """From or To as most clients write it."""
    return f"<{aor}>;tag={tag}"


def _shortened(address: str, aor: str, tag: str) -> str:
    return "" if address == plain_address(aor, tag) else address
