"""Ends the process also where the operator's routing file does not want to end. Shell."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from typing import Final

import structlog

DRAIN_LIMIT: Final = 9.0
"""Seconds of all steps of a drain together; each has a limit of its own besides."""
LEAVE_LIMIT: Final = 1.0
"""Seconds that cancelled tasks, and then threads, get to end."""

log = structlog.get_logger("server")

Exit = Callable[[int], None]


async def leave(leave_now: Exit = os._exit, *, limit: float = LEAVE_LIMIT) -> None:
    """Cancel every other task and let threads end; what does not is left behind by `leave_now`.

    The loop would wait for both without end: for a task that takes no cancel, and for a thread
    of `asyncio.to_thread` that waits for something.
    """
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    pending = (await asyncio.wait(others, timeout=limit))[1] if others else ()
    if pending or not await _threads_end(limit):
        log.warning("left-behind", tasks=[task.get_name() for task in pending])
        _flush()
        leave_now(0)


def leave_in(seconds: float, leave_now: Exit = os._exit) -> asyncio.TimerHandle:
    """End the process in `seconds`, whatever step of the drain is under way then: nothing that
    was not committed by then was acknowledged."""

    def give_up() -> None:
        log.error("drain-cut-short", seconds=seconds)
        _flush()
        leave_now(0)

    return asyncio.get_running_loop().call_later(seconds, give_up)


def _flush() -> None:
    for handler in logging.getLogger().handlers:
        handler.flush()
    sys.stdout.flush()
    sys.stderr.flush()


async def _threads_end(limit: float) -> bool:
    ending = asyncio.ensure_future(asyncio.get_running_loop().shutdown_default_executor())
    return bool((await asyncio.wait((ending,), timeout=limit))[0])
