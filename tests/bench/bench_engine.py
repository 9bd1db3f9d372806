"""What a PUBLISH and its NOTIFYs cost in the event server alone: no sockets, no database.

    .venv/bin/python tests/bench/bench_engine.py

Microseconds of process CPU time, best of several rounds. "road" is `EventService.publish` with
a store that answers at once and an endpoint that answers every NOTIFY at once: reading the
request, checks, entity-tag, composition, NOTIFY bytes, bookkeeping of the answer.
"""

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import replace

from presence.config import PresenceConfig
from presence.packages.presence import check_body, presence_package
from presence.policy.policy import default_policy
from presence.ports import Done
from presence.service import EventService
from sip.locate import Target
from sip.message import Request, parse_message
from sip.transport.flow import Flow
from sip.uri import SipUri
from store.operations import WritePublication
from store.outcomes import PublicationOutcome, PublicationWritten
from tests.presence.fakes import (
    ALICE,
    AS_ALICE,
    AS_BOB,
    FakeFlow,
    FakeStore,
    FakeTransaction,
    anybody,
    subscribe_request,
)

ROUNDS = 7
PUBLISHES = 2000
PIDF = """<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"\
 xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:alice@example.com">
 <tuple id="t000001">
  <status><basic>open</basic></status>
  <rpid:user-input idle-threshold="600">active</rpid:user-input>
  <contact priority="0.8">sip:alice@192.0.2.10:5060</contact>
  <note>bench-{:08d}</note>
  <timestamp>2026-01-01T12:00:00Z</timestamp>
 </tuple>
 <dm:person id="p000001">
  <rpid:activities><rpid:away/></rpid:activities>
  <dm:note xml:lang="en">In a meeting until three</dm:note>
 </dm:person>
</presence>
"""


class InstantStore(FakeStore):
    """Answers publications at once, without looking."""

    version = 0

    async def write_publication(self, op: WritePublication) -> PublicationOutcome:
        self.version += 1
        return PublicationWritten(self.version, ())


class InstantEndpoint:
    """Takes every NOTIFY and answers it 200."""

    def __init__(self) -> None:
        self.flow = FakeFlow()
        self.number = 0

    def new_branch(self) -> str:
        self.number += 1
        return f"z9hG4bKw0.{self.number:x}"

    def new_tag(self) -> str:
        self.number += 1
        return f"w0.{self.number:x}"

    def flow_now(self, uri: SipUri, *, prefer: Flow | None = None) -> Flow | None:
        return self.flow

    async def targets(self, uri: SipUri, *, size: int = 0) -> Sequence[Target]:
        return ()

    async def flow_for(self, target: Target, *, prefer: Flow | None = None) -> Flow:
        return self.flow

    def failed(self, target: Target) -> None:
        """Nothing fails here."""

    async def flow_to(self, uri: SipUri, *, size: int = 0, prefer: Flow | None = None) -> Flow:
        return self.flow

    def send_notify(self, data: bytes, branch: str, flow: Flow, done: Done) -> None:
        done(200, None)


class Answered(FakeTransaction):
    """Forgets its answer."""

    def respond(self, status: int, **more: object) -> None:
        assert status == 200, status


def house(*, checking: bool, store: FakeStore | None = None) -> EventService:
    """An event server over things that answer at once."""
    package = presence_package(min_interval=0.0)
    if not checking:
        package = replace(package, check_body=lambda body, kind, aor: None)
    return EventService(
        store=store or InstantStore(),
        endpoint=InstantEndpoint(),
        packages={"presence": package},
        config=PresenceConfig(max_subscriptions_per_watcher=10**6),
        authorize=default_policy("allow"),
        exists=anybody,
        clock=time.time,
    )


def requests(count: int) -> list[Request]:
    """Modifying PUBLISHes, each with another body."""
    made = []
    for number in range(count):
        body = PIDF.format(number).encode()
        head = (
            f"PUBLISH {ALICE} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:5090;rport;branch=z9hG4bK{number}\r\n"
            f"Max-Forwards: 70\r\nFrom: <{ALICE}>;tag=f1\r\nTo: <{ALICE}>\r\nCall-ID: p1@x\r\n"
            f"CSeq: {number + 1} PUBLISH\r\nEvent: presence\r\nExpires: 3600\r\n"
            f"Contact: <sip:alice@127.0.0.1:5090>\r\nSIP-If-Match: 0011223344556677.00\r\n"
            f"Content-Type: application/pidf+xml\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        message = parse_message(head.encode() + body)
        assert isinstance(message, Request)
        made.append(message)
    return made


async def measure(watchers: int, *, checking: bool) -> float:
    """CPU microseconds of one PUBLISH with this many watchers."""
    count = max(20, PUBLISHES // max(1, watchers))
    best = float("inf")
    for _ in range(ROUNDS):
        service = house(checking=checking)
        for number in range(watchers):
            request = subscribe_request(call_id=f"s{number}@x", from_tag=f"f{number}")
            await service.subscribe(Answered(request, FakeFlow(), []), AS_BOB)
        load = [Answered(request, FakeFlow(), []) for request in requests(count)]
        gc.collect()
        start = time.process_time()
        for tx in load:
            await service.publish(tx, AS_ALICE)
        best = min(best, (time.process_time() - start) / count)
        assert service.stats.notify_sent == watchers * (count + 1)
    return best * 1e6


def check_cost(load: Sequence[Request]) -> float:
    """CPU microseconds of parsing and validating one document."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for request in load:
            check_body(request.body, "application/pidf+xml", ALICE)
        best = min(best, (time.process_time() - start) / len(load))
    return best * 1e6


async def main() -> None:
    print(f"check_body                     {check_cost(requests(500)):7.1f}")
    figures = {n: await measure(n, checking=False) for n in (0, 1, 10, 100)}
    for watchers, figure in figures.items():
        print(f"road, {watchers:4d} watchers, no check   {figure:7.1f}")
    print(f"each further watcher           {(figures[100] - figures[10]) / 90:7.1f}")
    print(f"road,    1 watcher, checked    {await measure(1, checking=True):7.1f}")


if __name__ == "__main__":
    asyncio.run(main())
