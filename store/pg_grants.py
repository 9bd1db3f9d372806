"""Grants on PostgreSQL. Shell.

They are told always, since command line tools and processes that serve nobody make them.
"""

from collections.abc import Sequence

from sqlalchemy import Boolean, delete, select
from sqlalchemy.dialects.postgresql import insert

from store.pg_context import PgContext
from store.pg_notify import feed_arguments, told
from store.pg_statement import TEXT, WHOLE, ZERO, Statement, compiled, given, operations
from store.rows import GRANT_COLUMNS
from store.tables import grants
from store.values import Grant, Kind

KEY = GRANT_COLUMNS[:-1]


class PgGrants:
    """Reads many at a time; writes are rare."""

    def __init__(self, context: PgContext) -> None:
        self._owner = context.owner
        self._reader = context.link("grant reads")
        self._reading = read_statement()
        self._granted = granted_statement()
        self._putting = put_statement()
        self._deleting = delete_statement()

    async def read(self, owners: Sequence[str]) -> dict[str, list[Grant]]:
        """Return the grants of each owner, in order."""
        found: dict[str, list[Grant]] = {owner: [] for owner in owners}
        for row in await self._reader.fetch(self._reading, {"op_owner": owners}):
            found[row[0]].append(Grant(*row))
        return found

    async def granted(self, grantees: Sequence[str], limit: int) -> list[Grant]:
        """Return at most `limit` grants to any of `grantees`, ordered by owner."""
        arguments = {"op_grantee": grantees, "limit": limit}
        return [Grant(*row) for row in await self._reader.fetch(self._granted, arguments)]

    async def put(self, grant: Grant) -> None:
        """Insert or replace."""
        arguments = grant._asdict() | feed_arguments(self._owner, [grant.owner])
        await self._reader.fetch(self._putting, arguments)

    async def delete(self, owner: str, auid: str, path: str, grantee: str) -> bool:
        """Delete; False when there was none."""
        key = dict(zip(KEY, (owner, auid, path, grantee), strict=True))
        arguments = key | feed_arguments(self._owner, [owner])
        return bool(await self._reader.fetch(self._deleting, arguments))


def read_statement() -> Statement:
    """Grants by owner, in the order of the key."""
    op = operations("op", owner=TEXT)
    g = grants.c
    columns = (g[name] for name in GRANT_COLUMNS)
    rows = select(*columns).join_from(op, grants, g.owner == op.c.owner)
    return compiled(rows.order_by(g.owner, g.auid, g.path, g.grantee))


def granted_statement() -> Statement:
    """Grants by grantee, in the order of the key."""
    op = operations("op", grantee=TEXT)
    g = grants.c
    columns = (g[name] for name in GRANT_COLUMNS)
    rows = select(*columns).join_from(op, grants, g.grantee == op.c.grantee)
    ordered = rows.order_by(g.owner, g.auid, g.path, g.grantee)
    return compiled(ordered.limit(given("limit", WHOLE)))


def put_statement() -> Statement:
    """Insert or replace one, and tell the feed."""
    row = select(*(given(name, TEXT) for name in KEY), given("write", Boolean()))
    statement = insert(grants).from_select(GRANT_COLUMNS, row)
    upsert = statement.on_conflict_do_update(
        index_elements=KEY, set_={"write": statement.excluded.write}
    )
    written = upsert.returning(grants.c.owner).cte("written")
    return compiled(select(told(written, Kind.GRANT, ZERO, written.c.owner)))


def delete_statement() -> Statement:
    """Delete one, and tell the feed."""
    statement = delete(grants).where(*(grants.c[name] == given(name, TEXT) for name in KEY))
    gone = statement.returning(grants.c.owner).cte("gone")
    return compiled(select(gone.c.owner, told(gone, Kind.GRANT, ZERO, gone.c.owner)))
