"""Watchers that wait or have ended; the event behind a subscription's state; the last REGISTER.

Revision 0003, after 0002. Of a subscription that is there already it is not known whether it was
active from the beginning or approved later: it counts as subscribed.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ROOM: dict[str, Any] = {"postgresql_with": {"fillfactor": 70}}
TEXTS = ("id", "aor", "package", "watcher", "status", "event", "dialog")
INDEXES = (
    ("watchers_aor", ("aor", "package", "watcher")),
    ("watchers_watcher", ("watcher",)),
    ("watchers_expires_at", ("expires_at",)),
)


def upgrade() -> None:
    op.create_table(
        "watchers",
        *(sa.Column(name, BYTEWISE, nullable=False) for name in TEXTS),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="watchers_pkey"),
        **ROOM,
    )
    for name, columns in INDEXES:
        op.create_index(name, "watchers", list(columns))
    event = sa.Column("event", BYTEWISE, nullable=False, server_default="subscribe")
    op.add_column("subscriptions", event)
    active_at = sa.Column("active_at", sa.Double(), nullable=False, server_default=sa.text("0"))
    op.add_column("registrations", active_at)
    index_of_subscriptions("aor", "package")


def index_of_subscriptions(*columns: str) -> None:
    """Make the index by AoR one of `columns`."""
    op.drop_index("subscriptions_aor", "subscriptions")
    op.create_index("subscriptions_aor", "subscriptions", list(columns))


def downgrade() -> None:
    index_of_subscriptions("aor")
    op.drop_column("subscriptions", "event")
    op.drop_column("registrations", "active_at")
    op.drop_table("watchers")
