"""HTTP listeners among clients that are many, slow or dead (RFC 9112 §9.5, §9.6)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import pytest
from aiohttp import web

from server.errors import ServerError
from server.host import raise_open_files
from server.http_listener import HttpListener, start_http
from server.http_metrics import publish_http
from server.metrics import Metrics
from sip.transport.descriptors import HTTP_SHARE, affordable_connections
from sip.transport.http_guard import HttpBounds
from tests.sip.wires import until

LIMIT: Final = 5.0
"""Seconds after which a test that waits has failed."""
SHORT: Final = HttpBounds(head=0.1, body=0.2, idle=0.2, unread=0.1, sweep=0.05)
HEAD: Final = b"GET /small HTTP/1.1\r\nHost: example.com\r\n"
GET: Final = HEAD + b"\r\n"
PUT: Final = b"PUT /body HTTP/1.1\r\nHost: example.com\r\nContent-Length: 10\r\n\r\n"
LARGE: Final = 20_000_000
"""Octets, more than any socket keeps for us."""


async def answer(request: web.BaseRequest) -> web.StreamResponse:
    if request.path == "/body":
        return web.Response(body=await request.read())
    if request.path == "/large":
        return web.Response(body=bytes(LARGE))
    return web.Response(text="here")


@asynccontextmanager
async def listening(bounds: HttpBounds = SHORT, **options: Any) -> AsyncIterator[HttpListener]:
    runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=0.1)
    listener = await start_http(runner, ["127.0.0.1:0"], "http.listen", bounds=bounds, **options)
    try:
        yield listener
    finally:
        await listener.stop()


class Client:
    """A bare connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    async def response(self) -> bytes:
        """The next response, whose body is "here" or as long as that."""
        head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), LIMIT)
        return head + await asyncio.wait_for(self._reader.readexactly(4), LIMIT)

    async def end(self) -> bytes:
        """What is left until the other side closes."""
        try:
            return await asyncio.wait_for(self._reader.read(), LIMIT)
        except ConnectionError:
            return b""

    async def trickle(self, data: bytes) -> None:
        """Send octet by octet, faster than any bound, until the other side closes."""
        ended = asyncio.create_task(self.end())
        for octet in data:
            await asyncio.wait({ended}, timeout=0.02)
            if ended.done():
                return
            self.writer.write(bytes((octet,)))
        assert await ended == b""


@asynccontextmanager
async def connected(listener: HttpListener) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.address.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


async def is_served(listener: HttpListener) -> bool:
    async with connected(listener) as client:
        client.writer.write(GET)
        return (await client.response()).endswith(b"here")


async def test_requests_are_answered_on_one_connection() -> None:
    """RFC 9112 §9.3: one after the other, and pipelined."""
    async with listening() as listener, connected(listener) as client:
        client.writer.write(GET)
        assert (await client.response()).endswith(b"here")
        client.writer.write(GET + GET)
        assert (await client.response()).endswith(b"here")
        assert (await client.response()).endswith(b"here")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"G", id="one-octet"),
        pytest.param(HEAD, id="half-a-head"),
        pytest.param(PUT, id="no-body"),
        pytest.param(PUT + b"half", id="half-a-body"),
        pytest.param(GET + HEAD, id="half-of-the-second"),
    ],
)
async def test_a_client_that_falls_silent_is_closed(sent: bytes) -> None:
    """RFC 9112 §9.5."""
    async with listening() as listener, connected(listener) as client:
        client.writer.write(sent)
        if sent.startswith(GET):
            await client.response()
        assert await client.end() == b""
        assert listener.overdue == 1


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(HEAD + b"X-Name: value\r\n" * 100, id="head"),
        pytest.param(PUT[:-4] + b"0\r\n\r\n" + b"x" * 100, id="body"),
    ],
)
async def test_a_client_that_trickles_is_closed(data: bytes) -> None:
    """What slow-loris attacks are made of: each octet comes in good time, the whole does not."""
    async with listening() as listener, connected(listener) as client:
        await client.trickle(data)
        assert listener.overdue == 1


async def test_an_idle_connection_is_closed() -> None:
    """RFC 9112 §9.5: between two requests too."""
    async with listening() as listener, connected(listener) as client:
        client.writer.write(GET)
        await client.response()
        assert await client.end() == b""


async def test_a_client_that_does_not_read_is_closed() -> None:
    async with listening() as listener, connected(listener) as client:
        client.writer.write(GET.replace(b"/small", b"/large"))
        await until(lambda: listener.overdue)
        assert len(await client.end()) < LARGE


async def test_a_slow_handler_is_left_alone() -> None:
    """The bounds are for clients: what takes long here is our affair."""
    release = asyncio.Event()

    async def slow(request: web.BaseRequest) -> web.StreamResponse:
        await release.wait()
        return web.Response(text="late")

    runner = web.ServerRunner(web.Server(slow, access_log=None), shutdown_timeout=0.1)
    listener = await start_http(runner, ["127.0.0.1:0"], "http.listen", bounds=SHORT)
    async with connected(listener) as client:
        client.writer.write(GET)
        loop = asyncio.get_running_loop()
        loop.call_later(4 * SHORT.body, release.set)
        assert (await client.response()).endswith(b"late")
    await listener.stop()


async def test_thousands_of_idle_connections_do_not_stop_service() -> None:
    async with AsyncExitStack() as stack:
        raise_open_files()
        listener = await stack.enter_async_context(listening(HttpBounds(), max_per_source=10_000))
        many = min(2_000, affordable_connections(HTTP_SHARE) - 1)
        for _ in range(many):
            await stack.enter_async_context(connected(listener))
        assert await is_served(listener)
        assert listener.connections >= many


@pytest.mark.parametrize("bound", ["max_connections", "max_per_source"])
async def test_connections_are_bounded(bound: str) -> None:
    async with listening(HttpBounds(), **{bound: 2}) as listener:
        async with connected(listener) as one, connected(listener):
            one.writer.write(GET)
            await one.response()
            async with connected(listener) as third:
                third.writer.write(GET)
                assert await third.end() == b""
            one.writer.write(GET)
            assert (await one.response()).endswith(b"here")
        assert listener.stats.refused.total() == 1


async def test_what_happened_to_connections_is_published() -> None:
    """OPS-01."""
    metrics = Metrics()
    async with listening(max_connections=1) as listener, connected(listener) as silent:
        publish_http(metrics, {"xcap": listener})
        async with connected(listener) as refused:
            await refused.end()
        await until(lambda: listener.connections)
        assert 'http_connections{listener="xcap"} 1.0' in metrics.exposition().decode()
        await silent.end()
        text = metrics.exposition().decode()
    assert 'http_connections{listener="xcap"} 0.0' in text
    assert 'http_connections_refused_total{listener="xcap",reason="total"} 1.0' in text
    assert 'http_connections_overdue_total{listener="xcap"} 1.0' in text


async def test_a_place_that_became_free_is_given_again() -> None:
    async with listening(max_connections=1) as listener:
        async with connected(listener) as silent:
            await silent.end()
        assert await is_served(listener)


async def test_proxies_may_have_more_connections() -> None:
    async with (
        listening(HttpBounds(), max_per_source=1, trusted=bool) as listener,
        connected(listener),
        connected(listener),
    ):
        assert await is_served(listener)


async def test_stopping_ends_every_connection() -> None:
    async with (
        listening(HttpBounds()) as listener,
        connected(listener) as silent,
        connected(listener) as idle,
    ):
        idle.writer.write(GET)
        await idle.response()
        await listener.stop()
        assert await silent.end() == b""
        assert await idle.end() == b""


async def test_a_host_name_is_listened_on() -> None:
    runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=0.1)
    listener = await start_http(runner, ["localhost:0"], "http.listen")
    assert listener.address.port
    assert await is_served(listener)
    await listener.stop()


@pytest.mark.parametrize(
    ("listen", "said"),
    [
        ("192.0.2.1:0", "http.listen: 192.0.2.1:0: Cannot assign requested address"),
        ("nowhere.invalid:0", "http.listen: nowhere.invalid:0: "),
    ],
)
async def test_an_address_that_is_not_ours_is_named(listen: str, said: str) -> None:
    runner = web.ServerRunner(web.Server(answer, access_log=None))
    with pytest.raises(ServerError) as caught:
        await start_http(runner, [listen], "http.listen")
    assert str(caught.value).startswith(said)
