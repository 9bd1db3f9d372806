"""The statements about subscriptions on PostgreSQL. Pure."""

from typing import Any

from sqlalchemy import CTE, and_, case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from store.pg_notify import told
from store.pg_publication_statement import publication_fields
from store.pg_statement import (
    INSTANT,
    TEXT,
    WHOLE,
    ZERO,
    Statement,
    compiled,
    given,
    operations,
    text_literal,
)
from store.pg_watchers import give_up, heard, judge, keep, tell_judged
from store.rows import SUBSCRIPTION_COLUMNS
from store.tables import publications, resources, subscriptions
from store.values import Kind


def _with_state(source: CTE, *more: Any) -> Any:
    """Each row's n with the version and live publications of its aor and package."""
    r, p, s = resources.c, publications.c, source.c
    known = and_(r.aor == s.aor, r.package == s.package)
    live = and_(p.aor == s.aor, p.package == s.package, p.expires_at > given("now", INSTANT))
    joined = source.outerjoin(resources, known).outerjoin(publications, live)
    return select(s.n, r.version, *publication_fields(), *more).select_from(joined)


def write_statement(*, telling: bool) -> Statement:
    """Insert or replace by id, and read each resource's state."""
    op = operations(
        "op",
        id=TEXT,
        aor=TEXT,
        package=TEXT,
        watcher=TEXT,
        state=TEXT,
        remote_cseq=WHOLE,
        cseq_ceiling=WHOLE,
        told_version=WHOLE,
        expires_at=INSTANT,
        check_at=WHOLE,
        dialog=TEXT,
        reach=TEXT,
    )
    fields = [name for name in op.c.keys() if name != "n"]  # noqa: SIM118  a column collection
    rows = select(*(op.c[name] for name in fields), given("owner", TEXT)).order_by(op.c.n)
    statement = insert(subscriptions).from_select([*fields, "owner"], rows)
    new: dict[str, Any] = {
        name: statement.excluded[name] for name in (*fields, "owner") if name != "id"
    }
    new["check_at"] = func.least(subscriptions.c.check_at, statement.excluded.check_at)
    upsert = statement.on_conflict_do_update(index_elements=("id",), set_=new)
    more = (heard(op),) if telling else ()
    return compiled(_with_state(op, *more).add_cte(upsert.cte("upserted"), give_up(op)))


def refresh_statement(*, telling: bool) -> Statement:
    """Prolong where the CSeq is higher, take over, and read each resource's state."""
    op = operations(
        "op",
        id=TEXT,
        state=TEXT,
        remote_cseq=WHOLE,
        cseq_ceiling=WHOLE,
        expires_at=INSTANT,
        check_at=WHOLE,
        reach=TEXT,
    )
    s, before, owner = subscriptions.c, subscriptions.alias("before"), given("owner", TEXT)
    approved = and_(s.state == text_literal("pending"), op.c.state == text_literal("active"))
    suspended = and_(s.state == text_literal("active"), op.c.state == text_literal("pending"))
    event = case(
        (approved, text_literal("approved")),
        (suspended, text_literal("subscribe")),
        else_=s.event,
    )
    statement = update(subscriptions).values(
        state=op.c.state,
        event=event,
        remote_cseq=op.c.remote_cseq,
        cseq_ceiling=func.greatest(s.cseq_ceiling, op.c.cseq_ceiling),
        expires_at=op.c.expires_at,
        check_at=func.least(s.check_at, op.c.check_at),
        reach=op.c.reach,
        owner=owner,
    )
    higher = and_(s.remote_cseq < op.c.remote_cseq, s.expires_at > given("now", INSTANT))
    matched = statement.where(s.id == op.c.id, before.c.id == op.c.id, higher)
    previous = before.c.owner.label("previous")
    changed = (before.c.state != op.c.state).label("changed")
    returned = matched.returning(op.c.n, s.id, s.aor, s.package, s.watcher, previous, changed)
    refreshed = returned.cte("refreshed")
    if not telling:
        return compiled(_with_state(refreshed))
    moved = select(refreshed.c.id).where(refreshed.c.previous != owner).cte("moved")
    tell_moved = told(moved, Kind.SUBSCRIPTION, ZERO, moved.c.id)
    return compiled(_with_state(refreshed, tell_moved, heard(refreshed, refreshed.c.changed)))


def end_statement(*, telling: bool) -> Statement:
    """Delete by id; tell those that another process serves, and keep who waits."""
    op = operations("op", id=TEXT, event=TEXT)
    s = subscriptions.c
    statement = delete(subscriptions).where(s.id == op.c.id)
    about = (s.aor, s.package, s.watcher, s.state, s.dialog, op.c.event)
    ended = statement.returning(s.id, s.owner, *about).cte("ended")
    others = select(ended.c.id).where(ended.c.owner != given("owner", TEXT)).cte("others")
    judged = judge(ended)
    columns: tuple[Any, ...] = (others.c.id,)
    if telling:
        columns = (told(others, Kind.SUBSCRIPTION, ZERO, others.c.id), tell_judged(judged))
    return compiled(select(*columns).add_cte(*keep(judged)))


def touch_statement() -> Statement:
    """Write what was told lazily; no index is touched."""
    op = operations("op", id=TEXT, told_version=WHOLE, cseq=WHOLE)
    s = subscriptions.c
    statement = update(subscriptions).values(
        told_version=func.greatest(s.told_version, op.c.told_version),
        cseq_ceiling=func.greatest(s.cseq_ceiling, op.c.cseq),
    )
    return compiled(statement.where(s.id == op.c.id, s.owner == given("owner", TEXT)))


def read_statement() -> Statement:
    """Subscriptions by id."""
    op = operations("op", id=TEXT)
    columns = (subscriptions.c[name] for name in SUBSCRIPTION_COLUMNS)
    return compiled(select(*columns).join_from(op, subscriptions, subscriptions.c.id == op.c.id))


def watchers_statement() -> Statement:
    """Live subscriptions of one AoR."""
    s = subscriptions.c
    columns = (s[name] for name in SUBSCRIPTION_COLUMNS)
    live = and_(s.aor == given("aor", TEXT), s.expires_at > given("now", INSTANT))
    return compiled(select(*columns).where(live))
