"""CPU of the store's hot operations, microseconds each: this process, and PostgreSQL's.

    python -m tests.bench.bench_store --url postgresql://… --pidfile …/postmaster.pid

The database must be empty; without --url it is a SQLite file that is thrown away. Operations
are kept in flight as from that many users; PostgreSQL's figure is that of the postmaster's
whole process tree.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import uvloop

from store.migrate import upgrade
from store.operations import RefreshSubscription, WriteBindings, WriteDocument, WritePublication
from store.store import Store, open_store
from store.values import Binding, DocumentKey, Resource, SubscriptionRow

BODY: Final = b"<presence>" + b"x" * 680 + b"</presence>"
DOCUMENT: Final = b"<resource-lists>" + b"x" * 1000 + b"</resource-lists>"
PIDF: Final = "application/pidf+xml"
HOUR: Final = 3600.0
TICK: Final = 1e6 / os.sysconf("SC_CLK_TCK")
SETTLE: Final = 0.3

Operation = Callable[[Store, int], Awaitable[object]]


def resource(number: int) -> Resource:
    return Resource(f"sip:user{number}@example.com", "presence")


def publish(round_: int) -> Operation:
    """Insert in round 0, modify in later ones."""

    async def run(store: Store, number: int) -> object:
        now = time.time()
        name = f"{number:012x}"
        return await store.write_publication(
            WritePublication(
                resource(number),
                name,
                f"{name}.{round_ - 1:012x}" if round_ else None,
                f"{name}.{round_:012x}",
                now + HOUR,
                BODY,
                PIDF,
                now,
                now,
            )
        )

    return run


async def subscribe(store: Store, number: int) -> object:
    now = time.time()
    return await store.write_subscription(
        SubscriptionRow(
            id=f"t{number:010x}",
            resource=resource(number),
            event_id=None,
            event_parameters="",
            watcher=f"sip:watcher{number}@example.com",
            state="active",
            call_id=f"{number:016x}@192.0.2.1",
            local_tag=f"t{number:010x}",
            remote_tag=f"{number:08x}",
            local_address=f"<sip:user{number}@example.com>;tag=t{number:010x}",
            remote_address=f"<sip:watcher{number}@example.com>;tag={number:08x}",
            remote_target=f"<sip:watcher{number}@192.0.2.1:5060>",
            route_set=(),
            local_contact="<sip:192.0.2.2:5060>",
            remote_cseq=1,
            cseq_ceiling=1,
            expires_at=now + HOUR,
            accept=PIDF,
            content_type=PIDF,
            told_version=1,
            owner="",
            transport="UDP",
            flow="192.0.2.1:5060",
            created_at=now,
        )
    )


async def refresh(store: Store, number: int) -> object:
    return await store.refresh_subscription(
        RefreshSubscription(
            id=f"t{number:010x}",
            expires_at=time.time() + HOUR,
            remote_cseq=2,
            remote_target=f"<sip:watcher{number}@192.0.2.1:5060>",
            cseq_ceiling=1,
            state="active",
            accept=PIDF,
            content_type=PIDF,
            local_contact="<sip:192.0.2.2:5060>",
            transport="UDP",
            flow="192.0.2.1:5060",
        )
    )


async def register(store: Store, number: int) -> object:
    now = time.time()
    contact = f"sip:user{number}@192.0.2.1:5060"
    binding = Binding(
        contact, now + HOUR, None, f"{number:016x}", 1, "", (), "", None, "", now, "", "", ""
    )
    return await store.write_bindings(WriteBindings(resource(number).aor, 0, (binding,), (), now))


def document(number: int) -> DocumentKey:
    return DocumentKey("resource-lists", resource(number).aor, "index")


async def put(store: Store, number: int) -> object:
    etag = f"{number:012x}"
    return await store.write_document(
        WriteDocument(
            document(number), DOCUMENT, "application/resource-lists+xml", etag, None, None, 0.0
        )
    )


async def touch(store: Store, number: int) -> object:
    store.touch_subscription(f"t{number:010x}", 2, 2)
    return None


def database_cpu(pidfile: Path) -> float:
    """CPU of the postmaster and its children, also ended ones, in microseconds."""
    postmaster = int(pidfile.read_text().split()[0])
    total = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(entry.name) == postmaster:
            total += sum(map(int, fields[11:15]))
        elif int(fields[1]) == postmaster:
            total += sum(map(int, fields[11:13]))
    return total * TICK


async def measure(
    store: Store, name: str, operation: Operation, arguments: argparse.Namespace
) -> None:
    """Run `operation` for every number and print what it cost."""
    numbers = iter(range(arguments.operations))

    async def user(numbers: Iterator[int]) -> None:
        for number in numbers:
            await operation(store, number)

    before = database_cpu(arguments.pidfile) if arguments.pidfile else 0.0
    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(user(numbers) for _ in range(arguments.concurrency)))
    cpu, elapsed = time.process_time() - cpu, time.perf_counter() - started
    await asyncio.sleep(SETTLE)
    database = database_cpu(arguments.pidfile) - before if arguments.pidfile else 0.0
    count = arguments.operations
    print(
        f"{name:22} {cpu / count * 1e6:7.1f} us here {database / count:7.1f} us database"
        f" {count / elapsed:9.0f}/s",
        flush=True,
    )


async def main(arguments: argparse.Namespace) -> None:
    store = await open_store(arguments.url, node="bench")
    phases: list[tuple[str, Operation]] = [
        ("publication insert", publish(0)),
        *(("publication modify", publish(round_)) for round_ in range(1, arguments.rounds + 1)),
        ("subscription insert", subscribe),
        ("subscription refresh", refresh),
        ("touch", touch),
        ("binding insert", register),
        ("document create", put),
        ("document write", put),
        ("state read", lambda store, number: store.resource_state(resource(number))),
        ("binding read", lambda store, number: store.bindings(resource(number).aor)),
        ("document read", lambda store, number: store.document(document(number))),
    ]
    for name, operation in phases:
        await measure(store, name, operation, arguments)
    await store.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url")
    parser.add_argument("--pidfile", type=Path)
    parser.add_argument("--operations", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with TemporaryDirectory() as scratch:
        given.url = given.url or f"sqlite:///{scratch}/bench.db"
        upgrade(given.url)
        uvloop.run(main(given))
