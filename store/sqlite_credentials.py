"""Credentials and the database's secret on SQLite. Shell."""

from collections.abc import Sequence
from dataclasses import asdict
from sqlite3 import Connection
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from store.sqlite_statement import compiled, given, taken, values
from store.sqlite_thread import SqliteThread
from store.tables import credentials, secrets
from store.values import Credential

_HASHES: Final = ("md5", "sha256", "md5_full", "sha256_full")
_c = credentials.c

WRITE: Final = compiled(
    insert(credentials)
    .values(taken("aor", *_HASHES))
    .on_conflict_do_update(index_elements=("aor",), set_=taken(*_HASHES))
)
READ: Final = compiled(
    select(_c.aor, _c.md5, _c.sha256, _c.md5_full, _c.sha256_full).where(_c.aor == given("aor"))
)
DELETE: Final = compiled(delete(credentials).where(_c.aor == given("aor")))
LISTING: Final = compiled(select(_c.aor).order_by(_c.aor))
KEEP_SECRET: Final = compiled(
    insert(secrets).values(taken("name", "value")).on_conflict_do_nothing()
)
SECRET: Final = compiled(select(secrets.c.value).where(secrets.c.name == given("name")))


class SqliteCredentials:
    """Writes and reads credentials."""

    def __init__(self, writer: SqliteThread, reader: SqliteThread) -> None:
        self._writer = writer
        self._reader = reader

    async def read(self, aors: Sequence[str]) -> dict[str, Credential | None]:
        """Return the credential of each AoR that has one."""
        return await self._reader.run(
            lambda connection: {aor: _read(connection, aor) for aor in aors}
        )

    async def write(self, rows: Sequence[Credential]) -> int:
        """Insert or replace; of several for one AoR the last counts."""
        last = {row.aor: values(**asdict(row)) for row in rows}
        await self._writer.run(lambda connection: connection.executemany(WRITE, last.values()))
        return len(last)

    async def delete(self, aor: str) -> bool:
        """Delete; False when there was none."""
        arguments = values(aor=aor)
        return await self._writer.run(
            lambda connection: connection.execute(DELETE, arguments).rowcount > 0
        )

    async def list_aors(self) -> list[str]:
        """Return every AoR, in order."""
        rows = await self._reader.run(lambda connection: connection.execute(LISTING).fetchall())
        return [row[0] for row in rows]

    async def secret(self, candidate: bytes) -> bytes:
        """Return the database's secret, which `candidate` becomes when there is none."""
        return await self._writer.run(lambda connection: _secret(connection, candidate))


def _read(connection: Connection, aor: str) -> Credential | None:
    row = connection.execute(READ, values(aor=aor)).fetchone()
    return None if row is None else Credential(*row)


def _secret(connection: Connection, candidate: bytes) -> bytes:
    arguments = values(name="nonce", value=candidate)
    connection.execute(KEEP_SECRET, arguments)
    [secret] = connection.execute(SECRET, arguments).fetchone()
    return bytes(secret)
