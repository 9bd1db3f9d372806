"""A response whose connection is gone, and whose sender cannot be reached (RFC 3263 §5)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import pytest

from sip.errors import TransportError
from sip.locate import DEFAULT_PORTS, Target
from sip.transport import endpoint as endpoint_module
from sip.transport.config import EndpointConfig, ListenAddress
from sip.transport.endpoint import Endpoint, ServerTransaction
from sip.uri import SipUri
from tests.processes import free_port
from tests.sip.wires import request, until

LIMIT: Final = 5.0
LOOPBACK: Final = "127.0.0.1"
ELSEWHERE: Final = "127.0.0.77"
"""Where the requests come from, and nobody listens."""
NAME: Final = "pc.example.com"


class Backup:
    """A resolver that knows where the answers for NAME go."""

    def __init__(self, *targets: Target) -> None:
        self.targets = targets
        self.asked: list[tuple[str, int | None, str]] = []

    async def locate(
        self, uri: SipUri, *, transports: Sequence[str], size: int = 0
    ) -> Sequence[Target]:
        raise TransportError("no request is sent here")

    async def locate_response(
        self, host: str, port: int | None, transport: str
    ) -> Sequence[Target]:
        self.asked.append((host, port, transport))
        if not self.targets:
            raise TransportError(f"cannot find {host}")
        return self.targets

    def failed(self, target: Target) -> None:
        raise AssertionError("a response is not a request")

    async def close(self) -> None:
        self.targets = ()


@asynccontextmanager
async def answered_late(resolver: Backup, sent_by: str) -> AsyncIterator[list[str]]:
    """A request by TCP from `sent_by`, answered once its connection is gone; what went wrong."""
    held: list[ServerTransaction] = []
    errors: list[str] = []
    one = Endpoint(
        config=EndpointConfig(listen=(f"tcp:{LOOPBACK}:0",)),
        on_request=held.append,
        on_error=lambda error, call_id: errors.append(str(error)),
        resolver=resolver,
    )
    await one.start()
    try:
        port = ListenAddress.parse(one.listening[0]).port
        _, writer = await asyncio.open_connection(LOOPBACK, port, local_addr=(ELSEWHERE, 0))
        writer.write(request(via=f"SIP/2.0/TCP {sent_by};branch=z9hG4bK1"))
        await until(lambda: held)
        writer.close()
        await until(lambda: not one.connections)
        held[0].on_failure = lambda: errors.append("given up")
        held[0].respond(200)
        yield errors
    finally:
        await one.stop()


@pytest.mark.parametrize("with_port", [True, False])
async def test_it_goes_where_dns_says_of_the_sent_by(
    with_port: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 3263 §5: to the next target when one cannot be reached."""
    monkeypatch.setitem(DEFAULT_PORTS, "tcp", free_port())  # whoever listens on 5060 here
    arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set_result(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    listener = await asyncio.start_server(accept, LOOPBACK, 0)
    dead, live = free_port(), listener.sockets[0].getsockname()[1]
    resolver = Backup(*(Target("tcp", LOOPBACK, port, NAME) for port in (dead, live)))
    sent_by = f"{NAME}:{dead}" if with_port else NAME
    async with listener, answered_late(resolver, sent_by):
        assert (await asyncio.wait_for(arrived, LIMIT)).startswith(b"SIP/2.0 200")
    assert resolver.asked == [(NAME, dead if with_port else None, "tcp")]


async def test_when_dns_knows_nobody_it_is_told() -> None:
    """RFC 3263 §5, RFC 3261 §18.4."""
    async with answered_late(Backup(), f"{NAME}:{free_port()}") as errors:
        await until(lambda: errors)
    assert errors == [f"cannot find {NAME}"]


async def test_roads_sought_at_once_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 3261 §26.1.5, §18.4: past the bound a response is given up, and its sender told."""
    monkeypatch.setattr(endpoint_module, "MAX_ELSEWHERE", 0)
    resolver = Backup()
    async with answered_late(resolver, f"{NAME}:{free_port()}") as errors:
        assert errors == ["given up"]
    assert resolver.asked == []


async def test_a_numeric_sent_by_is_not_looked_up() -> None:
    """RFC 3263 §5."""
    resolver = Backup()
    async with answered_late(resolver, f"{ELSEWHERE}:{free_port()}") as errors:
        await until(lambda: errors)
    assert resolver.asked == []
