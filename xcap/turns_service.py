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
import time
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

    def turn(self, key: DocumentKey) -> "Turn":
        """To be waited for with `async with`, in the line of document `key`."""
        return Turn(self._lines, key)


class Turn:
    """One writer's turn; a class, since a generator would cost as much as half of the rest."""

    __slots__ = ("_began", "_key", "_line", "_lines")

    def __init__(self, lines: dict[DocumentKey, Line], key: DocumentKey) -> None:
        self._lines = lines
        self._key = key
        self._began = 0.0

    async def __aenter__(self) -> Line:
        """Wait until all who came earlier are done. Raises Busy (503)."""
        line = self._line = self._lines.setdefault(self._key, Line())
        if line.writers > MAX_WAITING:
            raise Busy("too many writers wait for this document", RETRY_AFTER)
        line.writers += 1
        try:
            await line.lock.acquire()
        except BaseException:
            self._leave()
            raise
        if line.turns:
            await self._give_way()
        self._began = time.monotonic()
        return line

    async def __aexit__(self, *_: object) -> None:
        line = self._line
        line.seconds = time.monotonic() - self._began
        line.turns += 1
        line.lock.release()
        self._leave()

    async def _give_way(self) -> None:
        try:
            await self._line.give_way()
        except BaseException:
            self._line.lock.release()
            self._leave()
            raise

    def _leave(self) -> None:
        self._line.writers -= 1
        if not self._line.writers:
            del self._lines[self._key]
