"""Subscriptions on SQLite. Shell."""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, and_, case, delete, func, literal_column, select, update
from sqlalchemy.dialects.sqlite import insert

from store.backend import SubscriptionOp, WatcherOp
from store.operations import (
    EndSubscription,
    HoldWatcher,
    RefreshSubscription,
    SettleSubscription,
    SettleWatcher,
)
from store.outcomes import SubscriptionGone, SubscriptionOutcome, SubscriptionWritten
from store.rows import (
    SUBSCRIPTION_COLUMNS,
    check_at,
    created_at,
    pack_dialog,
    pack_reach,
    subscription_of,
)
from store.sqlite_publications import read_state
from store.sqlite_statement import ZERO, compiled, given, taken, values
from store.sqlite_thread import SqliteThread
from store.sqlite_watchers import Ended, give_up, keep, list_waiting, list_watchers, settle
from store.tables import subscriptions
from store.values import Resource, SubscriptionRow, WatcherRow
from store.watching import Keeping

GONE: Final = SubscriptionGone()


def _changed(before: str, after: str) -> ColumnElement[bool]:
    """Whether a refresh changes the state so."""
    return and_(
        _s.state == literal_column(f"'{before}'", Text()),
        given("state") == literal_column(f"'{after}'", Text()),
    )


_s = subscriptions.c
_ID: Final = _s.id == given("id")
_CHECK: Final = func.min(_s.check_at, given("check_at"))
_PROLONGED: Final = ("state", "remote_cseq", "expires_at", "reach", "owner")
_REPLACED: Final = (*_PROLONGED, "aor", "package", "watcher", "told_version", "dialog")

WRITE: Final = compiled(
    insert(subscriptions)
    .values(taken("id", *_REPLACED, "cseq_ceiling", "check_at"))
    .on_conflict_do_update(
        index_elements=("id",),
        set_={**taken(*_REPLACED, "cseq_ceiling"), "check_at": _CHECK},
    )
)
REFRESH: Final = compiled(
    update(subscriptions)
    .values(
        {
            **taken(*_PROLONGED),
            "event": case(
                (_changed("pending", "active"), literal_column("'approved'", Text())),
                (_changed("active", "pending"), literal_column("'subscribe'", Text())),
                else_=_s.event,
            ),
            "cseq_ceiling": func.max(_s.cseq_ceiling, given("cseq_ceiling")),
            "check_at": _CHECK,
        }
    )
    .where(_ID, _s.remote_cseq < given("remote_cseq"), _s.expires_at > given("now"))
    .returning(_s.aor, _s.package)
)
END: Final = compiled(
    delete(subscriptions).where(_ID).returning(*(_s[name] for name in Ended._fields))
)
SETTLE: Final = compiled(update(subscriptions).values(taken("state", "event")).where(_ID))
TOUCH: Final = compiled(
    update(subscriptions)
    .values(
        told_version=func.max(_s.told_version, given("told")),
        cseq_ceiling=func.max(_s.cseq_ceiling, given("cseq")),
    )
    .where(_ID, _s.owner == given("owner"))
)
_COLUMNS: Final[Sequence[Any]] = [_s[name] for name in SUBSCRIPTION_COLUMNS]
READ: Final = compiled(select(*_COLUMNS).where(_ID))
WATCHERS: Final = compiled(
    select(*_COLUMNS).where(_s.aor == given("aor"), _s.expires_at > given("now"))
)
ADOPT: Final = compiled(
    update(subscriptions)
    .values(owner=given("owner"), cseq_ceiling=_s.cseq_ceiling + given("reserve"))
    .where(
        _s.id.in_(
            select(_s.id)
            .where(_s.owner != given("owner"), _s.expires_at > given("now"))
            .limit(given("limit"))
            .offset(ZERO)
        )
    )
    .returning(*_COLUMNS)
)


class SqliteSubscriptions:
    """Writes and reads subscriptions, owned by `owner`; who waits is kept `keep_waiting` s."""

    def __init__(
        self, writer: SqliteThread, reader: SqliteThread, owner: str, keep_waiting: float
    ) -> None:
        self._keep_waiting = keep_waiting
        self._writer = writer
        self._reader = reader
        self._owner = owner

    async def write(
        self, ops: Sequence[SubscriptionOp], now: float
    ) -> list[SubscriptionOutcome | None]:
        """Write a batch."""
        keeping = Keeping.since(now, self._keep_waiting)
        return await self._writer.run(
            lambda connection: [self._write(connection, op, keeping) for op in ops]
        )

    async def read(self, ids: Sequence[str]) -> dict[str, SubscriptionRow]:
        """Return those of `ids` that are there."""
        return await self._reader.run(lambda connection: _read(connection, ids))

    async def watchers(self, aor: str, now: float) -> list[SubscriptionRow]:
        """Return the live ones of an AoR, oldest first."""
        rows = await self._reader.run(
            lambda connection: connection.execute(WATCHERS, values(aor=aor, now=now)).fetchall()
        )
        return sorted(map(subscription_of, rows), key=created_at)

    async def watching(self, resource: Resource, watcher: str | None) -> list[WatcherRow]:
        """Return all that is known of watchers."""
        return await self._reader.run(
            lambda connection: list_watchers(connection, resource, watcher)
        )

    async def waiting(self, aor: str) -> list[WatcherRow]:
        """Return those that wait."""
        return await self._reader.run(lambda connection: list_waiting(connection, aor))

    async def touch(self, touches: Sequence[tuple[str, int, int]]) -> None:
        """Remember what was told of subscriptions that are still ours."""
        arguments = [
            values(id=name, told=told, cseq=cseq, owner=self._owner) for name, told, cseq in touches
        ]
        await self._writer.run(lambda connection: connection.executemany(TOUCH, arguments))

    async def adopt(self, limit: int, now: float, reserve: int) -> list[SubscriptionRow]:
        """Take over live ones of any earlier life."""
        arguments = values(owner=self._owner, limit=limit, now=now, reserve=reserve)
        rows = await self._writer.run(
            lambda connection: connection.execute(ADOPT, arguments).fetchall()
        )
        return [subscription_of(row) for row in rows]

    def _write(
        self, connection: Connection, op: SubscriptionOp, keeping: Keeping
    ) -> SubscriptionOutcome | None:
        now = keeping.now
        match op:
            case SubscriptionRow():
                connection.execute(WRITE, self._row(op))
                give_up(connection, op.resource, op.watcher, keeping)
                return SubscriptionWritten(read_state(connection, op.resource, now))
            case RefreshSubscription():
                found = connection.execute(REFRESH, self._refresh(op, now)).fetchone()
                if found is None:
                    return GONE
                return SubscriptionWritten(read_state(connection, Resource(*found), now))
            case _:
                self._settle(connection, op, keeping)
                return None

    def _settle(self, connection: Connection, op: WatcherOp, keeping: Keeping) -> None:
        match op:
            case EndSubscription():
                ended = connection.execute(END, values(id=op.id)).fetchone()
                if ended is not None:
                    keep(connection, Ended(*ended), op.event, keeping)
            case SettleSubscription():
                connection.execute(SETTLE, values(**op._asdict()))
            case HoldWatcher(row):
                fetch = Ended(row.id, *row.resource, row.watcher, "pending", pack_dialog(row))
                keep(connection, fetch, "timeout", keeping)
            case SettleWatcher():
                settle(connection, op, keeping)

    def _row(self, row: SubscriptionRow) -> dict[str, object]:
        return values(
            id=row.id,
            aor=row.resource.aor,
            package=row.resource.package,
            watcher=row.watcher,
            state=row.state,
            remote_cseq=row.remote_cseq,
            cseq_ceiling=row.cseq_ceiling,
            told_version=row.told_version,
            expires_at=row.expires_at,
            check_at=check_at(row.expires_at),
            owner=self._owner,
            dialog=pack_dialog(row),
            reach=pack_reach(row),
        )

    def _refresh(self, op: RefreshSubscription, now: float) -> dict[str, object]:
        return values(
            id=op.id,
            state=op.state,
            remote_cseq=op.remote_cseq,
            cseq_ceiling=op.cseq_ceiling,
            expires_at=op.expires_at,
            check_at=check_at(op.expires_at),
            reach=pack_reach(op),
            owner=self._owner,
            now=now,
        )


def _read(connection: Connection, ids: Sequence[str]) -> dict[str, SubscriptionRow]:
    rows = (connection.execute(READ, values(id=name)).fetchone() for name in ids)
    return {row[0]: subscription_of(row) for row in rows if row is not None}
