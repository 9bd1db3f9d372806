"""The sweep on SQLite. Shell.

A row is found by its `check_at`. One that was prolonged meanwhile is moved on; one that
expired is deleted.
"""

from math import floor
from sqlite3 import Connection
from typing import Any, Final

from sqlalchemy import BigInteger, Table, cast, delete, update

from store.outcomes import Expired
from store.sqlite_publications import RAISE as RAISE_RESOURCE
from store.sqlite_statement import ONE, compiled, given, values
from store.sqlite_watchers import Ended, keep, sweep_watchers
from store.tables import bindings, publications, registrations, subscriptions
from store.values import Resource
from store.watching import Keeping

_ALL: Final = (publications, subscriptions, bindings)


def _later(table: Table) -> str:
    """Move on what was prolonged, to the whole second after its expiry."""
    due = table.c.check_at <= given("now_whole")
    next_look = cast(table.c.expires_at, BigInteger()) + ONE
    moved = update(table).values(check_at=next_look)
    return compiled(moved.where(due, table.c.expires_at > given("now")))


def _gone(table: Table, *columns: Any) -> str:
    due = table.c.check_at <= given("now_whole")
    expired = delete(table).where(due, table.c.expires_at <= given("now"))
    return compiled(expired.returning(*columns))


LATER: Final = tuple(_later(table) for table in _ALL)
PUBLICATIONS: Final = _gone(publications, publications.c.aor, publications.c.package)
SUBSCRIPTIONS: Final = _gone(subscriptions, *(subscriptions.c[name] for name in Ended._fields))
BINDINGS: Final = _gone(bindings, bindings.c.aor)
RAISE_REGISTRATION: Final = compiled(
    update(registrations)
    .values(version=registrations.c.version + ONE)
    .where(registrations.c.aor == given("aor"))
)


def sweep(connection: Connection, keeping: Keeping) -> Expired:
    """Delete what expired by now, raise versions, and return it."""
    now = keeping.now
    arguments = values(now=now, now_whole=floor(now))
    for statement in LATER:
        connection.execute(statement, arguments)
    lost = dict.fromkeys(connection.execute(PUBLICATIONS, arguments).fetchall())
    ended = [Ended(*row) for row in connection.execute(SUBSCRIPTIONS, arguments).fetchall()]
    for one in ended:
        keep(connection, one, "timeout", keeping)
    watched = [(Resource(one.aor, one.package), one.watcher) for one in ended]
    watched += sweep_watchers(connection, keeping)
    unbound = dict.fromkeys(row[0] for row in connection.execute(BINDINGS, arguments).fetchall())
    connection.executemany(RAISE_REGISTRATION, [values(aor=aor) for aor in unbound])
    risen = [(Resource(*key), _raise(connection, Resource(*key))) for key in lost]
    names = [one.id for one in ended]
    return Expired(risen, names, list(unbound), list(dict.fromkeys(watched)))


def _raise(connection: Connection, key: Resource) -> int:
    arguments = values(aor=key.aor, package=key.package)
    [version] = connection.execute(RAISE_RESOURCE, arguments).fetchone()
    return int(version)
