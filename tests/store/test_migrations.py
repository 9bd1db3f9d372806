"""Migrations up and down on both databases, and the head is what the tables say."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from store import migrate
from store.errors import StoreMisused, StoreUnavailable
from store.store import open_store
from store.tables import metadata

HAS_LZ4 = "SELECT setting LIKE '%with-lz4%' FROM pg_config WHERE name = 'CONFIGURE'"
COMPRESSION = """
    SELECT relname, attcompression FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
    WHERE relkind = 'r' AND attname = 'body' AND relname LIKE 'document%'
"""


def differences(connection: Connection) -> None:
    options = {"compare_type": True, "compare_server_default": True}
    context = MigrationContext.configure(connection, opts=options)
    assert compare_metadata(context, metadata) == []


def tables(url: str) -> set[str]:
    names: set[str] = set()
    migrate.on_connection(
        url, lambda connection: names.update(inspect(connection).get_table_names())
    )
    return names


def test_the_head_is_what_the_tables_say(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    migrate.on_connection(empty_url, differences)
    migrate.check(empty_url)


def test_a_difference_would_be_seen(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    migrate.on_connection(
        empty_url, lambda connection: metadata.tables["documents"].drop(connection)
    )
    with pytest.raises(AssertionError):
        migrate.on_connection(empty_url, differences)


def test_down_leaves_nothing_and_up_works_again(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    migrate.downgrade(empty_url, "base")
    assert tables(empty_url) == {"alembic_version"}
    migrate.upgrade(empty_url)
    assert set(metadata.tables) < tables(empty_url)


@pytest.mark.postgres
def test_bodies_are_compressed_by_the_fastest_method_there_is(postgres_dsn: str) -> None:
    """lz4 where PostgreSQL was built with it, its own method elsewhere and before."""
    migrate.upgrade(postgres_dsn)
    has_lz4 = migrate.on_connection(postgres_dsn, lambda c: c.execute(text(HAS_LZ4)).scalar_one())
    expected = "l" if has_lz4 else ""
    assert compression(postgres_dsn) == {"documents": expected, "document_versions": expected}
    migrate.downgrade(postgres_dsn, "0001")
    assert compression(postgres_dsn) == {"documents": ""}


def compression(url: str) -> dict[str, str]:
    rows = migrate.on_connection(url, lambda c: c.execute(text(COMPRESSION)).all())
    return {table: bytes(method).strip(b"\0").decode() for table, method in rows}


def test_an_upgrade_of_the_head_does_nothing(url: str) -> None:
    migrate.upgrade(url)
    migrate.check(url)


def test_the_revision_tells_an_empty_database_from_a_used_one(empty_url: str) -> None:
    assert migrate.revision(empty_url) is None
    migrate.upgrade(empty_url)
    assert migrate.revision(empty_url) is not None


def test_the_revision_of_a_file_that_is_not_there_makes_none(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.db"
    assert migrate.revision(f"sqlite:///{path}") is None
    assert not path.exists()


def test_a_database_without_tables_fails_the_check(empty_url: str) -> None:
    with pytest.raises(StoreMisused, match="db upgrade"):
        migrate.check(empty_url)


async def test_a_store_does_not_open_on_an_old_schema(empty_url: str) -> None:
    with pytest.raises(StoreMisused, match="db upgrade"):
        await open_store(empty_url, node="a")


async def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(StoreUnavailable) as caught:
        await open_store("postgresql://user:sesame@127.0.0.1:1/none", node="a")
    assert "127.0.0.1:1" in str(caught.value)
    assert "sesame" not in str(caught.value)
