"""What a live subscription takes of memory in the event server: no sockets, no database.

    .venv/bin/python tests/bench/bench_memory.py

Octets as Python's allocator counts them, and the lines that ask for most of them. Every
subscription is to a presentity of its own that has published nothing, as those that wait for
somebody to come online are.
"""

import asyncio
import gc
import tracemalloc

from sip.authenticator import Identity
from sip.message import Request, parse_message
from sip.uri import AoR
from tests.bench.bench_engine import Answered, InstantStore, house
from tests.presence.fakes import FakeFlow

WARM = 2_000
COUNT = 10_000
WATCHERS = 500
SHOWN = 12


def subscribe(number: int) -> Request:
    """A SUBSCRIBE as phones write it."""
    watcher, presentity = f"w{number % WATCHERS}", f"p{number:06d}"
    text = (
        f"SUBSCRIBE sip:{presentity}@example.com SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK{number:012x}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:{watcher}@example.com>;tag={number:010x}\r\n"
        f"To: <sip:{presentity}@example.com>\r\nCall-ID: {number:024x}@192.0.2.1\r\n"
        f"CSeq: 1 SUBSCRIBE\r\nContact: <sip:{watcher}@192.0.2.1:5060>\r\nEvent: presence\r\n"
        "Accept: application/pidf+xml\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n"
    )
    message = parse_message(text.encode())
    assert isinstance(message, Request)
    return message


async def main() -> None:
    store = InstantStore()
    service = house(checking=True, store=store)
    flow = FakeFlow()

    async def keep(first: int, count: int) -> None:
        for number in range(first, first + count):
            watcher = Identity(AoR(f"sip:w{number % WATCHERS}@example.com"), "digest")
            await service.subscribe(Answered(subscribe(number), flow, []), watcher)
        store.rows.clear()
        service.engine.take_told()
        gc.collect()

    await keep(0, WARM)
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    await keep(WARM, COUNT)
    lines = tracemalloc.take_snapshot().compare_to(before, "lineno")
    assert len(service.engine.index) == WARM + COUNT
    print(f"octets each {sum(line.size_diff for line in lines) / COUNT:8.0f}")
    for line in lines[:SHOWN]:
        place = line.traceback[0]
        name = "/".join(place.filename.split("/")[-2:])
        print(f"  {line.size_diff / COUNT:8.1f}  {name}:{place.lineno}")


if __name__ == "__main__":
    asyncio.run(main())
