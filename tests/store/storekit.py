"""Values and small helpers for tests of the store. Instants count from NOW."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from store.operations import RefreshSubscription, WriteBindings, WriteDocument, WritePublication
from store.values import Binding, Credential, DocumentKey, Resource, SubscriptionRow

NOW: Final = 1_800_000_000.0
PATIENCE: Final = 10.0
"""Seconds a test waits for another process before it fails."""
ALICE: Final = Resource("sip:alice@example.com", "presence")
BOB: Final = Resource("sip:bob@example.com", "presence")
PIDF: Final = "application/pidf+xml"
KEY: Final = DocumentKey("resource-lists", "sip:alice@example.com", "index")


class FakeClock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def publish(resource: Resource = ALICE, name: str = "p1", **more: Any) -> WritePublication:
    """An initial publication `name` of an hour, with entity-tag "name.1"."""
    fields: dict[str, Any] = {
        "expected": None,
        "entity_tag": f"{name}.1",
        "expires_at": NOW + 3600,
        "body": b"<presence/>",
        "content_type": PIDF,
        "published_at": NOW,
        "now": NOW,
    }
    return WritePublication(resource=resource, id=name, **(fields | more))


def modify(name: str = "p1", expected: int = 1, **more: Any) -> WritePublication:
    """Replace the body where the entity-tag is "name.expected"."""
    fields: dict[str, Any] = {
        "expected": f"{name}.{expected}",
        "entity_tag": f"{name}.{expected + 1}",
        "body": f"body {expected + 1}".encode(),
    }
    return publish(name=name, **(fields | more))


def subscription(name: str = "s1", **more: Any) -> SubscriptionRow:
    """An active subscription of Bob to Alice for an hour."""
    row = SubscriptionRow(
        id=name,
        resource=ALICE,
        event_id=None,
        event_parameters="",
        watcher="sip:bob@example.com",
        state="active",
        call_id=f"{name}@192.0.2.1",
        local_tag=name,
        remote_tag="remote",
        local_address="<sip:alice@example.com>;tag=" + name,
        remote_address='"B\udce9b" <sip:bob@example.com>;tag=remote',
        remote_target="sip:bob@192.0.2.1",
        route_set=("<sip:192.0.2.9;lr>", "<sip:192.0.2.8;lr>"),
        local_contact="<sip:192.0.2.2>",
        remote_cseq=1,
        cseq_ceiling=1,
        expires_at=NOW + 3600,
        accept=PIDF,
        content_type=PIDF,
        told_version=0,
        owner="",
        transport="UDP",
        flow="192.0.2.1:5060",
        created_at=NOW,
    )
    return row._replace(**more)


def refresh(name: str = "s1", remote_cseq: int = 2, **more: Any) -> RefreshSubscription:
    """A refresh for another hour and a half, from a new target."""
    fields: dict[str, Any] = {
        "expires_at": NOW + 5400,
        "remote_target": "sip:bob@192.0.2.7",
        "cseq_ceiling": 1,
        "state": "active",
        "accept": PIDF,
        "content_type": PIDF,
        "local_contact": "<sip:192.0.2.2>",
        "transport": "TCP",
        "flow": "192.0.2.7:5060",
    }
    return RefreshSubscription(id=name, remote_cseq=remote_cseq, **(fields | more))


def binding(contact: str = "sip:alice@192.0.2.1", **more: Any) -> Binding:
    """A binding for an hour."""
    fields: dict[str, Any] = {
        "expires_at": NOW + 3600,
        "q": 0.5,
        "call_id": "c1",
        "cseq": 1,
        "received": "192.0.2.1:5060",
        "path": ("<sip:192.0.2.9;lr>",),
        "instance": "urn:uuid:1",
        "reg_id": None,
        "user_agent": "phone",
        "updated_at": NOW,
        "flow": "f1",
        "worker": "w1",
        "parameters": ";methods=INVITE",
    }
    return Binding(contact=contact, **(fields | more))


def bind(version: int = 0, *put: Binding, remove: tuple[str, ...] = ()) -> WriteBindings:
    """Write Alice's bindings."""
    return WriteBindings(ALICE.aor, version, put, remove, NOW)


def put(etag: str = "e1", key: DocumentKey = KEY, **more: Any) -> WriteDocument:
    """Put a document without preconditions."""
    fields: dict[str, Any] = {
        "body": f"<list {etag}/>".encode(),
        "content_type": "application/resource-lists+xml",
        "if_match": None,
        "if_none_match": None,
        "now": NOW,
    }
    return WriteDocument(key=key, etag=etag, **(fields | more))


def credential(name: str = "alice", mark: str = "1") -> Credential:
    """Hashes that can be told apart by `mark`."""
    return Credential(f"sip:{name}@example.com", f"m{mark}", f"s{mark}", "mf", "sf")


async def eventually(holds: Callable[[], bool]) -> None:
    """Return when `holds()`; fails after PATIENCE."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110  another process sets no event of ours
            await asyncio.sleep(0)
