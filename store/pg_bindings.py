"""Bindings on PostgreSQL: an AoR's version is compared and raised with its bindings. Shell.

Each mix of kinds in a batch has a statement of its own, as that of publications has. Where every
operation puts one binding and no more, which is what phones do, operations and bindings are one
and the same rows (tests/bench/bench_store.py).
"""

from collections.abc import Sequence
from enum import Flag, auto
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    Select,
    and_,
    cast,
    delete,
    func,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.types import TypeEngine

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
from store.rows import binding_of, check_at, pack_details, sets_of
from store.tables import bindings, registrations
from store.values import Binding, BindingSet, Kind

FIELDS: Final = ("aor", "contact", "expires_at", "check_at", "details")


class Part(Flag):
    """What a batch does, in any mix."""

    NOTHING = 0
    BEGIN = auto()
    """For an AoR that never registered."""
    RAISE = auto()
    REMOVE = auto()


def is_plain(batch: Sequence[WriteBindings]) -> bool:
    """Whether each operation of `batch` puts one binding and removes none."""
    return all([len(op.put) == 1 and not op.remove for op in batch])


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
        self._listing = after_statement()

    async def write(self, ops: Sequence[WriteBindings]) -> list[BindingsOutcome]:
        """Write a batch that holds no AoR twice."""
        context = self._context
        batch, plain = sorted(ops, key=_aor), is_plain(ops)
        arguments = _plain_arguments(batch) if plain else _arguments(batch)
        if context.peers:
            arguments |= feed_arguments(context.owner, [op.aor for op in ops])
        make = plain_statement if plain else write_statement
        statement = make(parts_of(ops), telling=context.peers)
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

    async def after(self, aor: str, key: str, limit: int) -> list[tuple[str, Binding]]:
        """Return the next `limit` bindings in the order of AoR and key."""
        arguments = {"aor": aor, "contact": key, "limit": limit}
        rows = await self.reader.fetch(self._listing, arguments)
        return [(row[0], binding_of(*row[1:])) for row in rows]

    async def _current(self, lost: Sequence[WriteBindings]) -> dict[str, BindingSet]:
        return await self._sets(self.writer, [op.aor for op in lost], max(op.now for op in lost))

    async def _sets(self, link: Link, aors: Sequence[str], now: float) -> dict[str, BindingSet]:
        return sets_of(aors, await link.fetch(self._reading, {"op_aor": aors, "now": now}))


def _aor(op: WriteBindings) -> str:
    return op.aor


def _plain_arguments(batch: Sequence[WriteBindings]) -> dict[str, object]:
    put = [op.put[0] for op in batch]
    return {
        "op_aor": [op.aor for op in batch],
        "op_expected": [op.expected_version for op in batch],
        "op_active_at": [op.active_at for op in batch],
        "op_contact": [binding.key for binding in put],
        "op_expires_at": [binding.expires_at for binding in put],
        "op_details": [pack_details(binding) for binding in put],
    }


def _arguments(batch: Sequence[WriteBindings]) -> dict[str, object]:
    put = [(op.aor, binding) for op in batch for binding in op.put]
    removed = [(op.aor, contact) for op in batch for contact in op.remove]
    return {
        "op_aor": [op.aor for op in batch],
        "op_expected": [op.expected_version for op in batch],
        "op_active_at": [op.active_at for op in batch],
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
    op = operations("op", aor=TEXT, expected=WHOLE, active_at=INSTANT)
    claimed = _claimed(op, parts)
    columns: list[Any] = [claimed.c.aor, claimed.c.version]
    if telling:
        columns.append(told(claimed, Kind.BINDING, claimed.c.version, claimed.c.aor))
    done = [_put(claimed)]
    if parts & Part.REMOVE:
        done.append(_removed(claimed))
    return compiled(select(*columns).add_cte(*done))


@cache
def plain_statement(parts: Part, *, telling: bool) -> Statement:
    """Claim each AoR's next version, and put the binding that comes with it."""
    fields: dict[str, TypeEngine[Any]] = {"contact": TEXT, "expires_at": INSTANT, "details": TEXT}
    op = operations("op", aor=TEXT, expected=WHOLE, active_at=INSTANT, **fields)
    claimed = _claimed(op, parts, *fields)
    c = claimed.c
    columns: list[Any] = [c.aor, c.version]
    if telling:
        columns.append(told(claimed, Kind.BINDING, c.version, c.aor))
    look_at = cast(func.ceil(c.expires_at), BigInteger())
    put = _upserted(select(c.aor, c.contact, c.expires_at, look_at, c.details))
    return compiled(select(*columns).add_cte(put))


def _claimed(op: CTE, parts: Part, *carried: str) -> CTE:
    """AoR and new version of each operation that found what it expected, and columns of its own."""
    found: list[Any] = []
    if parts & Part.RAISE:
        risen = _risen(op, *carried)
        found.append(select(*(risen.c[name] for name in ("aor", "version", *carried))))
    if parts & Part.BEGIN:
        begun = _begun(op)
        new = select(begun.c.aor, begun.c.version, *(op.c[name] for name in carried))
        found.append(new.join(op, op.c.aor == begun.c.aor) if carried else new)
    rows: Any = union_all(*found) if len(found) > 1 else found[0]
    claimed: CTE = rows.cte("claimed")
    return claimed


def _risen(op: CTE, *carried: str) -> CTE:
    r = registrations.c
    active_at = func.greatest(r.active_at, op.c.active_at)
    risen = update(registrations).values(version=r.version + ONE, active_at=active_at)
    matched = risen.where(r.aor == op.c.aor, r.version == op.c.expected, op.c.expected > ZERO)
    return matched.returning(r.aor, r.version, *(op.c[name] for name in carried)).cte("risen")


def _begun(op: CTE) -> CTE:
    r = registrations.c
    rows = select(op.c.aor, ONE, op.c.active_at).where(op.c.expected == ZERO).order_by(op.c.n)
    begun = insert(registrations).from_select(("aor", "version", "active_at"), rows)
    return begun.on_conflict_do_nothing().returning(r.aor, r.version).cte("begun")


def _put(claimed: CTE) -> CTE:
    put = operations(
        "put", aor=TEXT, contact=TEXT, expires_at=INSTANT, check_at=WHOLE, details=TEXT
    )
    rows = select(*(put.c[name] for name in FIELDS)).join(claimed, claimed.c.aor == put.c.aor)
    return _upserted(rows)


def _upserted(rows: Select[Any]) -> CTE:
    """Put `rows` of FIELDS; a row that is there keeps the earlier look at it."""
    statement = insert(bindings).from_select(FIELDS, rows)
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
    columns = (r.aor, r.version, b.contact, b.expires_at, b.details, r.active_at)
    return compiled(select(*columns).select_from(joined))


def after_statement() -> Statement:
    """Bindings in the order of AoR and key, from one on."""
    b = bindings.c
    one = tuple_(given("aor", TEXT), given("contact", TEXT))
    rows = select(b.aor, b.contact, b.expires_at, b.details).where(tuple_(b.aor, b.contact) > one)
    return compiled(rows.order_by(b.aor, b.contact).limit(given("limit", WHOLE)))
