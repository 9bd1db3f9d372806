"""TLS of a real server: what stops it, and its listeners of every kind and family."""

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.processes import LOOPBACK, Deployment, free_port
from tests.sip.phones import options
from tests.sip.pki import Authority

FAILURE_LIMIT = 20.0


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def deployment(tmp_path: Path, listen: list[str], tls: Mapping[str, object]) -> Deployment:
    url = f"sqlite:///{tmp_path}/presentity.db"
    tables: dict[str, Mapping[str, object]] = {"sip": {"listen": listen}, "tls": tls}
    return Deployment(tmp_path / "server", url, tables)


def test_a_tls_listener_without_a_certificate_is_told_what_is_missing(tmp_path: Path) -> None:
    server = deployment(tmp_path, [f"tls:{LOOPBACK}:{free_port()}"], {})
    done = server.run("serve", timeout=FAILURE_LIMIT)
    assert done.returncode != 0
    [line] = [line for line in done.stderr.splitlines() if line.startswith("presentity: ")]
    assert "tls.certificate is not set" in line


def test_a_file_for_another_host_that_is_not_there_is_named(
    tmp_path: Path, authority: Authority
) -> None:
    own = authority.issue("example.com")
    server = deployment(tmp_path, ["udp:127.0.0.1:0"], {"certificate": own.certificate})
    hosts = '{"sip.example.org": {"certificate": "missing.pem"}}'
    done = server.run("serve", "--set", f"tls.hosts={hosts}", timeout=FAILURE_LIMIT)
    assert done.returncode != 0
    assert "tls.hosts.sip.example.org.certificate: missing.pem" in done.stderr


def test_several_listeners_of_both_families(tmp_path: Path, authority: Authority) -> None:
    """RFC 3261 §18: each answers, over TCP and TLS, IPv4 and IPv6, wildcards too."""
    own = authority.issue("example.com")
    ports = [free_port() for _ in range(4)]
    listen = [
        f"tcp:0.0.0.0:{ports[0]}",
        f"tcp:[::]:{ports[0]}",
        f"tls:{LOOPBACK}:{ports[1]}",
        f"tls:[::1]:{ports[2]}",
        f"udp:{LOOPBACK}:{ports[3]}",
    ]
    tls = {"certificate": own.certificate, "key": own.key}
    reached = [
        (LOOPBACK, ports[0], "TCP"),
        ("::1", ports[0], "TCP"),
        (LOOPBACK, ports[1], "TLS"),
        ("::1", ports[2], "TLS"),
    ]
    with deployment(tmp_path, listen, tls).serving():
        for host, port, transport in reached:
            with socket.create_connection((host, port), timeout=5) as plain:
                secured = authority.client().wrap_socket(plain) if transport == "TLS" else plain
                message = options(1, transport).replace(b"sip:bob@example.com", b"sip:example.com")
                secured.sendall(message)
                answer = secured.recv(65_536)
                assert answer.startswith(b"SIP/2.0 200"), (host, port, answer)
                assert f";received={host}".encode() in answer
