"""Credentials and the database's secret on PostgreSQL. Shell.

Changes of credentials are told always, since a command line tool makes them beside
servers that it does not know.
"""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from store.pg_context import PgContext
from store.pg_notify import feed_arguments, told
from store.pg_statement import OCTETS, TEXT, ZERO, Statement, compiled, given, operations
from store.tables import credentials, secrets
from store.values import Credential, Kind

FIELDS = ("aor", "md5", "sha256", "md5_full", "sha256_full")


class PgCredentials:
    """Reads many at a time; writes are rare and share the store's link for rare things."""

    def __init__(self, context: PgContext) -> None:
        self._owner = context.owner
        self._reader = context.link("credentials")
        self._writer = context.link("administration")
        self._reading = read_statement()
        self._writing = write_statement()
        self._deleting = delete_statement()
        self._listing = compiled(select(credentials.c.aor).order_by(credentials.c.aor))
        self._secret = secret_statement()
        self._reading_secret = read_secret_statement()

    async def read(self, aors: Sequence[str]) -> dict[str, Credential | None]:
        """Return the credential of each AoR that has one."""
        found: dict[str, Credential | None] = dict.fromkeys(aors)
        for row in await self._reader.fetch(self._reading, {"op_aor": aors}):
            found[row[0]] = Credential(*row)
        return found

    async def write(self, rows: Sequence[Credential]) -> int:
        """Insert or replace; of several for one AoR the last counts."""
        last = {row.aor: row for row in rows}
        batch = [last[aor] for aor in sorted(last)]
        arguments: dict[str, object] = {
            f"op_{name}": [getattr(row, name) for row in batch] for name in FIELDS
        }
        await self._writer.fetch(self._writing, arguments | feed_arguments(self._owner, last))
        return len(batch)

    async def delete(self, aor: str) -> bool:
        """Delete; False when there was none."""
        arguments = {"aor": aor, **feed_arguments(self._owner, [aor])}
        return bool(await self._writer.fetch(self._deleting, arguments))

    async def list_aors(self) -> list[str]:
        """Return every AoR, in order."""
        return [row[0] for row in await self._writer.fetch(self._listing, {})]

    async def secret(self, candidate: bytes) -> bytes:
        """Return the database's secret, which `candidate` becomes when there is none."""
        name = {"name": "nonce"}
        await self._writer.fetch(self._secret, name | {"value": candidate})
        rows = await self._writer.fetch(self._reading_secret, name)
        return bytes(rows[0][0])


def read_statement() -> Statement:
    """Credentials by AoR."""
    op = operations("op", aor=TEXT)
    columns = (credentials.c[name] for name in FIELDS)
    return compiled(select(*columns).join_from(op, credentials, credentials.c.aor == op.c.aor))


def write_statement() -> Statement:
    """Insert or replace many, and tell the feed."""
    op = operations("op", aor=TEXT, md5=TEXT, sha256=TEXT, md5_full=TEXT, sha256_full=TEXT)
    rows = select(*(op.c[name] for name in FIELDS)).order_by(op.c.n)
    statement = insert(credentials).from_select(FIELDS, rows)
    new = {name: statement.excluded[name] for name in FIELDS[1:]}
    upsert = statement.on_conflict_do_update(index_elements=("aor",), set_=new)
    written = upsert.returning(credentials.c.aor).cte("written")
    return compiled(select(told(written, Kind.CREDENTIAL, ZERO, written.c.aor)))


def delete_statement() -> Statement:
    """Delete one, and tell the feed."""
    statement = delete(credentials).where(credentials.c.aor == given("aor", TEXT))
    gone = statement.returning(credentials.c.aor).cte("gone")
    return compiled(select(gone.c.aor, told(gone, Kind.CREDENTIAL, ZERO, gone.c.aor)))


def secret_statement() -> Statement:
    """Keep a secret unless there is one."""
    row = select(given("name", TEXT), given("value", OCTETS))
    return compiled(insert(secrets).from_select(("name", "value"), row).on_conflict_do_nothing())


def read_secret_statement() -> Statement:
    """The secret of a name."""
    return compiled(select(secrets.c.value).where(secrets.c.name == given("name", TEXT)))
