"""Stores for tests: each test runs on SQLite and on PostgreSQL, in a database of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from store import migrate
from store.role import Role
from store.store import Store, open_store
from tests.store.storekit import FakeClock

Opener = Callable[..., Awaitable[Store]]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'presentity.db'}"
    return str(request.getfixturevalue("postgres_dsn"))


@pytest.fixture
def url(empty_url: str) -> str:
    """A database with tables."""
    migrate.upgrade(empty_url)
    return empty_url


@pytest.fixture
def postgres_url(postgres_dsn: str) -> str:
    """A PostgreSQL with tables."""
    migrate.upgrade(postgres_dsn)
    return postgres_dsn


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def opened(clock: FakeClock) -> AsyncIterator[Opener]:
    """Open stores that are closed with the test: `await opened(url, node="a")`."""
    stores: list[Store] = []

    async def open_one(at: str, node: str = "a", role: Role = Role.SERVER, **more: int) -> Store:
        store = await open_store(at, node=node, role=role, clock=clock, **more)
        stores.append(store)
        return store

    yield open_one
    for store in stores:
        await store.close()


@pytest.fixture
async def store(url: str, opened: Opener) -> Store:
    """One store, as a server opens it."""
    return await opened(url)
