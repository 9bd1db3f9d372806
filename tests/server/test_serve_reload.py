"""SIGHUP of a real server: certificates are read again, connections and bad files harm nothing."""

import json
import os
import shutil
import signal
import socket
import ssl
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.processes import LOOPBACK, Deployment, Running, free_port
from tests.sip.pki import Authority, common_names

LOG_WAIT = 5.0
PING, PONG = b"\r\n\r\n", b"\r\n"
"""Keep-alive of a stream and its answer (RFC 5626 §4.4.1)."""


class Secured:
    """A server with a TLS listener, whose certificate can be changed."""

    def __init__(self, tmp_path: Path) -> None:
        self.authority = Authority(tmp_path)
        self.certificate, self.key = tmp_path / "server.pem", tmp_path / "server.key"
        self.install("first")
        self.port = free_port()
        self.deployment = Deployment(
            tmp_path / "server",
            f"sqlite:///{tmp_path}/presentity.db",
            {
                "sip": {"listen": [f"tls:{LOOPBACK}:{self.port}"]},
                "tls": {"certificate": str(self.certificate), "key": str(self.key)},
            },
        )

    def install(self, name: str) -> None:
        files = self.authority.issue("sip.example.com", common_name=name)
        shutil.copy(files.certificate, self.certificate)
        shutil.copy(files.key or "", self.key)

    @contextmanager
    def connected(self) -> Iterator[ssl.SSLSocket]:
        with (
            socket.create_connection((LOOPBACK, self.port), timeout=5) as plain,
            self.authority.client().wrap_socket(plain) as secured,
        ):
            yield secured


def shown(connection: ssl.SSLSocket) -> Sequence[str]:
    """Whose certificate the server shows."""
    certificate: Any = connection.getpeercert()
    return common_names(certificate)


def hang_up(running: Running, word: str, times: int = 1) -> None:
    """Send SIGHUP, and wait until the log has `word` so many times."""
    os.kill(running.pid, signal.SIGHUP)
    deadline = time.monotonic() + LOG_WAIT
    while running.log.count(word) < times:
        assert time.monotonic() < deadline, running.log
        time.sleep(0.02)


@pytest.fixture
def secured(tmp_path: Path) -> Secured:
    return Secured(tmp_path)


def test_new_connections_are_shown_the_new_certificate(secured: Secured) -> None:
    """RFC 3261 §26.3.1; a bad file changes nothing, and open connections go on."""
    with secured.deployment.serving() as running, secured.connected() as old:
        assert shown(old) == ["first"]
        secured.install("second")
        hang_up(running, "event=reloaded")
        with secured.connected() as new:
            assert shown(new) == ["second"]
        secured.certificate.write_text("no certificate")
        hang_up(running, "event=not-reloaded")
        assert "tls.certificate" in running.log
        with secured.connected() as new:
            assert shown(new) == ["second"]
        old.sendall(PING)
        assert old.recv(len(PONG)) == PONG


def test_the_status_says_what_is_open(secured: Secured) -> None:
    with secured.deployment.serving() as running, secured.connected() as connection:
        connection.sendall(PING)
        assert connection.recv(len(PONG)) == PONG
        with urllib.request.urlopen(f"{running.admin}/api/status", timeout=5) as answer:
            status = json.load(answer)
    assert status["state"] == "ready"
    assert status["connections"] == {"tcp": 0, "tls": 1, "ws": 0, "wss": 0}
    assert status["relayed_in_flight"] == 0
    assert status["routing"] == {"file": "", "callbacks": [], "failures": 0}
    assert any(address.startswith("tls:") for address in status["listening"])


def test_a_server_with_nothing_to_read_says_so(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path / "server", f"sqlite:///{tmp_path}/presentity.db")
    with deployment.serving() as running:
        hang_up(running, "event=nothing-to-reload")
        assert running.running()
