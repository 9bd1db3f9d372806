"""What XCAP requests cost without HTTP and database: run as a script.

    python -m tests.bench.bench_xcap_service [rounds]

Microseconds of CPU for each operation of `XcapService` over documents in memory, for
resource lists of several lengths. An element put into a list of LONG entries has the bound
BOUND, and may not grow worse than the list does.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from time import process_time
from typing import Final

from sip.authenticator import Identity
from sip.uri import AoR
from tests.xcap.memorystore import ALICE, DocumentsInMemory
from xcap.conditions import UNCONDITIONAL
from xcap.config import XcapConfig
from xcap.registry import USAGES
from xcap.service import XcapService
from xcap.uri import parse

ROUNDS: Final = 5
LENGTHS: Final = (10, 100, 1000)
LONG: Final = 1000
BOUND: Final = 3000.0
"""Microseconds; 5 ms are allowed with HTTP and PostgreSQL."""
BUDGET: Final = 20_000
"""Entries that one measurement touches in all."""

ROOT: Final = "/xcap-root"
LIST: Final = f"{ROOT}/resource-lists/users/{ALICE}/index"
ENTRY: Final = LIST + "/~~/resource-lists/list%5B@name=%22friends%22%5D/entry%5B@uri=%22{}%22%5D"
IDENTITY: Final = Identity(ALICE, "digest")


def contacts(entries: int) -> bytes:
    """A resource-lists document of about 100 octets for each entry."""
    rows = "".join(
        f'  <entry uri="sip:p{number:06d}@example.com">\n'
        f"   <display-name>Person {number}</display-name>\n  </entry>\n"
        for number in range(entries)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">\n'
        f' <list name="friends">\n{rows} </list>\n</resource-lists>\n'
    ).encode()


async def exists(aor: AoR, identity: Identity) -> bool:
    return True


class Bench:
    """One list, and what is done to its entries."""

    def __init__(self, entries: int) -> None:
        self.entries = entries
        self.service = XcapService(
            store=DocumentsInMemory(),
            usages=USAGES,
            config=XcapConfig(domains=("example.com",)),
            exists=exists,
            clock=lambda: 0.0,
        )
        self.body = contacts(entries)
        self.number = 0

    async def fill(self) -> None:
        await self._put(LIST, self.body)

    async def get_document(self) -> None:
        await self.service.read(parse(LIST, ROOT), IDENTITY, UNCONDITIONAL)

    async def put_document(self) -> None:
        await self._put(LIST, self.body)

    async def get_element(self) -> None:
        uri = parse(ENTRY.format(f"sip:p{self._next():06d}@example.com"), ROOT)
        await self.service.read(uri, IDENTITY, UNCONDITIONAL)

    async def replace_element(self) -> None:
        name = f"sip:p{self._next():06d}@example.com"
        body = f'<entry uri="{name}"><display-name>{self.number}</display-name></entry>'
        await self._put(ENTRY.format(name), body.encode())

    async def add_and_delete_element(self) -> None:
        name = f"sip:new{self._next():06d}@example.com"
        body = f'<entry uri="{name}"><display-name>{self.number}</display-name></entry>'
        await self._put(ENTRY.format(name), body.encode())
        await self.service.delete(
            parse(ENTRY.format(name), ROOT), IDENTITY, UNCONDITIONAL, source="192.0.2.1"
        )

    def _next(self) -> int:
        self.number += 1
        return self.number % self.entries

    async def _put(self, target: str, body: bytes) -> None:
        uri = parse(target, ROOT)
        await self.service.write(uri, IDENTITY, UNCONDITIONAL, body, source="192.0.2.1")


async def measure(work: Callable[[], Awaitable[None]], count: int) -> float:
    """The least mean of some rounds."""
    best = float("inf")
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS):
        began = process_time()
        for _ in range(count):
            await work()
        best = min(best, (process_time() - began) / count * 1e6)
    return best


async def main() -> int:
    """Print the table; 1 when an element of a long list costs more than its bound."""
    costs: dict[str, list[float]] = {}
    for entries in LENGTHS:
        bench = Bench(entries)
        await bench.fill()
        for work in (
            bench.get_document,
            bench.put_document,
            bench.get_element,
            bench.replace_element,
            bench.add_and_delete_element,
        ):
            cost = await measure(work, max(BUDGET // entries // 4, 5))
            costs.setdefault(work.__name__, []).append(cost)
    print(f"{'us for a list of':24}" + "".join(f"{length:9d}" for length in LENGTHS))
    for name, row in costs.items():
        print(f"{name:24}" + "".join(f"{cost:9.1f}" for cost in row))
    return int(costs["replace_element"][LENGTHS.index(LONG)] > BOUND)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
