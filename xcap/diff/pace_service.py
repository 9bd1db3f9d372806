"""A little work in each turn of the event loop, whoever asks for it. Shell.

Many subscriptions may have something to find out at the same time, each of it short. They go
one after the other, and after SHARE the loop gets a turn for everything else: nobody waits for
longer than that and the longest piece, which `CHAIN_STEPS` and the limits of documents bound.
"""

import asyncio
from typing import Final

SHARE: Final = 0.004
"""Seconds."""


class Pace:
    """A line of those who work; the first to ask is the first to go on."""

    def __init__(self) -> None:
        self._line = asyncio.Lock()
        self._began = 0.0
        """When the present turn of the loop was taken, by the loop's clock."""

    async def turn(self) -> None:
        """Return when the caller may go on, until it waits for something."""
        async with self._line:
            clock = asyncio.get_running_loop().time
            if clock() - self._began > SHARE:
                await asyncio.sleep(0)
                self._began = clock()
