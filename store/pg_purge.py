"""The statement that empties a user's home directory on PostgreSQL. Pure."""

from sqlalchemy import and_, delete, null, select, update
from sqlalchemy.dialects.postgresql import insert

from store.pg_notify import told
from store.pg_statement import INSTANT, ONE, TEXT, Statement, compiled, given, text_literal
from store.tables import claims, document_versions, documents
from store.values import Kind


def purge_statement(*, keeping: bool) -> Statement:
    """Delete an owner's documents, all versions and claims, and tell the feed.

    To be run under repeatable read: a document that changes meanwhile starts it anew, so
    that no version is overlooked. With `keeping`, the deletion itself is recorded.
    """
    d, v, c, owner = documents.c, document_versions.c, claims.c, given("owner", TEXT)
    now = given("now", INSTANT)
    emptied = update(documents).values(body=null(), updated_at=now, version=d.version + ONE)
    gone = (
        emptied.where(d.owner == owner, d.body.isnot(None))
        .returning(d.auid, d.owner, d.path, d.version, d.content_type)
        .cte("gone")
    )
    telling = told(gone, Kind.DOCUMENT, gone.c.version, gone.c.auid, gone.c.owner, gone.c.path)
    statement = select(gone.c.auid, gone.c.owner, gone.c.path, telling).add_cte(
        delete(document_versions).where(and_(v.owner == owner)).cte("forgotten"),
        delete(claims).where(c.owner == owner).cte("released"),
    )
    if keeping:
        names = ["auid", "owner", "path", "version", "content_type"]
        said = {"author": given("author", TEXT), "source": given("source", TEXT)}
        rows = select(*(gone.c[name] for name in names), text_literal(""), now, *said.values())
        recorded = insert(document_versions).from_select(
            [*names, "etag", "created_at", *said], rows
        )
        statement = statement.add_cte(recorded.cte("recorded"))
    return compiled(statement)
