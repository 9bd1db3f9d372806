"""RFC 3261 §16 on the wire: two user agents, and the server between them, on loopback sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest

from proxy.addresses import OurAddresses
from proxy.options import options_headers
from proxy.ports import Transaction
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
from tests.rawdigest import Login

PATIENCE = 5.0
"""Seconds until a message that does not come fails the test."""
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

    def __init__(self, *, trusted: bool) -> None:
        ours = OurAddresses(["example.com"])
        identities = IdentityService(
            authenticator=Authenticator(
                mint=NonceMint(KEY), counts=NonceCounts(), lookup=self.hashes,
                algorithms=["MD5"], domains=["example.com"],
            ),
            trusted=TrustedPeers([ip_network("127.0.0.0/8")] if trusted else []),
            ours=ours, authenticate=True, credential=self.credential, clock=lambda: 1000.0,
        )  # fmt: skip
        registrar = RegistrarService(
            store=FakeStore(), limits=Limits(60, 7200, 10), is_ours=ours.is_domain,
            clock=lambda: 1000.0,
        )  # fmt: skip
        self.endpoint = Endpoint(
            config=EndpointConfig(listen=LISTEN),
            on_request=lambda tx: self.dispatcher.on_request(tx),
            on_ack=lambda request, flow: self.dispatcher.on_ack(request, flow),
        )
        self.relay = RelayService(
            endpoint=self.endpoint, ours=ours, lookup=registrar.lookup, exists=identities.exists,
            secret=KEY,
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
    alice_by: str = "udp", bob_by: str = "udp", *, trusted: bool = True
) -> AsyncIterator[tuple[Phone, Phone]]:
    """Alice, and Bob who is registered when the server trusts him."""
    server, alice, bob = Server(trusted=trusted), Phone("alice", alice_by), Phone("bob", bob_by)
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


WAYS = pytest.mark.parametrize(
    ("alice_by", "bob_by"), [("udp", "udp"), ("tcp", "tcp"), ("udp", "tcp"), ("tcp", "udp")]
)
BOB = "sip:bob@example.com"
TO_BOB = f"<{BOB}>"


@WAYS
async def test_message_and_its_answer(alice_by: str, bob_by: str) -> None:
    """§16.6, §16.7."""
    async with world(alice_by, bob_by) as (alice, bob):
        call = alice.send("MESSAGE", BOB, TO_BOB)
        tx = await bob.request()
        assert tx.request.uri_text == bob.contact
        assert len(tx.request.vias) == 2
        tx.respond(202, headers=[("X-Bob", "here")])
        response = await call.final()
        assert (response.status, response.get("x-bob")) == (202, "here")
        assert len(response.vias) == 1


@WAYS
async def test_call_with_its_ack_and_its_bye(alice_by: str, bob_by: str) -> None:
    """§16.4, §16.6 step 4, §13.2.2.4: the dialog stays on our Record-Route, both ways."""
    async with world(alice_by, bob_by) as (alice, bob):
        call = alice.send("INVITE", BOB, TO_BOB)
        assert (await call.response()).status == 100
        tx = await bob.request()
        recorded = tx.request.values("record-route")
        assert len(recorded) == (1 if alice_by == bob_by else 2)
        tx.respond(180, headers=[("Record-Route", value) for value in recorded], to_tag="b")
        assert (await call.response()).status == 180
        headers = [("Record-Route", value) for value in recorded]
        tx.respond(200, headers=[*headers, ("Contact", f"<{bob.contact}>")], to_tag="b")
        ok = await call.final()
        assert ok.status == 200
        routes = [("Route", value) for value in reversed(ok.values("record-route"))]
        alice.acknowledge(ok, routes)
        ack = await asyncio.wait_for(bob.acks.get(), PATIENCE)
        assert (ack.method, ack.uri_text, ack.get("route")) == ("ACK", bob.contact, None)

        by_alice = alice.send("BYE", bob.contact, ok.get("to") or "", *routes)
        (await bob.request()).respond(200)
        assert (await by_alice.final()).status == 200

        callee_routes = [("Route", value) for value in recorded]
        by_bob = bob.send("BYE", alice.contact, tx.request.get("from") or "", *callee_routes)
        (await alice.request()).respond(200)
        assert (await by_bob.final()).status == 200


@WAYS
async def test_cancel_reaches_the_ringing_phone(alice_by: str, bob_by: str) -> None:
    """§16.10, §9.1."""
    async with world(alice_by, bob_by) as (alice, bob):
        call = alice.send("INVITE", BOB, TO_BOB)
        tx = await bob.request()
        cancelled = asyncio.Event()
        tx.on_cancel = cancelled.set
        tx.respond(180)
        while (await call.response()).status != 180:
            pass
        _, data = alice.build("CANCEL", BOB, TO_BOB)
        branch = call.branch
        stem, _, rest = data.partition(b";branch=")
        data = stem + b";branch=" + branch.encode() + b";" + rest.partition(b";")[2]
        answer = Call(branch)
        alice.endpoint.client_transaction(
            data, "CANCEL", branch, alice.flow, on_response=answer.responses.put_nowait,
            on_timeout=pytest.fail, on_transport_error=pytest.fail,
        )  # fmt: skip
        assert (await answer.final()).status == 200
        await asyncio.wait_for(cancelled.wait(), PATIENCE)
        tx.respond(487)
        assert (await call.final()).status == 487


@pytest.mark.parametrize("status", [486, 603])
async def test_refused_call(status: int) -> None:
    """§16.7: and the ACK of a refusal goes hop by hop (§17.1.1.3)."""
    async with world() as (alice, bob):
        call = alice.send("INVITE", BOB, TO_BOB)
        (await bob.request()).respond(status)
        assert (await call.final()).status == status
        assert bob.acks.empty()


async def test_phone_that_is_gone() -> None:
    """§16.9: its connection is refused."""
    async with world("udp", "tcp") as (alice, bob):
        await bob.endpoint.stop()
        assert (await alice.send("MESSAGE", BOB, TO_BOB).final()).status == 502


async def test_nobody_there() -> None:
    """RFC 3261 §21.4.18."""
    async with world() as (alice, _):
        carol = "sip:carol@example.com"
        assert (await alice.send("INVITE", carol, f"<{carol}>").final()).status == 480


async def test_strangers_log_in_to_register_and_to_call() -> None:
    """RFC 3261 §22.2, §22.3; the credentials for us go no further."""

    def signed(phone: Phone, response: Response, name: str, uri: str, method: str) -> str:
        login = Login(phone.aor[4:].partition("@")[0], "secret")
        login.learn(response.all(name))
        return login.authorization(method, uri)

    async with world(trusted=False) as (alice, bob):
        challenge = await bob.register()
        assert challenge.status == 401
        value = signed(bob, challenge, "www-authenticate", "sip:example.com", "REGISTER")
        call = bob.send("REGISTER", "sip:example.com", f"<{bob.aor}>", ("Authorization", value))
        assert (await call.final()).status == 200

        challenge = await alice.send("INVITE", BOB, TO_BOB).final()
        assert challenge.status == 407
        value = signed(alice, challenge, "proxy-authenticate", BOB, "INVITE")
        call = alice.send("INVITE", BOB, TO_BOB, ("Proxy-Authorization", value), call_id="c2")
        tx = await bob.request()
        assert tx.request.get("proxy-authorization") is None
        tx.respond(486)
        assert (await call.final()).status == 486
