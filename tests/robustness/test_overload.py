"""Who is many, loud or slow does not keep others from being served (RFC 3261 §26.1.5)."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.processes import DOMAIN, LOOPBACK, Deployment, Running, free_port, sqlite_url
from tests.rawsip import compose
from tests.robustness.health import Health
from tests.sip.pki import Authority

LOUD: Final = "127.0.0.66"
"""The source of a flood; others have other addresses."""
RATE: Final = 20
BURST: Final = 50
FLOOD: Final = 20_000
CROWD: Final = 150
"""Half-open connections to each listener."""
LIMITS: Final = {"limits": {"source_rate": RATE, "source_burst": BURST}}


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[tuple[Running, dict[str, int]]]:
    """A server with a listener of every kind, and their ports."""
    ports = {kind: free_port() for kind in ("tls", "ws", "wss")}
    sip, http, admin = free_port(), free_port(), free_port()
    listen = [f"udp:{LOOPBACK}:{sip}", f"tcp:{LOOPBACK}:{sip}"]
    listen += [f"{kind}:{LOOPBACK}:{port}" for kind, port in ports.items()]
    own = Authority(tmp_path).issue(DOMAIN)
    tls = {"certificate": own.certificate, "key": own.key}
    deployment = Deployment(
        tmp_path / "server",
        sqlite_url(tmp_path),
        {"sip": {"listen": listen}, "tls": tls},
        sip_port=sip,
        http_port=http,
        admin_port=admin,
    )
    with deployment.serving() as running:
        yield running, {**ports, "tcp": sip, "http": http, "admin": admin}


@contextmanager
def half_open(port: int, data: bytes) -> Iterator[None]:
    """CROWD connections to `port` that have sent `data` and say no more."""
    with ExitStack() as stack:
        for _ in range(CROWD):
            one = stack.enter_context(socket.create_connection((LOOPBACK, port)))
            one.sendall(data)
        yield


async def test_half_open_connections_of_every_kind_do_not_stop_service(
    crowded: tuple[Running, dict[str, int]],
) -> None:
    """Slow-loris on TCP, TLS, WebSocket and HTTP."""
    running, ports = crowded
    half = {
        "tcp": b"OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP",
        "tls": b"\x16\x03\x01\x02\x00\x01",
        "ws": b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n",
        "wss": b"\x16\x03\x01\x02\x00\x01",
        "http": b"PUT /xcap-root/x HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf",
        "admin": b"GET /readyz HTTP/1.1\r\n",
    }
    with ExitStack() as stack:
        for kind, data in half.items():
            stack.enter_context(half_open(ports[kind], data))
        health = Health(running)
        assert await health.answers("UDP")
        assert await health.answers("TCP")
        async with aiohttp.ClientSession() as session:
            for url in (f"{running.http}/xcap-caps/global/index", f"{running.admin}/readyz"):
                async with session.get(url) as response:
                    assert response.status in (200, 401)
            for kind in ("ws", "wss"):
                url = f"{kind}://{LOOPBACK}:{ports[kind]}/"
                async with session.ws_connect(url, protocols=("sip",), ssl=False) as page:
                    await page.send_str("\r\n\r\n")
                    assert await page.receive_str(timeout=5) == "\r\n"
    assert health.trouble() == []


async def test_a_flood_of_one_source_leaves_others_served(tmp_path: Path) -> None:
    """It gets a few answers, and the rest nothing (RFC 3261 §26.3.2.4)."""
    deployment = Deployment(tmp_path / "server", sqlite_url(tmp_path), LIMITS)
    with deployment.serving() as running:
        health = Health(running)
        answered = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as loud:
            loud.bind((LOUD, 0))
            loud.setblocking(False)
            for number in range(FLOOD):
                loud.sendto(flood_message(number), running.sip)
                if number % 1000 == 0:
                    assert await health.answers()
            while True:
                try:
                    loud.recv(4096)
                except BlockingIOError:
                    break
                answered += 1
        assert await health.answers()
        assert 0 < answered < FLOOD / 10
    assert health.trouble() == []


def flood_message(number: int) -> bytes:
    return compose(
        f"REGISTER sip:{DOMAIN} SIP/2.0",
        [
            ("Via", f"SIP/2.0/UDP {LOUD};rport;branch=z9hG4bK{number}"),
            ("Max-Forwards", "70"),
            ("From", f"<sip:u{number}@{DOMAIN}>;tag=f"),
            ("To", f"<sip:u{number}@{DOMAIN}>"),
            ("Call-ID", f"flood-{number}"),
            ("CSeq", "1 REGISTER"),
            ("Content-Length", "0"),
        ],
    )
