"""Values of dialogs and bindings to and from columns. Pure.

Fields that are never searched by share a column as a JSON array in ASCII, so that
header values come back as they were, lone surrogates and all.
"""

import json
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, Final

from store.operations import RefreshSubscription
from store.values import (
    Binding,
    BindingSet,
    Document,
    DocumentInfo,
    DocumentKey,
    Resource,
    SubscriptionRow,
    WatcherRow,
)

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode

CSEQ_RESERVE: Final = 20_000
"""More NOTIFYs than one subscription can have sent since its ceiling was last written."""
REACH_FIELDS: Final = 6
"""Fields of `reach` besides content and condition, which only those that have one carry."""
SUBSCRIPTION_COLUMNS: Final = (
    "id",
    "aor",
    "package",
    "watcher",
    "state",
    "remote_cseq",
    "cseq_ceiling",
    "told_version",
    "expires_at",
    "owner",
    "dialog",
    "reach",
)
"""What `subscription_of` reads, in order."""
WATCHER_COLUMNS: Final = (
    "id",
    "aor",
    "package",
    "watcher",
    "status",
    "event",
    "expires_at",
    "dialog",
)
"""What `watcher_of` reads, in order; `status` of a subscription is its state."""
DOCUMENT_COLUMNS: Final = (
    "auid",
    "owner",
    "path",
    "etag",
    "content_type",
    "body",
    "updated_at",
    "version",
)
"""What `document_of` reads, in order."""
VERSION_COLUMNS: Final = (
    "version",
    "etag",
    "content_type",
    "body",
    "author",
    "source",
    "created_at",
)
"""The fields of a `DocumentVersion`, in order."""
GRANT_COLUMNS: Final = ("owner", "auid", "path", "grantee", "write")
"""The fields of a `Grant`, in order."""
NEVER: Final = BindingSet(0, ())


def pack_dialog(row: SubscriptionRow) -> str:
    """What a subscription never changes."""
    return _encode(
        (
            row.event_id,
            row.event_parameters,
            row.call_id,
            row.local_tag,
            row.remote_tag,
            row.local_address,
            row.remote_address,
            row.route_set,
            row.created_at,
        )
    )


def pack_reach(row: SubscriptionRow | RefreshSubscription) -> str:
    """What a refresh replaces: how the watcher is reached, and what it accepts."""
    return _encode(
        (
            row.remote_target,
            row.local_contact,
            row.transport,
            row.flow,
            row.accept,
            row.content_type,
            *_asked(row),
        )
    )


def _asked(row: SubscriptionRow | RefreshSubscription) -> tuple[str, ...]:
    """What few SUBSCRIBEs ask for."""
    if row.condition:
        return row.content, row.condition
    return (row.content,) if row.content else ()


def subscription_of(row: Sequence[Any] | Mapping[int, Any]) -> SubscriptionRow:
    """Build a subscription from SUBSCRIPTION_COLUMNS."""
    dialog = json.loads(row[10])
    reach = json.loads(row[11])
    return SubscriptionRow(
        id=row[0],
        resource=Resource(row[1], row[2]),
        event_id=dialog[0],
        event_parameters=dialog[1],
        watcher=row[3],
        state=row[4],
        call_id=dialog[2],
        local_tag=dialog[3],
        remote_tag=dialog[4],
        local_address=dialog[5],
        remote_address=dialog[6],
        remote_target=reach[0],
        route_set=tuple(dialog[7]),
        local_contact=reach[1],
        remote_cseq=row[5],
        cseq_ceiling=row[6],
        expires_at=row[8],
        accept=reach[4],
        content_type=reach[5],
        told_version=row[7],
        owner=row[9],
        transport=reach[2],
        flow=reach[3],
        created_at=dialog[8],
        content=reach[6] if len(reach) > REACH_FIELDS else "",
        condition=reach[7] if len(reach) > REACH_FIELDS + 1 else "",
    )


def watcher_of(row: Sequence[Any] | Mapping[int, Any]) -> WatcherRow:
    """Build a watcher from WATCHER_COLUMNS."""
    dialog = json.loads(row[7])
    resource = Resource(row[1], row[2])
    return WatcherRow(row[0], resource, row[3], row[4], row[5], row[6], dialog[6], dialog[8])


def created_at(row: SubscriptionRow | WatcherRow) -> tuple[float, str]:
    """Sort key: oldest first."""
    return row.created_at, row.id


def pack_details(binding: Binding) -> str:
    """A binding's fields besides contact and expiry."""
    return _encode(
        (
            binding.q,
            binding.call_id,
            binding.cseq,
            binding.received,
            binding.path,
            binding.instance,
            binding.reg_id,
            binding.user_agent,
            binding.updated_at,
            binding.flow,
            binding.worker,
            binding.parameters,
            binding.begun_at,
        )
    )


def binding_of(key: str, expires_at: float, details: str) -> Binding:
    """Build a binding from its three columns; the first begins with the contact."""
    q, call_id, cseq, received, path, *rest = json.loads(details)
    contact = key.partition(" ")[0]
    return Binding(contact, expires_at, q, call_id, cseq, received, tuple(path), *rest)


def by_preference(binding: Binding) -> tuple[float, float]:
    """Sort key: q, highest first (absent is 1), then the newest."""
    return (-1.0 if binding.q is None else -binding.q, -binding.updated_at)


def check_at(expires_at: float) -> int:
    """The second at which a sweep should look at a row."""
    return ceil(expires_at)


def sets_of(aors: Sequence[str], rows: Sequence[Any]) -> dict[str, BindingSet]:
    """Put rows of AoR, version, contact, expiry, details and last REGISTER together by AoR."""
    known: dict[str, tuple[int, float]] = {}
    found: dict[str, list[Binding]] = {}
    for aor, version, contact, expires_at, details, active_at in rows:
        known[aor] = version, active_at
        if contact is not None:
            found.setdefault(aor, []).append(binding_of(contact, expires_at, details))
    sets = dict.fromkeys(aors, NEVER)
    for aor, (version, active_at) in known.items():
        ordered = tuple(sorted(found.get(aor, ()), key=by_preference))
        sets[aor] = BindingSet(version, ordered, active_at)
    return sets


def info_of(row: Any) -> DocumentInfo:
    """Build what is said of a document from its key and the value's other fields."""
    return DocumentInfo(DocumentKey(row[0], row[1], row[2]), *row[3:8])


def document_of(row: Any) -> Document:
    """Build a document from DOCUMENT_COLUMNS."""
    return Document(DocumentKey(row[0], row[1], row[2]), *row[3:8])
