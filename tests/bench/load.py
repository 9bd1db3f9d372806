"""The whole server under load: registrations, connections, contact lists, calls beside Kamailio.

    python -m tests.bench.load [register] [tls] [tcp] [calls] [lists] [--quick] [--json FILE]

Starts all it needs on free loopback ports in a directory that is thrown away, a PostgreSQL
included (initdb, pg_ctl and psql from the path, or from the directory PG_BIN names), and stops each
by its own pid. One line a phase: operations, rate, CPU microseconds an operation of server +
PostgreSQL (whole process trees). Needs sipp, and for the peer kamailio, for `calls`.
"""

import argparse
import asyncio
import json
import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import aiohttp
import uvloop

from tests.bench.call_load import Calls, CannotRun, call, callees, kamailio, register
from tests.bench.list_load import LENGTHS, ListLoad
from tests.bench.measure import Cost, Watch, proportional_size
from tests.bench.postgres import Postgres, postgres
from tests.bench.register_load import RegisterLoad, user_name
from tests.bench.tls_load import TlsLoad, write_certificate
from tests.processes import DOMAIN, LOOPBACK, TRUSTING, Deployment, Running, Section, free_port

PASSWORD: Final = "bench"
REFRESHES: Final = 2
WARM_UP: Final = 64
"""Connections opened and closed before memory is looked at."""
HELD_RATE: Final = 1_000
"""OPTIONS a second over connections that are held."""
HELD_SECONDS: Final = 10.0
SETTLE: Final = 1.0
"""Seconds for what a phase leaves behind."""
PEER_MODES: Final = {"kamailio, write-through": 1, "kamailio, database only": 3}
PEER_CHILDREN: Final = 4


@dataclass(slots=True)
class Counts:
    """How much of everything."""

    users: int = 10_000
    connections: int = 2_000
    calls: int = 4_000
    callees: int = 1_000
    rate: int = 200
    """Calls a second."""
    edits: int = 1_000
    """Requests about entries of lists, of each kind and for each length."""


QUICK: Final = Counts(users=2_000, connections=500, calls=1_000, callees=200, edits=300)


@dataclass(slots=True)
class Report:
    """What was measured: printed at once, and written at the end."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def cost(self, scenario: str, cost: Cost) -> None:
        print(f"{scenario:10} {cost}", flush=True)
        self.rows.append({"scenario": scenario, **asdict(cost)})

    def note(self, scenario: str, name: str, value: float, unit: str) -> None:
        print(f"{scenario:10} {name:24} {value:9.1f} {unit}", flush=True)
        self.rows.append({"scenario": scenario, "name": name, "value": value, "unit": unit})


@dataclass(slots=True)
class Bench:
    """One run: its database, its directory, how much, and where results go."""

    database: Postgres
    directory: Path
    counts: Counts
    report: Report

    @contextmanager
    def presentity(
        self, name: str, settings: Mapping[str, Section], users: Mapping[str, str] | None = None
    ) -> Iterator[Running]:
        """A server over a new database."""
        deployment = Deployment(self.directory / name, self.database.create(name), settings)
        deployment.prepare(users)
        with deployment.serving() as running:
            yield running

    def watch(self, server: int) -> Watch:
        return Watch([server, self.database.pid])

    def register(self) -> None:
        """REGISTER with digest credentials."""
        count = self.counts.users
        users = {user_name(number): PASSWORD for number in range(count)}
        limits = {"limits": {"source_rate": 0}}
        with self.presentity("register", limits, users) as server:
            load = RegisterLoad(server.sip, DOMAIN, PASSWORD, count)
            phases = [("register_challenge", load.challenge), ("register_new", load.register)]
            phases += [("register_refresh", load.register)] * REFRESHES
            for name, run in phases:
                with self.watch(server.pid) as watch:
                    passed = run()
                self.report.cost("register", watch.cost(name, count))
                if passed != count:
                    raise CannotRun(f"{name}: {count - passed} failed: {load.odd}")
            if load.repeated:
                self.report.note("register", "sent again", load.repeated, "requests")
            load.close()

    def tls(self) -> None:
        """TLS connections held."""
        self._hold("tls", secure=True)

    def tcp(self) -> None:
        """TCP connections held."""
        self._hold("tcp", secure=False)

    def _hold(self, kind: str, *, secure: bool) -> None:
        port = free_port()
        certificate, key = write_certificate(self.directory)
        settings: dict[str, Section] = {
            **TRUSTING,
            "tls": {"certificate": str(certificate), "key": str(key)},
        }
        listen = [f"{kind}:{LOOPBACK}:{port}"]
        settings["sip"] = {**TRUSTING["sip"], "listen": listen}
        with self.presentity(kind, settings) as server:
            load = TlsLoad((LOOPBACK, port), certificate, secure)
            uvloop.run(self._hold_all(kind, server, load))

    async def _hold_all(self, kind: str, server: Running, load: TlsLoad) -> None:
        count = self.counts.connections
        await load.open(WARM_UP)
        await load.options()
        load.close()
        await asyncio.sleep(SETTLE)
        before = proportional_size(server.pid)
        with self.watch(server.pid) as watch:
            await load.open(count)
        self.report.cost(kind, watch.cost("connections opened", count))
        await asyncio.sleep(SETTLE)
        self._memory(kind, "held, none used", server, before)
        with self.watch(server.pid) as watch:
            answered = await load.options()
        self.report.cost(kind, watch.cost("OPTIONS, one on each", count))
        self._memory(kind, "held, each used once", server, before)
        if answered != count or load.lost:
            raise CannotRun(f"{kind}: {answered} of {count} answered, {load.lost} lost")
        await self._use(kind, server, load)
        load.close()

    async def _use(self, kind: str, server: Running, load: TlsLoad) -> None:
        """A steady stream of OPTIONS over some of the connections, while all are held."""
        asked = int(HELD_RATE * HELD_SECONDS)
        with self.watch(server.pid) as watch:
            paced = await load.options_at(HELD_RATE, HELD_SECONDS)
        self.report.cost(kind, watch.cost(f"OPTIONS, {HELD_RATE} a second", asked))
        for share, name in ((0.5, "median"), (0.99, "p99"), (1.0, "slowest")):
            self.report.note(kind, f"answered, {name}", 1000 * paced.percentile(share), "ms")
        if paced.answered != asked or load.lost:
            raise CannotRun(f"{kind}: {paced.answered} of {asked} answered, {load.lost} lost")

    def _memory(self, kind: str, name: str, server: Running, before: int) -> None:
        each = (proportional_size(server.pid) - before) / self.counts.connections
        self.report.note(kind, name, each / 1024, "KB of PSS a connection")

    def calls(self) -> None:
        """Calls relayed, by us and by the peer, one after the other with equal jobs."""
        limits = {"limits": {"source_rate": 0}}
        with self.presentity("calls", {**TRUSTING, **limits}) as server:
            self._call("presentity", server.sip, server.pid)
        for name, mode in PEER_MODES.items():
            directory = self.directory / f"peer{mode}"
            directory.mkdir()
            try:
                with kamailio(self.database, directory, mode=mode, children=PEER_CHILDREN) as (
                    address,
                    pid,
                ):
                    self._call(name, address, pid)
            except CannotRun as reason:
                print(f"calls      {name}: {reason}")

    def _call(self, name: str, server: tuple[str, int], pid: int) -> None:
        counts = self.counts
        directory = self.directory / name.replace(" ", "_")
        directory.mkdir()
        warm_up = Calls(counts.rate, counts.rate, counts.callees)
        measured = Calls(counts.calls, counts.rate, counts.callees)
        with callees(directory) as port:
            asyncio.run(register(server, counts.callees, port))
            call(server, warm_up, directory)
            time.sleep(SETTLE)
            with self.watch(pid) as watch:
                call(server, measured, directory)
            self.report.cost("calls", watch.cost(name, counts.calls))

    def lists(self) -> None:
        """Entries of contact lists of several lengths."""
        with self.presentity("lists", TRUSTING) as server:
            uvloop.run(self._edit(server))

    async def _edit(self, server: Running) -> None:
        count = self.counts.edits
        async with aiohttp.ClientSession() as session:
            for length in LENGTHS:
                load = ListLoad(session, server.http, length)
                await load.fill()
                for name, request in load.phases.items():
                    with self.watch(server.pid) as watch:
                        passed = await load.run(request, count)
                    self.report.cost("lists", watch.cost(f"{name}, {length} entries", count))
                    if passed != count:
                        raise CannotRun(f"{name}: {count - passed} failed")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what was asked for, everything by default."""
    scenarios = ("register", "tls", "tcp", "calls", "lists")
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("scenarios", nargs="*", help=", ".join(scenarios))
    parser.add_argument("--quick", action="store_true", help="small counts")
    parser.add_argument("--json", type=Path, help="write the rows there")
    parser.add_argument("--account", default="postgres", help="runs PostgreSQL when we are root")
    for name, default in asdict(Counts()).items():
        parser.add_argument(f"--{name}", type=int, help=f"instead of {default}")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.scenarios) - set(scenarios):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    counts = QUICK if chosen.quick else Counts()
    given = {name: getattr(chosen, name) for name in asdict(counts)}
    counts = Counts(**{**asdict(counts), **{name: n for name, n in given.items() if n}})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    report = Report()
    with (
        TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True) as directory,
        postgres(Path(directory), chosen.account) as database,
    ):
        bench = Bench(database, Path(directory), counts, report)
        for name in chosen.scenarios or scenarios:
            getattr(bench, name)()
    if chosen.json:
        chosen.json.write_text(json.dumps(report.rows, indent=1))


if __name__ == "__main__":
    main()
