"""The tables, for PostgreSQL and SQLite. Alembic's migrations follow them.

What every write changes (entity-tag, expiry, version, body) is in no index, so that
PostgreSQL updates rows in place (heap-only, fillfactor 70). `check_at` is when a sweep
should look at a row: a whole second, at most its expiry rounded up. A prolonged row keeps
its `check_at`; the sweep that finds it moves it on. So that index is written once per
lifetime, not once per refresh.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

metadata: Final = MetaData(naming_convention={"ix": "%(table_name)s_%(column_0_name)s"})

ROOM: Final[dict[str, Any]] = {"postgresql_with": {"fillfactor": 70}}
"""Leaves space on each page for the next version of its rows."""


def _table(name: str, *columns: Any) -> Table:
    return Table(name, metadata, *columns, **ROOM)


BYTEWISE: Final = Text().with_variant(Text(collation="C"), "postgresql")
"""Compared by octets, whatever the database's locale: faster, and the same everywhere."""


def _text(name: str) -> Column[str]:
    return Column(name, BYTEWISE, nullable=False)


def _instant(name: str) -> Column[float]:
    return Column(name, Double(), nullable=False)


def _whole(name: str) -> Column[int]:
    return Column(name, BigInteger(), nullable=False)


resources: Final = _table(
    "resources",
    _text("aor"),
    _text("package"),
    _whole("version"),
    PrimaryKeyConstraint("aor", "package", name="resources_pkey"),
)
"""One row per resource ever published; it stays, so that no version is used twice."""

publications: Final = _table(
    "publications",
    _text("package"),
    _text("aor"),
    _text("id"),
    _text("entity_tag"),
    _instant("expires_at"),
    _whole("check_at"),
    _text("content_type"),
    Column("body", LargeBinary(), nullable=False),
    _instant("published_at"),
    PrimaryKeyConstraint("aor", "package", "id", name="publications_pkey"),
    Index(None, "check_at"),
)

subscriptions: Final = _table(
    "subscriptions",
    _text("id"),
    _text("aor"),
    _text("package"),
    _text("watcher"),
    _text("state"),
    _whole("remote_cseq"),
    _whole("cseq_ceiling"),
    _whole("told_version"),
    _instant("expires_at"),
    _whole("check_at"),
    _text("owner"),
    _text("dialog"),
    _text("reach"),
    Column("event", BYTEWISE, nullable=False, server_default="subscribe"),
    PrimaryKeyConstraint("id", name="subscriptions_pkey"),
    Index(None, "check_at"),
    Index(None, "owner"),
    Index(None, "aor", "package"),
)
"""`dialog` (what never changes) and `reach` (what a refresh replaces) are JSON arrays; `event` is
what brought `state` about (RFC 3857 §4.7.1)."""

watchers: Final = _table(
    "watchers",
    _text("id"),
    _text("aor"),
    _text("package"),
    _text("watcher"),
    _text("status"),
    _text("event"),
    _instant("expires_at"),
    _text("dialog"),
    PrimaryKeyConstraint("id", name="watchers_pkey"),
    Index(None, "aor", "package", "watcher"),
    Index(None, "watcher"),
    Index(None, "expires_at"),
)
"""Whose subscription is over, but not forgotten: those that wait for a decision, and for a minute
those whose end is told. `id` and `dialog` are the subscription's."""

registrations: Final = _table(
    "registrations",
    _text("aor"),
    _whole("version"),
    Column("active_at", Double(), nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("aor", name="registrations_pkey"),
)
"""One row per AoR that ever registered; it stays, so that no version is used twice. `active_at`
is when it last registered anything."""

bindings: Final = _table(
    "bindings",
    _text("aor"),
    _text("contact"),
    _instant("expires_at"),
    _whole("check_at"),
    _text("details"),
    PrimaryKeyConstraint("aor", "contact", name="bindings_pkey"),
    Index(None, "check_at"),
)
"""`contact` is the binding's key, `details` a JSON array of its other fields."""

documents: Final = _table(
    "documents",
    _text("auid"),
    _text("owner"),
    _text("path"),
    _text("etag"),
    _text("content_type"),
    Column("body", LargeBinary(), nullable=True),
    _instant("updated_at"),
    _whole("version"),
    _whole("created_version"),
    PrimaryKeyConstraint("owner", "auid", "path", name="documents_pkey"),
    Index(None, "auid", "owner", "path"),
)
"""A deleted document's row stays with no body, so that no version is used twice."""

document_versions: Final = Table(
    "document_versions",
    metadata,
    _text("auid"),
    _text("owner"),
    _text("path"),
    _whole("version"),
    _text("etag"),
    _text("content_type"),
    Column("body", LargeBinary(), nullable=True),
    _text("author"),
    _text("source"),
    _instant("created_at"),
    PrimaryKeyConstraint("owner", "auid", "path", "version", name="document_versions_pkey"),
)
"""One row per write of a document, the newest few; without a body where it was deleted.
Rows are inserted and deleted, never changed, so pages are filled."""

claims: Final = _table(
    "claims",
    _text("uri"),
    _text("auid"),
    _text("owner"),
    _text("path"),
    PrimaryKeyConstraint("uri", name="claims_pkey"),
    Index(None, "owner", "auid", "path"),
)
"""URIs of which each belongs to one document of the deployment."""

grants: Final = _table(
    "grants",
    _text("owner"),
    _text("auid"),
    _text("path"),
    _text("grantee"),
    Column("write", Boolean(), nullable=False),
    PrimaryKeyConstraint("owner", "auid", "path", "grantee", name="grants_pkey"),
    Index(None, "grantee"),
)

credentials: Final = _table(
    "credentials",
    _text("aor"),
    _text("md5"),
    _text("sha256"),
    _text("md5_full"),
    _text("sha256_full"),
    PrimaryKeyConstraint("aor", name="credentials_pkey"),
)

processes: Final = _table(
    "processes",
    _text("owner"),
    _text("node"),
    _instant("heartbeat_at"),
    PrimaryKeyConstraint("owner", name="processes_pkey"),
)
"""One row per life of a process; `heartbeat_at` is the database's clock, 0 once it left."""

secrets: Final = _table(
    "secrets",
    _text("name"),
    Column("value", LargeBinary(), nullable=False),
    PrimaryKeyConstraint("name", name="secrets_pkey"),
)
