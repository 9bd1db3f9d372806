"""Peers that are slow on purpose do not keep others from being served (RFC 3261 §26.1.5)."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from sip.transport.config import EndpointConfig, TlsConfig
from sip.transport.endpoint import Endpoint
from tests.sip.phones import LIMIT, Phone, endpoint, options, phone, port_of
from tests.sip.pki import Authority
from tests.sip.wires import until

ATTACKER = "127.0.0.2"
CUSTOMER = "127.0.0.3"
MANY = 150


class Service:
    """An endpoint by TCP or TLS, and how to get to it."""

    def __init__(self, transport: str, authority: Authority) -> None:
        self.context: ssl.SSLContext | None = None
        tls = TlsConfig()
        if transport == "tls":
            self.context = authority.client()
            tls = TlsConfig(own=authority.issue("example.com"))
        self.transport = transport
        self.config = EndpointConfig(
            listen=(f"{transport}:127.0.0.1:0",), tls=tls, sweep_interval=0.01
        )

    async def serves(self, one: Endpoint) -> bool:
        """Whether a customer is answered in good time."""
        async with asyncio.timeout(LIMIT), phone(one, self.context, source=CUSTOMER) as caller:
            answer = await caller.ask(options(1, self.transport.upper()))
            return answer.startswith(b"SIP/2.0 200")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(params=["tcp", "tls"])
def service(request: pytest.FixtureRequest, authority: Authority) -> Service:
    return Service(request.param, authority)


@asynccontextmanager
async def attack(service: Service, one: Endpoint, number: int) -> AsyncIterator[list[Phone]]:
    """`number` connections of the attacker."""
    phones = []
    for _ in range(number):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            port_of(one),
            ssl=service.context,
            server_hostname="" if service.context else None,
            local_addr=(ATTACKER, 0),
        )
        phones.append(Phone(reader, writer))
    try:
        yield phones
    finally:
        for one_phone in phones:
            one_phone.writer.transport.abort()


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"O", id="an-octet"),
        pytest.param(options()[:120], id="half-a-head"),
        pytest.param(options().replace(b"Length: 0", b"Length: 9") + b"x", id="half-a-body"),
    ],
)
async def test_who_never_ends_a_message_loses_the_connection(sent: bytes, service: Service) -> None:
    """Each further octet buys no more time."""
    config = replace(service.config, message_timeout=0.2)
    async with endpoint(config) as one, attack(service, one, 20) as phones:
        for each in phones:
            each.writer.write(sent)
        assert await service.serves(one)
        while one.connections:
            for each in phones:
                each.writer.write(b" ")
            await asyncio.sleep(0)
        assert one.connection_stats.stalled[service.transport] == len(phones)


async def test_who_sends_octet_by_octet_does_not_slow_others(service: Service) -> None:
    async with endpoint(service.config) as one, attack(service, one, 20) as phones:
        for octet in options():
            for each in phones:
                each.writer.write(bytes((octet,)))
            await asyncio.sleep(0)
        assert await service.serves(one)
        for each in phones:
            assert (await each.message()).startswith(b"SIP/2.0 200")


async def test_who_never_reads_the_answers_loses_the_connection(service: Service) -> None:
    """What waits for it is bounded, and so is the time."""
    config = replace(service.config, write_queue_limit=100_000, message_timeout=0.2)
    long = b"v" * 2_000
    async with (
        endpoint(config, lambda tx: tx.respond(200, body=long)) as one,
        attack(service, one, 2) as phones,
    ):
        for each in phones:
            each.reader._transport.pause_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(4 * LIMIT):
            number = 0
            while one.connections:
                number += 1
                for each in phones:
                    each.writer.write(options(number, service.transport.upper()))
                await asyncio.sleep(0)
        assert number > config.write_queue_limit // len(long)
        assert await service.serves(one)


async def test_connections_of_one_source_leave_room_for_others(service: Service) -> None:
    config = replace(service.config, max_connections_per_source=MANY // 2)
    async with endpoint(config) as one:
        with ExitStack() as stack:
            for _ in range(MANY):
                stack.enter_context(half_open(one))
            assert await service.serves(one)
            assert one.connection_stats.refused[service.transport, "source"] == MANY // 2
        await until(lambda: not one.connections)


async def test_half_open_handshakes_do_not_stop_service(authority: Authority) -> None:
    """Thousands are but more of the same: past the bound the oldest are given up."""
    service = Service("tls", authority)
    config = replace(service.config, max_handshakes=MANY // 3)
    async with endpoint(config) as one:
        with ExitStack() as stack:
            for _ in range(MANY):
                stack.enter_context(half_open(one)).send(b"\x16\x03\x01\x02")
                await asyncio.sleep(0)
            assert await service.serves(one)
            await until(lambda: one.connection_stats.failed_handshakes["tls"] >= MANY // 2)


def half_open(one: Endpoint) -> socket.socket:
    """A connection of the attacker that says nothing by itself."""
    return socket.create_connection(("127.0.0.1", port_of(one)), source_address=(ATTACKER, 0))
