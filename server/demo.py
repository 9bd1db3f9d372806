"""`make demo`: the main road, end to end, in a few seconds. Shell.

A server of its own on loopback, with free ports and a database that is thrown away; everything
it shows is done by the `presentity` commands that a user would type.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from rich.console import Console

LOOPBACK: Final = "127.0.0.1"
READY_TIMEOUT: Final = 20.0
COMMAND_TIMEOUT: Final = 20.0
STOP_TIMEOUT: Final = 12.0
POLL_INTERVAL: Final = 0.05
ALICE: Final = "alice@example.com"
BOB: Final = "bob@example.com"
PASSWORDS: Final = {ALICE: "wonderland", BOB: "builder"}
LIST_PATH: Final = f"resource-lists/users/sip:{ALICE}/index"
FRIENDS: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">
  <list name="friends">
    <entry uri="sip:bob@example.com"><display-name>Bob</display-name></entry>
  </list>
</resource-lists>
"""


class DemoFailed(Exception):
    """A step did not do what it shows."""


@dataclass
class Stage:
    """Where the tour happens: a directory with settings, and ports nobody else uses."""

    directory: Path
    console: Console
    sip: int = field(default_factory=lambda: free_port())
    http: int = field(default_factory=lambda: free_port())
    admin: int = field(default_factory=lambda: free_port())

    def write_settings(self) -> None:
        (self.directory / "presentity.toml").write_text(
            f"""\
domains = ["example.com"]
[sip]
listen = ["udp:{LOOPBACK}:{self.sip}", "tcp:{LOOPBACK}:{self.sip}"]
[http]
listen = "{LOOPBACK}:{self.http}"
[admin]
listen = "{LOOPBACK}:{self.admin}"
[presence]
default_policy = "allow-same-domain"
""",
            encoding="utf-8",
        )

    def start(
        self, *arguments: str, stdout: int | IO[str] = subprocess.PIPE
    ) -> "subprocess.Popen[str]":
        """Start `presentity` with `arguments` in the directory; standard error joins the output."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("PRESENTITY_")
        }
        environment["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)
        if self.console.is_terminal:
            environment["FORCE_COLOR"] = "1"
        return subprocess.Popen(
            [sys.executable, "-m", "server", *arguments],
            cwd=self.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def show(self, *arguments: str) -> None:
        """Run a command to its end, print it and what it said."""
        self.prompt(arguments)
        process = self.start(*arguments)
        try:
            output, _ = process.communicate(timeout=COMMAND_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            raise DemoFailed(f"presentity {arguments[0]} did not end in time") from None
        self.quote(output)
        if process.returncode != 0:
            raise DemoFailed(f"presentity {arguments[0]} ended with status {process.returncode}")

    def prompt(self, arguments: Sequence[str]) -> None:
        shown = " ".join(word if " " not in word else f'"{word}"' for word in arguments)
        self.console.print(f"$ presentity {shown}", style="bold cyan", markup=False, soft_wrap=True)

    def quote(self, output: str) -> None:
        for line in output.rstrip().splitlines():
            print(f"  {line}", flush=True)

    def step(self, title: str) -> None:
        self.console.rule(title, align="left", style="dim")


def free_port() -> int:
    """A port of loopback that is free over UDP and TCP now."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram,
        ):
            stream.bind((LOOPBACK, 0))
            port: int = stream.getsockname()[1]
            try:
                datagram.bind((LOOPBACK, port))
            except OSError:
                continue
            return port


def wait_ready(stage: Stage, server: "subprocess.Popen[str]") -> None:
    """Return when /readyz answers 200."""
    deadline = time.monotonic() + READY_TIMEOUT
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{stage.admin}/readyz", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(POLL_INTERVAL)
    raise DemoFailed(f"the server is not ready\n{(stage.directory / 'server.log').read_text()}")


@contextmanager
def serving(stage: Stage) -> Iterator[None]:
    """The server, until the end of the block; stopped by SIGTERM as an operator would."""
    with (stage.directory / "server.log").open("w") as log:
        server = stage.start("serve", stdout=log)
        try:
            wait_ready(stage, server)
            yield
            server.terminate()
            if server.wait(STOP_TIMEOUT) != 0:
                raise DemoFailed(f"the server ended with status {server.returncode}")
        finally:
            if server.poll() is None:
                server.kill()
                server.wait()


def as_user(aor: str) -> tuple[str, ...]:
    return ("--user", aor, "--password", PASSWORDS[aor])


def watch_and_publish(stage: Stage) -> None:
    """bob watches; what alice publishes meanwhile arrives."""
    watch = ("watch", ALICE, *as_user(BOB), "--count", "2", "--timeout", "10")
    stage.prompt(watch)
    watcher = stage.start(*watch)
    try:
        assert watcher.stdout is not None
        first = []
        for line in watcher.stdout:
            first.append(line)
            if not line.strip():
                break
        stage.quote("".join(first))
        stage.step("alice publishes, and bob is notified")
        published = ("publish", ALICE, "--password", PASSWORDS[ALICE], "--status", "open")
        stage.show(*published, "--note", "in the office")
        output, _ = watcher.communicate(timeout=COMMAND_TIMEOUT)
        stage.console.print("bob's terminal:", style="dim")
        stage.quote(output)
        if watcher.returncode != 0 or "in the office" not in output:
            raise DemoFailed("bob was not told of what alice published")
    finally:
        if watcher.poll() is None:
            watcher.kill()
            watcher.wait()


def store_a_document(stage: Stage) -> None:
    file = stage.directory / "friends.xml"
    file.write_text(FRIENDS, encoding="utf-8")
    stage.show("xcap", "put", LIST_PATH, file.name, *as_user(ALICE))
    stage.show("xcap", "get", LIST_PATH, *as_user(ALICE))


def tour(stage: Stage) -> None:
    """All steps; DemoFailed when one does not show what it should."""
    stage.write_settings()
    stage.step("a server: SIP over UDP and TCP, XCAP over HTTP, SQLite")
    stage.prompt(("serve",))
    with serving(stage):
        stage.quote((stage.directory / "server.log").read_text())
        stage.step("two subscribers")
        for aor, password in PASSWORDS.items():
            stage.show("user", "add", aor, "--password", password)
        stage.step("both register")
        for aor, transport in ((ALICE, "udp"), (BOB, "tcp")):
            stage.show("register", aor, "--password", PASSWORDS[aor], "--transport", transport)
        stage.step("bob watches alice, who has published nothing yet")
        watch_and_publish(stage)
        stage.step("alice stores her contact list over XCAP and reads it back")
        store_a_document(stage)
        stage.step("the server drains and stops")
    stage.console.print("That was the main road. `make run` starts a server for you.", style="bold")


def main() -> None:
    """Run the tour; exit status 1 when a step fails."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="presentity-demo-") as directory:
        try:
            tour(Stage(Path(directory), console))
        except DemoFailed as error:
            console.print(f"demo: {error}", style="bold red", markup=False)
            sys.exit(1)


if __name__ == "__main__":
    main()
