"""XCAP requests about one contact in lists of several lengths, over HTTP.

Every user has a list of its own; each request of a phase is about one entry of one list. The
phases of a length: `get`, `replace`, `add`, `delete`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final

import aiohttp

from tests.bench.bench_xml import contacts
from tests.processes import DOMAIN
from tests.rawxcap import Answer, XcapClient

LENGTHS: Final = (10, 100, 1000)
"""Entries of a list; one has about 100 octets."""
USERS: Final = 32
WINDOW: Final = 16
"""Requests in flight."""
ELEMENT: Final = "application/xcap-el+xml"


@dataclass(slots=True)
class ListLoad:
    """Lists of one length, of one session."""

    session: aiohttp.ClientSession
    root: str
    length: int

    async def fill(self) -> None:
        """Put the lists."""
        for user in range(USERS):
            client, path = self._client(user), self._document(user)
            answer = await client.put(path, contacts(0, self.length))
            assert answer.status == 201, answer

    @property
    def phases(self) -> dict[str, Callable[[int], Awaitable[Answer]]]:
        """What one request of a phase is, given its number."""
        return {
            "get": lambda number: self._client(number).get(self._entry(number, "p")),
            "replace": lambda number: self._put(number, "p"),
            "add": lambda number: self._put(number, "new"),
            "delete": lambda number: self._client(number).delete(self._entry(number, "new")),
        }

    async def run(self, request: Callable[[int], Awaitable[Answer]], count: int) -> int:
        """Send `count` requests, WINDOW in flight; how many were answered 200 or 201."""
        numbers = iter(range(count))
        return sum(await asyncio.gather(*(self._worker(request, numbers) for _ in range(WINDOW))))

    async def _worker(
        self, request: Callable[[int], Awaitable[Answer]], numbers: Iterator[int]
    ) -> int:
        passed = 0
        for number in numbers:
            answer = await request(number)
            passed += answer.status in (200, 201)
        return passed

    async def _put(self, number: int, kind: str) -> Answer:
        name = self._name(number, kind)
        body = f'<entry uri="{name}"><display-name>{number}</display-name></entry>'
        path = self._entry(number, kind)
        return await self._client(number).put(path, body.encode(), ELEMENT)

    def _client(self, number: int) -> XcapClient:
        return XcapClient(self.session, self.root, asserted=self._owner(number))

    def _owner(self, number: int) -> str:
        return f"sip:u{number % USERS}x{self.length}@{DOMAIN}"

    def _document(self, number: int) -> str:
        return f"resource-lists/users/{self._owner(number)}/index"

    def _entry(self, number: int, kind: str) -> str:
        entry = f"list%5B@name=%22friends%22%5D/entry%5B@uri=%22{self._name(number, kind)}%22%5D"
        return f"{self._document(number)}/~~/resource-lists/{entry}"

    def _name(self, number: int, kind: str) -> str:
        """Of an entry that is there, or of one for each request."""
        return f"sip:{kind}{number % self.length if kind == 'p' else number:06d}@{DOMAIN}"
