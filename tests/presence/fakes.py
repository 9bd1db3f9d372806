"""A stack, a store and a clock small enough to see through, for the event server's tests."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count

from presence.config import PresenceConfig
from presence.package import EventPackage, Variant
from presence.packages.presence import presence_package
from presence.policy.policy import Authorize, default_policy
from presence.ports import Done
from presence.service import EventService, ResolveTarget
from presence.subscriptions.recovery_service import OnExpiredBindings
from sip.authenticator import Identity
from sip.certificates import PeerCertificate
from sip.errors import TransportError
from sip.head import encode
from sip.locate import Target
from sip.message import Request, Response, build_response, parse_message
from sip.transport.flow import Flow
from sip.uri import AoR, SipUri
from store.operations import RefreshSubscription, WritePublication
from store.outcomes import (
    EtagMismatch,
    Expired,
    PublicationOutcome,
    PublicationWritten,
    SubscriptionGone,
    SubscriptionOutcome,
    SubscriptionWritten,
)
from store.values import Publication, Resource, ResourceState, SubscriptionRow, WatcherRow

ALICE = AoR("sip:alice@example.com")
BOB = AoR("sip:bob@example.com")
PRESENCE = Resource(ALICE, "presence")
AS_ALICE = Identity(ALICE, "digest")
AS_BOB = Identity(BOB, "digest")
NOON = 1_800_000_000.0
"""Where fake clocks start, Unix seconds."""
NUMBERS = count(1)
"""Tags and branches differ between the endpoints of one test too."""


class Clock:
    """Time that stands still until told otherwise."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass(eq=False)
class FakeFlow:
    """A flow that remembers nothing; the endpoint does."""

    transport: str = "UDP"
    remote: tuple[str, int] = ("192.0.2.9", 5060)
    local: tuple[str, int] = ("192.0.2.1", 5060)
    closed: bool = False
    certificate: PeerCertificate | None = None

    @property
    def name(self) -> str:
        return f"{self.transport.lower()}:{self.remote[0]}:{self.remote[1]}"

    @property
    def secure(self) -> bool:
        return self.transport in ("TLS", "WSS")

    @property
    def reliable(self) -> bool:
        return self.transport != "UDP"

    @property
    def via_prefix(self) -> str:
        return f"SIP/2.0/{self.transport} 192.0.2.1:5060"

    @property
    def contact(self) -> str:
        return "<sip:192.0.2.1:5060>"

    def send(self, data: bytes) -> None:
        raise AssertionError("events send through the endpoint")


@dataclass
class Sent:
    """One NOTIFY, and how to answer it."""

    data: bytes
    flow: Flow
    done: Done

    @property
    def request(self) -> Request:
        message = parse_message(self.data)
        assert isinstance(message, Request)
        return message

    @property
    def state(self) -> str:
        return self.request.get("subscription-state") or ""

    @property
    def cseq(self) -> int:
        return self.request.cseq.number

    @property
    def body(self) -> bytes:
        return self.request.body

    def answer(self, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Let the watcher answer."""
        response: Response | None = None
        if status >= 300 or headers:
            message = parse_message(build_response(self.request, status, headers=headers))
            assert isinstance(message, Response)
            response = message
        self.done(status, response)

    def time_out(self) -> None:
        """Let timer F fire."""
        self.done(408, None)


class FakeEndpoint:
    """Numbers branches and tags; NOTIFYs pile up in `sent` until answered."""

    def __init__(self, *, answering: bool = True) -> None:
        self.sent: list[Sent] = []
        self.answering = answering
        self.flow: FakeFlow | None = FakeFlow()
        """What a next hop leads to at once; None makes everybody wait."""
        self.slow_flow: FakeFlow | None = FakeFlow("TCP")
        """What waiting leads to; None fails."""
        self.asked: list[tuple[str, int]] = []
        self.servers: dict[Target, FakeFlow | None] = {}
        """What a next hop with several servers stands for, and what leads to each."""
        self.avoided: list[Target] = []
        self._arrived = asyncio.Event()

    def new_branch(self) -> str:
        return f"z9hG4bKbranch{next(NUMBERS)}"

    def new_tag(self) -> str:
        return f"tag{next(NUMBERS)}"

    def flow_now(self, uri: SipUri, *, prefer: Flow | None = None) -> Flow | None:
        return self.flow

    async def flow_to(self, uri: SipUri, *, size: int = 0, prefer: Flow | None = None) -> Flow:
        self.asked.append((str(uri), size))
        await asyncio.sleep(0)
        if self.slow_flow is None:
            raise TransportError("nowhere")
        return self.slow_flow

    async def targets(self, uri: SipUri, *, size: int = 0) -> Sequence[Target]:
        return tuple(self.servers)

    async def flow_for(self, target: Target, *, prefer: Flow | None = None) -> Flow:
        flow = self.servers[target]
        if flow is None:
            raise TransportError("nobody there")
        return flow

    def failed(self, target: Target) -> None:
        self.avoided.append(target)

    def send_notify(self, data: bytes, branch: str, flow: Flow, done: Done) -> None:
        sent = Sent(data, flow, done)
        self.sent.append(sent)
        self._arrived.set()
        if self.answering:
            sent.answer()

    def take(self) -> list[Sent]:
        """What was sent since the last time."""
        sent, self.sent = self.sent, []
        self._arrived.clear()
        return sent

    async def next(self) -> list[Sent]:
        """The same, once there is something."""
        async with asyncio.timeout(5):
            await self._arrived.wait()
        return self.take()


class FakeTransaction:
    """A server transaction that keeps its answer."""

    def __init__(self, request: Request, flow: Flow, journal: list[str]) -> None:
        self.request = request
        self.flow: Flow = flow
        self.status = 0
        self.reason: str | None = None
        self.headers: dict[str, str] = {}
        self.to_tag: str | None = None
        self.body = b""
        self._journal = journal

    def respond(
        self,
        status: int,
        *,
        reason: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        to_tag: str | None = None,
    ) -> None:
        assert not self.status, "answered twice"
        self.status, self.reason, self.headers = status, reason, dict(headers)
        self.to_tag, self.body = to_tag, body
        self._journal.append(f"{status}")


@dataclass
class FakeStore:
    """The event half of the store, in dictionaries; `gate` holds writes back until set."""

    owner: str = "here"
    failing: Exception | None = None
    """What writes raise."""
    unreadable: Exception | None = None
    """What reads of versions, states and many subscriptions raise."""
    gate: asyncio.Event | None = None
    rows: dict[str, SubscriptionRow] = field(default_factory=dict)
    states: dict[Resource, ResourceState] = field(default_factory=dict)
    touched: dict[str, tuple[int, int]] = field(default_factory=dict)
    orphans: list[str] = field(default_factory=list)
    unbound: list[str] = field(default_factory=list)
    """AoRs whose bindings the next sweep finds expired."""
    writes: int = 0

    async def _wait(self) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.failing is not None:
            raise self.failing
        self.writes += 1

    async def _read(self) -> None:
        if self.unreadable is not None:
            raise self.unreadable

    def state(self, resource: Resource) -> ResourceState:
        return self.states.get(resource, ResourceState(0, ()))

    async def write_publication(self, op: WritePublication) -> PublicationOutcome:
        await self._wait()
        state = self.state(op.resource)
        own = next((p for p in state.publications if p.entity_tag == op.expected), None)
        if op.expected is not None and (own is None or own.id != op.id):
            return EtagMismatch()
        others = tuple(p for p in state.publications if p is not own)
        if not op.expires_at:
            self.states[op.resource] = ResourceState(state.version + 1, others)
            return PublicationWritten(state.version + 1, others)
        if op.body is None:
            assert own is not None
            kept = own._replace(entity_tag=op.entity_tag, expires_at=op.expires_at)
            self.states[op.resource] = ResourceState(state.version, (*others, kept))
            return PublicationWritten(state.version, others)
        new = Publication(
            op.id, op.entity_tag, op.expires_at, op.content_type, op.body, op.published_at
        )
        self.states[op.resource] = ResourceState(state.version + 1, (*others, new))
        return PublicationWritten(state.version + 1, others)

    async def shorten_publications(
        self, which: Sequence[tuple[Resource, str]], expires_at: float
    ) -> None:
        await self._wait()
        for resource, one in which:
            state = self.state(resource)
            publications = tuple(
                p._replace(expires_at=min(p.expires_at, expires_at)) if p.entity_tag == one else p
                for p in state.publications
            )
            self.states[resource] = state._replace(publications=publications)

    async def write_subscription(self, row: SubscriptionRow) -> SubscriptionWritten:
        await self._wait()
        self.rows[row.id] = row._replace(owner=self.owner)
        return SubscriptionWritten(self.state(row.resource))

    async def refresh_subscription(self, op: RefreshSubscription) -> SubscriptionOutcome:
        await self._wait()
        row = self.rows.get(op.id)
        if row is None or op.remote_cseq <= row.remote_cseq:
            return SubscriptionGone()
        self.rows[op.id] = row._replace(
            expires_at=op.expires_at,
            remote_cseq=op.remote_cseq,
            remote_target=op.remote_target,
            cseq_ceiling=max(row.cseq_ceiling, op.cseq_ceiling),
            state=op.state,
            accept=op.accept,
            content_type=op.content_type,
            content=op.content,
            condition=op.condition,
            owner=self.owner,
        )
        return SubscriptionWritten(self.state(row.resource))

    async def end_subscription(self, subscription_id: str, event: str = "timeout") -> None:
        await self._wait()
        self.rows.pop(subscription_id, None)

    async def settle_subscription(self, subscription_id: str, state: str, event: str) -> None:
        await self._wait()
        if subscription_id in self.rows:
            self.rows[subscription_id] = self.rows[subscription_id]._replace(state=state)

    async def hold_watcher(self, row: SubscriptionRow) -> None:
        await self._wait()

    async def settle_watcher(self, subscription_id: str, event: str) -> None:
        await self._wait()

    async def waiting(self, aor: str) -> list[WatcherRow]:
        await self._read()
        return []

    async def watching(self, resource: Resource, watcher: str | None) -> list[WatcherRow]:
        await self._read()
        return [
            WatcherRow(
                id=row.id,
                resource=row.resource,
                watcher=row.watcher,
                status=row.state,
                event="subscribe",
                expires_at=row.expires_at,
                address=row.remote_address,
                created_at=row.created_at,
            )
            for row in self.rows.values()
            if row.resource == resource and watcher in (None, row.watcher)
        ]

    async def subscription(self, subscription_id: str) -> SubscriptionRow | None:
        return self.rows.get(subscription_id)

    async def subscriptions(self, ids: Sequence[str]) -> Mapping[str, SubscriptionRow]:
        await self._read()
        return {one: self.rows[one] for one in ids if one in self.rows}

    def touch_subscription(self, subscription_id: str, told_version: int, cseq: int) -> None:
        self.touched[subscription_id] = (told_version, cseq)
        row = self.rows.get(subscription_id)
        if row is not None:
            self.rows[subscription_id] = row._replace(
                told_version=told_version, cseq_ceiling=max(cseq, row.cseq_ceiling)
            )

    async def adopt_subscriptions(self, limit: int) -> list[SubscriptionRow]:
        taken, self.orphans = self.orphans[:limit], self.orphans[limit:]
        return [self.rows[one] for one in taken]

    async def resource_state(self, resource: Resource) -> ResourceState:
        await self._read()
        return self.state(resource)

    async def expire(self, now: float) -> Expired:
        gone = [one for one, row in self.rows.items() if row.expires_at <= now]
        for one in gone:
            del self.rows[one]
        moved = []
        for resource, state in self.states.items():
            alive = tuple(p for p in state.publications if p.expires_at > now)
            if alive != state.publications:
                self.states[resource] = ResourceState(state.version + 1, alive)
                moved.append((resource, state.version + 1))
        unbound, self.unbound = self.unbound, []
        return Expired(moved, gone, unbound)

    async def versions(self, resources: Sequence[Resource]) -> dict[Resource, int]:
        await self._read()
        return {resource: self.state(resource).version for resource in resources}


def pidf(note: str = "here", entity: str = ALICE, tuple_id: str = "t1", more: str = "") -> bytes:
    """A presence document with one open tuple."""
    return (
        '<?xml version="1.0"?>\n<presence xmlns="urn:ietf:params:xml:ns:pidf"'
        ' xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
        f' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="{entity}">'
        f'<tuple id="{tuple_id}"><status><basic>open</basic></status><note>{note}</note></tuple>'
        f"{more}</presence>"
    ).encode()


def compose(method: str, uri: str, lines: Sequence[str], body: bytes = b"") -> Request:
    """A request as it comes off the wire."""
    head = [
        f"{method} {uri} SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKx",
        "Max-Forwards: 70",
        *lines,
        f"Content-Length: {len(body)}",
    ]
    message = parse_message(encode("\r\n".join(head)) + b"\r\n\r\n" + body)
    assert isinstance(message, Request)
    return message


def publish_request(
    body: bytes = b"", *more: str, uri: str = ALICE, event: str | None = "presence"
) -> Request:
    """A PUBLISH of alice."""
    lines = [
        f"From: <{uri}>;tag=p1",
        f"To: <{uri}>",
        "Call-ID: pub@192.0.2.9",
        "CSeq: 1 PUBLISH",
        *([f"Event: {event}"] if event is not None else []),
        *more,
    ]
    if body and not any(line.lower().startswith("content-type") for line in more):
        lines.append("Content-Type: application/pidf+xml")
    return compose("PUBLISH", uri, lines, body)


def subscribe_request(
    *more: str,
    uri: str = ALICE,
    event: str | None = "presence",
    cseq: int = 1,
    to_tag: str | None = None,
    call_id: str = "sub1@192.0.2.9",
    from_tag: str = "w1",
    contact: str | None = "<sip:bob@192.0.2.9:5060>",
) -> Request:
    """A SUBSCRIBE of bob to alice."""
    lines = [
        f'From: "Bob" <{BOB}>;tag={from_tag}',
        f"To: <{ALICE}>" + (f";tag={to_tag}" if to_tag else ""),
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} SUBSCRIBE",
        *([f"Contact: {contact}"] if contact is not None else []),
        *([f"Event: {event}"] if event is not None else []),
        *more,
    ]
    return compose("SUBSCRIBE", uri, lines)


async def anybody(aor: AoR, identity: Identity) -> bool:
    """Whether somebody is ours: all but ghosts."""
    return "ghost" not in aor


class House:
    """An event server over fakes, with words for what clients do."""

    def __init__(
        self,
        *,
        config: PresenceConfig | None = None,
        authorize: Authorize | None = None,
        packages: Mapping[str, EventPackage] | None = None,
        store: FakeStore | None = None,
        answering: bool = True,
        interval: float = 0.0,
        variants: Sequence[Variant] = (),
        resolve_target: ResolveTarget | None = None,
        on_expired_bindings: OnExpiredBindings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.store = store or FakeStore()
        self.endpoint = FakeEndpoint(answering=answering)
        self.journal: list[str] = []
        self.service = EventService(
            store=self.store,
            endpoint=self.endpoint,
            packages=packages or {"presence": presence_package(min_interval=interval)},
            config=config or PresenceConfig(domains=frozenset({"example.com"})),
            authorize=authorize or default_policy("allow"),
            exists=anybody,
            clock=self.clock,
            variants=variants,
            resolve_target=resolve_target,
            on_expired_bindings=on_expired_bindings,
            random=self._random,
        )
        self._octets = 0

    def _random(self, count: int) -> bytes:
        self._octets += 1
        return sha256(str(self._octets).encode()).digest()[:count]

    async def publish(self, request: Request, identity: Identity = AS_ALICE) -> FakeTransaction:
        tx = FakeTransaction(request, FakeFlow(), self.journal)
        await self.service.publish(tx, identity)
        return tx

    async def subscribe(
        self, request: Request, identity: Identity = AS_BOB, flow: Flow | None = None
    ) -> FakeTransaction:
        tx = FakeTransaction(request, flow or FakeFlow(), self.journal)
        await self.service.subscribe(tx, identity)
        return tx

    async def watching(self, *more: str, n: int = 1) -> str:
        """Subscribe, take the first NOTIFY away; returns our tag."""
        tx = await self.subscribe(
            subscribe_request(*more, call_id=f"sub{n}@192.0.2.9", from_tag=f"w{n}")
        )
        assert tx.status == 200
        assert tx.to_tag is not None
        self.endpoint.take()
        return tx.to_tag

    async def published(self, body: bytes, tag: str | None = None) -> str:
        """Publish; returns the entity-tag."""
        more = (f"SIP-If-Match: {tag}",) if tag else ()
        tx = await self.publish(publish_request(body, *more))
        assert tx.status == 200, tx.headers
        return tx.headers["SIP-ETag"]


async def settle(turns: int = 10) -> None:
    """Let background tasks come to rest."""
    for _ in range(turns):
        await asyncio.sleep(0)
