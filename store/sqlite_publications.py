"""Publications on SQLite: the operations of a batch, one after the other, in its transaction.

Shell.
"""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any, Final

from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from store.operations import WritePublication
from store.outcomes import EtagMismatch, PublicationOutcome, PublicationWritten
from store.rows import check_at
from store.sqlite_statement import ONE, compiled, given, taken, values
from store.sqlite_thread import SqliteThread
from store.tables import publications, resources
from store.values import Publication, Resource, ResourceState

MISMATCH: Final = EtagMismatch()

_p, _r = publications.c, resources.c
_HERE: Final = and_(_p.aor == given("aor"), _p.package == given("package"))
_LIVE: Final = and_(_HERE, _p.expires_at > given("now"))
_MATCHES: Final = and_(_LIVE, _p.id == given("id"), _p.entity_tag == given("expected"))
_CHECK: Final = func.min(_p.check_at, given("check_at"))
_FIELDS: Final = (_p.id, _p.entity_tag, _p.expires_at, _p.content_type, _p.body, _p.published_at)
_KEY: Final = ("aor", "package", "id")
_STATE: Final = ("entity_tag", "expires_at")
_CONTENT: Final = ("content_type", "body", "published_at")

INSERT: Final = compiled(
    insert(publications)
    .values(taken(*_KEY, *_STATE, "check_at", *_CONTENT))
    .on_conflict_do_nothing()
    .returning(_p.id)
)
MODIFY: Final = compiled(
    update(publications)
    .values({**taken(*_STATE, *_CONTENT), "check_at": _CHECK})
    .where(_MATCHES)
    .returning(_p.id)
)
REFRESH: Final = compiled(
    update(publications)
    .values({**taken(*_STATE), "check_at": _CHECK})
    .where(_MATCHES)
    .returning(_p.id)
)
REMOVE: Final = compiled(delete(publications).where(_MATCHES).returning(_p.id))
RAISE: Final = compiled(
    insert(resources)
    .values({**taken("aor", "package"), "version": ONE})
    .on_conflict_do_update(index_elements=("aor", "package"), set_={"version": _r.version + ONE})
    .returning(_r.version)
)
VERSION: Final = compiled(
    select(_r.version).where(_r.aor == given("aor"), _r.package == given("package"))
)
SHORTEN: Final = compiled(
    update(publications)
    .values(expires_at=func.min(_p.expires_at, given("expires_at")), check_at=_CHECK)
    .where(_HERE, _p.entity_tag == given("entity_tag"))
)
OTHERS: Final = compiled(
    select(*_FIELDS).where(_LIVE, _p.id != given("id")).order_by(_p.published_at)
)
STATE: Final = compiled(select(*_FIELDS).where(_LIVE).order_by(_p.published_at))


class SqlitePublications:
    """Writes and reads publications."""

    def __init__(self, writer: SqliteThread, reader: SqliteThread) -> None:
        self._writer = writer
        self._reader = reader

    async def write(self, ops: Sequence[WritePublication]) -> list[PublicationOutcome]:
        """Write a batch."""
        return await self._writer.run(lambda connection: [_write(connection, op) for op in ops])

    async def shorten(self, which: Sequence[tuple[Resource, str]], expires_at: float) -> None:
        """Have publications end sooner."""
        arguments = [
            values(
                aor=resource.aor,
                package=resource.package,
                entity_tag=entity_tag,
                expires_at=expires_at,
                check_at=check_at(expires_at),
            )
            for resource, entity_tag in which
        ]
        await self._writer.run(lambda connection: connection.executemany(SHORTEN, arguments))

    async def read(self, keys: Sequence[Resource], now: float) -> dict[Resource, ResourceState]:
        """Return the state of each resource."""
        return await self._reader.run(
            lambda connection: {key: read_state(connection, key, now) for key in keys}
        )


def _write(connection: Connection, op: WritePublication) -> PublicationOutcome:
    arguments = _arguments(op)
    if connection.execute(_statement(op), arguments).fetchone() is None:
        return MISMATCH
    refreshed = op.body is None and op.expires_at > 0
    [version] = connection.execute(VERSION if refreshed else RAISE, arguments).fetchone()
    others = connection.execute(OTHERS, arguments).fetchall()
    return PublicationWritten(version, tuple([Publication(*row) for row in others]))


def _statement(op: WritePublication) -> str:
    if op.expected is None:
        return INSERT
    if not op.expires_at:
        return REMOVE
    return REFRESH if op.body is None else MODIFY


def _arguments(op: WritePublication) -> dict[str, Any]:
    return {
        "in_aor": op.resource.aor,
        "in_package": op.resource.package,
        "in_id": op.id,
        "in_expected": op.expected,
        "in_entity_tag": op.entity_tag,
        "in_expires_at": op.expires_at,
        "in_check_at": check_at(op.expires_at),
        "in_content_type": op.content_type,
        "in_body": op.body,
        "in_published_at": op.published_at,
        "in_now": op.now,
    }


def read_state(connection: Connection, key: Resource, now: float) -> ResourceState:
    """Read version and live publications of one resource."""
    arguments = values(aor=key.aor, package=key.package, now=now)
    found = connection.execute(STATE, arguments).fetchall()
    return ResourceState(read_version(connection, key), tuple([Publication(*row) for row in found]))


def read_version(connection: Connection, key: Resource) -> int:
    """Read the version of one resource; 0 for one that was never published."""
    row = connection.execute(VERSION, values(aor=key.aor, package=key.package)).fetchone()
    return int(row[0]) if row else 0
