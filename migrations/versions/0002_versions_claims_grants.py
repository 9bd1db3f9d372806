"""Versions of documents, claimed URIs, grants; documents by usage, subscriptions by AoR.

Revision 0002, after 0001. What was written before has no versions until it is written again.
The URIs of services that are stored already are claimed for the documents that have them
(RFC 4826 §4.4.5); of two that have one URI the one written first gets it, which a line says.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from lxml import etree

from sip.errors import ParseError
from sip.uri import SipUri, aor_of

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

FIELDS = ("uri", *KEY)
SERVICE = "{urn:ietf:params:xml:ns:rls-services}service"
LONGEST_URI = 2_000
"""Octets; PostgreSQL indexes no more than some 2,700."""
AT_ONCE = 50
"""Documents that are in memory together."""
LZ4 = "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
"""Whether the server has it: PostgreSQL 14 and later may be built without."""

log = logging.getLogger("alembic.claims")


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
    compress("lz4", "documents", "document_versions")
    fill_claims()


def compress(method: str, *tables: str) -> None:
    """Compress long bodies by `method` from now on, where there is a choice.

    PostgreSQL's own method takes more of its time than all the rest of a write
    (bench_documents.py, --size 100000), and a body is written twice.
    """
    connection = op.get_bind()
    if connection.dialect.name == "postgresql" and connection.execute(sa.text(LZ4)).scalar():
        for table in tables:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN body SET COMPRESSION {method}")


def fill_claims() -> None:
    """Claim the URIs of stored services. Those of the global tree repeat what users have."""
    d = sa.table("documents", *(sa.column(name) for name in (*KEY, "body", "updated_at")))
    stored = (
        sa.select(d.c.owner, d.c.auid, d.c.path, d.c.body)
        .where(d.c.auid == "rls-services", d.c.owner != "", d.c.body.isnot(None))
        .order_by(d.c.updated_at, d.c.owner, d.c.path)
        .execution_options(yield_per=AT_ONCE)
    )
    claimed: dict[str, tuple[str, ...]] = {}
    for *key, body in op.get_bind().execute(stored):
        for uri in services(body):
            first = claimed.setdefault(uri, tuple(key))
            if first != tuple(key):
                log.warning(
                    "%s is a service of %s and stays one; the same URI in %s is not claimed",
                    *(uri, shown(first), shown(key)),
                )
    table = sa.table("claims", *(sa.column(name) for name in FIELDS))
    rows = [dict(zip(FIELDS, (uri, *key), strict=True)) for uri, key in claimed.items()]
    op.bulk_insert(table, rows)


def services(body: bytes) -> Iterator[str]:
    """The URIs of a document's services, each in the form under which it is claimed."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        return
    for service in root.iterchildren(SERVICE):
        uri = claimed_as(" ".join(service.get("uri", "").split()))
        if uri and len(uri.encode()) <= LONGEST_URI:
            yield uri


def claimed_as(uri: str) -> str:
    """Of a SIP URI the AoR, with the name of the list where it is one below a user's own URI."""
    try:
        aor = aor_of(uri)
        name = SipUri.parse(f"sip:{uri.partition(':')[2]}").parameters.get("pres-list")
    except ParseError:
        return uri
    return aor if name is None else f"{aor};pres-list={name}"


def shown(key: Sequence[str]) -> str:
    owner, auid, path = key
    return f"{auid}/users/{owner}/{path}"


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
    compress("default", "documents")
    op.drop_index("subscriptions_aor", "subscriptions")
    op.drop_index("documents_auid", "documents")
    for name in ("grants", "claims", "document_versions"):
        op.drop_table(name)
