"""What becomes of watchers on SQLite: statements of a batch, in its transaction. Shell."""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any, Final, NamedTuple

from sqlalchemy import Text, and_, delete, func, literal_column, select, update
from sqlalchemy.dialects.sqlite import insert

from store.operations import SettleWatcher
from store.rows import WATCHER_COLUMNS, created_at, watcher_of
from store.sqlite_statement import compiled, given, taken, values
from store.tables import subscriptions, watchers
from store.values import Resource, WatcherRow
from store.watching import TEMPLATE, WAITING_LIMIT, Keeping

_WAITING: Final = literal_column("'waiting'", Text())
_TERMINATED: Final = literal_column("'terminated'", Text())
_GIVEUP: Final = literal_column("'giveup'", Text())

_s, _w = subscriptions.c, watchers.c
_WAITS: Final = _w.status == _WAITING
_OF_RESOURCE: Final = and_(_w.aor == given("aor"), _w.package == given("package"))
_OF_WATCHER: Final = and_(_OF_RESOURCE, _w.watcher == given("watcher"))
_GIVEN_UP: Final = {"status": _TERMINATED, "event": _GIVEUP, "expires_at": given("expires_at")}

GIVE_UP: Final = compiled(update(watchers).values(_GIVEN_UP).where(_OF_WATCHER, _WAITS))
KEEP: Final = compiled(insert(watchers).values(taken(*WATCHER_COLUMNS)).on_conflict_do_nothing())
WAITS_FOR: Final = compiled(
    select(func.count()).select_from(watchers).where(_w.watcher == given("watcher"), _WAITS)
)
WATCHED: Final = compiled(
    select(func.count())
    .select_from(subscriptions)
    .where(_s.aor == given("aor"), _s.package == given("template"))
)
SETTLE: Final = compiled(
    update(watchers)
    .values(status=_TERMINATED, event=given("event"), expires_at=given("expires_at"))
    .where(_w.id == given("id"), _WAITS)
)
LATE: Final = compiled(
    update(watchers)
    .values(_GIVEN_UP)
    .where(_w.expires_at <= given("now"), _WAITS)
    .returning(_w.aor, _w.package, _w.watcher)
)
FORGET: Final = compiled(
    delete(watchers).where(_w.expires_at <= given("now"), _w.status == _TERMINATED)
)
_PAST: Final[Sequence[Any]] = [_w[name] for name in WATCHER_COLUMNS]
_LIVE: Final[Sequence[Any]] = [
    _s.state if name == "status" else _s[name] for name in WATCHER_COLUMNS
]
PAST: Final = compiled(select(*_PAST).where(_OF_RESOURCE))
LIVE: Final = compiled(select(*_LIVE).where(_s.aor == given("aor"), _s.package == given("package")))
WAITING: Final = compiled(select(*_PAST).where(_w.aor == given("aor"), _WAITS))


class Ended(NamedTuple):
    """A subscription that is over."""

    id: str
    aor: str
    package: str
    watcher: str
    state: str
    dialog: str


def keep(connection: Connection, ended: Ended, event: str, keeping: Keeping) -> None:
    """Keep a watcher that waits from now on, or whose end somebody wants to hear of."""
    undecided = ended.state == "pending" and event == "timeout"
    if undecided and keeping.waiting_until > keeping.now and _may_wait(connection, ended.watcher):
        give_up(connection, Resource(ended.aor, ended.package), ended.watcher, keeping)
        _insert(connection, ended, "waiting", event, keeping.waiting_until)
    elif _count(connection, WATCHED, aor=ended.aor, template=ended.package + TEMPLATE):
        _insert(connection, ended, "terminated", event, keeping.ended_until)


def give_up(connection: Connection, resource: Resource, watcher: str, keeping: Keeping) -> None:
    """End the wait of a watcher that subscribes again."""
    arguments = values(**resource._asdict(), watcher=watcher, expires_at=keeping.ended_until)
    connection.execute(GIVE_UP, arguments)


def settle(connection: Connection, op: SettleWatcher, keeping: Keeping) -> None:
    """End the wait of a watcher."""
    arguments = values(id=op.id, event=op.event, expires_at=keeping.ended_until)
    connection.execute(SETTLE, arguments)


def sweep_watchers(connection: Connection, keeping: Keeping) -> list[tuple[Resource, str]]:
    """Give up on those that waited too long, forget what ended."""
    connection.execute(FORGET, values(now=keeping.now))
    arguments = values(now=keeping.now, expires_at=keeping.ended_until)
    rows = connection.execute(LATE, arguments).fetchall()
    return [(Resource(row[0], row[1]), row[2]) for row in rows]


def list_watchers(
    connection: Connection, resource: Resource, watcher: str | None
) -> list[WatcherRow]:
    """What is known of the watchers of a resource, or of one of them, oldest first."""
    arguments = values(**resource._asdict())
    found = [connection.execute(statement, arguments).fetchall() for statement in (LIVE, PAST)]
    rows = (watcher_of(row) for some in found for row in some)
    return sorted((r for r in rows if watcher in (None, r.watcher)), key=created_at)


def list_waiting(connection: Connection, aor: str) -> list[WatcherRow]:
    """Those that wait for a decision of an AoR, oldest first."""
    rows = connection.execute(WAITING, values(aor=aor)).fetchall()
    return sorted(map(watcher_of, rows), key=created_at)


def _may_wait(connection: Connection, watcher: str) -> bool:
    return _count(connection, WAITS_FOR, watcher=watcher) < WAITING_LIMIT


def _count(connection: Connection, statement: str, **arguments: str) -> int:
    return int(connection.execute(statement, values(**arguments)).fetchone()[0])


def _insert(
    connection: Connection, ended: Ended, status: str, event: str, expires_at: float
) -> None:
    fields = {name: value for name, value in ended._asdict().items() if name != "state"}
    arguments = values(**fields, status=status, event=event, expires_at=expires_at)
    connection.execute(KEEP, arguments)
