"""Subscriptions on PostgreSQL: one statement per kind of write and batch. Shell."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from store.backend import SubscriptionOp, WatcherOp
from store.operations import (
    EndSubscription,
    HoldWatcher,
    RefreshSubscription,
    SettleSubscription,
    SettleWatcher,
)
from store.outcomes import SubscriptionGone, SubscriptionOutcome, SubscriptionWritten
from store.pg_context import PgContext
from store.pg_notify import feed_arguments
from store.pg_statement import Statement
from store.pg_subscription_statement import (
    end_statement,
    read_statement,
    refresh_statement,
    touch_statement,
    watchers_statement,
    write_statement,
)
from store.pg_watchers import (
    LONGEST_KEY,
    WATCHER_SHARE,
    hold_statement,
    list_statement,
    settle_statement,
    settle_watchers_statement,
    waiting_statement,
)
from store.rows import (
    check_at,
    created_at,
    pack_dialog,
    pack_reach,
    subscription_of,
    watcher_of,
)
from store.state_rows import publication_of, published_at
from store.values import Resource, ResourceState, SubscriptionRow, WatcherRow
from store.watching import Keeping

GONE: Final = SubscriptionGone()
ENDED: Final = None


LAZY: Final = {"synchronous_commit": "off"}
"""A touch that is lost with the machine costs a NOTIFY sent twice, no more."""


class PgSubscriptions:
    """Writes and reads subscriptions; who waits for a decision is kept `keep_waiting` seconds."""

    def __init__(self, context: PgContext, keep_waiting: float) -> None:
        self._context = context
        self.writer = context.link("subscriptions")
        self._lazy = context.link("touches", LAZY)
        self._keep_waiting = keep_waiting
        self._writing = _both(write_statement)
        self._refreshing = _both(refresh_statement)
        self._ending = _both(end_statement)
        self._settling = _both(settle_statement)
        self._holding = _both(hold_statement)
        self._settling_watchers = _both(settle_watchers_statement)
        self._touching = touch_statement()
        self._reading = read_statement()
        self._live = watchers_statement()
        self._listing = {one: list_statement(of_watcher=one) for one in (False, True)}
        self._waiting = waiting_statement()

    async def write(
        self, ops: Sequence[SubscriptionOp], now: float
    ) -> list[SubscriptionOutcome | None]:
        """Write a batch that holds no id twice: a statement per kind of operation in it."""
        outcomes: list[SubscriptionOutcome | None] = [ENDED] * len(ops)
        rows: dict[int, SubscriptionRow] = {}
        refreshes: dict[int, RefreshSubscription] = {}
        others: list[WatcherOp] = []
        for place, op in enumerate(ops):
            match op:
                case SubscriptionRow():
                    rows[place] = op
                case RefreshSubscription():
                    refreshes[place] = op
                case _:
                    others.append(op)
        if rows:
            await self._write(rows, outcomes, now)
        if refreshes:
            await self._refresh(refreshes, outcomes, now)
        if others:
            await self._settle(others, now)
        return outcomes

    async def read(self, ids: Sequence[str]) -> dict[str, SubscriptionRow]:
        """Return those of `ids` that are there."""
        rows = await self.writer.fetch(self._reading, {"op_id": ids})
        return {row[0]: subscription_of(row) for row in rows}

    async def watchers(self, aor: str, now: float) -> list[SubscriptionRow]:
        """Return the live ones of an AoR, oldest first."""
        rows = await self.writer.fetch(self._live, {"aor": aor, "now": now})
        return sorted(map(subscription_of, rows), key=created_at)

    async def watching(self, resource: Resource, watcher: str | None) -> list[WatcherRow]:
        """Return all that is known of watchers."""
        statement = self._listing[watcher is not None]
        arguments = {"aor": resource.aor, "package": resource.package, "watcher": watcher}
        rows = await self.writer.fetch(statement, arguments)
        return sorted(map(watcher_of, rows), key=created_at)

    async def waiting(self, aor: str) -> list[WatcherRow]:
        """Return those that wait."""
        rows = await self.writer.fetch(self._waiting, {"aor": aor})
        return sorted(map(watcher_of, rows), key=created_at)

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

    async def _settle(self, ops: Sequence[WatcherOp], now: float) -> None:
        """Write what is no row and no refresh: a statement for each kind."""
        by_id = sorted(ops, key=id_of)
        more = {**self._keeping(now), "owner": self._context.owner}
        if ended := [op for op in by_id if isinstance(op, EndSubscription)]:
            arguments = {"op_id": [op.id for op in ended], "op_event": [op.event for op in ended]}
            await self._tell(self._ending, arguments | more)
        if settled := [op for op in by_id if isinstance(op, SettleSubscription)]:
            arguments = {
                "op_id": [op.id for op in settled],
                "op_state": [op.state for op in settled],
                "op_event": [op.event for op in settled],
            }
            await self._tell(self._settling, arguments)
        if held := [op.row for op in by_id if isinstance(op, HoldWatcher)]:
            arguments = {
                "op_id": [row.id for row in held],
                "op_aor": [row.resource.aor for row in held],
                "op_package": [row.resource.package for row in held],
                "op_watcher": [row.watcher for row in held],
                "op_dialog": [pack_dialog(row) for row in held],
            }
            await self._tell(self._holding, arguments | more)
        if decided := [op for op in by_id if isinstance(op, SettleWatcher)]:
            arguments = {
                "op_id": [op.id for op in decided],
                "op_event": [op.event for op in decided],
            }
            await self._tell(self._settling_watchers, arguments | more)

    def _keeping(self, now: float) -> dict[str, Any]:
        return Keeping.since(now, self._keep_waiting)._asdict()

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
            **self._keeping(now),
        }
        _collect(await self._tell(self._writing, arguments), places, outcomes)

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
        _collect(await self._tell(self._refreshing, arguments), places, outcomes)

    async def _tell(
        self,
        statements: dict[bool, Statement],
        arguments: dict[str, Any],
    ) -> list[Any]:
        """Run one of `statements`."""
        if self._context.peers:
            arguments |= feed_arguments(self._context.owner, (LONGEST_KEY,)) | WATCHER_SHARE
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


def _both(make: Callable[..., Statement]) -> dict[bool, Statement]:
    """The statement that tells nobody, and the one that tells the feed."""
    return {telling: make(telling=telling) for telling in (False, True)}


def id_of(op: WatcherOp) -> str:
    """Sort key: rows are locked in one order."""
    return op.row.id if isinstance(op, HoldWatcher) else op.id
