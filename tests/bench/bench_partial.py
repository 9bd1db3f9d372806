"""What partial notification spares on the wire and costs in the process (RFC 5263).

    .venv/bin/python tests/bench/bench_partial.py

Octets of the NOTIFY that tells one change in a presence document of four tuples, one for each
device of a user, to a watcher of whole documents and to one of partial documents; then
microseconds of process CPU time for each of 1,000 such watchers, best of several rounds. No
sockets and no database: the NOTIFYs are those that would be sent.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable

from presence.config import PresenceConfig
from presence.packages.presence import presence_package
from presence.partial.package import with_partial
from tests.presence.fakes import FakeFlow, House, publish_request, subscribe_request

WATCHERS = 1000
ROUNDS = 7
PLAIN = "Accept: application/pidf+xml"
PARTIAL = "Accept: application/pidf+xml;q=0.5, application/pidf-diff+xml"
DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"\
 xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:alice@example.com">{}
</presence>
"""
TUPLE = """
 <tuple id="t00000{device}">
  <status><basic>{basic}</basic></status>
  <rpid:user-input idle-threshold="600">active</rpid:user-input>
  <contact priority="0.{device}">sip:alice@192.0.2.1{device}:5060</contact>
  <note>device number {device}</note>
  <timestamp>2026-01-01T12:00:00Z</timestamp>
 </tuple>"""


class Bench:
    """An event server with watchers on TCP, and the entity-tags of its publishers."""

    def __init__(self) -> None:
        package = with_partial(presence_package(min_interval=0.0))
        config = PresenceConfig(max_subscriptions_per_watcher=10 * WATCHERS)
        self.house = House(packages={"presence": package}, config=config)
        self.house.endpoint.flow = FakeFlow("TCP")
        self._tags: dict[str, str] = {}

    async def publish(self, publisher: str, body: str) -> None:
        tag = self._tags.get(publisher)
        more = (f"SIP-If-Match: {tag}",) if tag else ()
        tx = await self.house.publish(publish_request(body.encode(), *more))
        self._tags[publisher] = tx.headers["SIP-ETag"]


Change = Callable[[Bench, int], Awaitable[None]]
"""Makes one change; they are numbered, and the first makes the document."""


def basic(device: int, number: int) -> str:
    """The second device is open and closed in turn."""
    return "closed" if device == 2 and number % 2 else "open"


async def one_publisher(bench: Bench, number: int) -> None:
    """Publishes all four tuples, the second of which changes."""
    tuples = (TUPLE.format(device=n, basic=basic(n, number)) for n in range(1, 5))
    await bench.publish("all", DOCUMENT.format("".join(tuples)))


async def four_publishers(bench: Bench, number: int) -> None:
    """Publish a tuple each; one of them changes it."""
    for device in (2,) if number else range(1, 5):
        piece = TUPLE.format(device=device, basic=basic(device, number))
        await bench.publish(str(device), DOCUMENT.format(piece))


async def octets(change: Change, accept: str) -> tuple[int, int]:
    """Of the NOTIFY that tells one change: message and body."""
    bench = Bench()
    await change(bench, 0)
    await bench.house.subscribe(subscribe_request(accept))
    bench.house.endpoint.take()
    await change(bench, 1)
    (sent,) = bench.house.endpoint.take()
    return len(sent.data), len(sent.body)


async def cost(accept: str) -> float:
    """Microseconds of each of WATCHERS for one change, without what the PUBLISH itself takes."""
    bench = Bench()
    await one_publisher(bench, 0)
    alone = min([await timed(bench, number) for number in range(1, ROUNDS + 1)])
    for watcher in range(WATCHERS):
        await bench.house.subscribe(
            subscribe_request(accept, call_id=f"s{watcher}@b", from_tag=f"w{watcher}")
        )
    together = min([await timed(bench, number) for number in range(ROUNDS + 1, 2 * ROUNDS + 1)])
    return (together - alone) / WATCHERS * 1e6


async def timed(bench: Bench, number: int) -> float:
    gc.collect()
    started = time.process_time()
    await one_publisher(bench, number)
    taken = time.process_time() - started
    bench.house.endpoint.take()
    return taken


async def main() -> None:
    print(f"{'one change in four tuples':34}{'NOTIFY':>10}{'body':>8}")
    for change in (one_publisher, four_publishers):
        name = change.__name__.replace("_", " ")
        whole, partial = await octets(change, PLAIN), await octets(change, PARTIAL)
        print(f"{name + ', whole document':34}{whole[0]:10}{whole[1]:8}")
        print(f"{name + ', partial':34}{partial[0]:10}{partial[1]:8}")
        print(f"{'':34}{partial[0] / whole[0]:10.0%}{partial[1] / whole[1]:8.0%}")
    for name, accept in (("whole", PLAIN), ("partial", PARTIAL)):
        print(f"{name} document, {WATCHERS} watchers: {await cost(accept):.1f} us each")


if __name__ == "__main__":
    asyncio.run(main())
