"""HTTPS beside HTTP on one server: certificates by name and date, those of clients, failures."""

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web

from server.errors import ServerError
from server.http_listener import HttpListener, start_http
from server.http_metrics import publish_http
from server.metrics import Metrics
from sip.transport.config import CertificateFiles, TlsConfig
from sip.transport.http_guard import HttpBounds
from sip.transport.peer_certificate import certificate_of
from sip.transport.tls_context import TlsContexts
from tests.sip.pki import Authority, common_names
from tests.sip.wires import until

LIMIT: Final = 5.0
"""Seconds after which a test that waits has failed."""
GET: Final = b"GET /x HTTP/1.1\r\nHost: example.com\r\n\r\n"
SHORT: Final = HttpBounds(head=0.1, body=0.2, idle=0.2, unread=0.1, sweep=0.05)


async def answer(request: web.BaseRequest) -> web.StreamResponse:
    """Says the scheme, the client's address, and whom its certificate names."""
    assert request.transport is not None
    certificate = certificate_of(request.transport)
    users = () if certificate is None else certificate.users
    return web.Response(text=f"{request.scheme} {request.remote} {','.join(users)}")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@asynccontextmanager
async def listening(
    contexts: TlsContexts,
    listen: Sequence[str] = ("https:127.0.0.1:0",),
    bounds: HttpBounds = SHORT,
) -> AsyncIterator[HttpListener]:
    runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=0.1)
    listener = await start_http(
        runner, listen, "http.listen", context=contexts.server, bounds=bounds
    )
    try:
        yield listener
    finally:
        await listener.stop()


def contexts_of(authority: Authority, **options: Any) -> TlsContexts:
    return TlsContexts(TlsConfig(own=authority.issue("example.com", common_name="own"), **options))


@asynccontextmanager
async def connected(
    listener: HttpListener, context: ssl.SSLContext, name: str = "example.com"
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", listener.address.port, ssl=context, server_hostname=name
    )
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """The body of the answer to one more request."""
    writer.write(GET)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT)
    fields = head.decode().lower().split("\r\n")
    length = next(int(line.partition(":")[2]) for line in fields if line.startswith("content-len"))
    return (await reader.readexactly(length)).decode()


def shown(writer: asyncio.StreamWriter) -> list[str]:
    return [*common_names(writer.get_extra_info("peercert"))]


async def test_requests_are_answered_over_tls_and_beside_it(authority: Authority) -> None:
    """RFC 9110 §4.2.2: one server, and it knows which connection is encrypted."""
    both = ("127.0.0.1:0", "https:127.0.0.1:0")
    async with listening(contexts_of(authority), both) as listener:
        schemes = [origin.partition("://")[0] for origin in listener.origins]
        assert schemes == ["http", "https"]
        port = int(listener.origins[1].rpartition(":")[2])
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=authority.client(), server_hostname="example.com"
        )
        assert await ask(reader, writer) == "https 127.0.0.1 "
        assert await ask(reader, writer) == "https 127.0.0.1 "
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.address.port)
        assert await ask(reader, writer) == "http 127.0.0.1 "
        writer.close()


async def test_a_client_is_shown_the_certificate_of_the_host_it_asks_for(
    authority: Authority,
) -> None:
    """RFC 6066 §3."""
    other = authority.issue("xcap.example.org", common_name="other")
    contexts = contexts_of(authority, hosts={"xcap.example.org": other})
    async with listening(contexts) as listener:
        async with connected(listener, authority.client(), "xcap.example.org") as (_, writer):
            assert shown(writer) == ["other"]
        async with connected(listener, authority.client()) as (_, writer):
            assert shown(writer) == ["own"]


async def test_new_certificates_are_for_new_connections(authority: Authority) -> None:
    """As for SIP: those that are open go on, and a bad file changes nothing."""
    files = authority.issue("example.com", common_name="first")
    contexts = TlsContexts(TlsConfig(own=files))
    async with (
        listening(contexts, bounds=HttpBounds()) as listener,
        connected(listener, authority.client()) as old,
    ):
        assert (await ask(*old)).startswith("https")
        new = authority.issue("example.com", common_name="second")
        shutil.copy(new.certificate, files.certificate)
        shutil.copy(new.key or "", files.key or "")
        contexts.reload()
        async with connected(listener, authority.client()) as (_, writer):
            assert shown(writer) == ["second"]
        assert (await ask(*old)).startswith("https")


async def test_a_certificate_names_its_user(authority: Authority) -> None:
    """XCP-13: asked for where there is an authority for clients, and not needed."""
    contexts = contexts_of(authority, client_ca=authority.root)
    files = authority.issue("sip:alice@example.com")
    async with listening(contexts) as listener:
        async with connected(listener, authority.client(files)) as client:
            assert await ask(*client) == "https 127.0.0.1 sip:alice@example.com"
        async with connected(listener, authority.client()) as client:
            assert await ask(*client) == "https 127.0.0.1 "


async def test_a_handshake_that_fails_is_counted_and_harms_nobody(authority: Authority) -> None:
    async with listening(contexts_of(authority)) as listener:
        metrics = Metrics()
        publish_http(metrics, {"xcap": listener})
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.address.port)
        writer.write(GET)
        with suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), LIMIT)
        writer.close()
        await until(lambda: listener.failed_handshakes)
        async with connected(listener, authority.client()) as client:
            assert (await ask(*client)).startswith("https")
        text = metrics.exposition().decode()
    assert 'http_tls_handshakes_failed_total{listener="xcap"} 1.0' in text


async def test_stopping_ends_handshakes_too(authority: Authority) -> None:
    async with listening(contexts_of(authority)) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.address.port)
        writer.write(b"\x16\x03\x01")
        await until(lambda: listener.stats.accepted.total())
        await listener.stop()
        with suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), LIMIT) == b""
        writer.close()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (TlsConfig(), "http.listen: https:127.0.0.1:0: tls.certificate is not set"),
        (TlsConfig(own=None, client_ca="x"), "http.listen: https:127.0.0.1:0: tls.certificate"),
    ],
)
async def test_https_without_a_certificate_is_an_error(config: TlsConfig, said: str) -> None:
    runner = web.ServerRunner(web.Server(answer, access_log=None))
    with pytest.raises(ServerError) as caught:
        await start_http(
            runner, ["https:127.0.0.1:0"], "http.listen", context=TlsContexts(config).server
        )
    assert str(caught.value).startswith(said)


async def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("nothing")
    config = TlsConfig(own=CertificateFiles(str(bad)))
    runner = web.ServerRunner(web.Server(answer, access_log=None))
    with pytest.raises(ServerError, match=r"bad\.pem"):
        await start_http(
            runner, ["https:127.0.0.1:0"], "http.listen", context=TlsContexts(config).server
        )
