"""The sweep on PostgreSQL: any process, any time; each expiry goes to exactly one. Shell.

A row is found by its `check_at`. One that was prolonged meanwhile is moved on; one that
expired is deleted. Rows that another sweep holds are skipped.
"""

from collections.abc import Sequence
from math import floor
from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Select,
    Table,
    and_,
    cast,
    delete,
    func,
    literal_column,
    select,
    update,
)

from store.outcomes import Expired
from store.pg_context import PgContext
from store.pg_notify import feed_arguments, told
from store.pg_statement import INSTANT, ONE, WHOLE, ZERO, Statement, compiled, given, text_literal
from store.pg_watchers import LONGEST_KEY, WATCHER_SHARE, judge, keep, sweep_statement, tell_judged
from store.tables import bindings, publications, registrations, resources, subscriptions
from store.values import Kind, Resource
from store.watching import Keeping

SWEEP_LIMIT: Final = 1000
"""Rows that one statement looks at; the sweep goes on while there are as many."""


class PgExpiry:
    """Sweeps the three tables of soft state."""

    def __init__(self, context: PgContext, keep_waiting: float) -> None:
        self._context = context
        self._link = context.link("expiry")
        self._keep_waiting = keep_waiting
        self._watchers = {
            telling: sweep_statement(SWEEP_LIMIT, telling=telling) for telling in (False, True)
        }
        self._statements = {
            telling: (
                publications_statement(telling=telling),
                subscriptions_statement(telling=telling),
                bindings_statement(telling=telling),
            )
            for telling in (False, True)
        }

    async def sweep(self, now: float) -> Expired:
        """Delete what expired by `now`, and return it."""
        of_publications, of_subscriptions, of_bindings = self._statements[self._context.peers]
        risen: dict[Resource, int] = {}
        for row in await self._rows(of_publications, now):
            risen[Resource(row[0], row[1])] = row[2]
        ended = await self._rows(of_subscriptions, now)
        lost = dict.fromkeys(row[0] for row in await self._rows(of_bindings, now))
        watched = {(Resource(row[1], row[2]), row[3]): None for row in ended}
        given_up = self._watchers[self._context.peers]
        for row in await self._link.fetch(given_up, self._arguments(now)):
            watched[Resource(row[0], row[1]), row[2]] = None
        return Expired(list(risen.items()), [row[0] for row in ended], list(lost), list(watched))

    def _arguments(self, now: float) -> dict[str, object]:
        feed = feed_arguments(self._context.owner, [LONGEST_KEY])
        keeping = Keeping.since(now, self._keep_waiting)._asdict()
        return {**keeping, "now_whole": floor(now), **feed, **WATCHER_SHARE}

    async def _rows(self, statement: Statement, now: float) -> list[Any]:
        """Run `statement` until it finds less than its limit; the last column is how much."""
        arguments = self._arguments(now)
        rows: list[Any] = []
        while True:
            found = await self._link.fetch(statement, arguments)
            rows += [row for row in found if row[0] is not None]
            if found[0]["looked_at"] < SWEEP_LIMIT:
                return rows


def _due(table: Table, *more: Any) -> CTE:
    """Rows to look at, locked against other sweeps and writers."""
    columns = (*table.primary_key.columns, table.c.expires_at, *more)
    rows = select(*columns).where(table.c.check_at <= given("now_whole", WHOLE))
    limit = literal_column(str(SWEEP_LIMIT), BigInteger())
    return rows.order_by(table.c.check_at).limit(limit).with_for_update(skip_locked=True).cte("due")


def _later(table: Table, due: CTE) -> CTE:
    """Move on those that were prolonged."""
    next_look = cast(func.ceil(due.c.expires_at), BigInteger())
    moved = update(table).values(check_at=next_look).where(_same(table, due))
    return moved.where(due.c.expires_at > given("now", INSTANT)).cte("later")


def _gone(table: Table, due: CTE, *more: Any) -> CTE:
    expired = delete(table).where(_same(table, due), due.c.expires_at <= given("now", INSTANT))
    return expired.returning(*table.primary_key.columns, *more).cte("gone")


def _same(table: Table, due: CTE) -> ColumnElement[bool]:
    return and_(*(column == due.c[column.name] for column in table.primary_key.columns))


def _with_count(due: CTE, later: CTE, rows: CTE, *more: Any) -> Select[Any]:
    """`rows`, or one row of NULLs, each with how many rows the sweep looked at."""
    count = select(func.count().label("looked_at")).select_from(due).cte("looked")
    joined = count.outerjoin(rows, literal_column("true"))
    columns: Sequence[Any] = (*rows.c, *more, count.c.looked_at)
    return select(*columns).select_from(joined).add_cte(later)


def publications_statement(*, telling: bool) -> Statement:
    """Sweep publications; resources that lose one get a new version."""
    due = _due(publications)
    gone = _gone(publications, due)
    r = resources.c
    which = select(gone.c.aor, gone.c.package).distinct()
    lost = which.order_by(gone.c.aor, gone.c.package).subquery("lost")
    raised = (
        update(resources)
        .values(version=r.version + ONE)
        .where(r.aor == lost.c.aor, r.package == lost.c.package)
        .returning(r.aor, r.package, r.version)
        .cte("raised")
    )
    c = raised.c
    more = (told(raised, Kind.RESOURCE, c.version, c.aor, c.package),) if telling else ()
    return compiled(_with_count(due, _later(publications, due), raised, *more))


def subscriptions_statement(*, telling: bool) -> Statement:
    """Sweep subscriptions; watchers that are still undecided wait from now on."""
    s, due = subscriptions.c, _due(subscriptions)
    about = (s.aor, s.package, s.watcher, s.state, s.dialog)
    gone = _gone(subscriptions, due, *about, text_literal("timeout").label("event"))
    judged = judge(gone)
    names = select(gone.c.id, gone.c.aor, gone.c.package, gone.c.watcher).cte("names")
    more = (told(gone, Kind.SUBSCRIPTION, ZERO, gone.c.id), tell_judged(judged))
    statement = _with_count(due, _later(subscriptions, due), names, *(more if telling else ()))
    return compiled(statement.add_cte(*keep(judged)))


def bindings_statement(*, telling: bool) -> Statement:
    """Sweep bindings; AoRs that lose one get a new version."""
    due = _due(bindings)
    gone = _gone(bindings, due)
    r = registrations.c
    lost = select(gone.c.aor).distinct().order_by(gone.c.aor).subquery("lost")
    raised = (
        update(registrations)
        .values(version=r.version + ONE)
        .where(r.aor == lost.c.aor)
        .returning(r.aor, r.version)
        .cte("raised")
    )
    c = raised.c
    more = (told(raised, Kind.BINDING, c.version, c.aor),) if telling else ()
    return compiled(_with_count(due, _later(bindings, due), raised, *more))
