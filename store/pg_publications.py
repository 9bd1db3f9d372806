"""Publications on PostgreSQL: one statement per batch, read and write. Shell.

The write compares and replaces the entity-tag, raises the resource's version and reads
every other live publication, from one snapshot. When the version rose by more than one
over that snapshot, somebody committed in between, and the others are read again.
"""

from collections.abc import Sequence
from math import ceil
from typing import Any, Final

from sqlalchemy import CTE, and_, case, cast, delete, func, null, select, union_all, update
from sqlalchemy.dialects.postgresql import insert

from store.operations import WritePublication
from store.outcomes import EtagMismatch, PublicationOutcome, PublicationWritten
from store.pg_context import PgContext
from store.pg_link import Link
from store.pg_notify import feed_arguments, told
from store.pg_statement import (
    INSTANT,
    OCTETS,
    ONE,
    TEXT,
    WHOLE,
    ZERO,
    Statement,
    compiled,
    given,
    operations,
)
from store.state_rows import publication_of, published_at, states_of
from store.tables import publications, resources
from store.values import Kind, Resource, ResourceState, resource_key

MISMATCH: Final = EtagMismatch()


class PgPublications:
    """Writes and reads publications, each on a connection of its own."""

    def __init__(self, context: PgContext) -> None:
        self._context = context
        self.writer = context.link("publications")
        self.reader = context.link("states")
        self._quiet = write_statement(telling=False)
        self._telling = write_statement(telling=True)
        self._reading = read_statement()

    async def write(self, ops: Sequence[WritePublication]) -> list[PublicationOutcome]:
        """Write a batch that holds no resource twice."""
        order = sorted(range(len(ops)), key=lambda place: ops[place].resource)
        batch = [ops[place] for place in order]
        arguments = _arguments(batch)
        statement = self._quiet
        if self._context.peers:
            statement = self._telling
            keys = (resource_key(op.resource) for op in batch)
            arguments |= feed_arguments(self._context.owner, keys)
        rows = await self.writer.fetch(statement, arguments)
        outcomes: list[PublicationOutcome] = [MISMATCH] * len(ops)
        overtaken = _collect(rows, order, outcomes)
        if overtaken:
            await self._read_again(ops, outcomes, overtaken)
        return outcomes

    async def read(self, keys: Sequence[Resource], now: float) -> dict[Resource, ResourceState]:
        """Return the state of each resource."""
        return await self._states(self.reader, keys, now)

    async def _states(
        self, link: Link, keys: Sequence[Resource], now: float
    ) -> dict[Resource, ResourceState]:
        aors = [key.aor for key in keys]
        packages = [key.package for key in keys]
        arguments = {"op_aor": aors, "op_package": packages, "now": now}
        return states_of(keys, await link.fetch(self._reading, arguments))

    async def _read_again(
        self, ops: Sequence[WritePublication], outcomes: list[PublicationOutcome], again: set[int]
    ) -> None:
        """Read the others anew where a commit came between snapshot and lock."""
        keys = [ops[place].resource for place in again]
        states = await self._states(self.writer, keys, max(op.now for op in ops))
        for place in again:
            op, outcome = ops[place], outcomes[place]
            if isinstance(outcome, PublicationWritten):
                there = states[op.resource].publications
                others = tuple(other for other in there if other.id != op.id)
                outcomes[place] = PublicationWritten(outcome.version, others)


def _arguments(batch: Sequence[WritePublication]) -> dict[str, object]:
    return {
        "op_aor": [op.resource[0] for op in batch],
        "op_package": [op.resource[1] for op in batch],
        "op_id": [op.id for op in batch],
        "op_expected": [op.expected for op in batch],
        "op_entity_tag": [op.entity_tag for op in batch],
        "op_expires_at": [op.expires_at for op in batch],
        "op_check_at": [ceil(op.expires_at) for op in batch],
        "op_content_type": [op.content_type for op in batch],
        "op_body": [op.body for op in batch],
        "op_published_at": [op.published_at for op in batch],
        "now": max([op.now for op in batch]),
    }


def _collect(
    rows: Sequence[Any], order: Sequence[int], outcomes: list[PublicationOutcome]
) -> set[int]:
    """Fill `outcomes` in; return the places whose others may be out of date."""
    overtaken = set()
    for row in rows:
        place = order[row[0] - 1]
        others = (publication_of(row, 3),) if row[3] is not None else ()
        outcome = outcomes[place]
        if isinstance(outcome, PublicationWritten):
            others = tuple(sorted((*outcome.others, *others), key=published_at))
        version, previous = row[1], row[2]
        if version is None:
            version = previous
        elif version != (previous or 0) + 1:
            overtaken.add(place)
        outcomes[place] = PublicationWritten(version, others)
    return overtaken


def _modified(op: CTE) -> CTE:
    """Replace where the entity-tag matches; a refresh keeps the body."""
    p = publications.c
    statement = update(publications).values(
        entity_tag=op.c.entity_tag,
        expires_at=op.c.expires_at,
        check_at=func.least(p.check_at, op.c.check_at),
        content_type=case((op.c.body.is_(None), p.content_type), else_=op.c.content_type),
        body=func.coalesce(op.c.body, p.body),
        published_at=case((op.c.body.is_(None), p.published_at), else_=op.c.published_at),
    )
    matched = statement.where(_matches(op), op.c.expires_at > ZERO)
    kept = op.c.body.is_(None).label("kept")
    return matched.returning(op.c.n, op.c.aor, op.c.package, op.c.id, kept).cte("modified")


def _matches(op: CTE) -> Any:
    p = publications.c
    return and_(
        p.aor == op.c.aor,
        p.package == op.c.package,
        p.id == op.c.id,
        p.entity_tag == op.c.expected,
        p.expires_at > given("now", INSTANT),
    )


def _removed(op: CTE) -> CTE:
    statement = delete(publications).where(_matches(op), op.c.expires_at == ZERO)
    return statement.returning(op.c.n, op.c.aor, op.c.package, op.c.id).cte("removed")


def _inserted(op: CTE) -> CTE:
    names = ("aor", "package", "id", "entity_tag", "expires_at", "check_at")
    more = ("content_type", "body", "published_at")
    fields = (*names, *more)
    rows = select(*(op.c[name] for name in fields)).where(op.c.expected.is_(None))
    statement = insert(publications).from_select(fields, rows.order_by(op.c.n))
    returned = statement.on_conflict_do_nothing().returning(
        publications.c.aor, publications.c.package
    )
    return returned.cte("inserted")


def _risen(modified: CTE, removed: CTE) -> CTE:
    """Raise versions of resources that must be there, since they have publications."""
    m, d = modified.c, removed.c
    changed = union_all(
        select(m.n, m.aor, m.package, m.id).where(~m.kept),
        select(d.n, d.aor, d.package, d.id),
    ).subquery("changed")
    r, c = resources.c, changed.c
    statement = update(resources).values(version=r.version + ONE)
    matched = statement.where(r.aor == c.aor, r.package == c.package)
    return matched.returning(c.n, c.aor, c.package, c.id, r.version).cte("risen")


def _begun(inserted: CTE) -> CTE:
    """Raise or start versions of resources that gained a publication."""
    rows = select(inserted.c.aor, inserted.c.package, ONE)
    statement = insert(resources).from_select(("aor", "package", "version"), rows)
    r = resources.c
    raised = statement.on_conflict_do_update(
        index_elements=(r.aor, r.package), set_={"version": r.version + ONE}
    )
    return raised.returning(r.aor, r.package, r.version).cte("begun")


def _written(op: CTE, modified: CTE, risen: CTE, begun: CTE) -> CTE:
    """Every operation that was done, with the version it raised, NULL for a refresh."""
    m, r = modified.c, risen.c
    started = and_(op.c.aor == begun.c.aor, op.c.package == begun.c.package)
    return union_all(
        select(r.n, r.aor, r.package, r.id, r.version),
        select(op.c.n, op.c.aor, op.c.package, op.c.id, begun.c.version).join(begun, started),
        select(m.n, m.aor, m.package, m.id, cast(null(), WHOLE)).where(m.kept),
    ).cte("written")


def write_statement(*, telling: bool) -> Statement:
    """The batch's write; `telling` also notifies the feed."""
    op = operations(
        "op",
        aor=TEXT,
        package=TEXT,
        id=TEXT,
        expected=TEXT,
        entity_tag=TEXT,
        expires_at=INSTANT,
        check_at=WHOLE,
        content_type=TEXT,
        body=OCTETS,
        published_at=INSTANT,
    )
    modified = _modified(op)
    removed = _removed(op)
    risen = _risen(modified, removed)
    begun = _begun(_inserted(op))
    written = _written(op, modified, risen, begun)
    w, before, other = written.c, resources.c, publications.c
    columns: list[Any] = [w.n, w.version, before.version.label("previous"), *publication_fields()]
    if telling:
        raised = select(w.aor, w.package, w.version).where(w.version.isnot(None)).cte("raised")
        told_of = raised.c
        columns.append(told(raised, Kind.RESOURCE, told_of.version, told_of.aor, told_of.package))
    known = and_(before.aor == w.aor, before.package == w.package)
    beside = and_(
        other.aor == w.aor,
        other.package == w.package,
        other.id != w.id,
        other.expires_at > given("now", INSTANT),
    )
    statement = select(*columns).select_from(
        written.outerjoin(resources, known).outerjoin(publications, beside)
    )
    return compiled(statement)


def publication_fields() -> tuple[Any, ...]:
    p = publications.c
    return p.id, p.entity_tag, p.expires_at, p.content_type, p.body, p.published_at


def read_statement() -> Statement:
    """Versions and live publications of many resources."""
    op = operations("op", aor=TEXT, package=TEXT)
    r, p = resources.c, publications.c
    live = and_(p.aor == r.aor, p.package == r.package, p.expires_at > given("now", INSTANT))
    known = and_(r.aor == op.c.aor, r.package == op.c.package)
    joined = op.join(resources, known).outerjoin(publications, live)
    return compiled(select(r.aor, r.package, r.version, *publication_fields()).select_from(joined))
