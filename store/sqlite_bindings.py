"""Bindings on SQLite. Shell."""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Final

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert

from store.operations import WriteBindings
from store.outcomes import BindingsChanged, BindingsOutcome, BindingsWritten
from store.rows import binding_of, check_at, pack_details, sets_of
from store.sqlite_statement import ONE, ZERO, compiled, given, taken, values
from store.sqlite_thread import SqliteThread
from store.tables import bindings, registrations
from store.values import Binding, BindingSet

_b, _r = bindings.c, registrations.c

BEGIN: Final = compiled(
    insert(registrations)
    .values({**taken("aor", "active_at"), "version": ONE})
    .on_conflict_do_nothing()
    .returning(_r.version)
)
RAISE: Final = compiled(
    update(registrations)
    .values(version=_r.version + ONE, active_at=func.max(_r.active_at, given("active_at")))
    .where(_r.aor == given("aor"), _r.version == given("expected"))
    .returning(_r.version)
)
PUT: Final = compiled(
    insert(bindings)
    .values(taken("aor", "contact", "expires_at", "check_at", "details"))
    .on_conflict_do_update(
        index_elements=("aor", "contact"),
        set_={
            **taken("expires_at", "details"),
            "check_at": func.min(_b.check_at, given("check_at")),
        },
    )
)
REMOVE: Final = compiled(
    delete(bindings).where(_b.aor == given("aor"), _b.contact == given("contact"))
)
READ: Final = compiled(
    select(_r.aor, _r.version, _b.contact, _b.expires_at, _b.details, _r.active_at)
    .select_from(
        registrations.outerjoin(bindings, (_b.aor == _r.aor) & (_b.expires_at > given("now")))
    )
    .where(_r.aor == given("aor"))
)
AFTER: Final = compiled(
    select(_b.aor, _b.contact, _b.expires_at, _b.details)
    .where(tuple_(_b.aor, _b.contact) > tuple_(given("aor"), given("contact")))
    .order_by(_b.aor, _b.contact)
    .limit(given("limit"))
    .offset(ZERO)
)


class SqliteBindings:
    """Writes and reads bindings."""

    def __init__(self, writer: SqliteThread, reader: SqliteThread) -> None:
        self._writer = writer
        self._reader = reader

    async def write(self, ops: Sequence[WriteBindings]) -> list[BindingsOutcome]:
        """Write a batch."""
        return await self._writer.run(lambda connection: [_write(connection, op) for op in ops])

    async def read(self, aors: Sequence[str], now: float) -> dict[str, BindingSet]:
        """Return version and live bindings of each AoR."""
        return await self._reader.run(lambda connection: _read(connection, aors, now))

    async def after(self, aor: str, key: str, limit: int) -> list[tuple[str, Binding]]:
        """Return the next `limit` bindings in the order of AoR and key."""
        arguments = values(aor=aor, contact=key, limit=limit)
        rows = await self._reader.run(
            lambda connection: connection.execute(AFTER, arguments).fetchall()
        )
        return [(row[0], binding_of(*row[1:])) for row in rows]


def _write(connection: Connection, op: WriteBindings) -> BindingsOutcome:
    claim = RAISE if op.expected_version else BEGIN
    arguments = values(aor=op.aor, expected=op.expected_version, active_at=op.active_at)
    row = connection.execute(claim, arguments).fetchone()
    if row is None:
        return BindingsChanged(_read(connection, [op.aor], op.now)[op.aor])
    connection.executemany(PUT, [_binding(op.aor, binding) for binding in op.put])
    connection.executemany(REMOVE, [values(aor=op.aor, contact=gone) for gone in op.remove])
    return BindingsWritten(row[0])


def _binding(aor: str, binding: Binding) -> dict[str, object]:
    return values(
        aor=aor,
        contact=binding.key,
        expires_at=binding.expires_at,
        check_at=check_at(binding.expires_at),
        details=pack_details(binding),
    )


def _read(connection: Connection, aors: Sequence[str], now: float) -> dict[str, BindingSet]:
    rows = [
        row for aor in aors for row in connection.execute(READ, values(aor=aor, now=now)).fetchall()
    ]
    return sets_of(aors, rows)
