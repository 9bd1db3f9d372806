"""`presentity serve` as an operator meets it: what stops it, when it is ready, how it ends."""

import os
import signal
import socket
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import LOOPBACK, Deployment, Running

DRAIN_LIMIT = 10.0
FAILURE_LIMIT = 20.0


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(tmp_path / "server", f"sqlite:///{tmp_path}/presentity.db")


@pytest.fixture
def running(deployment: Deployment) -> Iterator[Running]:
    with deployment.serving() as process:
        yield process


def refusal(deployment: Deployment, *arguments: str) -> str:
    """What `serve` says when it does not start: one line, and a status that is not 0."""
    done = deployment.run("serve", *arguments, timeout=FAILURE_LIMIT)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("presentity: ")]
    assert len(lines) == 1, done.stderr
    return lines[0].removeprefix("presentity: ")


def test_an_unknown_setting_is_named(deployment: Deployment) -> None:
    assert refusal(deployment, "--set", "sip.colour=red").startswith("sip.colour: unknown key")


def test_a_bad_value_is_named(deployment: Deployment) -> None:
    assert refusal(deployment, "--set", "http.listen=nowhere").startswith("http.listen: ")


def test_a_broken_file_is_named(deployment: Deployment) -> None:
    deployment.file.write_text("[sip\n")
    assert "presentity.toml: is not TOML" in refusal(deployment)


def test_an_unreachable_database_is_told_without_its_password(deployment: Deployment) -> None:
    url = f"store.url=postgresql://user:s3cret@{LOOPBACK}:1/presentity"
    said = refusal(deployment, "--set", url)
    assert said.startswith("store.url: ")
    assert f"{LOOPBACK}:1" in said
    assert "s3cret" not in said


def test_a_database_file_that_cannot_be_made_is_told(deployment: Deployment) -> None:
    said = refusal(deployment, "--set", "store.url=sqlite:////nonexistent/directory/x.db")
    assert said.startswith("store.url: ")


def test_a_schema_of_another_version_names_the_line_to_type(
    deployment: Deployment, tmp_path: Path
) -> None:
    deployment.must_run("db", "upgrade")
    with sqlite3.connect(tmp_path / "presentity.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'another'")
    database.close()
    assert "run `presentity db upgrade`" in refusal(deployment)


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        pytest.param(socket.SOCK_DGRAM, "sip.listen", id="udp"),
        pytest.param(socket.SOCK_STREAM, "sip.listen", id="tcp"),
        pytest.param(socket.SOCK_STREAM, "http.listen", id="xcap"),
        pytest.param(socket.SOCK_STREAM, "admin.listen", id="admin"),
    ],
)
def test_a_port_in_use_is_named_with_its_key(
    deployment: Deployment, kind: socket.SocketKind, key: str
) -> None:
    ports = {
        "sip.listen": deployment.sip_port,
        "http.listen": deployment.http_port,
        "admin.listen": deployment.admin_port,
    }
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind((LOOPBACK, ports[key]))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        said = refusal(deployment)
    assert said.startswith(f"{key}: ")
    assert f"{LOOPBACK}:{ports[key]}" in said
    assert "in use" in said


@pytest.mark.parametrize("key", ["certificate", "key", "client_ca"])
def test_a_file_of_tls_that_is_not_there_is_named(deployment: Deployment, key: str) -> None:
    said = refusal(deployment, "--set", f"tls.{key}=/nonexistent/file.pem")
    assert said.startswith(f"tls.{key}: /nonexistent/file.pem: ")


@pytest.mark.parametrize("transport", ["tls", "wss"])
def test_tls_listeners_need_a_certificate(deployment: Deployment, transport: str) -> None:
    said = refusal(deployment, "--set", f"sip.listen={transport}:{LOOPBACK}:0")
    assert said.startswith("sip.listen: ")
    assert "tls.certificate is not set" in said


def test_sqlite_serves_one_process(deployment: Deployment) -> None:
    assert refusal(deployment, "--set", "workers=2").startswith("workers: SQLite serves one")


def test_the_ready_line_names_every_address(deployment: Deployment, running: Running) -> None:
    (line,) = [line for line in running.log.splitlines() if line.startswith("presentity ready: ")]
    sip = f"{LOOPBACK}:{deployment.sip_port}"
    assert line.removeprefix("presentity ready: ").split() == [
        f"udp:{sip}",
        f"tcp:{sip}",
        f"xcap:http://{LOOPBACK}:{deployment.http_port}/xcap-root",
        f"admin:http://{LOOPBACK}:{deployment.admin_port}",
    ]


def test_metrics_have_a_row_for_each_part(running: Running) -> None:
    with urllib.request.urlopen(f"{running.admin}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    for name in (
        "presentity_sip_requests_total",
        "presentity_notify_sent_total",
        "presentity_notify_failed_total",
        "presentity_publish_to_notify_seconds",
        "presentity_suppressed_total",
        "presentity_coalesced_total",
        "presentity_event_refused_total",
        "presentity_xcap_requests_total",
        "presentity_store_queued",
        "presentity_sip_transactions",
        "presentity_sip_connections",
    ):
        assert f"# HELP {name}" in text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_ends_with_0(running: Running, number: signal.Signals) -> None:
    begun = time.monotonic()
    os.kill(running.pid, number)
    assert running.process.wait(DRAIN_LIMIT) == 0
    assert time.monotonic() - begun < DRAIN_LIMIT
    assert "event=stopped" in running.log
    assert "level=error" not in running.log
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{running.admin}/healthz", timeout=2)
