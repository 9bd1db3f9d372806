"""Documents on PostgreSQL: preconditions are part of the conditional write. Shell."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import CTE, ColumnElement, and_, any_, case, func, or_, select, union_all, update
from sqlalchemy.dialects.postgresql import insert

from store.errors import StoreUnavailable
from store.operations import WriteDocument
from store.outcomes import DocumentOutcome, DocumentPrecondition, DocumentWritten
from store.pg_context import PgContext
from store.pg_link import ATTEMPTS
from store.pg_notify import feed_arguments, told
from store.pg_statement import (
    INSTANT,
    OCTETS,
    ONE,
    TEXT,
    Statement,
    character,
    compiled,
    given,
    operations,
    text_literal,
)
from store.rows import DOCUMENT_COLUMNS, document_of
from store.tables import documents
from store.values import Document, DocumentKey, Kind, document_key

ANY_TAG: Final = "*"
TAG_SEPARATOR: Final = "\x1f"


class PgDocuments:
    """Writes and reads documents, each on a connection of its own."""

    def __init__(self, context: PgContext) -> None:
        self._context = context
        self.writer = context.link("documents")
        self.reader = context.link("document reads")
        self._writing = write_statement()
        self._reading = read_statement()
        self._listing = list_statement()

    async def write(self, ops: Sequence[WriteDocument]) -> list[DocumentOutcome | Exception]:
        """Write a batch that holds no document twice.

        A document that another process creates between snapshot and insert is looked at again.
        """
        outcomes: dict[DocumentKey, DocumentOutcome] = {}
        again = sorted(ops, key=lambda op: (op.key.owner, op.key.auid, op.key.path))
        for _ in range(ATTEMPTS):
            again = await self._attempt(again, outcomes)
            if not again:
                break
        lost = StoreUnavailable("lost too many races in a row")
        return [outcomes.get(op.key, lost) for op in ops]

    async def read(self, keys: Sequence[DocumentKey]) -> dict[DocumentKey, Document | None]:
        """Return each document that is there."""
        rows = await self.reader.fetch(self._reading, _key_arguments(keys))
        found: dict[DocumentKey, Document | None] = dict.fromkeys(keys)
        found.update((document.key, document) for document in map(document_of, rows))
        return found

    async def listing(self, auid: str, owner: str) -> list[Document]:
        """Return an owner's documents of one application usage, ordered by path."""
        rows = await self.reader.fetch(self._listing, {"auid": auid, "owner": owner})
        return [document_of(row) for row in rows]

    async def _attempt(
        self, ops: Sequence[WriteDocument], outcomes: dict[DocumentKey, DocumentOutcome]
    ) -> list[WriteDocument]:
        """Write once; return the operations that must be tried again."""
        feed = feed_arguments(self._context.owner, (document_key(op.key) for op in ops))
        again = []
        for row in await self.writer.fetch(self._writing, _arguments(ops) | feed):
            op = ops[row[0] - 1]
            version, created, seen, current = row[1], row[2], row[3], row[4]
            if version is not None:
                outcomes[op.key] = DocumentWritten(op.etag, created, version)
            elif seen or op.body is None or op.if_match is not None:
                outcomes[op.key] = DocumentPrecondition(current)
            else:
                again.append(op)
        return again


def _key_arguments(keys: Sequence[DocumentKey]) -> dict[str, object]:
    return {
        "op_auid": [key.auid for key in keys],
        "op_owner": [key.owner for key in keys],
        "op_path": [key.path for key in keys],
    }


def _arguments(ops: Sequence[WriteDocument]) -> dict[str, object]:
    return _key_arguments([op.key for op in ops]) | {
        "op_body": [op.body for op in ops],
        "op_content_type": [op.content_type for op in ops],
        "op_etag": [op.etag for op in ops],
        "op_match": [_joined(op.if_match) for op in ops],
        "op_none_match": [_joined(op.if_none_match) for op in ops],
        "op_updated_at": [op.now for op in ops],
    }


def _joined(tags: Sequence[str] | None) -> str | None:
    return None if tags is None else TAG_SEPARATOR.join(tags)


def write_statement() -> Statement:
    """Change, delete or create where the preconditions hold, and tell the feed.

    Documents are told always: their readers may be processes that serve nobody.
    """
    keys = {"auid": TEXT, "owner": TEXT, "path": TEXT}
    op = operations(
        "op",
        **keys,
        body=OCTETS,
        content_type=TEXT,
        etag=TEXT,
        match=TEXT,
        none_match=TEXT,
        updated_at=INSTANT,
    )
    d = documents.c
    written = union_all(select(_changed(op)), select(_created(op))).cte("written")
    w = written.c
    created = (w.created_version == w.version).label("created")
    current = case((d.body.isnot(None), d.etag)).label("current")
    telling = told(written, Kind.DOCUMENT, w.version, w.auid, w.owner, w.path)
    done = and_(w.auid == op.c.auid, w.owner == op.c.owner, w.path == op.c.path)
    joined = op.outerjoin(written, done).outerjoin(documents, _same(op))
    columns = (op.c.n, w.version, created, d.etag.isnot(None).label("seen"), current, telling)
    return compiled(select(*columns).select_from(joined))


def _same(op: CTE) -> ColumnElement[bool]:
    d = documents.c
    return and_(d.owner == op.c.owner, d.auid == op.c.auid, d.path == op.c.path)


def _changed(op: CTE) -> CTE:
    d = documents.c
    there = d.body.isnot(None)
    next_version = d.version + ONE
    statement = update(documents).values(
        body=op.c.body,
        content_type=op.c.content_type,
        etag=op.c.etag,
        updated_at=op.c.updated_at,
        version=next_version,
        created_version=case((there, d.created_version), else_=next_version),
    )
    wanted = or_(op.c.match.is_(None), and_(there, _lists(op.c.match)))
    unwanted = or_(op.c.none_match.is_(None), d.body.is_(None), ~_lists(op.c.none_match))
    deletable = or_(op.c.body.isnot(None), there)
    matched = statement.where(_same(op), wanted, unwanted, deletable)
    return matched.returning(d.auid, d.owner, d.path, d.version, d.created_version).cte("changed")


def _lists(tags: ColumnElement[str]) -> ColumnElement[bool]:
    """Tell whether a joined list of entity-tags names the stored one, or is "*"."""
    split = func.string_to_array(tags, character(TAG_SEPARATOR))
    return or_(tags == text_literal(ANY_TAG), documents.c.etag == any_(split))


def _created(op: CTE) -> CTE:
    d = documents.c
    fields = ("auid", "owner", "path", "body", "content_type", "etag", "updated_at")
    rows = select(*(op.c[name] for name in fields), ONE, ONE).where(
        op.c.body.isnot(None), op.c.match.is_(None), ~select(d.etag).where(_same(op)).exists()
    )
    names = (*fields, "version", "created_version")
    statement = insert(documents).from_select(names, rows.order_by(op.c.n))
    started = statement.on_conflict_do_nothing()
    return started.returning(d.auid, d.owner, d.path, d.version, d.created_version).cte("created")


def read_statement() -> Statement:
    """Documents by key."""
    op = operations("op", auid=TEXT, owner=TEXT, path=TEXT)
    there = and_(_same(op), documents.c.body.isnot(None))
    return compiled(select(*_columns()).join_from(op, documents, there))


def list_statement() -> Statement:
    """Documents of one owner under one application usage."""
    d = documents.c
    mine = and_(d.owner == given("owner", TEXT), d.auid == given("auid", TEXT))
    return compiled(select(*_columns()).where(mine, d.body.isnot(None)).order_by(d.path))


def _columns() -> tuple[Any, ...]:
    d = documents.c
    return tuple(d[name] for name in DOCUMENT_COLUMNS)
