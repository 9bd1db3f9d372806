"""The real server as a process, started by its command line contract and nothing else.

A `Deployment` is one settings file with ports of its own on loopback; `start()` runs `presentity
serve` on it and waits for /readyz. A server is stopped by its own pid, always, also when the test
fails. Times are seconds.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
LOOPBACK: Final = "127.0.0.1"
DOMAIN: Final = "example.com"
FIRST_PORT: Final = 20_000
LAST_PORT: Final = 32_000
"""Below the ephemeral range: no neighbour's client socket takes one between two starts."""
READY_TIMEOUT: Final = 20.0
STOP_TIMEOUT: Final = 15.0
COMMAND_TIMEOUT: Final = 30.0
POLL_INTERVAL: Final = 0.03

Section = Mapping[str, object]


class NotReady(AssertionError):
    """The server ended, or stayed unready, before READY_TIMEOUT; the text has its log."""


_GIVEN: Final[deque[int]] = deque(maxlen=1000)
"""Ports given out last, which nobody may listen on yet."""


def free_port() -> int:
    """A loopback port that nobody uses, neither over TCP nor over UDP, and nobody was given."""
    while True:
        port = FIRST_PORT + secrets.randbelow(LAST_PORT - FIRST_PORT)
        if port in _GIVEN:
            continue
        _GIVEN.append(port)
        if _can_bind(socket.SOCK_STREAM, port) and _can_bind(socket.SOCK_DGRAM, port):
            return port


def _can_bind(kind: socket.SocketKind, port: int) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _toml(tables: Mapping[str, Section]) -> str:
    """The settings file; `""` is the top table. JSON's scalars and lists are TOML's, too."""
    lines: list[str] = []
    for name, table in tables.items():
        lines += [f"[{name}]"] if name else []
        lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


@dataclass
class Running:
    """A server process that was started and has said it is ready."""

    process: subprocess.Popen[bytes]
    sip: tuple[str, int]
    http: str
    """Base of the XCAP root: `http://127.0.0.1:port/xcap-root`."""
    admin: str
    """Base of the admin listener: `http://127.0.0.1:port`."""
    output: Path
    """What it printed and logged, standard output and error together."""
    ready_after: float
    """Seconds from its start to the first 200 of /readyz."""

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        return self.output.read_text(errors="replace")

    @property
    def resident(self) -> int:
        """Octets of memory resident, of the process that was started and its children."""
        return sum(_resident(pid) for pid in (self.pid, *_children(self.pid)))

    def running(self) -> bool:
        return self.process.poll() is None

    def terminate(self) -> int:
        """Send SIGTERM and wait for the drain; its exit status."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_TIMEOUT)

    def kill(self) -> None:
        """`kill -9` of the whole process group."""
        os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(STOP_TIMEOUT)

    def stop(self) -> None:
        """End it somehow, for the end of a test."""
        try:
            self.terminate()
        except subprocess.TimeoutExpired:
            self.kill()


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@dataclass
class Deployment:
    """Settings on disk, and the commands an operator runs on them."""

    directory: Path
    store_url: str
    settings: Mapping[str, Section] = field(default_factory=dict)
    """Tables of the settings file laid over the ones below; `""` is the top table."""
    sip_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    admin_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.file.write_text(_toml(self._tables()))

    def _tables(self) -> dict[str, Section]:
        listen = [f"{kind}:{LOOPBACK}:{self.sip_port}" for kind in ("udp", "tcp")]
        tables: dict[str, Section] = {
            "": {"domains": [DOMAIN]},
            "store": {"url": self.store_url},
            "sip": {"listen": listen},
            "http": {"listen": f"{LOOPBACK}:{self.http_port}"},
            "admin": {"listen": f"{LOOPBACK}:{self.admin_port}"},
            "presence": {"default_policy": "allow", "notify_interval": 0},
        }
        for name, table in self.settings.items():
            tables[name] = {**tables.get(name, {}), **table}
        return tables

    @property
    def file(self) -> Path:
        return self.directory / "presentity.toml"

    @property
    def store_kind(self) -> str:
        """ "sqlite" or "postgresql"."""
        return self.store_url.partition(":")[0]

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "server", *arguments, "--config", str(self.file)]

    def run(
        self, *arguments: str, timeout: float = COMMAND_TIMEOUT
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end; `check` the status yourself."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.directory,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def must_run(self, *arguments: str) -> str:
        """Run a command that has to succeed; what it printed."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def prepare(self, users: Mapping[str, str] | None = None) -> None:
        """Bring the tables up to date and make `users` (user part to password) of DOMAIN."""
        self.must_run("db", "upgrade")
        if users:
            rows = [f"{user}\t{DOMAIN}\t{password}\n" for user, password in users.items()]
            listing = self.directory / "users.tsv"
            listing.write_text("".join(rows))
            self.must_run("user", "import", str(listing))

    def launch(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `serve` in a process group of its own, without waiting for anything."""
        with self.output.open("ab") as output:
            return subprocess.Popen(
                self.command("serve", *arguments),
                cwd=self.directory,
                env=_environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def output(self) -> Path:
        return self.directory / "server.log"

    def start(self, *arguments: str) -> Running:
        """Start the server and wait until /readyz says so. The caller stops it."""
        begun = time.monotonic()
        process = self.launch(*arguments)
        admin = f"http://{LOOPBACK}:{self.admin_port}"
        try:
            self._wait_ready(process, f"{admin}/readyz", begun + READY_TIMEOUT)
        except BaseException:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(STOP_TIMEOUT)
            raise
        return Running(
            process,
            (LOOPBACK, self.sip_port),
            f"http://{LOOPBACK}:{self.http_port}/xcap-root",
            admin,
            self.output,
            time.monotonic() - begun,
        )

    def _wait_ready(self, process: subprocess.Popen[bytes], url: str, deadline: float) -> None:
        while not answers_ok(url):
            if process.poll() is not None or time.monotonic() > deadline:
                state = "is not ready" if process.poll() is None else f"ended: {process.returncode}"
                raise NotReady(f"the server {state}\n{self.output.read_text(errors='replace')}")
            time.sleep(POLL_INTERVAL)

    @contextmanager
    def serving(self, *arguments: str) -> Iterator[Running]:
        """The server for the length of a with block."""
        running = self.start(*arguments)
        try:
            yield running
        finally:
            running.stop()


def answers_ok(url: str) -> bool:
    """Whether a GET of `url` is answered 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _environment() -> dict[str, str]:
    """Our environment without PRESENTITY_ settings, and the tree on the path."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PRESENTITY_")}
    return {**kept, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "200"}


def sqlite_url(directory: Path) -> str:
    """The URL of a SQLite file in `directory`."""
    return f"sqlite:///{directory / 'presentity.db'}"


TRUSTING: Final[Mapping[str, Section]] = {
    "sip": {"trusted_peers": ["127.0.0.0/8"]},
    "http": {"trusted_peers": ["127.0.0.0/8"]},
}
"""Settings under which loopback vouches for its users, as an operator's front end does."""


def merged(*layers: Mapping[str, Section]) -> dict[str, Section]:
    """Settings laid over each other, table by table."""
    tables: dict[str, Section] = {}
    for layer in layers:
        for name, table in layer.items():
            tables[name] = {**tables.get(name, {}), **table}
    return tables
