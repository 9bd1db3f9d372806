"""What is read of documents on SQLite: themselves, their versions, their claims. Shell."""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any, Final

from sqlalchemy import func, select, tuple_

from store.rows import DOCUMENT_COLUMNS, VERSION_COLUMNS, document_of, info_of
from store.sqlite_statement import ZERO, compiled, given, values
from store.sqlite_thread import SqliteThread
from store.tables import claims, document_versions, documents
from store.values import Document, DocumentInfo, DocumentKey, DocumentVersion

_d, _v, _c = documents.c, document_versions.c, claims.c
_OWNED: Final = (_d.owner == given("owner"), _d.auid == given("auid"))
_THERE: Final = _d.body.isnot(None)
_COLUMNS: Final[Sequence[Any]] = [_d[name] for name in DOCUMENT_COLUMNS]
_VERSION: Final[Sequence[Any]] = [_v[name] for name in VERSION_COLUMNS]
_OF_KEY: Final = [_v[name] == given(name) for name in ("owner", "auid", "path")]

READ: Final = compiled(select(*_COLUMNS).where(*_OWNED, _d.path == given("path"), _THERE))
LISTING: Final = compiled(select(*_COLUMNS).where(*_OWNED, _THERE).order_by(_d.path))
_FACTS: Final[Sequence[Any]] = [
    *(_d[name] for name in ("auid", "owner", "path", "etag", "content_type")),
    func.length(_d.body),
    _d.updated_at,
    _d.version,
]
INFOS: Final = compiled(
    select(*_FACTS).where(_d.owner == given("owner"), _THERE).order_by(_d.auid, _d.path)
)


def _page(columns: Sequence[Any]) -> Any:
    """Documents of one application usage after an owner and path."""
    beyond = tuple_(_d.owner, _d.path) > tuple_(given("owner"), given("path"))
    there = select(*columns).where(_d.auid == given("auid"), beyond, _THERE)
    return there.order_by(_d.owner, _d.path).limit(given("limit")).offset(ZERO)


PAGE: Final = compiled(_page(_COLUMNS))
INFO_PAGE: Final = compiled(_page(_FACTS))
VERSIONS: Final = compiled(
    select(*_VERSION)
    .where(*_OF_KEY, _v.version > given("after"))
    .order_by(_v.version)
    .limit(given("limit"))
    .offset(ZERO)
)
VERSION: Final = compiled(select(*_VERSION).where(*_OF_KEY, _v.etag == given("etag")))
STAMP: Final = compiled(
    select(func.coalesce(func.sum(_d.version), ZERO)).where(
        _d.auid == given("auid"), _d.path == given("path"), _d.owner > given("owner")
    )
)
"""The sum of versions: each write raises one, and no row of a document ever goes."""
CLAIMANT: Final = compiled(select(_c.auid, _c.owner, _c.path).where(_c.uri == given("uri")))


class SqliteDocumentReads:
    """Reads by the connection that only reads."""

    def __init__(self, reader: SqliteThread) -> None:
        self._reader = reader

    async def read(self, keys: Sequence[DocumentKey]) -> dict[DocumentKey, Document | None]:
        """Return each document that is there."""
        return await self._reader.run(
            lambda connection: {key: _read(connection, key) for key in keys}
        )

    async def listings(
        self, keys: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], list[Document]]:
        """Return the documents of each application usage and owner, ordered by path."""
        return await self._reader.run(
            lambda connection: {key: _list(connection, *key) for key in keys}
        )

    async def infos(self, owner: str) -> list[DocumentInfo]:
        """Return what an owner has, ordered by application usage and path."""
        return [info_of(row) for row in await self._fetch(INFOS, owner=owner)]

    async def page(self, auid: str, owner: str, path: str, limit: int) -> list[Document]:
        """Return the next `limit` documents in the order of owner and path."""
        rows = await self._fetch(PAGE, auid=auid, owner=owner, path=path, limit=limit)
        return [document_of(row) for row in rows]

    async def info_page(self, auid: str, owner: str, path: str, limit: int) -> list[DocumentInfo]:
        """Return facts about the next `limit` documents in the order of owner and path."""
        rows = await self._fetch(INFO_PAGE, auid=auid, owner=owner, path=path, limit=limit)
        return [info_of(row) for row in rows]

    async def versions(self, key: DocumentKey, after: int, limit: int) -> list[DocumentVersion]:
        """Return the next `limit` versions that are kept, oldest first."""
        rows = await self._fetch(VERSIONS, **key._asdict(), after=after, limit=limit)
        return [DocumentVersion(*row) for row in rows]

    async def version(self, key: DocumentKey, etag: str) -> DocumentVersion | None:
        """Return the version of an entity-tag, if it is kept."""
        rows = await self._fetch(VERSION, **key._asdict(), etag=etag)
        return DocumentVersion(*rows[0]) if rows else None

    async def stamp(self, auid: str, path: str) -> str:
        """Return what changes with users' documents of that name."""
        rows = await self._fetch(STAMP, auid=auid, path=path, owner="")
        return str(rows[0][0])

    async def claimant(self, uri: str) -> DocumentKey | None:
        """Return the document that claims `uri`."""
        rows = await self._fetch(CLAIMANT, uri=uri)
        return DocumentKey(*rows[0]) if rows else None

    async def _fetch(self, sql: str, **fields: object) -> list[Any]:
        arguments = values(**fields)
        return await self._reader.run(
            lambda connection: connection.execute(sql, arguments).fetchall()
        )


def _list(connection: Connection, auid: str, owner: str) -> list[Document]:
    rows = connection.execute(LISTING, values(auid=auid, owner=owner)).fetchall()
    return [document_of(row) for row in rows]


def _read(connection: Connection, key: DocumentKey) -> Document | None:
    row = connection.execute(READ, values(**key._asdict())).fetchone()
    return None if row is None else document_of(row)
