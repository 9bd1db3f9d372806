"""Reads that many ask for at once are made once. Shell.

Thousands may follow one document: a change has each of them read the same. Whoever asks joins
only a read that has not begun, so that nobody is given what is older than its question.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Shared(Generic[Key, Value]):
    """`read`, made once for all who ask for a key in one turn of the loop."""

    def __init__(self, read: Callable[[Key], Awaitable[Value]]) -> None:
        self._read = read
        self._waiting: dict[Key, asyncio.Task[Value]] = {}

    async def __call__(self, key: Key) -> Value:
        task = self._waiting.get(key)
        if task is None:
            task = self._waiting[key] = asyncio.create_task(self._begin(key))
        return await asyncio.shield(task)

    async def _begin(self, key: Key) -> Value:
        """Runs after all who ask in this turn have joined."""
        del self._waiting[key]
        return await self._read(key)
