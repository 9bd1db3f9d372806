"""RFC 4825 §7.11, XCP-02: many clients add to one list at once, over HTTP, at real servers.

On PostgreSQL there are two processes that share it, with half of the clients at each; on SQLite
there is one. Every entry that was answered 201 is there at the end, once.
"""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.processes import TRUSTING, Deployment, sqlite_url
from tests.rawxcap import XcapClient

CLIENTS: Final = 16
MANY: Final = 100
SOME: Final = 25
"""Entries that each client adds."""
FIRST_PAUSE: Final = 0.005
LONGEST_PAUSE: Final = 0.1
"""Seconds, at most, that a client waits after a 412: all of them coming back at once is no use."""
OWNER: Final = "sip:alice@example.com"
DOCUMENT: Final = f"resource-lists/users/{OWNER}/index"
ENTRY: Final = f"{DOCUMENT}/~~/resource-lists/list/entry%5B@uri=%22sip:{{}}@example.com%22%5D"
EMPTY: Final = (
    b'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">'
    b'<list name="all"></list></resource-lists>'
)
ELEMENT: Final = "application/xcap-el+xml"
URI: Final = re.compile(rb'<entry uri="sip:(c\d+-\d+)@example.com"/>')

Add = Callable[[XcapClient, str], Awaitable[int]]
"""Adds one entry; how many times it had to ask."""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def roots(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[str]]:
    """XCAP roots of the servers that share one database."""
    url, count = sqlite_url(tmp_path), 1
    if request.param == "postgres":
        url, count = str(request.getfixturevalue("postgres_dsn")), 2
    servers = [Deployment(tmp_path / str(n), url, TRUSTING) for n in range(count)]
    servers[0].prepare()
    with ExitStack() as running:
        yield [running.enter_context(server.serving()).http for server in servers]


def entry(name: str) -> bytes:
    return f'<entry uri="sip:{name}@example.com"/>'.encode()


async def add_matching(client: XcapClient, name: str) -> int:
    """Add an entry to the version that was read, or read again (§7.11)."""
    for attempt in range(1, CLIENTS * MANY):
        etag = (await client.ask("HEAD", DOCUMENT)).etag
        answer = await client.put(ENTRY.format(name), entry(name), ELEMENT, if_match=etag)
        if answer.status != 412:
            assert answer.status == 201, answer
            return attempt
        await asyncio.sleep(random.uniform(0, min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE)))
    raise AssertionError(f"{name} never won")


async def add_at_once(client: XcapClient, name: str) -> int:
    """Add an entry whatever the version is: the server begins again when it loses."""
    answer = await client.put(ENTRY.format(name), entry(name), ELEMENT)
    assert answer.status == 201, answer
    return 1


async def add_all(client: XcapClient, names: list[str], add: Add) -> int:
    return sum([await add(client, name) for name in names])


@pytest.mark.parametrize("add", [add_matching, add_at_once])
async def test_nothing_is_lost_and_nothing_doubled(
    roots: list[str], add: Add, capsys: pytest.CaptureFixture[str]
) -> None:
    """16 clients that show the tag, with 100 entries each at two processes, or show none."""
    count = MANY if add is add_matching and len(roots) > 1 else SOME
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CLIENTS)) as session:
        clients = [
            XcapClient(session, roots[number % len(roots)], asserted=OWNER)
            for number in range(CLIENTS)
        ]
        assert (await clients[0].put(DOCUMENT, EMPTY)).status == 201
        began = asyncio.get_running_loop().time()
        names = [[f"c{number}-{entry}" for entry in range(count)] for number in range(CLIENTS)]
        asked = await asyncio.gather(
            *(add_all(client, mine, add) for client, mine in zip(clients, names, strict=True))
        )
        seconds = asyncio.get_running_loop().time() - began
        with capsys.disabled():
            print(f"\n{add.__name__}: {sum(asked)} PUTs in {seconds:.1f} s")
        body = (await clients[-1].get(DOCUMENT)).body
    found = Counter(name.decode() for name in URI.findall(body))
    assert found == Counter(chain.from_iterable(names))
