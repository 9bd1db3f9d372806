"""The running server finds others by DNS, and goes on to the next when one fails (RFC 3263)."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.nameserver import NameServer, StartNameServer
from tests.processes import (
    DOMAIN,
    LOOPBACK,
    TRUSTING,
    Deployment,
    Running,
    free_port,
    merged,
    sqlite_url,
)
from tests.rawsip import Heard, SipClient, response_to
from tests.rawusers import User, pidf

pytestmark = pytest.mark.dnsmasq

LIMIT: Final = 8.0
HOST: Final = f"--host-record=host.test,{LOOPBACK}"


@dataclass
class Listener:
    """A SIP server or phone that listens for TCP and answers every request with `status`."""

    status: int
    port: int = 0
    heard: list[Heard] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"Content-Length:\s*(\d+)", head, re.I)
                body = await reader.readexactly(int(length[1]) if length else 0)
                message = Heard.parse(head + body)
                self.heard.append(message)
                self.news.set()
                writer.write(response_to(message, self.status))
        except asyncio.IncompleteReadError:
            writer.close()

    async def request(self, number: int = 1) -> Heard:
        """The request of this 1-based number."""
        async with asyncio.timeout(LIMIT):
            while len(self.heard) < number:
                self.news.clear()
                await self.news.wait()
        return self.heard[number - 1]


@asynccontextmanager
async def listening(status: int) -> AsyncIterator[Listener]:
    listener = Listener(status)
    server = await asyncio.start_server(listener.serve, LOOPBACK, 0)
    listener.port = server.sockets[0].getsockname()[1]
    async with server:
        yield listener


def by_tcp(name: str, *ports: int) -> list[str]:
    """SRV records of `name` for `ports`, the first preferred."""
    return [
        f"--srv-host=_sip._tcp.{name},host.test,{port},{10 * number},0"
        for number, port in enumerate(ports, start=1)
    ]


@pytest.fixture
def name_server(start_name_server: StartNameServer) -> NameServer:
    """Without records yet; start it again with them."""
    server = start_name_server()
    server.stop()
    return server


@pytest.fixture
def server(tmp_path: Path, name_server: NameServer) -> Iterator[Running]:
    """One that trusts loopback and asks that name server."""
    settings = merged(TRUSTING, {"dns": {"servers": [name_server.address], "timeout": 1}})
    deployment = Deployment(tmp_path / "server", sqlite_url(tmp_path), settings)
    deployment.prepare({"alice": "secret", "bob": "secret"})
    with deployment.serving() as running:
        yield running


@pytest.fixture
async def alice(server: Running) -> AsyncIterator[User]:
    async with await SipClient.open(server.sip) as client:
        yield User(client, f"sip:alice@{DOMAIN}")


@pytest.fixture
async def bob(server: Running) -> AsyncIterator[User]:
    async with await SipClient.open(server.sip) as client:
        yield User(client, f"sip:bob@{DOMAIN}")


async def watch(bob: User, contact: str) -> None:
    headers = [("Contact", f"<{contact}>"), ("Event", "presence"), ("Expires", "600")]
    aor = f"sip:alice@{DOMAIN}"
    answer = await bob.ask("SUBSCRIBE", aor, headers, to=f"<{aor}>")
    assert answer.status == 200


async def test_notifies_go_to_the_next_server_of_a_contact_when_one_fails(
    name_server: NameServer, alice: User, bob: User
) -> None:
    """RFC 3263 §4.3: nobody listens at the first, the second is busy; later ones stay there."""
    async with listening(503) as busy, listening(200) as phone:
        name_server.start(HOST, *by_tcp("phones.test", free_port(), busy.port, phone.port))
        await watch(bob, "sip:bob@phones.test;transport=tcp")
        await phone.request()
        assert [heard.method for heard in busy.heard] == ["NOTIFY"]
        published = await alice.publish(pidf(alice.aor, "by name"))
        assert published.status == 200
        assert b"by name" in (await phone.request(2)).body
        assert len(busy.heard) == 1
    assert name_server.asked("SRV", "_sip._tcp.phones.test") == 1


async def test_requests_for_another_domain_go_where_its_naptr_and_srv_records_lead(
    name_server: NameServer, alice: User
) -> None:
    """RFC 3263 §4.1, §4.2, §4.3: TCP as NAPTR says, past one not there and one busy."""
    async with listening(503) as busy, listening(202) as other:
        name_server.start(
            "--naptr-record=other.test,10,10,s,SIP+D2T,,_sip._tcp.other.test",
            *(HOST, *by_tcp("other.test", free_port(), busy.port, other.port)),
        )
        headers = [("Content-Type", "text/plain")]
        uri = "sip:carol@other.test"
        answer = await alice.ask("MESSAGE", uri, headers, b"hello", to=f"<{uri}>")
        assert answer.status == 202
        heard = await other.request()
    assert heard.start == f"MESSAGE {uri} SIP/2.0"
    assert heard["Via"].startswith("SIP/2.0/TCP")


async def test_a_domain_that_dns_does_not_know_is_refused_soon(
    name_server: NameServer, alice: User
) -> None:
    """RFC 3263 §4.2, RFC 3261 §16.6: no server, no waiting for timer F."""
    name_server.start(HOST)
    uri = "sip:carol@nowhere.test"
    answer = await alice.ask("MESSAGE", uri, to=f"<{uri}>", within=LIMIT)
    assert answer.status in {404, 480, 500, 502, 503}
    assert name_server.asked("NAPTR", "nowhere.test") == 1


async def test_without_any_name_server_requests_are_refused_and_the_server_lives(
    alice: User,
) -> None:
    """RFC 3263 §4.2: the time-out is that of the settings."""
    uri = "sip:carol@other.test"
    answer = await alice.ask("MESSAGE", uri, to=f"<{uri}>", within=LIMIT)
    assert answer.status in {480, 500, 502, 503}
    assert (await alice.register()).status == 200
