"""Responses on their way through the operator's routing file, one after the other. Shell."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from proxy.fork_service import Relayed
from proxy.routing import Router
from sip.message import Response

MAX_QUEUED: Final = 100
"""Responses to one request that wait; more are not shown to the file."""

log = structlog.get_logger("proxy")


class ReplyService:
    """Asks the file about each response, in the order they came."""

    def __init__(self, router: Router, send_back: Callable[[Relayed, Response], None]) -> None:
        self._router = router
        self._send_back = send_back
        self._waiting: dict[Relayed, asyncio.Queue[Response | Callable[[], None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def takes(self, relayed: Relayed) -> bool:
        """Whether a response to the request is to be shown to the file, or waits for others."""
        return self._router.wants_replies or relayed in self._waiting

    def waits(self, relayed: Relayed) -> bool:
        """Whether responses to the request are being looked at."""
        return relayed in self._waiting

    def ask(self, relayed: Relayed, response: Response) -> None:
        """Show `response` to the file, then send it back as the file leaves it."""
        self._add(relayed, response)

    def then(self, relayed: Relayed, act: Callable[[], None]) -> None:
        """Call `act` after what waits."""
        self._add(relayed, act)

    def close(self) -> None:
        """Ask no more."""
        for task in self._tasks:
            task.cancel()

    def _add(self, relayed: Relayed, one: Response | Callable[[], None]) -> None:
        queue = self._waiting.get(relayed)
        if queue is None:
            queue = self._waiting[relayed] = asyncio.Queue(MAX_QUEUED)
            task = asyncio.get_running_loop().create_task(self._work(relayed, queue))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            queue.put_nowait(one)
        except asyncio.QueueFull:
            log.warning("reply-dropped", call_id=relayed.passage.request.get("call-id"))

    async def _work(
        self, relayed: Relayed, queue: asyncio.Queue[Response | Callable[[], None]]
    ) -> None:
        try:
            while not queue.empty():
                one = queue.get_nowait()
                if isinstance(one, Response):
                    changed = await self._router.on_reply(one, relayed.passage.request)
                    self._send_back(relayed, changed or one)
                else:
                    self._waiting.pop(relayed, None)
                    one()
        finally:
            self._waiting.pop(relayed, None)
