"""Two phones and the proxy half of the server, each with sockets of its own on loopback."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest

from proxy.addresses import OurAddresses
from proxy.answers import Extensions
from proxy.options import options_headers
from proxy.outbound import Edge
from proxy.ports import BindingStore, Transaction
from proxy.registrar_service import RegistrarService
from proxy.registration import Limits
from proxy.relay_service import RelayService
from server.dispatch import Dispatcher
from server.identity_service import IdentityService
from sip.authenticator import Authenticator, Hashes, Identity, hashes_for
from sip.digest import NonceCounts, NonceMint
from sip.message import Request, Response, build_request
from sip.transport.config import EndpointConfig
from sip.transport.endpoint import Endpoint, ServerTransaction
from sip.transport.flow import Flow
from sip.trust import TrustedPeers
from sip.uri import AoR, SipUri
from store.values import Credential
from tests.proxy.proxykit import KEY, FakeStore

PATIENCE = 5.0
"""Seconds until a message that does not come fails the test."""
BOB = "sip:bob@example.com"
TO_BOB = f"<{BOB}>"
LISTEN = ("udp:127.0.0.1:0", "tcp:127.0.0.1:0")


class NoEvents:
    """These tests have no event server."""

    async def publish(self, tx: Transaction, identity: Identity) -> None:
        tx.respond(501)

    subscribe = publish


class Call:
    """A request of a user agent, and the responses that come."""

    def __init__(self, branch: str) -> None:
        self.branch = branch
        self.responses: asyncio.Queue[Response] = asyncio.Queue()

    async def response(self) -> Response:
        return await asyncio.wait_for(self.responses.get(), PATIENCE)

    async def final(self) -> Response:
        while (response := await self.response()).status < 200:
            pass
        return response


class Phone:
    """A user agent with one socket."""

    def __init__(self, user: str, transport: str) -> None:
        self.aor = f"sip:{user}@example.com"
        self.requests: asyncio.Queue[ServerTransaction] = asyncio.Queue()
        self.acks: asyncio.Queue[Request] = asyncio.Queue()
        self.endpoint = Endpoint(
            config=EndpointConfig(listen=[f"{transport}:127.0.0.1:0"], worker_id=user),
            on_request=self.requests.put_nowait,
            on_ack=lambda request, flow: self.acks.put_nowait(request),
        )
        self.transport = transport
        self.cseq = 0

    async def start(self, server: Endpoint) -> None:
        await self.endpoint.start()
        at = next(one for one in server.listening if one.startswith(self.transport))
        uri = SipUri.parse(f"sip:{at.partition(':')[2]};transport={self.transport}")
        self.flow: Flow = await self.endpoint.flow_to(uri)

    @property
    def contact(self) -> str:
        where = self.endpoint.listening[0].partition(":")[2]
        return f"sip:{self.aor[4:].partition('@')[0]}@{where};transport={self.transport}"

    def build(
        self, method: str, uri: str, to: str, *headers: tuple[str, str], call_id: str = "c1"
    ) -> tuple[str, bytes]:
        """The branch and the bytes of a request."""
        branch = self.endpoint.new_branch()
        lines = [
            ("Via", f"{self.flow.via_prefix};branch={branch};rport"),
            ("Max-Forwards", "70"), ("From", f"<{self.aor}>;tag=f-{self.aor[4:]}"), ("To", to),
            ("Call-ID", call_id), ("CSeq", f"{self.cseq} {method}"),
            ("Contact", f"<{self.contact}>"), *headers,
        ]  # fmt: skip
        return branch, bytes(build_request(method, uri, lines))

    def send(
        self, method: str, uri: str, to: str, *headers: tuple[str, str], call_id: str = "c1"
    ) -> Call:
        self.cseq += 1
        branch, data = self.build(method, uri, to, *headers, call_id=call_id)
        call = Call(branch)
        self.endpoint.client_transaction(
            data, method, branch, self.flow, on_response=call.responses.put_nowait,
            on_timeout=pytest.fail, on_transport_error=pytest.fail,
        )  # fmt: skip
        return call

    def acknowledge(self, ok: Response, routes: list[tuple[str, str]]) -> None:
        """The ACK of a 2xx (RFC 3261 §13.2.2.4)."""
        _, data = self.build("ACK", ok.contacts[0].uri, ok.get("to") or "", *routes)
        self.flow.send(data)

    async def request(self) -> ServerTransaction:
        return await asyncio.wait_for(self.requests.get(), PATIENCE)

    async def register(self) -> Response:
        call = self.send("REGISTER", "sip:example.com", f"<{self.aor}>", call_id=f"r-{self.aor}")
        return await call.final()


class Server:
    """The proxy half of the server over a store of bindings."""

    def __init__(self, *, trusted: bool, store: BindingStore) -> None:
        ours = OurAddresses(["example.com"])
        identities = IdentityService(
            authenticator=Authenticator(
                mint=NonceMint(KEY), counts=NonceCounts(), lookup=self.hashes,
                algorithms=["MD5"], domains=["example.com"],
            ),
            trusted=TrustedPeers([ip_network("127.0.0.0/8")] if trusted else []),
            ours=ours, authenticate=True, credential=self.credential, clock=time.time,
        )  # fmt: skip
        registrar = RegistrarService(
            store=store, limits=Limits(60, 7200, 10), is_ours=ours.is_domain,
            clock=time.time, extensions=Extensions(),
            edge=Edge("test", KEY, lambda flow: self.endpoint.listening[0].partition(":")[2]),
        )  # fmt: skip
        self.endpoint = Endpoint(
            config=EndpointConfig(listen=LISTEN),
            on_request=lambda tx: self.dispatcher.on_request(tx),
            on_ack=lambda request, flow: self.dispatcher.on_ack(request, flow),
        )
        self.relay = RelayService(
            endpoint=self.endpoint, ours=ours, targets=registrar.targets, exists=identities.exists,
            secret=KEY, clock=time.time, worker="test", flow_failed=registrar.flow_failed,
        )  # fmt: skip
        self.dispatcher = Dispatcher(
            ours=ours, identities=identities, events=NoEvents(), packages=["presence"],
            registrar=registrar, relay=self.relay,
            options=options_headers(packages=["presence"], content_types=[], supported=["path"]),
            count=lambda method, status: None,
        )  # fmt: skip

    async def hashes(self, aor: AoR) -> Hashes | None:
        return hashes_for(aor, "secret")

    async def credential(self, aor: str) -> Credential | None:
        return Credential(aor, "", "", "", "")


@asynccontextmanager
async def world(
    alice_by: str = "udp",
    bob_by: str = "udp",
    *,
    trusted: bool = True,
    store: BindingStore | None = None,
) -> AsyncIterator[tuple[Phone, Phone]]:
    """Alice, and Bob who is registered when the server trusts him."""
    server = Server(trusted=trusted, store=store or FakeStore())
    alice, bob = Phone("alice", alice_by), Phone("bob", bob_by)
    await server.endpoint.start()
    try:
        for phone in (alice, bob):
            await phone.start(server.endpoint)
        if trusted:
            assert (await bob.register()).status == 200
        yield alice, bob
    finally:
        server.relay.close()
        for endpoint in (alice.endpoint, bob.endpoint, server.endpoint):
            await endpoint.stop()
