"""Grants on SQLite. Shell."""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from store.rows import GRANT_COLUMNS
from store.sqlite_statement import ZERO, compiled, given, taken, values
from store.sqlite_thread import SqliteThread
from store.tables import grants
from store.values import Grant

_g = grants.c
_KEY: Final = GRANT_COLUMNS[:-1]
_COLUMNS: Final[Sequence[Any]] = [_g[name] for name in GRANT_COLUMNS]

READ: Final = compiled(
    select(*_COLUMNS).where(_g.owner == given("owner")).order_by(_g.auid, _g.path, _g.grantee)
)
GRANTED: Final = compiled(
    select(*_COLUMNS)
    .where(_g.grantee == given("grantee"))
    .order_by(_g.owner, _g.auid, _g.path)
    .limit(given("limit"))
    .offset(ZERO)
)
PUT: Final = compiled(
    insert(grants)
    .values(taken(*GRANT_COLUMNS))
    .on_conflict_do_update(index_elements=_KEY, set_=taken("write"))
)
DELETE: Final = compiled(delete(grants).where(*(_g[name] == given(name) for name in _KEY)))


class SqliteGrants:
    """Reads and writes grants."""

    def __init__(self, writer: SqliteThread, reader: SqliteThread) -> None:
        self._writer = writer
        self._reader = reader

    async def read(self, owners: Sequence[str]) -> dict[str, list[Grant]]:
        """Return the grants of each owner, in order."""
        return await self._reader.run(
            lambda connection: {owner: _read(connection, owner) for owner in owners}
        )

    async def granted(self, grantees: Sequence[str], limit: int) -> list[Grant]:
        """Return at most `limit` grants to any of `grantees`, ordered by owner."""
        rows = await self._reader.run(
            lambda connection: [
                row
                for grantee in grantees
                for row in connection.execute(GRANTED, values(grantee=grantee, limit=limit))
            ]
        )
        return [_grant(*row) for row in sorted(rows)[:limit]]

    async def put(self, grant: Grant) -> None:
        """Insert or replace."""
        arguments = values(**grant._asdict())
        await self._writer.run(lambda connection: connection.execute(PUT, arguments))

    async def delete(self, owner: str, auid: str, path: str, grantee: str) -> bool:
        """Delete; False when there was none."""
        arguments = values(owner=owner, auid=auid, path=path, grantee=grantee)
        return await self._writer.run(
            lambda connection: connection.execute(DELETE, arguments).rowcount > 0
        )


def _read(connection: Connection, owner: str) -> list[Grant]:
    rows = connection.execute(READ, values(owner=owner)).fetchall()
    return [_grant(*row) for row in rows]


def _grant(owner: str, auid: str, path: str, grantee: str, write: int) -> Grant:
    return Grant(owner, auid, path, grantee, bool(write))
