"""One SQLite connection and the thread that owns it: group commit across lanes. Shell.

The standard library's sqlite3 in a thread of our own, not aiosqlite: that hands each
statement over by itself, which was measured at 200 us per durable write in place of 50.
Here a whole batch is one call in the thread, and all batches that wait when the thread
comes round share one transaction and its fsync.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, TypeVar

from store.errors import StoreError, StoreRefused, StoreUnavailable

BUSY_TIMEOUT: Final = 5.0
"""Seconds to wait for a command line tool that writes."""
PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA wal_autocheckpoint=20000",
)
"""Durable at each commit; checkpoints are made by another connection, this is the backstop."""
READ: Final = "BEGIN"
WRITE: Final = "BEGIN IMMEDIATE"

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Job:
    """Work for the connection and the future of its caller."""

    work: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]


class SqliteThread:
    """Runs jobs in the order given, together in transactions begun with `begin`."""

    def __init__(self, path: Path, *, begin: str) -> None:
        self._path = path
        self._begin = begin
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = Thread(target=self._main, name=f"sqlite {begin.lower()}", daemon=True)
        self._thread.start()

    def run(self, work: Callable[[sqlite3.Connection], Result]) -> asyncio.Future[Result]:
        """Do `work` with the connection, within a transaction.

        The future raises `StoreUnavailable` when the file cannot be used, and
        `StoreRefused` when it does not take a value; nothing of `work` is then kept.
        """
        future: asyncio.Future[Result] = self._loop.create_future()
        self._jobs.put(Job(work, future))
        return future

    async def stop(self) -> None:
        """Finish what was given, then close the connection."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _main(self) -> None:
        connection: sqlite3.Connection | None = None
        going = True
        while going:
            jobs, going = self._take()
            try:
                connection = connection or _connect(self._path)
                answers = self._transaction(connection, jobs)
            except sqlite3.Error as error:
                answers = [_named(error)] * len(jobs)
                if connection is not None and connection.in_transaction:
                    with suppress(sqlite3.Error):
                        connection.rollback()
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(_deliver, jobs, answers)
        if connection is not None:
            connection.close()

    def _take(self) -> tuple[list[Job], bool]:
        """Wait for a job, and take all that are there; False once no more will come."""
        jobs: list[Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return jobs, True
        return jobs, False

    def _transaction(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> list[Any]:
        answers: list[Any] = []
        if not jobs:
            return answers
        connection.execute(self._begin)
        for job in jobs:
            connection.execute("SAVEPOINT job")
            try:
                answers.append(job.work(connection))
            except Exception as error:  # noqa: BLE001  the job's caller gets it
                connection.execute("ROLLBACK TO job")
                answers.append(_named(error))
            connection.execute("RELEASE job")
        connection.execute("COMMIT")
        return answers


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
    for pragma in PRAGMAS:
        connection.execute(pragma)
    return connection


def _named(error: Exception) -> Exception:
    if isinstance(error, StoreError):
        return error
    if isinstance(error, sqlite3.OperationalError):
        return StoreUnavailable(f"SQLite: {error}")
    if isinstance(error, sqlite3.Error | UnicodeError | OverflowError):
        return StoreRefused(f"SQLite: {error}")
    return error


def _deliver(jobs: Sequence[Job], answers: Sequence[Any]) -> None:
    for job, answer in zip(jobs, answers, strict=True):
        if job.future.done():
            continue
        if isinstance(answer, Exception):
            job.future.set_exception(answer)
        else:
            job.future.set_result(answer)
