"""Documents on SQLite. Shell."""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from store.operations import WriteDocument
from store.outcomes import DocumentOutcome, DocumentPrecondition, DocumentWritten
from store.rows import DOCUMENT_COLUMNS, document_of
from store.sqlite_statement import compiled, given, taken, values
from store.sqlite_thread import SqliteThread
from store.tables import documents
from store.values import Document, DocumentKey

ANY_TAG: Final = "*"

_d = documents.c
_OWNED: Final = (_d.owner == given("owner"), _d.auid == given("auid"))
_SAME: Final = (*_OWNED, _d.path == given("path"))
_CONTENT: Final = ("etag", "content_type", "body", "updated_at", "version", "created_version")
_COLUMNS: Final[Sequence[Any]] = [_d[name] for name in DOCUMENT_COLUMNS]

CURRENT: Final = compiled(
    select(_d.etag, _d.body.isnot(None), _d.version, _d.created_version).where(*_SAME)
)
WRITE: Final = compiled(
    insert(documents)
    .values(taken("auid", "owner", "path", *_CONTENT))
    .on_conflict_do_update(index_elements=("owner", "auid", "path"), set_=taken(*_CONTENT))
)
READ: Final = compiled(select(*_COLUMNS).where(*_SAME, _d.body.isnot(None)))
LISTING: Final = compiled(select(*_COLUMNS).where(*_OWNED, _d.body.isnot(None)).order_by(_d.path))


class SqliteDocuments:
    """Writes and reads documents."""

    def __init__(self, writer: SqliteThread, reader: SqliteThread) -> None:
        self._writer = writer
        self._reader = reader

    async def write(self, ops: Sequence[WriteDocument]) -> list[DocumentOutcome]:
        """Write a batch."""
        return await self._writer.run(lambda connection: [_write(connection, op) for op in ops])

    async def read(self, keys: Sequence[DocumentKey]) -> dict[DocumentKey, Document | None]:
        """Return each document that is there."""
        return await self._reader.run(
            lambda connection: {key: _read(connection, key) for key in keys}
        )

    async def listing(self, auid: str, owner: str) -> list[Document]:
        """Return an owner's documents of one application usage, ordered by path."""
        arguments = values(auid=auid, owner=owner)
        rows = await self._reader.run(
            lambda connection: connection.execute(LISTING, arguments).fetchall()
        )
        return [document_of(row) for row in rows]


def _write(connection: Connection, op: WriteDocument) -> DocumentOutcome:
    key = values(**op.key._asdict())
    row = connection.execute(CURRENT, key).fetchone() or (None, 0, 0, 0)
    etag, there, version, created_version = row
    current = etag if there else None
    if not _allowed(op, current):
        return DocumentPrecondition(current)
    new = values(
        etag=op.etag,
        content_type=op.content_type,
        body=op.body,
        updated_at=op.now,
        version=version + 1,
        created_version=created_version if there else version + 1,
    )
    connection.execute(WRITE, key | new)
    return DocumentWritten(op.etag, not there, version + 1)


def _allowed(op: WriteDocument, current: str | None) -> bool:
    """Evaluate the preconditions (RFC 9110 §13.1); what is not there cannot be deleted."""
    if current is None:
        return op.if_match is None and op.body is not None
    if op.if_match is not None and not _lists(op.if_match, current):
        return False
    return op.if_none_match is None or not _lists(op.if_none_match, current)


def _lists(tags: Sequence[str], etag: str) -> bool:
    return etag in tags or ANY_TAG in tags


def _read(connection: Connection, key: DocumentKey) -> Document | None:
    row = connection.execute(READ, values(**key._asdict())).fetchone()
    return None if row is None else document_of(row)
