"""What keeping versions costs a document's write: CPU in microseconds, here and in PostgreSQL.

    python -m tests.bench.bench_documents --url postgresql://… --pidfile …/postmaster.pid

The database must be empty. Documents have been written often enough that each further write
drops an old version; stores with and without versions take turns, several times, since
other work on the machine comes and goes.
"""

import argparse
from pathlib import Path
from typing import Final

import uvloop

from store.migrate import upgrade
from store.operations import WriteDocument
from store.store import Store, open_store
from store.values import DocumentKey
from tests.bench.bench_store import measure

KINDS: Final = (0, 20)
"""Versions kept by the stores that are compared."""


async def write(store: Store, prefix: str, number: int, arguments: argparse.Namespace) -> None:
    """One of the documents, unconditionally."""
    user = number % arguments.documents
    key = DocumentKey("resource-lists", f"sip:{prefix}{user}@example.com", "index")
    body = b"<resource-lists>" + b"contact %08d " % number * (arguments.size // 17) + b"</...>"
    await store.write_document(
        WriteDocument(
            key,
            body,
            "application/resource-lists+xml",
            f"{number:012x}",
            None,
            None,
            0.0,
            "sip:alice@example.com",
            "192.0.2.1",
        )
    )


async def main(arguments: argparse.Namespace) -> None:
    stores = {
        keep: await open_store(arguments.url, node=f"bench{keep}", keep_versions=keep)
        for keep in KINDS
    }
    for round_ in range(arguments.rounds + 1):
        for keep, store in stores.items():
            name = f"keeping {keep}" if round_ else f"warm-up {keep}"

            async def operation(store: Store, number: int, keep: int = keep) -> None:
                await write(store, f"user{keep}-", number, arguments)

            await measure(store, name, operation, arguments)
    for store in stores.values():
        await store.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--pidfile", type=Path)
    parser.add_argument("--operations", type=int, default=10_000)
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--size", type=int, default=1_000, help="octets of a document, about")
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    upgrade(given.url)
    uvloop.run(main(given))
