"""XCAP under attack: refused with a clear status, memory flat, others served (XCP-17)."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.processes import LOOPBACK, TRUSTING, Deployment, Running, sqlite_url
from tests.robustness.xcap_attacks import (
    ALICE,
    ATTACKS,
    DOCUMENT,
    LISTS,
    Attack,
    document,
    head,
    put,
)

LIMIT: Final = 15.0
"""Seconds within which each attack has its answer."""
GROWTH: Final = 12_000_000
"""Octets by which memory may grow while all attacks come for the third time."""
SLOW: Final = 300
"""Clients that send half a body and then nothing."""
FLOOD: Final = 5_000
"""Requests of one connection that are sent before an answer is read."""
GOOD: Final = document('<list name="friends"><entry uri="sip:bob@example.com"/></list>')
TROUBLE: Final = re.compile(r".*(?:Traceback|\blevel=(?:error|critical)\b).*")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("hostile")
    deployment = Deployment(folder, sqlite_url(folder), TRUSTING)
    deployment.prepare({"alice": "wonderland"})
    with deployment.serving() as running:
        yield running


@pytest.fixture
async def port(server: Running) -> AsyncIterator[int]:
    """That of a server where alice has a list; afterwards it must be as well as before."""
    port = int(server.http.rpartition(":")[2].partition("/")[0])
    assert status(await exchange(port, put(DOCUMENT, LISTS, GOOD))) in (200, 201)
    yield port
    assert status(await exchange(port, [head("GET", DOCUMENT)])) == 200
    assert TROUBLE.findall(server.log) == []


async def exchange(port: int, pieces: object) -> bytes:
    """Send as much as the server takes; all that comes back."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    sending = asyncio.create_task(send(writer, pieces))
    got = bytearray()
    with suppress(ConnectionError):
        async with asyncio.timeout(LIMIT):
            while data := await reader.read(65536):
                got += data
    sending.cancel()
    writer.close()
    return bytes(got)


async def send(writer: asyncio.StreamWriter, pieces: object) -> None:
    assert isinstance(pieces, (list, tuple))
    with suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()


def status(response: bytes) -> int:
    """That of the one response there is."""
    assert response.startswith(b"HTTP/1."), response[:200]
    return int(response.split(b" ", 2)[1])


def memory(running: Running) -> int:
    """Octets of the process that are its own (PSS)."""
    rollup = Path(f"/proc/{running.pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_it_is_refused_with_a_clear_status(port: int, attack: Attack) -> None:
    """RFC 4825 §8.2.2, §11; RFC 9110 §15.5; and nothing of it is kept, nor anything read for it."""
    response = await exchange(port, attack.pieces)
    assert status(response) in attack.statuses, response[:500]
    assert b"root:" not in response
    assert len(response) < 10_000


async def test_memory_stays_flat(server: Running, port: int) -> None:
    """All of it twice to fill what is cached, and once more."""
    sizes = []
    for _ in range(3):
        for attack in ATTACKS:
            await exchange(port, attack.pieces)
        sizes.append(memory(server))
    print(f"\nPSS after each round, KB: {[size // 1024 for size in sizes]}")
    assert sizes[2] - sizes[1] < GROWTH, sizes


async def test_many_slow_bodies_keep_nobody_waiting(server: Running, port: int) -> None:
    """RFC 9112 §9.5; they are bounded in time as well, see test_http_listener."""
    begun = put(DOCUMENT, LISTS, GOOD)
    writers = []
    for _ in range(SLOW):
        _, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(begun[0] + begun[1][:20])
        writers.append(writer)
    async with asyncio.timeout(LIMIT):
        for _ in range(20):
            assert status(await exchange(port, [head("GET", DOCUMENT)])) == 200
    for writer in writers:
        writer.close()


async def test_a_flood_of_pipelined_requests_is_answered_piece_by_piece(
    server: Running, port: int
) -> None:
    """RFC 9112 §9.3.2: what is not answered yet is not read, so nothing piles up."""
    before = memory(server)
    one = head("GET", DOCUMENT).replace(b"Connection: close\r\n", b"")
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    sending = asyncio.create_task(send(writer, [one] * FLOOD))
    others = [status(await exchange(port, [head("GET", DOCUMENT)])) for _ in range(5)]
    answered = 0
    async with asyncio.timeout(LIMIT):
        while answered < FLOOD:
            answered += (await reader.readuntil(b"</resource-lists>")).count(b"HTTP/1.1 200 ")
    await sending
    writer.close()
    assert others == [200] * 5
    assert memory(server) - before < GROWTH


async def test_what_was_refused_was_not_written(server: Running, port: int) -> None:
    """There is still one document of alice's, as it was."""
    directory = f"/xcap-root/org.openmobilealliance.xcap-directory/users/{ALICE}/directory.xml"
    listing = await exchange(port, [head("GET", directory)])
    assert status(listing) == 200
    assert listing.count(b"<entry ") == 1
