"""What is read of documents on PostgreSQL: themselves, their versions, their claims. Shell."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, func, select, tuple_

from store.pg_context import PgContext
from store.pg_statement import (
    TEXT,
    WHOLE,
    ZERO,
    Statement,
    compiled,
    given,
    operations,
    text_literal,
)
from store.rows import DOCUMENT_COLUMNS, VERSION_COLUMNS, document_of, info_of
from store.tables import claims, document_versions, documents
from store.values import Document, DocumentInfo, DocumentKey, DocumentVersion


class PgDocumentReads:
    """Reads, on a connection of their own."""

    def __init__(self, context: PgContext) -> None:
        self._context = context
        self.reader = context.link("document reads")
        self._reading = read_statement()
        self._listing = list_statement()
        self._info = info_statement()
        self._page = page_statement(_columns())
        self._info_page = page_statement(_facts())
        self._versions = versions_statement()
        self._version = version_statement()
        self._stamp = stamp_statement()
        self._claimant = claimant_statement()

    async def read(self, keys: Sequence[DocumentKey]) -> dict[DocumentKey, Document | None]:
        """Return each document that is there."""
        arguments = {
            "op_auid": [key.auid for key in keys],
            "op_owner": [key.owner for key in keys],
            "op_path": [key.path for key in keys],
        }
        found: dict[DocumentKey, Document | None] = dict.fromkeys(keys)
        rows = await self.reader.fetch(self._reading, arguments)
        found.update((document.key, document) for document in map(document_of, rows))
        return found

    async def listings(
        self, keys: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], list[Document]]:
        """Return the documents of each application usage and owner, ordered by path."""
        arguments = {
            "op_auid": [auid for auid, _ in keys],
            "op_owner": [owner for _, owner in keys],
        }
        found: dict[tuple[str, str], list[Document]] = {key: [] for key in keys}
        for document in map(document_of, await self.reader.fetch(self._listing, arguments)):
            found[document.key.auid, document.key.owner].append(document)
        return found

    async def infos(self, owner: str) -> list[DocumentInfo]:
        """Return what an owner has, ordered by application usage and path."""
        return [info_of(row) for row in await self.reader.fetch(self._info, {"owner": owner})]

    async def page(self, auid: str, owner: str, path: str, limit: int) -> list[Document]:
        """Return the next `limit` documents in the order of owner and path."""
        arguments = {"auid": auid, "owner": owner, "path": path, "limit": limit}
        return [document_of(row) for row in await self.reader.fetch(self._page, arguments)]

    async def info_page(self, auid: str, owner: str, path: str, limit: int) -> list[DocumentInfo]:
        """Return facts about the next `limit` documents in the order of owner and path."""
        arguments = {"auid": auid, "owner": owner, "path": path, "limit": limit}
        return [info_of(row) for row in await self.reader.fetch(self._info_page, arguments)]

    async def versions(self, key: DocumentKey, after: int, limit: int) -> list[DocumentVersion]:
        """Return the next `limit` versions that are kept, oldest first."""
        arguments = key._asdict() | {"after": after, "limit": limit}
        rows = await self.reader.fetch(self._versions, arguments)
        return [DocumentVersion(*row) for row in rows]

    async def version(self, key: DocumentKey, etag: str) -> DocumentVersion | None:
        """Return the version of an entity-tag, if it is kept."""
        rows = await self.reader.fetch(self._version, key._asdict() | {"etag": etag})
        return DocumentVersion(*rows[0]) if rows else None

    async def stamp(self, auid: str, path: str) -> str:
        """Return what changes with users' documents of that name."""
        rows = await self.reader.fetch(self._stamp, {"auid": auid, "path": path})
        return str(rows[0][0])

    async def claimant(self, uri: str) -> DocumentKey | None:
        """Return the document that claims `uri`."""
        rows = await self.reader.fetch(self._claimant, {"uri": uri})
        return DocumentKey(*rows[0]) if rows else None


def read_statement() -> Statement:
    """Documents by key."""
    op = operations("op", auid=TEXT, owner=TEXT, path=TEXT)
    d = documents.c
    same = and_(d.owner == op.c.owner, d.auid == op.c.auid, d.path == op.c.path)
    there = and_(same, d.body.isnot(None))
    return compiled(select(*_columns()).join_from(op, documents, there))


def list_statement() -> Statement:
    """Documents of owners, each under one application usage."""
    op, d = operations("op", auid=TEXT, owner=TEXT), documents.c
    there = and_(d.owner == op.c.owner, d.auid == op.c.auid, d.body.isnot(None))
    return compiled(select(*_columns()).join_from(op, documents, there).order_by(d.path))


def info_statement() -> Statement:
    """Facts about one owner's documents."""
    d = documents.c
    mine = and_(d.owner == given("owner", TEXT), d.body.isnot(None))
    return compiled(select(*_facts()).where(mine).order_by(d.auid, d.path))


def page_statement(columns: Sequence[Any]) -> Statement:
    """Documents of one application usage after an owner and path."""
    d = documents.c
    place = tuple_(given("owner", TEXT), given("path", TEXT))
    beyond = and_(d.auid == given("auid", TEXT), tuple_(d.owner, d.path) > place)
    rows = select(*columns).where(beyond, d.body.isnot(None)).order_by(d.owner, d.path)
    return compiled(rows.limit(given("limit", WHOLE)))


def versions_statement() -> Statement:
    """Versions of one document above one."""
    v = document_versions.c
    above = v.version > given("after", WHOLE)
    rows = select(*_version_columns()).where(*_of_key(), above).order_by(v.version)
    return compiled(rows.limit(given("limit", WHOLE)))


def version_statement() -> Statement:
    """The version of one document with an entity-tag."""
    tagged = document_versions.c.etag == given("etag", TEXT)
    return compiled(select(*_version_columns()).where(*_of_key(), tagged))


def stamp_statement() -> Statement:
    """The sum of versions: each write raises one, and no row of a document ever goes."""
    d = documents.c
    named = and_(d.auid == given("auid", TEXT), d.path == given("path", TEXT))
    total = func.coalesce(func.sum(d.version), ZERO)
    return compiled(select(total).where(named, d.owner > text_literal("")))


def claimant_statement() -> Statement:
    """The document that claims a URI."""
    c = claims.c
    return compiled(select(c.auid, c.owner, c.path).where(c.uri == given("uri", TEXT)))


def _of_key() -> tuple[Any, ...]:
    v = document_versions.c
    return tuple(v[name] == given(name, TEXT) for name in ("owner", "auid", "path"))


def _facts() -> Sequence[Any]:
    """Of a document; the size of a body is known without reading it."""
    d = documents.c
    size = func.octet_length(d.body)
    return (d.auid, d.owner, d.path, d.etag, d.content_type, size, d.updated_at, d.version)


def _columns() -> tuple[Any, ...]:
    return tuple(documents.c[name] for name in DOCUMENT_COLUMNS)


def _version_columns() -> tuple[Any, ...]:
    return tuple(document_versions.c[name] for name in VERSION_COLUMNS)
