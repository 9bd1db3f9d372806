"""The parts of PostgreSQL statements that keep what becomes of watchers, and tell of it. Pure.

All of it is told to the feed only where somebody watches the watchers, and what has just ended
is kept only there.
"""

from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    FromClause,
    and_,
    case,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from store.pg_notify import told
from store.pg_statement import (
    INSTANT,
    TEXT,
    ZERO,
    Statement,
    compiled,
    given,
    operations,
    text_literal,
)
from store.rows import WATCHER_COLUMNS
from store.tables import subscriptions, watchers
from store.values import Kind
from store.watching import NAME_LIMIT, TEMPLATE, WAITING_LIMIT

LONGEST_KEY: Final = "x" * 2700
"""No key is longer than an index takes."""
WATCHER_SHARE: Final = {"watcher_share": 1}
"""Changes of watchers in a payload, where it is not known how long they are: two AoRs may be."""

_WAITING: Final = text_literal("waiting")
_TERMINATED: Final = text_literal("terminated")
_TIMEOUT: Final = text_literal("timeout")
_GIVEUP: Final = text_literal("giveup")
_w = watchers.c


def is_watched(aor: ColumnElement[str], package: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether anybody watches the watchers of a resource."""
    s = subscriptions.alias("watching").c
    return exists().where(s.aor == aor, s.package == package + text_literal(TEMPLATE))


def heard(source: FromClause, *condition: ColumnElement[bool]) -> Any:
    """Tell the feed that the watchers in `source` changed."""
    c = source.c
    which = select(c.aor, c.package, c.watcher)
    somebody = is_watched(c.aor, c.package)
    return _tell(which.where(*condition, is_short(source), somebody).distinct().cte("heard"))


def tell_judged(judged: CTE) -> Any:
    """The same for those of which it is known whether somebody wants to hear."""
    which = select(judged.c.aor, judged.c.package, judged.c.watcher).where(judged.c.watched)
    return _tell(which.distinct().cte("heard"))


def _tell(heard_of: CTE) -> Any:
    c = heard_of.c
    return told(heard_of, Kind.WATCHER, ZERO, c.aor, c.package, c.watcher, share="watcher_share")


def is_short(source: FromClause) -> ColumnElement[bool]:
    """Whether the names in a row can be kept and told; who is trusted may assert any watcher."""
    c = source.c
    octets = func.octet_length(c.aor + c.package + c.watcher)
    return octets <= literal_column(str(NAME_LIMIT), BigInteger())


def give_up(source: CTE) -> CTE:
    """End the wait of watchers that subscribe again: they are pending or active now."""
    ended = {"status": _TERMINATED, "event": _GIVEUP, "expires_at": given("ended_until", INSTANT)}
    statement = update(watchers).values(ended).where(_same_watcher(source))
    return statement.where(_w.status == _WAITING).cte("gave_up")


def _same_watcher(source: CTE) -> ColumnElement[bool]:
    c = source.c
    return and_(_w.aor == c.aor, _w.package == c.package, _w.watcher == c.watcher)


def judge(source: CTE) -> CTE:
    """Which watchers of `source` wait from now on, and whether anybody watches them; without
    those whose names are too long."""
    c, others = source.c, watchers.alias("others")
    count = select(func.count()).select_from(others)
    waits_for = count.where(others.c.watcher == c.watcher, others.c.status == _WAITING)
    limit = literal_column(str(WAITING_LIMIT), BigInteger())
    undecided = and_(c.state == text_literal("pending"), c.event == _TIMEOUT)
    kept = given("waiting_until", INSTANT) > given("now", INSTANT)
    waits = case(
        (and_(undecided, kept), waits_for.scalar_subquery() < limit),
        else_=literal_column("false"),
    )
    rows = select(
        *(c[name] for name in ("id", "aor", "package", "watcher", "event", "dialog")),
        waits.label("waits"),
        is_watched(c.aor, c.package).label("watched"),
    )
    return rows.where(is_short(source)).cte("judged")


def keep(judged: CTE) -> tuple[CTE, CTE]:
    """Keep those that wait, one for each watcher of a resource, and ends that are to be told."""
    c = judged.c
    ended = {"status": _TERMINATED, "event": _GIVEUP, "expires_at": given("ended_until", INSTANT)}
    earlier = update(watchers).values(ended).where(c.waits, _same_watcher(judged))
    superseded = earlier.where(_w.status == _WAITING).cte("superseded")
    waiting_until, ended_until = given("waiting_until", INSTANT), given("ended_until", INSTANT)
    rows = select(
        *(c[name] for name in ("id", "aor", "package", "watcher", "event", "dialog")),
        case((c.waits, _WAITING), else_=_TERMINATED),
        case((c.waits, waiting_until), else_=ended_until),
    ).where(or_(c.waits, c.watched))
    names = ["id", "aor", "package", "watcher", "event", "dialog", "status", "expires_at"]
    statement = insert(watchers).from_select(names, rows)
    return superseded, statement.on_conflict_do_nothing().cte("kept")


def settle_statement(*, telling: bool) -> Statement:
    """Change the state of subscriptions."""
    op = operations("op", id=TEXT, state=TEXT, event=TEXT)
    s = subscriptions.c
    statement = update(subscriptions).values(state=op.c.state, event=op.c.event)
    settled = statement.where(s.id == op.c.id).returning(s.aor, s.package, s.watcher).cte("settled")
    return _telling(settled, telling=telling)


def hold_statement(*, telling: bool) -> Statement:
    """Keep watchers that fetch, and wait for a decision (RFC 3857 §4.7.1)."""
    op = operations("op", id=TEXT, aor=TEXT, package=TEXT, watcher=TEXT, dialog=TEXT)
    held = select(*op.c, text_literal("pending").label("state"), _TIMEOUT.label("event"))
    judged = judge(held.cte("held"))
    columns = (tell_judged(judged),) if telling else (judged.c.id,)
    return compiled(select(*columns).add_cte(*keep(judged)))


def settle_watchers_statement(*, telling: bool) -> Statement:
    """End the wait of watchers, with an event for each."""
    op = operations("op", id=TEXT, event=TEXT)
    statement = update(watchers).values(
        status=_TERMINATED, event=op.c.event, expires_at=given("ended_until", INSTANT)
    )
    waiting = statement.where(_w.id == op.c.id, _w.status == _WAITING)
    settled = waiting.returning(_w.aor, _w.package, _w.watcher).cte("settled")
    return _telling(settled, telling=telling)


def _telling(settled: CTE, *, telling: bool) -> Statement:
    return compiled(select(heard(settled)) if telling else select(settled.c.aor))


def sweep_statement(limit: int, *, telling: bool) -> Statement:
    """Give up on at most `limit` that waited too long; forget as many that ended."""
    most: ColumnElement[int] = literal_column(str(limit), BigInteger())
    due = select(_w.id).where(_w.expires_at <= given("now", INSTANT)).limit(most)
    locked = due.with_for_update(skip_locked=True)
    late = locked.where(_w.status == _WAITING)
    ended = {"status": _TERMINATED, "event": _GIVEUP, "expires_at": given("ended_until", INSTANT)}
    changed = update(watchers).values(ended).where(_w.id.in_(late))
    gave_up = changed.returning(_w.aor, _w.package, _w.watcher).cte("gave_up")
    gone = delete(watchers).where(_w.id.in_(locked.where(_w.status == _TERMINATED)))
    which = select(gave_up.c.aor, gave_up.c.package, gave_up.c.watcher).distinct()
    more = (heard(gave_up),) if telling else ()
    return compiled(which.add_columns(*more).add_cte(gone.cte("gone")))


def list_statement(*, of_watcher: bool) -> Statement:
    """All watchers of a resource, or those that are one watcher's."""
    s = subscriptions.c
    live = [s.state if name == "status" else s[name] for name in WATCHER_COLUMNS]
    tables = ((subscriptions, live), (watchers, [_w[name] for name in WATCHER_COLUMNS]))
    return compiled(union_all(*(_of_resource(t, c, of_watcher) for t, c in tables)))


def _of_resource(table: Any, columns: list[Any], of_watcher: bool) -> Any:
    rows = select(*columns).where(table.c.aor == given("aor", TEXT))
    rows = rows.where(table.c.package == given("package", TEXT))
    return rows.where(table.c.watcher == given("watcher", TEXT)) if of_watcher else rows


def waiting_statement() -> Statement:
    """Those that wait for a decision of one user."""
    columns = (_w[name] for name in WATCHER_COLUMNS)
    return compiled(select(*columns).where(_w.aor == given("aor", TEXT), _w.status == _WAITING))
