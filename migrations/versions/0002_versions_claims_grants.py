"""Versions of documents, claimed URIs, grants; documents by usage, subscriptions by AoR.

Revision 0002, after 0001. What was written before has no versions until it is written again.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ROOM: dict[str, Any] = {"postgresql_with": {"fillfactor": 70}}
KEY = ("owner", "auid", "path")
INDEXES = (
    ("subscriptions_aor", "subscriptions", ("aor",)),
    ("documents_auid", "documents", ("auid", "owner", "path")),
    ("claims_owner", "claims", KEY),
    ("grants_grantee", "grants", ("grantee",)),
)


def text(name: str) -> sa.Column[str]:
    return sa.Column(name, BYTEWISE, nullable=False)


def upgrade() -> None:
    versions()
    op.create_table(
        "claims",
        *(text(name) for name in ("uri", "auid", "owner", "path")),
        sa.PrimaryKeyConstraint("uri", name="claims_pkey"),
        **ROOM,
    )
    op.create_table(
        "grants",
        *(text(name) for name in (*KEY, "grantee")),
        sa.Column("write", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(*KEY, "grantee", name="grants_pkey"),
        **ROOM,
    )
    for name, table, columns in INDEXES:
        op.create_index(name, table, list(columns))


def versions() -> None:
    op.create_table(
        "document_versions",
        *(text(name) for name in ("auid", "owner", "path")),
        sa.Column("version", sa.BigInteger(), nullable=False),
        text("etag"),
        text("content_type"),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        text("author"),
        text("source"),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint(*KEY, "version", name="document_versions_pkey"),
    )


def downgrade() -> None:
    op.drop_index("subscriptions_aor", "subscriptions")
    op.drop_index("documents_auid", "documents")
    for name in ("grants", "claims", "document_versions"):
        op.drop_table(name)
