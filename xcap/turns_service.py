"""One writer after the other for each document, within this process. Shell.

Two writers of one node could both begin with the same version, and then one of them would
have to begin again; here the second waits. Writers of other processes are not seen: for
them the store compares the entity-tag.

Of two processes that both have a line for one document, the one that wrote last would
always be first again, since it has parsed already what the other has yet to read. So whoever
comes next in a line gives way for about as long as a turn takes: each time while others
are seen to write too, and every few turns to find out whether there are any.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from store.values import DocumentKey
from xcap.errors import Busy

MAX_WAITING: Final = 256
"""Writers in line for one document; more are refused."""
RETRY_AFTER: Final = 1
"""Seconds after which somebody who was refused may come back."""
UNSEEN_TURNS: Final = 8
"""Turns after which one gives way although no others were seen to write."""
PARSING: Final = 1.5
"""How much longer a turn takes those who have to parse what was written."""
LONGEST_WAY: Final = 0.05
"""Seconds for which one gives way at most."""


class Line:
    """The writers of one document, of whom the first has the turn."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.writers = 0
        self.turns = 0
        self.seconds = 0.0
        """That the last turn took."""
        self.rivals = False
        """Whether another process wrote since the turn before."""

    async def give_way(self) -> None:
        """Let another process go first, if there is one."""
        if self.rivals or self.turns % UNSEEN_TURNS == 0:
            await asyncio.sleep(min(self.seconds * PARSING, LONGEST_WAY))


class Turns:
    """The lines of writers, by document; only those in which somebody is."""

    def __init__(self) -> None:
        self._lines: dict[DocumentKey, Line] = {}

    @asynccontextmanager
    async def turn(self, key: DocumentKey) -> AsyncIterator[Line]:
        """Wait for the turn in the line of document `key`. Raises Busy (503)."""
        line = self._lines.setdefault(key, Line())
        if line.writers > MAX_WAITING:
            raise Busy("too many writers wait for this document", RETRY_AFTER)
        line.writers += 1
        try:
            async with line.lock:
                if line.turns:
                    await line.give_way()
                began = _now()
                yield line
                line.seconds = _now() - began
        finally:
            line.turns += 1
            line.writers -= 1
            if not line.writers:
                del self._lines[key]


def _now() -> float:
    return asyncio.get_running_loop().time()
