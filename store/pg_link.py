"""One PostgreSQL connection of a lane: prepared statements, errors named, reconnects. Shell."""

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any, Final

import asyncpg

from store.backoff import Backoff
from store.errors import StoreDuplicate, StoreRefused, StoreUnavailable
from store.pg_statement import Statement
from store.stats import StoreStats

CONNECT_TIMEOUT: Final = 5.0
COMMAND_TIMEOUT: Final = 10.0
"""Seconds after which a statement, or the connection, counts as lost: two in a row and a
new connection are through before a SIP client gives up (RFC 3261 §17.1.2.2, timer F)."""
ATTEMPTS: Final = 5
"""Tries of a statement that lost a deadlock or a serialization race."""

SETTINGS: Final[Mapping[str, str]] = {
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}
"""Plans by index, the same for all arguments: planning costs more than executing."""

PLANS_LAST: Final = 5.0
"""Seconds. A plan made for a table of a few rows may read all of it, and tables grow."""

LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InternalClientError,
    asyncpg.ReadOnlySQLTransactionError,
)
RACED: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
REFUSED: Final = (asyncpg.PostgresError, asyncpg.DataError, UnicodeError)


class Link:
    """A connection that is made when first needed and made anew when lost."""

    def __init__(
        self,
        dsn: str,
        *,
        name: str,
        stats: StoreStats,
        settings: Mapping[str, str] = SETTINGS,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._dsn = dsn
        self._settings = {"application_name": name, **settings}
        self._stats = stats
        self._attempts = attempts
        self._backoff = Backoff()
        self._was_connected = False
        self._turn = asyncio.Lock()
        self._connection: asyncpg.Connection[Any] | None = None
        self._prepared: dict[str, Any] = {}
        self._numbers = itertools.count(1)
        self._executed = 0
        self._planned_at = 0.0

    async def fetch(self, statement: Statement, arguments: Mapping[str, object]) -> list[Any]:
        """Run `statement` with `arguments` by name, as one transaction; return its rows.

        Raises `StoreUnavailable` when the connection is lost or not to be had,
        `StoreRefused` when the database does not take the values.
        """
        values = tuple([arguments[name] for name in statement.parameters])
        async with self._turn:
            for attempt in range(1, self._attempts + 1):
                prepared = self._prepared.get(statement.sql) or await self._prepare(statement)
                try:
                    await self._renew_plans()
                    rows: list[Any] = await prepared.fetch(*values)
                except RACED:
                    if attempt == self._attempts:
                        raise StoreUnavailable("lost too many races in a row") from None
                except LOST as error:
                    self._drop()
                    raise StoreUnavailable(f"connection lost: {error}", written=None) from error
                except asyncpg.UniqueViolationError as error:
                    raise StoreDuplicate(str(error)) from error
                except REFUSED as error:
                    raise StoreRefused(str(error)) from error
                else:
                    return rows
        raise AssertionError("every attempt returns or raises")

    async def connect(self) -> "asyncpg.Connection[Any]":
        """Return the live connection; raises `StoreUnavailable`, at once while backing off."""
        connection = self._connection
        if connection is not None and not connection.is_closed():
            return connection
        self._drop()
        loop = asyncio.get_running_loop()
        if not self._backoff.may_try(loop.time()):
            raise StoreUnavailable("the database does not answer; trying again soon")
        try:
            self._connection = await asyncpg.connect(
                self._dsn,
                timeout=CONNECT_TIMEOUT,
                command_timeout=COMMAND_TIMEOUT,
                statement_cache_size=0,
                server_settings=self._settings,
            )
        except (*LOST, asyncpg.PostgresError, ValueError) as error:
            self._backoff.failed(loop.time())
            raise StoreUnavailable(f"cannot connect to the database: {error}") from error
        self._connection.add_termination_listener(self._terminated)
        self._stats.reconnects += self._was_connected
        self._was_connected = True
        self._backoff.succeeded()
        return self._connection

    async def close(self) -> None:
        """Disconnect; a later call connects again."""
        async with self._turn:
            connection, self._connection = self._connection, None
            self._prepared.clear()
            if connection is not None and not connection.is_closed():
                try:
                    await connection.close(timeout=CONNECT_TIMEOUT)
                except LOST:
                    connection.terminate()

    async def _prepare(self, statement: Statement) -> Any:
        """Prepare under a name: one without would be planned anew by each execution."""
        connection = await self.connect()
        try:
            prepared = await connection.prepare(statement.sql, name=f"s{next(self._numbers)}")
        except LOST as error:
            self._drop()
            raise StoreUnavailable(f"connection lost: {error}") from error
        self._prepared[statement.sql] = prepared
        return prepared

    async def _renew_plans(self) -> None:
        """Have the next executions planned anew, when tables may have grown much.

        That is after a while, and whenever as many statements were executed again: until
        then a table has grown little beyond what this connection put in before.
        """
        self._executed += 1
        now = asyncio.get_running_loop().time()
        if self._executed & (self._executed - 1) and now < self._planned_at + PLANS_LAST:
            return
        self._planned_at = now
        if self._connection is not None:
            await self._connection.execute("DISCARD PLANS")

    def _terminated(self, connection: object) -> None:
        """An idle connection ended: the next statement goes by a new one, and fails nobody."""
        if connection is self._connection:
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._prepared.clear()
        self._executed = 0
        if connection is not None and not connection.is_closed():
            connection.terminate()
