"""Responses on their way through the operator's routing file, one after the other. Shell."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from proxy.fork_service import Relayed
from proxy.routing import Router
from sip.message import Response

FIRST_FINAL: Final = 200
FIRST_FAILURE: Final = 300
MAX_PROVISIONAL: Final = 100
"""What may wait for one request when a provisional response comes; more of those are dropped."""
MAX_SUCCESSES: Final = 2 * MAX_PROVISIONAL
"""The same for a 2xx, of which an INVITE may have many (RFC 3261 §16.7 step 5): whoever sent it
sends it again. Any other final response is the only one, and always waits."""

log = structlog.get_logger("proxy")

_One = Response | Callable[[], None]


class ReplyService:
    """Asks the file about each response, in the order they came."""

    def __init__(self, router: Router, send_back: Callable[[Relayed, Response], None]) -> None:
        self._router = router
        self._send_back = send_back
        self._waiting: dict[Relayed, deque[_One]] = {}
        """The first of each is the one that the file is asked about."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def waiting(self) -> frozenset[Relayed]:
        """Requests whose responses are being looked at."""
        return frozenset(self._waiting)

    def takes(self, relayed: Relayed) -> bool:
        """Whether a response to the request is to be shown to the file, or waits for others."""
        return not self._closed and (self._router.wants_replies or relayed in self._waiting)

    def waits(self, relayed: Relayed) -> bool:
        """Whether responses to the request are being looked at."""
        return relayed in self._waiting

    def ask(self, relayed: Relayed, response: Response) -> None:
        """Show `response` to the file, then send it back as the file leaves it."""
        if len(self._waiting.get(relayed, ())) < _room_for(response):
            self._add(relayed, response)
        else:
            log.warning(
                "reply-dropped", status=response.status,
                call_id=relayed.passage.request.get("call-id"),
            )  # fmt: skip

    def then(self, relayed: Relayed, act: Callable[[], None]) -> None:
        """Call `act` after what waits."""
        self._add(relayed, act)

    async def settle(self) -> None:
        """Wait until what waits now went back."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def close(self) -> None:
        """Ask no more; what waits goes back as it came."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        while self._waiting:
            relayed, queue = self._waiting.popitem()
            for one in queue:
                self._let_go(relayed, one)

    def _add(self, relayed: Relayed, one: _One) -> None:
        queue = self._waiting.get(relayed)
        if queue is not None:
            queue.append(one)
            return
        queue = self._waiting[relayed] = deque((one,))
        task = asyncio.get_running_loop().create_task(self._work(relayed, queue))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, relayed: Relayed, queue: deque[_One]) -> None:
        request = relayed.passage.request
        while queue:
            one = queue[0]
            if isinstance(one, Response):
                one = await self._router.on_reply(one, request) or one
            queue.popleft()
            self._let_go(relayed, one)
        self._waiting.pop(relayed, None)

    def _let_go(self, relayed: Relayed, one: _One) -> None:
        """Send one back; what goes wrong with it is no reason to keep the next."""
        try:
            if isinstance(one, Response):
                self._send_back(relayed, one)
            else:
                one()
        except Exception as error:
            call_id = relayed.passage.request.get("call-id")
            log.error("reply-failed", exc_info=error, call_id=call_id)


def _room_for(response: Response) -> float:
    """How many may wait already for `response` to wait as well."""
    if response.status < FIRST_FINAL:
        return MAX_PROVISIONAL
    return MAX_SUCCESSES if response.status < FIRST_FAILURE else float("inf")
