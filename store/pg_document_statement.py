"""The statement that writes documents on PostgreSQL: preconditions, version, claims, feed. Pure.

All in one statement, so that nothing of it is seen alone. An operation's row is locked by
the update or held by the insert; its version is a row that no other writer can make.
"""

from typing import Any, Final

from sqlalchemy import (
    CTE,
    ColumnElement,
    and_,
    any_,
    case,
    delete,
    func,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from store.pg_notify import told
from store.pg_statement import (
    INSTANT,
    OCTETS,
    ONE,
    TEXT,
    WHOLE,
    Statement,
    character,
    compiled,
    given,
    operations,
    text_literal,
)
from store.tables import claims, document_versions, documents
from store.values import Kind

ANY_TAG: Final = "*"
TAG_SEPARATOR: Final = "\x1f"


def write_statement(*, keeping: bool, claiming: bool) -> Statement:
    """Change, delete or create where the preconditions hold, and tell the feed.

    With `keeping`, the version is recorded; those no longer among the newest go in any
    case. With `claiming`, the claims of what was written are replaced, which fails as a
    whole when another document has one.
    Documents are told always: their readers may be processes that serve nobody.
    """
    keys = {"auid": TEXT, "owner": TEXT, "path": TEXT}
    op = operations(
        "op",
        **keys,
        body=OCTETS,
        content_type=TEXT,
        etag=TEXT,
        match=TEXT,
        none_match=TEXT,
        updated_at=INSTANT,
        **({"author": TEXT, "source": TEXT} if keeping else {}),
    )
    d = documents.c
    written = union_all(select(_changed(op)), select(_created(op))).cte("written")
    w = written.c
    created = (w.created_version == w.version).label("created")
    current = case((d.body.isnot(None), d.etag)).label("current")
    telling = told(written, Kind.DOCUMENT, w.version, w.auid, w.owner, w.path)
    joined = op.outerjoin(written, _written(op, written)).outerjoin(documents, _same(op))
    columns = (op.c.n, w.version, created, d.etag.isnot(None).label("seen"), current, telling)
    statement = select(*columns).select_from(joined).add_cte(_pruned(written))
    if keeping:
        statement = statement.add_cte(_recorded(op, written))
    if claiming:
        statement = statement.add_cte(*_claimed(op, written))
    return compiled(statement)


def _same(op: CTE) -> ColumnElement[bool]:
    d = documents.c
    return and_(d.owner == op.c.owner, d.auid == op.c.auid, d.path == op.c.path)


def _written(op: CTE, written: CTE) -> ColumnElement[bool]:
    w = written.c
    return and_(w.owner == op.c.owner, w.auid == op.c.auid, w.path == op.c.path)


def _changed(op: CTE) -> CTE:
    d = documents.c
    there = d.body.isnot(None)
    next_version = d.version + ONE
    statement = update(documents).values(
        body=op.c.body,
        content_type=op.c.content_type,
        etag=op.c.etag,
        updated_at=op.c.updated_at,
        version=next_version,
        created_version=case((there, d.created_version), else_=next_version),
    )
    wanted = or_(op.c.match.is_(None), and_(there, _lists(op.c.match)))
    unwanted = or_(op.c.none_match.is_(None), d.body.is_(None), ~_lists(op.c.none_match))
    deletable = or_(op.c.body.isnot(None), there)
    matched = statement.where(_same(op), wanted, unwanted, deletable)
    return matched.returning(d.auid, d.owner, d.path, d.version, d.created_version).cte("changed")


def _lists(tags: ColumnElement[str]) -> ColumnElement[bool]:
    """Tell whether a joined list of entity-tags names the stored one, or is "*"."""
    split = func.string_to_array(tags, character(TAG_SEPARATOR))
    return or_(tags == text_literal(ANY_TAG), documents.c.etag == any_(split))


def _created(op: CTE) -> CTE:
    d = documents.c
    fields = ("auid", "owner", "path", "body", "content_type", "etag", "updated_at")
    rows = select(*(op.c[name] for name in fields), ONE, ONE).where(
        op.c.body.isnot(None), op.c.match.is_(None), ~select(d.etag).where(_same(op)).exists()
    )
    names = (*fields, "version", "created_version")
    statement = insert(documents).from_select(names, rows.order_by(op.c.n))
    started = statement.on_conflict_do_nothing()
    return started.returning(d.auid, d.owner, d.path, d.version, d.created_version).cte("created")


def _recorded(op: CTE, written: CTE) -> CTE:
    """The version that each write made."""
    same = ("auid", "owner", "path", "etag", "content_type", "body", "author", "source")
    rows = select(*(op.c[name] for name in same), op.c.updated_at, written.c.version)
    landed = rows.join_from(op, written, _written(op, written))
    return (
        insert(document_versions)
        .from_select([*same, "created_at", "version"], landed)
        .cte("recorded")
    )


def _pruned(written: CTE) -> CTE:
    """Versions that are no longer among the newest."""
    v, w = document_versions.c, written.c
    same = and_(v.owner == w.owner, v.auid == w.auid, v.path == w.path)
    old = v.version <= w.version - given("keep", WHOLE)
    return delete(document_versions).where(same, old).cte("pruned")


def _claimed(op: CTE, written: CTE) -> tuple[CTE, CTE]:
    """Give up what a written document no longer claims, take what it claims anew.

    The arrays of `claim` name an operation by its number and a URI, in the URIs' order.
    """
    claim = operations("claim", place=WHOLE, uri=TEXT)
    c, w = claims.c, written.c
    landed = (
        select(op.c.n, w.owner, w.auid, w.path)
        .join_from(op, written, _written(op, written))
        .cte("landed")
    )
    own = and_(c.owner == landed.c.owner, c.auid == landed.c.auid, c.path == landed.c.path)
    still = select(claim.c.uri).where(claim.c.place == landed.c.n, claim.c.uri == c.uri)
    released = delete(claims).where(own, ~still.exists()).cte("released")
    held = select(c.uri).where(c.uri == claim.c.uri, own)
    fields = ("owner", "auid", "path")
    rows: Any = (
        select(claim.c.uri, *(landed.c[name] for name in fields))
        .join_from(claim, landed, claim.c.place == landed.c.n)
        .where(~held.exists())
        .order_by(claim.c.n)
    )
    return released, insert(claims).from_select(["uri", *fields], rows).cte("taken")
