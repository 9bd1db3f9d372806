"""The statement that writes a batch of publications on PostgreSQL, fit to what is in it. Pure.

The fixed cost of a statement is that of its parts, used or not: one that can only modify
costs half of one that can do everything. So each mix of kinds has a statement of its own.
"""

from collections.abc import Iterable
from enum import Flag, auto
from functools import cache
from typing import Any, Final

from sqlalchemy import CTE, and_, case, cast, delete, func, null, select, union_all, update
from sqlalchemy.dialects.postgresql import insert

from store.operations import WritePublication
from store.pg_notify import told
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
from store.tables import publications, resources
from store.values import Kind

KEY: Final = ("n", "aor", "package", "id")
"""What says which operation a row is about, and which publication."""


class Write(Flag):
    """Kinds of operation, and any mix of them."""

    NOTHING = 0
    INSERT = auto()
    MODIFY = auto()
    REFRESH = auto()
    REMOVE = auto()


def kinds_of(batch: Iterable[WritePublication]) -> Write:
    """Every kind that is in `batch`."""
    kinds = Write.NOTHING
    for kind in {kind_of(op) for op in batch}:
        kinds |= kind
    return kinds


def kind_of(op: WritePublication) -> Write:
    """What `op` asks for (RFC 3903 §4.1)."""
    if op.expected is None:
        return Write.INSERT
    if not op.expires_at:
        return Write.REMOVE
    return Write.REFRESH if op.body is None else Write.MODIFY


@cache
def write_statement(kinds: Write, *, telling: bool) -> Statement:
    """The write of a batch that holds `kinds`; `telling` also notifies the feed."""
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
    written = _written(op, kinds)
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


def _written(op: CTE, kinds: Write) -> CTE:
    """Every operation that was done, with the version it raised, NULL for a refresh."""
    done: list[Any] = []
    changed: list[Any] = []
    if kinds & (Write.MODIFY | Write.REFRESH):
        modified = _modified(op)
        m = modified.c
        changed.append(_key(modified).where(~m.kept))
        if kinds & Write.REFRESH:
            done.append(_key(modified, cast(null(), WHOLE)).where(m.kept))
    if kinds & Write.REMOVE:
        changed.append(_key(_removed(op)))
    if kinds & (Write.MODIFY | Write.REMOVE):
        risen = _risen(changed)
        done.append(_key(risen, risen.c.version))
    if kinds & Write.INSERT:
        begun = _begun(_inserted(op))
        started = and_(op.c.aor == begun.c.aor, op.c.package == begun.c.package)
        done.append(_key(op, begun.c.version).join(begun, started))
    written: CTE = _together(done).cte("written")
    return written


def _together(selects: list[Any]) -> Any:
    return union_all(*selects) if len(selects) > 1 else selects[0]


def _key(rows: CTE, *more: Any) -> Any:
    columns: list[Any] = [rows.c[name] for name in KEY]
    columns += [column.label("version") for column in more]
    return select(*columns)


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


def _risen(changed: list[Any]) -> CTE:
    """Raise versions of resources that must be there, since they have publications."""
    rows = _together(changed).subquery("changed")
    r, c = resources.c, rows.c
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


def publication_fields() -> tuple[Any, ...]:
    p = publications.c
    return p.id, p.entity_tag, p.expires_at, p.content_type, p.body, p.published_at
