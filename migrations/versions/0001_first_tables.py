"""The first tables.

Revision 0001, after nothing. Written out, not taken from the metadata, since the metadata moves on.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ROOM: dict[str, Any] = {"postgresql_with": {"fillfactor": 70}}
TABLES = (
    "resources",
    "publications",
    "subscriptions",
    "registrations",
    "bindings",
    "documents",
    "credentials",
    "processes",
    "secrets",
)


def text(name: str) -> sa.Column[str]:
    return sa.Column(name, BYTEWISE, nullable=False)


def whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def instant(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double(), nullable=False)


def create(name: str, *columns: sa.Column[Any], key: tuple[str, ...]) -> None:
    op.create_table(name, *columns, sa.PrimaryKeyConstraint(*key, name=f"{name}_pkey"), **ROOM)


def upgrade() -> None:
    events()
    registrar()
    xcap()
    process()


def events() -> None:
    create("resources", text("aor"), text("package"), whole("version"), key=("aor", "package"))
    create(
        "publications",
        text("package"),
        text("aor"),
        text("id"),
        text("entity_tag"),
        instant("expires_at"),
        whole("check_at"),
        text("content_type"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        instant("published_at"),
        key=("aor", "package", "id"),
    )
    op.create_index("publications_check_at", "publications", ["check_at"])
    create(
        "subscriptions",
        text("id"),
        text("aor"),
        text("package"),
        text("watcher"),
        text("state"),
        whole("remote_cseq"),
        whole("cseq_ceiling"),
        whole("told_version"),
        instant("expires_at"),
        whole("check_at"),
        text("owner"),
        text("dialog"),
        text("reach"),
        key=("id",),
    )
    op.create_index("subscriptions_check_at", "subscriptions", ["check_at"])
    op.create_index("subscriptions_owner", "subscriptions", ["owner"])


def registrar() -> None:
    create("registrations", text("aor"), whole("version"), key=("aor",))
    create(
        "bindings",
        text("aor"),
        text("contact"),
        instant("expires_at"),
        whole("check_at"),
        text("details"),
        key=("aor", "contact"),
    )
    op.create_index("bindings_check_at", "bindings", ["check_at"])


def xcap() -> None:
    create(
        "documents",
        text("auid"),
        text("owner"),
        text("path"),
        text("etag"),
        text("content_type"),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        instant("updated_at"),
        whole("version"),
        whole("created_version"),
        key=("owner", "auid", "path"),
    )


def process() -> None:
    hashes = ("md5", "sha256", "md5_full", "sha256_full")
    create("credentials", text("aor"), *(text(name) for name in hashes), key=("aor",))
    create("processes", text("owner"), text("node"), instant("heartbeat_at"), key=("owner",))
    create(
        "secrets",
        text("name"),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        key=("name",),
    )


def downgrade() -> None:
    for name in TABLES:
        op.drop_table(name)
