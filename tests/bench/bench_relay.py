"""What relaying one call costs, INVITE to BYE (microseconds of CPU), without sockets.

Run: python -m tests.bench.bench_relay [--profile]. Everything between the sockets is in it: the
transaction layer, dispatcher, registrar's look-up, relay and the messages of both phones, whose
making is shown on its own.
"""

import argparse
import asyncio
import cProfile
import gc
import pstats
import time
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Final

from proxy.addresses import OurAddresses
from proxy.answers import Extensions
from proxy.registrar_service import RegistrarService
from proxy.registration import Limits
from proxy.relay_service import RelayService
from server.dispatch import Dispatcher
from server.identity_service import IdentityService
from sip.authenticator import Authenticator, Hashes
from sip.digest import NonceCounts, NonceMint
from sip.locate import Target
from sip.transport.client_transaction import ClientTransaction
from sip.transport.config import EndpointConfig
from sip.transport.flow import Flow
from sip.transport.ids import Ids
from sip.transport.transactions import TransactionLayer
from sip.trust import TrustedPeers
from sip.uri import AoR, SipUri
from store.values import BindingSet, Credential
from tests.proxy.loopback import NoEvents
from tests.proxy.proxykit import BOB, EDGE, KEY, FakeStore, binding
from tests.sip.wires import FakeFlow, FakeTimers

ROUNDS: Final = 3
COUNT: Final = 1_500
CALLER: Final = ("192.0.2.10", 5070)
CALLEE: Final = ("192.0.2.20", 5080)
SDP: Final = b"v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"


class Wire:
    """The endpoint of the relay: the real transaction layer between two flows."""

    def __init__(self) -> None:
        self.timers = FakeTimers()
        ids = Ids("w1")
        self.new_branch = ids.new_branch
        self.caller = FakeFlow(CALLER)
        self.callee = FakeFlow(CALLEE)
        self.layer = TransactionLayer(
            EndpointConfig(), ids=ids, timers=self.timers, clock=time.time,
            on_request=lambda tx: self.dispatcher.on_request(tx),
            on_ack=lambda request, flow: self.dispatcher.on_ack(request, flow),
        )  # fmt: skip
        self.dispatcher = dispatcher(self)

    def flow_now(self, uri: SipUri) -> Flow | None:
        return self.callee if uri.host == CALLEE[0] else self.caller

    def flow_named(self, name: str) -> Flow | None:
        return None

    async def targets(self, uri: SipUri, *, size: int = 0) -> Sequence[Target]:
        raise NotImplementedError

    async def flow_for(self, target: Target) -> Flow:
        raise NotImplementedError

    def failed(self, target: Target) -> None: ...

    def client_transaction(
        self, request_bytes: bytes, method: str, branch: str, flow: Flow, *,
        on_response: object, on_timeout: object, on_transport_error: object,
    ) -> ClientTransaction:  # fmt: skip
        return self.layer.client_transaction(
            request_bytes, method, branch, flow, on_response=on_response,  # type: ignore[arg-type]  # passed on
            on_timeout=on_timeout, on_transport_error=on_transport_error,  # type: ignore[arg-type]  # passed on
        )  # fmt: skip


def dispatcher(wire: Wire) -> Dispatcher:
    ours = OurAddresses(["example.com"])
    store = FakeStore()
    contact = binding(f"sip:bob@{CALLEE[0]}:{CALLEE[1]}", expires_at=time.time() + 3600)
    store.sets[BOB] = BindingSet(1, (contact,))
    identities = IdentityService(
        authenticator=Authenticator(
            mint=NonceMint(KEY), counts=NonceCounts(), lookup=nobody, algorithms=["MD5"],
            domains=["example.com"],
        ),
        trusted=TrustedPeers([ip_network("192.0.2.0/24")]), ours=ours, authenticate=True,
        credential=anybody, clock=time.time,
    )  # fmt: skip
    registrar = RegistrarService(
        store=store, limits=Limits(60, 7200, 10), is_ours=ours.is_domain, clock=time.time,
        edge=EDGE, extensions=Extensions(),
    )  # fmt: skip
    relay = RelayService(
        endpoint=wire, ours=ours, targets=registrar.targets, exists=identities.exists, secret=KEY,
        clock=time.time, worker="w1", trusted=lambda flow: True,
    )  # fmt: skip
    return Dispatcher(
        ours=ours, identities=identities, events=NoEvents(), packages=["presence"],
        registrar=registrar, relay=relay, options=[], count=lambda method, status: None,
    )  # fmt: skip


async def nobody(aor: AoR) -> Hashes | None:
    return None


async def anybody(aor: str) -> Credential | None:
    return Credential(aor, "", "", "", "")


class Phones:
    """Both ends of call after call."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.number = 0
        self.making = 0.0
        """Seconds of CPU that the phones' own messages took."""

    async def call(self) -> None:
        """INVITE, 180, 200, ACK, BYE, 200."""
        self.number += 1
        layer, caller, callee = self.wire.layer, self.wire.caller, self.wire.callee
        layer.receive(self.request("INVITE", "sip:bob@example.com", 1), caller)
        await asyncio.sleep(0)
        invite = callee.sent.pop()
        layer.receive(self.answer(invite, 180), callee)
        layer.receive(self.answer(invite, 200), callee)
        ok = caller.sent.pop()
        assert ok.startswith(b"SIP/2.0 200"), ok
        routes = tuple(
            line.partition(": ")[2]
            for line in ok.decode().split("\r\n")
            if line.startswith("Record-Route")
        )
        target = f"sip:bob@{CALLEE[0]}:{CALLEE[1]}"
        layer.receive(self.request("ACK", target, 1, routes), caller)
        assert callee.sent.pop().startswith(b"ACK")
        layer.receive(self.request("BYE", target, 2, routes), caller)
        await asyncio.sleep(0)
        layer.receive(self.answer(callee.sent.pop(), 200), callee)
        assert caller.sent.pop().startswith(b"SIP/2.0 200")
        caller.sent.clear()
        callee.sent.clear()
        self.wire.timers.run_for(0.01)

    def request(self, method: str, uri: str, cseq: int, routes: Sequence[str] = ()) -> bytes:
        began = time.process_time()
        body = SDP if method == "INVITE" else b""
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 192.0.2.10:5070;branch=z9hG4bK{method}{self.number:08d};rport",
            *(f"Route: {route}" for route in routes),
            "Max-Forwards: 70",
            f"From: <sip:alice@example.com>;tag=a{self.number:08d}",
            f"To: <sip:bob@example.com>{';tag=b' if cseq > 1 or method == 'ACK' else ''}",
            f"Call-ID: {self.number:08d}@192.0.2.10",
            f"CSeq: {cseq} {method}",
            "Contact: <sip:alice@192.0.2.10:5070>",
            "User-Agent: phone",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
            "",
            "",
        ]
        data = "\r\n".join(lines).encode() + body
        self.making += time.process_time() - began
        return data

    def answer(self, request: bytes, status: int) -> bytes:
        began = time.process_time()
        kept = (b"Via", b"Record-Route", b"From", b"To", b"Call-ID", b"CSeq")
        lines = [f"SIP/2.0 {status} Fine".encode()]
        for line in request.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
            if line.startswith(kept):
                tagged = line.startswith(b"To") and b";tag=" not in line
                lines.append(line + b";tag=b" if tagged else line)
        lines.append(b"Contact: <sip:bob@192.0.2.20:5080>")
        body = SDP if status == 200 else b""
        data = b"\r\n".join((*lines, b"Content-Length: %d" % len(body), b"", body))
        self.making += time.process_time() - began
        return data


async def measure(*, profile: bool) -> None:
    phones = Phones()
    await phones.call()
    gc.collect()
    gc.freeze()
    best, making = 1e9, 1e9
    profiler = cProfile.Profile()
    for _ in range(ROUNDS):
        phones.making = 0.0
        began = time.process_time()
        if profile:
            profiler.enable()
        for _ in range(COUNT):
            await phones.call()
        profiler.disable()
        best = min(best, time.process_time() - began)
        making = min(making, phones.making)
    print(f"one call relayed        {(best - making) * 1e6 / COUNT:7.1f} us")
    print(f"  the phones' messages  {making * 1e6 / COUNT:7.1f} us")
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(45)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true", help="where the time goes")
    asyncio.run(measure(profile=parser.parse_args().profile))


if __name__ == "__main__":
    main()
