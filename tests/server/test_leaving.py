"""The end of the process (OPS-08): what does not want to end does not keep it."""

import asyncio
import threading

import structlog

from server.leaving import leave, leave_in

SOON = 0.01


async def test_a_process_with_nothing_left_ends_by_itself() -> None:
    left: list[int] = []
    sleeper = asyncio.ensure_future(asyncio.sleep(60))
    await leave(left.append)
    assert sleeper.cancelled()
    assert left == []


async def test_a_task_that_takes_no_cancel_is_left_behind() -> None:
    left: list[int] = []
    go_on = asyncio.Event()

    async def stubborn() -> None:
        while not go_on.is_set():
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                continue

    task = asyncio.ensure_future(stubborn())
    await asyncio.sleep(0)
    with structlog.testing.capture_logs() as lines:
        await leave(left.append, limit=SOON)
    assert left == [0]
    assert lines[0]["tasks"] == [task.get_name()]
    go_on.set()
    await task


async def test_a_thread_that_waits_is_left_behind() -> None:
    left: list[int] = []
    go_on = threading.Event()
    waiting = asyncio.get_running_loop().run_in_executor(None, go_on.wait)
    await leave(left.append, limit=SOON)
    assert left == [0]
    go_on.set()
    await waiting


async def test_a_drain_has_an_end() -> None:
    """Whatever step is under way."""
    left: asyncio.Queue[int] = asyncio.Queue()
    with structlog.testing.capture_logs() as lines:
        leave_in(0, left.put_nowait)
        assert await left.get() == 0
    assert lines[0]["event"] == "drain-cut-short"
