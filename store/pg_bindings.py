"""Bindings on PostgreSQL: an AoR's version is compared and raised with its bindings. Shell.

Each mix of kinds in a batch has a statement of its own, as that of publications has.
"""

from collections.abc import Sequence
from enum import Flag, auto
from functools import cache
from typing import Any

from sqlalchemy import CTE, and_, delete, func, select, union_all, update
from sqlalchemy.dialects.postgresql import insert

from store.operations import WriteBindings
from store.outcomes import BindingsChanged, BindingsOutcome, BindingsWritten
from store.pg_context import PgContext
from store.pg_link import Link
from store.pg_notify import feed_arguments, told
from store.pg_statement import (
    INSTANT,
    ONE,
    TEXT,
    WHOLE,
    ZERO,
    Statement,
    compiled,
    given,
    operations,
)
from store.rows import check_at, pack_details, sets_of
from store.tables import bindings, registrations
from store.values import BindingSet, Kind


class Part(Flag):
    """What a batch does, in any mix."""

    NOTHING = 0
    BEGIN = auto()
    """For an AoR that never registered."""
    RAISE = auto()
    REMOVE = auto()


def parts_of(batch: Sequence[WriteBindings]) -> Part:
    """Everything that `batch` does besides putting bindings."""
    parts = Part.NOTHING
    if any(not op.expected_version for op in batch):
        parts |= Part.BEGIN
    if any(op.expected_version for op in batch):
        parts |= Part.RAISE
    if any(op.remove for op in batch):
        parts |= Part.REMOVE
    return parts


class PgBindings:
    """Writes and reads bindings, each on a connection of its own."""

    def __init__(self, context: PgContext) -> None:
        self._context = context
        self.writer = context.link("bindings")
        self.reader = context.link("locations")
        self._reading = read_statement()

    async def write(self, ops: Sequence[WriteBindings]) -> list[BindingsOutcome]:
        """Write a batch that holds no AoR twice."""
        context = self._context
        arguments = _arguments(sorted(ops, key=lambda op: op.aor))
        if context.peers:
            arguments |= feed_arguments(context.owner, [op.aor for op in ops])
        statement = write_statement(parts_of(ops), telling=context.peers)
        rows = await self.writer.fetch(statement, arguments)
        versions: dict[str, int] = {row[0]: row[1] for row in rows}
        lost = [op for op in ops if op.aor not in versions]
        current = await self._current(lost) if lost else {}
        return [
            BindingsWritten(versions[op.aor])
            if op.aor in versions
            else BindingsChanged(current[op.aor])
            for op in ops
        ]

    async def read(self, aors: Sequence[str], now: float) -> dict[str, BindingSet]:
        """Return version and live bindings of each AoR."""
        return await self._sets(self.reader, aors, now)

    async def _current(self, lost: Sequence[WriteBindings]) -> dict[str, BindingSet]:
        return await self._sets(self.writer, [op.aor for op in lost], max(op.now for op in lost))

    async def _sets(self, link: Link, aors: Sequence[str], now: float) -> dict[str, BindingSet]:
        return sets_of(aors, await link.fetch(self._reading, {"op_aor": aors, "now": now}))


def _arguments(batch: Sequence[WriteBindings]) -> dict[str, object]:
    put = [(op.aor, binding) for op in batch for binding in op.put]
    removed = [(op.aor, contact) for op in batch for contact in op.remove]
    return {
        "op_aor": [op.aor for op in batch],
        "op_expected": [op.expected_version for op in batch],
        "put_aor": [aor for aor, _ in put],
        "put_contact": [binding.key for _, binding in put],
        "put_expires_at": [binding.expires_at for _, binding in put],
        "put_check_at": [check_at(binding.expires_at) for _, binding in put],
        "put_details": [pack_details(binding) for _, binding in put],
        "gone_aor": [aor for aor, _ in removed],
        "gone_contact": [contact for _, contact in removed],
    }


@cache
def write_statement(parts: Part, *, telling: bool) -> Statement:
    """Claim each AoR's next version; put and remove the bindings of those claimed."""
    op = operations("op", aor=TEXT, expected=WHOLE)
    claimed = _claimed(op, parts)
    columns: list[Any] = [claimed.c.aor, claimed.c.version]
    if telling:
        columns.append(told(claimed, Kind.BINDING, claimed.c.version, claimed.c.aor))
    done = [_put(claimed)]
    if parts & Part.REMOVE:
        done.append(_removed(claimed))
    return compiled(select(*columns).add_cte(*done))


def _claimed(op: CTE, parts: Part) -> CTE:
    """AoR and new version of each operation that found what it expected."""
    claims: list[Any] = []
    if parts & Part.RAISE:
        claims.append(_risen(op))
    if parts & Part.BEGIN:
        claims.append(_begun(op))
    found = [select(claim.c.aor, claim.c.version) for claim in claims]
    rows: Any = union_all(*found) if len(found) > 1 else found[0]
    claimed: CTE = rows.cte("claimed")
    return claimed


def _risen(op: CTE) -> CTE:
    r = registrations.c
    risen = update(registrations).values(version=r.version + ONE)
    matched = risen.where(r.aor == op.c.aor, r.version == op.c.expected, op.c.expected > ZERO)
    return matched.returning(r.aor, r.version).cte("risen")


def _begun(op: CTE) -> CTE:
    r = registrations.c
    rows = select(op.c.aor, ONE).where(op.c.expected == ZERO).order_by(op.c.n)
    begun = insert(registrations).from_select(("aor", "version"), rows)
    return begun.on_conflict_do_nothing().returning(r.aor, r.version).cte("begun")


def _put(claimed: CTE) -> CTE:
    fields = ("aor", "contact", "expires_at", "check_at", "details")
    put = operations(
        "put", aor=TEXT, contact=TEXT, expires_at=INSTANT, check_at=WHOLE, details=TEXT
    )
    rows = select(*(put.c[name] for name in fields)).join(claimed, claimed.c.aor == put.c.aor)
    statement = insert(bindings).from_select(fields, rows)
    new = statement.excluded
    upsert = statement.on_conflict_do_update(
        index_elements=("aor", "contact"),
        set_={
            "expires_at": new.expires_at,
            "check_at": func.least(bindings.c.check_at, new.check_at),
            "details": new.details,
        },
    )
    return upsert.cte("upserted")


def _removed(claimed: CTE) -> CTE:
    gone = operations("gone", aor=TEXT, contact=TEXT)
    b = bindings.c
    listed = and_(b.aor == gone.c.aor, b.contact == gone.c.contact, claimed.c.aor == gone.c.aor)
    return delete(bindings).where(listed).cte("removed")


def read_statement() -> Statement:
    """Versions and live bindings of many AoRs."""
    op = operations("op", aor=TEXT)
    r, b = registrations.c, bindings.c
    live = and_(b.aor == r.aor, b.expires_at > given("now", INSTANT))
    joined = op.join(registrations, r.aor == op.c.aor).outerjoin(bindings, live)
    columns = (r.aor, r.version, b.contact, b.expires_at, b.details)
    return compiled(select(*columns).select_from(joined))
