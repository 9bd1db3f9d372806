"""Subscriptions on PostgreSQL: one statement per kind of write and batch. Shell."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import CTE, and_, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from store.backend import SubscriptionOp
from store.operations import RefreshSubscription
from store.outcomes import SubscriptionGone, SubscriptionOutcome, SubscriptionWritten
from store.pg_context import PgContext
from store.pg_notify import feed_arguments, told
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
)
from store.rows import (
    SUBSCRIPTION_COLUMNS,
    check_at,
    created_at,
    pack_dialog,
    pack_reach,
    subscription_of,
)
from store.state_rows import publication_of, published_at
from store.tables import publications, resources, subscriptions
from store.values import Kind, ResourceState, SubscriptionRow

GONE: Final = SubscriptionGone()
ENDED: Final = None


LAZY: Final = {"synchronous_commit": "off"}
"""A touch that is lost with the machine costs a NOTIFY sent twice, no more."""


class PgSubscriptions:
    """Writes and reads subscriptions."""

    def __init__(self, context: PgContext) -> None:
        self._context = context
        self.writer = context.link("subscriptions")
        self._lazy = context.link("touches", LAZY)
        self._writing = write_statement()
        self._refreshing = {
            telling: refresh_statement(telling=telling) for telling in (False, True)
        }
        self._ending = {telling: end_statement(telling=telling) for telling in (False, True)}
        self._touching = touch_statement()
        self._reading = read_statement()
        self._watching = watchers_statement()

    async def write(
        self, ops: Sequence[SubscriptionOp], now: float
    ) -> list[SubscriptionOutcome | None]:
        """Write a batch that holds no id twice: a statement per kind of operation in it."""
        outcomes: list[SubscriptionOutcome | None] = [ENDED] * len(ops)
        rows: dict[int, SubscriptionRow] = {}
        refreshes: dict[int, RefreshSubscription] = {}
        ended: list[str] = []
        for place, op in enumerate(ops):
            match op:
                case SubscriptionRow():
                    rows[place] = op
                case RefreshSubscription():
                    refreshes[place] = op
                case _:
                    ended.append(op)
        if rows:
            await self._write(rows, outcomes, now)
        if refreshes:
            await self._refresh(refreshes, outcomes, now)
        if ended:
            arguments = {"op_id": sorted(ended), "owner": self._context.owner}
            await self._tell(self._ending, arguments, ended)
        return outcomes

    async def read(self, ids: Sequence[str]) -> dict[str, SubscriptionRow]:
        """Return those of `ids` that are there."""
        rows = await self.writer.fetch(self._reading, {"op_id": ids})
        return {row[0]: subscription_of(row) for row in rows}

    async def watchers(self, aor: str, now: float) -> list[SubscriptionRow]:
        """Return the live ones of an AoR, oldest first."""
        rows = await self.writer.fetch(self._watching, {"aor": aor, "now": now})
        return sorted(map(subscription_of, rows), key=created_at)

    async def touch(self, touches: Sequence[tuple[str, int, int]]) -> None:
        """Remember id, version told and CSeq used of subscriptions that are still ours."""
        ordered = sorted(touches)
        arguments = {
            "op_id": [touch[0] for touch in ordered],
            "op_told_version": [touch[1] for touch in ordered],
            "op_cseq": [touch[2] for touch in ordered],
            "owner": self._context.owner,
        }
        await self._lazy.fetch(self._touching, arguments)

    async def _write(
        self,
        rows: dict[int, SubscriptionRow],
        outcomes: list[SubscriptionOutcome | None],
        now: float,
    ) -> None:
        places = sorted(rows, key=lambda place: rows[place].id)
        batch = [rows[place] for place in places]
        arguments = {
            "op_id": [row.id for row in batch],
            "op_aor": [row.resource[0] for row in batch],
            "op_package": [row.resource[1] for row in batch],
            "op_watcher": [row.watcher for row in batch],
            "op_state": [row.state for row in batch],
            "op_remote_cseq": [row.remote_cseq for row in batch],
            "op_cseq_ceiling": [row.cseq_ceiling for row in batch],
            "op_told_version": [row.told_version for row in batch],
            "op_expires_at": [row.expires_at for row in batch],
            "op_check_at": [check_at(row.expires_at) for row in batch],
            "op_dialog": [pack_dialog(row) for row in batch],
            "op_reach": [pack_reach(row) for row in batch],
            "owner": self._context.owner,
            "now": now,
        }
        _collect(await self.writer.fetch(self._writing, arguments), places, outcomes)

    async def _refresh(
        self,
        refreshes: dict[int, RefreshSubscription],
        outcomes: list[SubscriptionOutcome | None],
        now: float,
    ) -> None:
        places = sorted(refreshes, key=lambda place: refreshes[place].id)
        batch = [refreshes[place] for place in places]
        arguments = {
            "op_id": [op.id for op in batch],
            "op_state": [op.state for op in batch],
            "op_remote_cseq": [op.remote_cseq for op in batch],
            "op_cseq_ceiling": [op.cseq_ceiling for op in batch],
            "op_expires_at": [op.expires_at for op in batch],
            "op_check_at": [check_at(op.expires_at) for op in batch],
            "op_reach": [pack_reach(op) for op in batch],
            "owner": self._context.owner,
            "now": now,
        }
        for place in places:
            outcomes[place] = GONE
        rows = await self._tell(self._refreshing, arguments, [op.id for op in batch])
        _collect(rows, places, outcomes)

    async def _tell(
        self, statements: dict[bool, Statement], arguments: dict[str, Any], keys: Sequence[str]
    ) -> list[Any]:
        if self._context.peers:
            arguments |= feed_arguments(self._context.owner, keys)
        return await self.writer.fetch(statements[self._context.peers], arguments)


def _collect(
    rows: Sequence[Any], places: Sequence[int], outcomes: list[SubscriptionOutcome | None]
) -> None:
    """Put rows of n, version and a publication together by operation."""
    for row in rows:
        place = places[row[0] - 1]
        found = (publication_of(row, 2),) if row[2] is not None else ()
        outcome = outcomes[place]
        if isinstance(outcome, SubscriptionWritten):
            found = tuple(sorted((*outcome.state.publications, *found), key=published_at))
        outcomes[place] = SubscriptionWritten(ResourceState(row[1] or 0, found))


def _with_state(source: CTE, *more: Any) -> Any:
    """Each row's n with the version and live publications of its aor and package."""
    r, p, s = resources.c, publications.c, source.c
    known = and_(r.aor == s.aor, r.package == s.package)
    live = and_(p.aor == s.aor, p.package == s.package, p.expires_at > given("now", INSTANT))
    joined = source.outerjoin(resources, known).outerjoin(publications, live)
    return select(s.n, r.version, *publication_fields(), *more).select_from(joined)


def write_statement() -> Statement:
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
    return compiled(_with_state(op).add_cte(upsert.cte("upserted")))


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
    statement = update(subscriptions).values(
        state=op.c.state,
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
    refreshed = matched.returning(op.c.n, s.id, s.aor, s.package, previous).cte("refreshed")
    if not telling:
        return compiled(_with_state(refreshed))
    moved = select(refreshed.c.id).where(refreshed.c.previous != owner).cte("moved")
    return compiled(_with_state(refreshed, told(moved, Kind.SUBSCRIPTION, ZERO, moved.c.id)))


def end_statement(*, telling: bool) -> Statement:
    """Delete by id; tell those that another process serves."""
    op = operations("op", id=TEXT)
    s = subscriptions.c
    statement = delete(subscriptions).where(s.id == op.c.id)
    ended = statement.returning(s.id, s.owner).cte("ended")
    others = select(ended.c.id).where(ended.c.owner != given("owner", TEXT)).cte("others")
    if telling:
        return compiled(select(told(others, Kind.SUBSCRIPTION, ZERO, others.c.id)))
    return compiled(select(others.c.id))


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
