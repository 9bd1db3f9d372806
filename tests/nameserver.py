"""A real DNS server on loopback: dnsmasq, with records from flags, or the reason why there is none.

PRESENTITY_REQUIRE_ALL=1 turns a missing dnsmasq from a skip into a failure.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.processes import LOOPBACK, free_port

REQUIRED: Final = "PRESENTITY_REQUIRE_ALL"
START_TIMEOUT: Final = 10.0
POLL_INTERVAL: Final = 0.02
SBIN: Final = "/usr/sbin"
TTL: Final = 60
"""Seconds to live of SRV and NAPTR records, if a test does not say otherwise."""

StartNameServer = Callable[..., "NameServer"]


class NameServer:
    """One dnsmasq, told its records in its own flags: "--host-record=a.test,127.0.0.1,60"."""

    def __init__(self, program: str, log: Path) -> None:
        self.port = free_port()
        self._program = program
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """As the setting dns.servers names it."""
        return f"{LOOPBACK}:{self.port}"

    def start(self, *records: str, ttl: int = TTL) -> None:
        """Serve `records`, and nothing else of the domain "test"."""
        command = [
            *(self._program, "--no-resolv", "--no-hosts", f"--port={self.port}"),
            *(f"--listen-address={LOOPBACK}", "--bind-interfaces", "--no-daemon"),
            *("--conf-file=/dev/null", "--pid-file=", "--user=root", "--log-queries"),
            *("--local=/test/", f"--local-ttl={ttl}", *records),
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._await_answer()

    def stop(self) -> None:
        """End it; its port then answers nobody."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(START_TIMEOUT)

    def asked(self, kind: str, name: str) -> int:
        """How often it was asked."""
        return self._log.read_text(errors="replace").count(f"query[{kind}] {name} ")

    def _await_answer(self) -> None:
        """Wait until it answers over TCP, where nothing gets lost."""
        until = time.monotonic() + START_TIMEOUT
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex((LOOPBACK, self.port)) == 0:
                    return
            assert self._process is not None
            if self._process.poll() is not None:
                break
            time.sleep(POLL_INTERVAL)
        pytest.fail(f"dnsmasq does not start:\n{self._log.read_text(errors='replace')}")


@pytest.fixture
def start_name_server(tmp_path: Path) -> Iterator[StartNameServer]:
    """Starts servers with the records given; without dnsmasq the test is skipped or fails."""
    program = shutil.which("dnsmasq", path=f"{os.environ.get('PATH', '')}{os.pathsep}{SBIN}")
    if program is None:
        reason = "dnsmasq is not installed (package dnsmasq-base)"
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    started: list[NameServer] = []

    def start(*records: str, ttl: int = TTL) -> NameServer:
        server = NameServer(program, tmp_path / f"dnsmasq-{len(started)}.log")
        started.append(server)
        server.start(*records, ttl=ttl)
        return server

    yield start
    for server in started:
        server.stop()
