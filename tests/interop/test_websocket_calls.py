"""A web page at the real server: calls and presence (RFC 7118, RFC 5626, RFC 3261 §16).

The page speaks SIP as JsSIP does: from addresses that lead nowhere, over its own connection.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.processes import DOMAIN, LOOPBACK, Deployment, Running, free_port, sqlite_url
from tests.rawdigest import Login
from tests.rawsip import ANSWER_TIMEOUT, Header, Heard, SipClient, compose, tag_of
from tests.rawusers import User

PASSWORDS: Final = {"alice": "wonderland", "bob": "builder"}
DESCRIPTION: Final = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
SDP: Final = ("Content-Type", "application/sdp")


class Page(SipClient):
    """A client on a WebSocket."""

    host: str = ""

    @classmethod
    @asynccontextmanager
    async def opened(cls, port: int) -> AsyncIterator["Page"]:
        """Connect to the listener on loopback, and listen in the background."""
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"ws://{LOOPBACK}:{port}/", protocols=("sip",)) as socket,
        ):
            page = cls((LOOPBACK, port), "WS")
            page.host = f"{secrets.token_hex(6)}.invalid"
            page._pipe = SocketPipe(socket)
            hearing = asyncio.create_task(page._hear_all(socket))
            yield page
            hearing.cancel()

    async def _hear_all(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            self.hear(message.data.encode())

    @property
    def contact(self) -> str:
        return f"sip:{secrets.token_hex(4)}@{self.host};transport=ws"

    def via(self, branch: str | None = None) -> str:
        return f"SIP/2.0/WS {self.host};branch={branch or f'z9hG4bK{secrets.token_hex(5)}'}"


class SocketPipe:
    """Text messages, in the order they are sent."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._sending: set[asyncio.Task[None]] = set()

    def send(self, data: bytes) -> None:
        task = asyncio.create_task(self._socket.send_str(data.decode()))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def close(self) -> None:
        """The session does that."""


@dataclass
class Party:
    """One end of a call."""

    user: User
    contact: str
    remote_tag: str = ""
    target: str = ""
    routes: list[str] = field(default_factory=list)
    call_id: str = ""

    @property
    def client(self) -> SipClient:
        return self.user.client

    async def register(self, *parameters: str) -> Heard:
        contact = ";".join((f"<{self.contact}>", *parameters))
        supported = ("Supported", "path, outbound, gruu")
        headers = [("Contact", contact), ("Expires", "600"), supported]
        return await self.user.ask("REGISTER", self.user.domain_uri, headers)

    async def invite(self, callee: "Party") -> Heard:
        """Call; the dialog is that of the 2xx."""
        self.call_id = secrets.token_hex(8)
        headers = [("Contact", f"<{self.contact}>"), SDP]
        answer = await self.user.ask(
            "INVITE",
            callee.user.aor,
            headers,
            DESCRIPTION,
            to=f"<{callee.user.aor}>",
            call_id=self.call_id,
        )
        self._enter(answer, answer["To"], list(reversed(answer.all("Record-Route"))))
        return answer

    def accept(self, invite: Heard) -> None:
        """Ring, answer, and be in the dialog (RFC 3261 §12.1.1)."""
        self.call_id = invite["Call-ID"]
        self.client.send(self.answer(invite, 180))
        self.client.send(self.answer(invite, 200, [("Contact", f"<{self.contact}>"), SDP]))
        self._enter(invite, invite["From"], invite.all("Record-Route"))

    def _enter(self, message: Heard, remote: str, routes: list[str]) -> None:
        self.remote_tag = tag_of(remote)
        self.target = message["Contact"].partition("<")[2].partition(">")[0]
        self.routes = routes

    def answer(self, request: Heard, status: int, headers: list[Header] | None = None) -> bytes:
        copied = [
            (name, f"{text};tag={self.user.tag}" if name == "To" and ";tag=" not in text else text)
            for name, text in request.headers
            if name in ("Via", "Record-Route", "From", "To", "Call-ID", "CSeq")
        ]
        body = DESCRIPTION if headers else b""
        length = ("Content-Length", str(len(body)))
        return compose(f"SIP/2.0 {status} Answer", [*copied, *(headers or []), length], body)

    def ack(self, peer: "Party", number: int) -> None:
        """Acknowledge the 2xx of the INVITE with that CSeq (RFC 3261 §13.2.2.4)."""
        self.client.send(self._request("ACK", peer, number))

    async def within(self, method: str, peer: "Party", *headers: Header) -> Heard:
        """A request inside of the dialog; its answer."""
        self.user.cseq += 1
        return await self.client.exchange(
            self._request(method, peer, self.user.cseq, headers), ANSWER_TIMEOUT
        )

    def _request(
        self, method: str, peer: "Party", number: int, headers: tuple[Header, ...] = ()
    ) -> bytes:
        proof: list[Header] = []
        login = self.user.login
        if login is not None and login.challenge is not None and method not in ("ACK", "BYE"):
            name = "Proxy-Authorization" if self.user.by_proxy else "Authorization"
            proof = [(name, login.authorization(method, self.target))]
        return self.client.request(
            method,
            self.target,
            from_=self.user.address,
            to=f"<{peer.user.aor}>;tag={self.remote_tag}",
            call_id=self.call_id,
            cseq=number,
            headers=[*(("Route", route) for route in self.routes), *proof, *headers],
        )


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    port, pages = free_port(), free_port()
    listen = [f"udp:{LOOPBACK}:{port}", f"tcp:{LOOPBACK}:{port}", f"ws:{LOOPBACK}:{pages}"]
    settings = {"sip": {"listen": listen}}
    made = Deployment(tmp_path / "server", sqlite_url(tmp_path), settings, sip_port=port)
    made.prepare(PASSWORDS)
    return made


@asynccontextmanager
async def parties(running: Running, transport: str) -> AsyncIterator[tuple[Party, Party]]:
    """Alice on a page and Bob on a phone, both registered."""
    found = re.search(r" ws:127\.0\.0\.1:(\d+)", running.log)
    assert found is not None, running.log
    async with (
        Page.opened(int(found[1])) as page,
        await SipClient.open(running.sip, transport) as phone,
    ):
        alice, bob = (
            Party(User(client, f"sip:{name}@{DOMAIN}", Login(name, password)), client.contact)
            for client, (name, password) in zip((page, phone), PASSWORDS.items(), strict=True)
        )
        instance = '+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"'
        assert (await alice.register("reg-id=1", instance)).status == 200
        assert (await bob.register()).status == 200
        yield alice, bob


async def call(caller: Party, callee: Party) -> None:
    """INVITE, re-INVITE from the other side, BYE; each request must arrive."""
    heard: list[Heard] = []

    def hear(request: Heard) -> None:
        heard.append(request)
        if request.method == "INVITE":
            callee.accept(request)

    callee.client.answer = lambda request: None if request.method in ("INVITE", "ACK") else 200
    callee.client.on_request = hear
    assert (await caller.invite(callee)).status == 200
    assert heard[0].start == f"INVITE {callee.contact} SIP/2.0"
    assert heard[0]["Via"].startswith(f"SIP/2.0/{callee.client.transport} ")
    caller.ack(callee, caller.user.cseq)
    assert await callee.client.until(lambda: heard[-1].method == "ACK")

    caller.client.answer = lambda request: None if request.method in ("INVITE", "ACK") else 200
    caller.client.on_request = lambda request: (
        caller.client.send(caller.answer(request, 200, [("Contact", f"<{caller.contact}>"), SDP]))
        if request.method == "INVITE"
        else None
    )
    callee.user.cseq += 100
    again = await callee.within("INVITE", caller, ("Contact", f"<{callee.contact}>"))
    assert again.status == 200
    callee.ack(caller, callee.user.cseq)
    assert await caller.client.until(lambda: caller.client.requests[-1].method == "ACK")

    assert (await caller.within("BYE", callee)).status == 200
    assert heard[-1].method == "BYE"


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_calls_to_and_from_a_page(deployment: Deployment, transport: str) -> None:
    """RFC 7118 §5, RFC 5626 §5.3, RFC 3261 §16: with what happens within the dialog."""
    with deployment.serving() as running:
        async with parties(running, transport) as (alice, bob):
            await call(bob, alice)
            await call(alice, bob)


async def test_a_page_that_was_closed_is_not_there(deployment: Deployment) -> None:
    """RFC 5626 §5.3.1, RFC 7118 §5: its binding goes with its connection."""
    with deployment.serving() as running:
        async with await SipClient.open(running.sip, "UDP") as caller:
            login = Login("bob", PASSWORDS["bob"])
            bob = Party(User(caller, f"sip:bob@{DOMAIN}", login), caller.contact)
            async with parties(running, "TCP") as (alice, _):
                pass
            statuses = []
            for _ in range(20):
                bob.user.call_id = secrets.token_hex(8)
                answer = await bob.user.ask("MESSAGE", alice.user.aor, to=f"<{alice.user.aor}>")
                statuses.append(answer.status)
                if answer.status == 480:
                    break
            assert statuses[-1] == 480
            assert set(statuses) <= {430, 480}


async def test_presence_reaches_a_page_and_those_after_it(deployment: Deployment) -> None:
    """RFC 7118 §5: NOTIFY over the subscriber's connection; one that is gone stops no other."""
    with deployment.serving() as running:
        async with await SipClient.open(running.sip, "UDP") as desk:
            bob = User(desk, f"sip:bob@{DOMAIN}", Login("bob", PASSWORDS["bob"]))
            async with parties(running, "UDP") as (alice, _):
                on_page = await alice.user.subscribe(bob.aor)
                await on_page.notified(1)
                on_desk = await bob.subscribe(bob.aor)
                await on_desk.notified(1)
                await bob.publish(presence("busy"))
                await on_page.shows("busy")
                await on_desk.shows("busy")
            await bob.publish(presence("away"))
            await on_desk.shows("away")


def presence(note: str) -> bytes:
    return (
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:bob@example.com">'
        f'<tuple id="t1"><status><basic>open</basic></status></tuple><note>{note}</note></presence>'
    ).encode()
