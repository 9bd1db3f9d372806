"""Connections of our own making: whom they are shared by, and how many there may be."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from sip.errors import TransportError
from sip.transport.config import EndpointConfig, TlsConfig
from sip.transport.target import Target
from sip.uri import SipUri
from tests.processes import free_port
from tests.sip.phones import LIMIT, endpoint, options, phone, port_of
from tests.sip.pki import Authority
from tests.sip.wires import until

TCP = EndpointConfig(listen=("tcp:127.0.0.1:0",))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def config(authority: Authority) -> EndpointConfig:
    tls = TlsConfig(own=authority.issue("example.com"), server_ca=authority.root)
    return EndpointConfig(listen=("tls:127.0.0.1:0",), tls=tls)


class Silent:
    """A server that takes connections and says nothing."""

    def __init__(self) -> None:
        self.open = 0
        self.taken = 0
        self.port = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.taken += 1
        await reader.read()
        self.open -= 1
        writer.close()

    def target(self, domain: str, host: str = "127.0.0.1") -> Target:
        return Target("tls", host, self.port, domain)


class Known:
    """A resolver that knows these targets, and is told of those that failed."""

    def __init__(self, *targets: Target) -> None:
        self._targets = targets
        self.failures: list[Target] = []

    async def locate(
        self, uri: SipUri, *, transports: Sequence[str], size: int = 0
    ) -> Sequence[Target]:
        return self._targets

    async def locate_response(
        self, host: str, port: int | None, transport: str
    ) -> Sequence[Target]:
        return self._targets

    def failed(self, target: Target) -> None:
        self.failures.append(target)

    async def close(self) -> None:
        return


@asynccontextmanager
async def silent_server() -> AsyncIterator[Silent]:
    silent = Silent()
    server = await asyncio.start_server(silent.accept, "0.0.0.0", 0)
    silent.port = server.sockets[0].getsockname()[1]
    try:
        yield silent
    finally:
        server.close()


async def test_the_domains_of_one_server_have_a_connection_each(
    authority: Authority, config: EndpointConfig
) -> None:
    """RFC 5923 §8.1, RFC 6066 §3: we ask for the certificate of each, and keep what we have."""
    hosts = {"b.example": authority.issue("b.example")}
    tls = TlsConfig(own=authority.issue("a.example"), hosts=hosts)
    async with endpoint(replace(config, tls=tls)) as server, endpoint(config) as client:
        for _ in range(3):
            for domain in ("a.example", "b.example"):
                flow = await client.flow_for(Target("tls", "127.0.0.1", port_of(server), domain))
                assert flow.certificate is not None
                assert flow.certificate.names(domain)
        assert client.connections == client.connections_by("tls") == 2
        assert client.connection_stats.opened == {"tls": 2}


async def test_by_tcp_all_domains_of_one_address_share_a_connection() -> None:
    """RFC 3261 §18: without certificates nothing tells them apart."""
    async with endpoint(TCP) as server, endpoint(TCP) as client:
        port = port_of(server)
        targets = [Target("tcp", "127.0.0.1", port, name) for name in ("a.example", "b.example")]
        flows = await asyncio.gather(*(client.flow_for(target) for target in targets))
        assert flows[0] is flows[1]
        assert client.connections == 1


@pytest.mark.parametrize(
    ("bounds", "complaint"),
    [
        pytest.param({"max_connecting": 2}, "too many connects", id="in-all"),
        pytest.param({"max_connecting_per_host": 2}, "too many connects", id="to-one-host"),
        pytest.param({"max_connections": 2}, "too many connects", id="a-share-of-all"),
        pytest.param({"max_connections_per_source": 2}, "too many connections", id="one-peer"),
    ],
)
async def test_connects_under_way_are_bounded(
    bounds: dict[str, Any], complaint: str, config: EndpointConfig
) -> None:
    """RFC 3261 §26.1.5: whoever has us connect to servers that say nothing takes but so much."""
    async with silent_server() as silent, AsyncExitStack() as stack:
        one = await stack.enter_async_context(endpoint(replace(config, **bounds)))
        tasks = [
            asyncio.create_task(one.flow_for(silent.target(f"{number}.example")))
            for number in range(5)
        ]
        await until(lambda: silent.taken and sum(task.done() for task in tasks) >= 3)
        failed = [task.exception() for task in tasks if task.done()]
        assert len(failed) == (4 if bounds == {"max_connections": 2} else 3)
        assert all(complaint in str(error) for error in failed)
        elsewhere = asyncio.create_task(one.flow_for(silent.target("a.example", "127.0.0.2")))
        before = silent.taken
        if "max_connecting" in bounds or "max_connections" in bounds:
            with pytest.raises(TransportError, match="too many"):
                await elsewhere
        else:
            await until(lambda: silent.taken > before)
        await one.stop()
        await until(lambda: silent.open == 0)
        assert one.connections == 0
        await asyncio.gather(elsewhere, *tasks, return_exceptions=True)


async def test_a_target_that_cannot_be_reached_is_remembered() -> None:
    """RFC 3263 §4.3: `flow_to` tells the resolver, and goes on to the next."""
    async with silent_server() as silent:
        dead = Target("tcp", "127.0.0.1", free_port(), "a.example")
        live = Target("tcp", "127.0.0.1", silent.port, "a.example")
        known = Known(dead, live)
        async with endpoint(TCP, resolver=known) as one:
            flow = await one.flow_to(SipUri.parse("sip:a.example;transport=tcp"))
            assert flow.remote[1] == silent.port
    assert known.failures == [dead]


async def test_who_stops_gives_up_connecting(config: EndpointConfig) -> None:
    async with silent_server() as silent, endpoint(config) as one:
        task = asyncio.create_task(one.flow_for(silent.target("a.example")))
        await until(lambda: silent.open == 1)
        await one.stop()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: silent.open == 0)


async def test_our_connections_count_with_those_of_others() -> None:
    """All have but the descriptors that there are."""
    async with endpoint(TCP) as server, endpoint(replace(TCP, max_connections=5)) as client:
        for _ in range(5):
            async with phone(client) as caller:
                await caller.ask(options())
                assert await client.flow_for(Target("tcp", "127.0.0.1", port_of(server), "a.b"))
            await until(lambda: client.connections == 1)
        async with AsyncExitStack() as stack:
            for _ in range(4):
                caller = await stack.enter_async_context(phone(client))
                await caller.ask(options())
            assert await (await stack.enter_async_context(phone(client))).closed()
            target = Target("tcp", "127.0.0.1", port_of(client), "c.d")
            with pytest.raises(TransportError, match="too many connections"):
                await client.flow_for(target)


@pytest.mark.parametrize("domain", ["a" * 64 + ".example", "a..example", "a b"])
async def test_what_no_certificate_can_name_is_not_asked_for(
    domain: str, config: EndpointConfig
) -> None:
    """RFC 5922 §7.3: the sent-by of a Via may say anything."""
    async with silent_server() as silent, endpoint(config) as one:
        with pytest.raises(TransportError, match="no certificate can be for"):
            await asyncio.wait_for(one.flow_for(silent.target(domain)), LIMIT)
        assert silent.taken == 0
