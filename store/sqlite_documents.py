"""Documents on SQLite. Shell."""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any, Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from store.operations import WriteDocument
from store.outcomes import (
    DocumentClaimed,
    DocumentOutcome,
    DocumentPrecondition,
    DocumentWritten,
)
from store.sqlite_document_reads import CLAIMANT, SqliteDocumentReads
from store.sqlite_statement import compiled, given, taken, values
from store.sqlite_thread import SqliteThread
from store.tables import claims, document_versions, documents
from store.values import DocumentKey

ANY_TAG: Final = "*"
PURGED: Final = ""
"""The entity-tag of the version that a purge leaves."""

_d, _v, _c = documents.c, document_versions.c, claims.c
_KEY: Final = ("owner", "auid", "path")
_SAME: Final = [_d[name] == given(name) for name in _KEY]
_CONTENT: Final = ("etag", "content_type", "body", "updated_at", "version", "created_version")
_RECORDED: Final = ("version", "etag", "content_type", "body", "author", "source", "created_at")

CURRENT: Final = compiled(
    select(_d.etag, _d.body.isnot(None), _d.version, _d.created_version).where(*_SAME)
)
WRITE: Final = compiled(
    upsert(documents)
    .values(taken(*_KEY, *_CONTENT))
    .on_conflict_do_update(index_elements=_KEY, set_=taken(*_CONTENT))
)
RECORD: Final = compiled(insert(document_versions).values(taken(*_KEY, *_RECORDED)))
PRUNE: Final = compiled(
    delete(document_versions).where(
        *(_v[name] == given(name) for name in _KEY), _v.version <= given("last")
    )
)
RELEASE: Final = compiled(delete(claims).where(*(_c[name] == given(name) for name in _KEY)))
CLAIM: Final = compiled(insert(claims).values(taken(*_KEY, "uri")))
OWNED: Final = compiled(
    select(_d.auid, _d.owner, _d.path, _d.version, _d.content_type).where(
        _d.owner == given("owner"), _d.body.isnot(None)
    )
)
EMPTY: Final = compiled(
    update(documents).values(taken("body", "updated_at", "version")).where(*_SAME)
)
FORGET: Final = compiled(delete(document_versions).where(_v.owner == given("owner")))
RELEASE_ALL: Final = compiled(delete(claims).where(_c.owner == given("owner")))


class SqliteDocuments(SqliteDocumentReads):
    """Writes and reads documents; keeps `keep` versions of each."""

    def __init__(self, writer: SqliteThread, reader: SqliteThread, keep: int) -> None:
        super().__init__(reader)
        self._writer = writer
        self._keep = keep

    async def write(self, ops: Sequence[WriteDocument]) -> list[DocumentOutcome]:
        """Write a batch."""
        return await self._writer.run(
            lambda connection: [self._write(connection, op) for op in ops]
        )

    async def purge(self, owner: str, now: float, author: str, source: str) -> list[DocumentKey]:
        """Delete an owner's documents, their versions and claims."""
        said = {"author": author, "source": source, "updated_at": now, "created_at": now}
        return await self._writer.run(lambda connection: self._purge(connection, owner, said))

    def _write(self, connection: Connection, op: WriteDocument) -> DocumentOutcome:
        key = values(**op.key._asdict())
        row = connection.execute(CURRENT, key).fetchone() or (None, 0, 0, 0)
        etag, there, version, created_version = row
        current = etag if there else None
        if not _allowed(op, current):
            return DocumentPrecondition(current)
        taken_uri = _taken(connection, op)
        if taken_uri is not None:
            return DocumentClaimed(taken_uri)
        new: dict[str, Any] = {
            "etag": op.etag,
            "content_type": op.content_type,
            "body": op.body,
            "updated_at": op.now,
            "version": version + 1,
            "created_version": created_version if there else version + 1,
        }
        connection.execute(WRITE, key | values(**new))
        self._record(connection, key, new | {"author": op.author, "source": op.source})
        _claim(connection, key, op)
        return DocumentWritten(op.etag, not there, version + 1)

    def _record(self, connection: Connection, key: dict[str, object], new: dict[str, Any]) -> None:
        """Keep the version, and no more than the newest."""
        if self._keep:
            fields = {name: new[name] for name in _RECORDED[:-1]}
            said = values(**fields, created_at=new["updated_at"])
            connection.execute(RECORD, key | said)
        connection.execute(PRUNE, key | values(last=new["version"] - self._keep))

    def _purge(self, connection: Connection, owner: str, said: dict[str, Any]) -> list[DocumentKey]:
        rows = connection.execute(OWNED, values(owner=owner)).fetchall()
        connection.execute(FORGET, values(owner=owner))
        connection.execute(RELEASE_ALL, values(owner=owner))
        for auid, _, path, version, content_type in rows:
            key = values(auid=auid, owner=owner, path=path)
            new = said | {"body": None, "version": version + 1}
            connection.execute(
                EMPTY, key | values(body=None, updated_at=new["updated_at"], version=version + 1)
            )
            self._record(connection, key, new | {"etag": PURGED, "content_type": content_type})
        return [DocumentKey(row[0], row[1], row[2]) for row in rows]


def _allowed(op: WriteDocument, current: str | None) -> bool:
    """Evaluate the preconditions (RFC 9110 §13.1); what is not there cannot be deleted."""
    if current is None:
        return op.if_match is None and op.body is not None
    if op.if_match is not None and not _lists(op.if_match, current):
        return False
    return op.if_none_match is None or not _lists(op.if_none_match, current)


def _lists(tags: Sequence[str], etag: str) -> bool:
    return etag in tags or ANY_TAG in tags


def _taken(connection: Connection, op: WriteDocument) -> str | None:
    """Return a URI that `op` claims and another document has."""
    if op.body is None:
        return None
    for uri in op.claims or ():
        row = connection.execute(CLAIMANT, values(uri=uri)).fetchone()
        if row is not None and DocumentKey(*row) != op.key:
            return uri
    return None


def _claim(connection: Connection, key: dict[str, object], op: WriteDocument) -> None:
    """Replace what the document claims."""
    if op.claims is None and op.body is not None:
        return
    connection.execute(RELEASE, key)
    if op.body is not None:
        uris = dict.fromkeys(op.claims or ())
        connection.executemany(CLAIM, [key | values(uri=uri) for uri in uris])
