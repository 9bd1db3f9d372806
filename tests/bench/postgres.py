"""A PostgreSQL of the benchmark's own, durable as it comes, from the programs on this machine."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.processes import LOOPBACK, free_port

PROGRAMS: Final = "PG_BIN"
"""Environment: the directory of initdb and pg_ctl, where they are not on the path."""
PASSABLE: Final = 0o711
"""Mode of a directory that another account may go through."""
SETTINGS: Final = """
listen_addresses = '{host}'
unix_socket_directories = '{directory}'
shared_buffers = 512MB
max_connections = 200
max_wal_size = 4GB
checkpoint_timeout = 15min
"""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server that runs."""

    port: int
    pid: int
    """The postmaster's."""
    account: str

    def url(self, database: str) -> str:
        return f"postgresql://postgres@{LOOPBACK}:{self.port}/{database}"

    def execute(self, sql: str, database: str = "postgres") -> None:
        """Run statements, each in a transaction of its own."""
        subprocess.run(
            [_program("psql"), "-q", "-v", "ON_ERROR_STOP=1", self.url(database), "-f", "-"],
            input=sql,
            text=True,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def create(self, database: str) -> str:
        """A new empty database; its URL."""
        self.execute(f"CREATE DATABASE {database};")
        return self.url(database)


@contextmanager
def postgres(directory: Path, account: str = "postgres") -> Iterator[Postgres]:
    """A server with its data in `directory`, which is ours alone, for the length of a with block.

    PostgreSQL refuses to run as root; then it runs as the system user `account`.
    """
    data = directory / "postgres"
    data.mkdir(mode=0o700)
    port = free_port()
    if os.geteuid() == 0:
        shutil.chown(data, account)
        directory.chmod(PASSABLE)
    _run(account, "initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8")
    with (data / "postgresql.conf").open("a") as settings:
        settings.write(SETTINGS.format(host=LOOPBACK, directory=data))
    log = str(data / "server.log")
    _run(account, "pg_ctl", "-D", str(data), "-o", f"-p {port}", "-l", log, "-w", "-s", "start")
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
        yield Postgres(port, pid, account)
    finally:
        _run(account, "pg_ctl", "-D", str(data), "-m", "fast", "-w", "-s", "stop")


def _program(name: str) -> str:
    directory = os.environ.get(PROGRAMS)
    found = shutil.which(name, path=directory) if directory else None
    found = found or shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not on the path; {PROGRAMS} may name its directory")
    return found


def _run(account: str, program: str, *arguments: str) -> None:
    root = os.geteuid() == 0
    prefix = ["runuser", "-u", account, "--"] if root else []
    subprocess.run(
        [*prefix, _program(program), *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/"
    )
