"""Endpoints on loopback sockets, and bare connections to them."""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

from sip.transport.config import EndpointConfig, ListenAddress
from sip.transport.endpoint import Endpoint, ServerTransaction
from sip.transport.flow import Flow
from tests.sip.wires import request

LIMIT = 5.0
"""Seconds after which a test that waits for octets has failed."""
AT_ONCE = struct.pack("ii", 1, 0)
"""The linger option of a socket that is reset when it is closed."""


def answer_200(transaction: ServerTransaction) -> None:
    transaction.respond(200)


@asynccontextmanager
async def endpoint(
    config: EndpointConfig,
    on_request: Callable[[ServerTransaction], None] = answer_200,
    **options: Any,
) -> AsyncIterator[Endpoint]:
    """A started endpoint; `options` go to its constructor."""
    one = Endpoint(config=config, on_request=on_request, **options)
    await one.start()
    try:
        yield one
    finally:
        await one.stop()


def port_of(one: Endpoint, number: int = 0) -> int:
    """The port of its listener `number`."""
    return ListenAddress.parse(one.listening[number]).port


class Keeper:
    """Answers 200 and keeps the flows that requests came by."""

    def __init__(self) -> None:
        self.flows: list[Flow] = []

    def __call__(self, transaction: ServerTransaction) -> None:
        self.flows.append(transaction.flow)
        transaction.respond(200)


class Phone:
    """A bare connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.port: int = writer.get_extra_info("sockname")[1]

    async def message(self) -> bytes:
        """The next message, which has no body."""
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), LIMIT)

    async def ask(self, data: bytes) -> bytes:
        """Send `data`; the next message that comes."""
        self.writer.write(data)
        return await self.message()

    async def closed(self) -> bool:
        """Whether the other side closes, now or soon."""
        try:
            return await asyncio.wait_for(self.reader.read(), LIMIT) is not None
        except (ConnectionError, ssl.SSLError):
            return True

    def reset(self) -> None:
        """Break off without a word, so that the port is free at once."""
        self.writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, AT_ONCE)
        self.writer.transport.abort()


@asynccontextmanager
async def phone(
    one: Endpoint,
    context: ssl.SSLContext | None = None,
    *,
    name: str = "",
    host: str = "127.0.0.1",
    source: str | None = None,
    port: int = 0,
) -> AsyncIterator[Phone]:
    """A connection to the first listener of `one`; with a `context` by TLS, asking for `name`;
    from the address `source` and its `port`, if given."""
    reader, writer = await asyncio.open_connection(
        host,
        port_of(one),
        ssl=context,
        server_hostname=name if context else None,
        local_addr=(source, port) if source else None,
    )
    try:
        yield Phone(reader, writer)
    finally:
        writer.close()


def options(number: int = 1, transport: str = "TCP") -> bytes:
    """An OPTIONS as a phone sends it."""
    return request(via=f"SIP/2.0/{transport} 10.0.0.1:5060;branch=z9hG4bK{number}")
