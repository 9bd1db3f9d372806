"""Calls through a proxy, INVITE to BYE, by SIPp on both sides; and the peer to set us beside.

`Caller` and callee are SIPp processes with the scenarios in `peers/sipp`; the callees are
registered first, at the callee's socket. Times are seconds.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.postgres import Postgres
from tests.processes import DOMAIN, LOOPBACK, free_port
from tests.rawsip import SipClient, new_branch

PEERS: Final = Path(__file__).parent / "peers"
START_TIMEOUT: Final = 15.0
STOP_TIMEOUT: Final = 15.0
POLL_INTERVAL: Final = 0.1
SPARE: Final = 60
"""Seconds that SIPp may take beyond count / rate."""


class CannotRun(Exception):
    """A program that this benchmark needs is missing or did not come up."""


@dataclass(frozen=True, slots=True)
class Calls:
    """How many, and how fast."""

    count: int
    rate: int
    """New calls a second; each lasts 0.2 s."""
    users: int
    """Callees, called in turn."""


def program(name: str) -> str:
    """Where a program is; CannotRun when it is nowhere."""
    found = shutil.which(name)
    if found is None:
        raise CannotRun(f"{name} is not installed")
    return found


@contextmanager
def callees(directory: Path) -> Iterator[int]:
    """SIPp answering calls for the length of a with block; its port."""
    port = free_port()
    command = [
        *(program("sipp"), "-sf", str(PEERS / "sipp" / "callee.xml"), "-i", LOOPBACK),
        *("-mi", LOOPBACK, "-p", str(port), "-nostdin", "-t", "u1", "-buff_size", "4000000"),
    ]
    with (directory / "callee.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=directory)
        try:
            yield port
        finally:
            process.terminate()
            process.wait(STOP_TIMEOUT)


def call(server: tuple[str, int], calls: Calls, directory: Path) -> None:
    """Make the calls; CannotRun when one of them failed."""
    numbers = [f"caller{number};callee{number}" for number in range(calls.users)]
    listing = directory / "users.csv"
    listing.write_text("\n".join(["SEQUENTIAL", *numbers, ""]))
    errors = directory / "caller.err"
    done = subprocess.run(
        [
            *(program("sipp"), "-sf", str(PEERS / "sipp" / "caller.xml"), "-inf", str(listing)),
            *("-key", "domain", DOMAIN, "-i", LOOPBACK, "-mi", LOOPBACK, "-p", str(free_port())),
            *("-m", str(calls.count), "-r", str(calls.rate), "-l", str(calls.rate * 4)),
            *("-nostdin", "-t", "u1", "-buff_size", "4000000", "-timeout_error"),
            *("-timeout", str(calls.count // calls.rate + SPARE)),
            *("-trace_err", "-error_file", str(errors), f"{server[0]}:{server[1]}"),
        ],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        told = errors.read_text(errors="replace")[:2000] if errors.exists() else ""
        raise CannotRun(f"sipp ended with {done.returncode}\n{done.stdout[-3000:]}\n{told}")


async def register(server: tuple[str, int], users: int, port: int) -> None:
    """Bind every callee to `port`, where SIPp listens."""
    async with await SipClient.open(server) as client:
        for number in range(users):
            aor = f"<sip:callee{number}@{DOMAIN}>"
            request = client.request(
                *("REGISTER", f"sip:{DOMAIN}"),
                from_=f"{aor};tag={number}",
                to=aor,
                call_id=new_branch(),
                cseq=1,
                headers=[("Contact", f"<sip:callee{number}@{LOOPBACK}:{port}>;expires=3600")],
            )
            answer = await client.exchange(request)
            if answer.status != 200:
                raise CannotRun(f"{answer.start} to a REGISTER")


def kamailio_schema() -> Sequence[Path]:
    """The statements that make Kamailio's tables, where its package keeps them."""
    share = Path(program("kamailio")).resolve().parent.parent / "share" / "kamailio" / "postgres"
    files = [share / "standard-create.sql", share / "usrloc-create.sql"]
    if not all(file.exists() for file in files):
        raise CannotRun(f"Kamailio's PostgreSQL tables are not in {share}")
    return files


@contextmanager
def kamailio(
    database: Postgres, directory: Path, *, mode: int, children: int
) -> Iterator[tuple[tuple[str, int], int]]:
    """Kamailio with our configuration; its SIP address and pid. `mode`: see peers/kamailio.cfg."""
    name = f"kamailio_{mode}"
    url = database.create(name).replace("postgresql://", "postgres://")
    for file in kamailio_schema():
        database.execute(file.read_text(), name)
    port = free_port()
    command = [
        *(program("kamailio"), "-DD", "-E", "-f", str(PEERS / "kamailio.cfg")),
        *("-w", str(directory), "-Y", str(directory), "-l", f"udp:{LOOPBACK}:{port}"),
        *("-n", str(children), "-m", "512", "-M", "32", "-b", "4194304"),
        *("-A", f'DBURL="{url}"', "-A", f'DOMAIN="{DOMAIN}"', "-A", f"UL_MODE={mode}"),
    ]
    log = directory / "kamailio.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=directory)
        try:
            wait_until_bound(process, port, log)
            yield (LOOPBACK, port), process.pid
        finally:
            process.terminate()
            process.wait(STOP_TIMEOUT)


def wait_until_bound(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until somebody listens on UDP `port`; CannotRun with the log when nobody comes to."""
    deadline = time.monotonic() + START_TIMEOUT
    while f":{port:04X} " not in Path("/proc/net/udp").read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            raise CannotRun(log.read_text(errors="replace")[-3000:])
        time.sleep(POLL_INTERVAL)
