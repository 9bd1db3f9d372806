"""Schema upgrades and their check, by alembic. Shell.

These calls block and must not run inside an event loop: a process migrates or checks
before it starts its loop, or in a thread.
"""

import asyncio
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Final, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from store.errors import StoreMisused, StoreUnavailable
from store.url import StoreUrl

HEAD: Final = "head"

T = TypeVar("T")


def upgrade(url: str, to: str = HEAD) -> None:
    """Bring the schema at `url` up to revision `to`, in one transaction."""
    on_connection(url, lambda connection: command.upgrade(_config(connection), to))


def downgrade(url: str, to: str) -> None:
    """Take the schema back to revision `to`; "base" drops everything."""
    on_connection(url, lambda connection: command.downgrade(_config(connection), to))


def revision(url: str) -> str | None:
    """The revision that the schema at `url` is at; None when there is no schema yet."""
    parsed = StoreUrl.parse(url)
    if parsed.is_sqlite and not parsed.path.exists():
        return None
    return on_connection(
        url, lambda connection: MigrationContext.configure(connection).get_current_revision()
    )


def check(url: str) -> None:
    """Raise `StoreMisused` unless the schema at `url` is at the head revision."""
    current, head = revision(url), ScriptDirectory.from_config(_config()).get_current_head()
    if current != head:
        raise StoreMisused(
            f"{StoreUrl.parse(url)}: schema is at {current or 'nothing'}, this version needs"
            f" {head}; run `presentity db upgrade`"
        )


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(str(files("migrations")))))
    config.attributes["connection"] = connection
    return config


def on_connection(url: str, work: Callable[[Connection], T]) -> T:
    """Return what `work` does in a transaction; `StoreUnavailable` when there is no answer."""
    parsed = StoreUrl.parse(url)
    try:
        if parsed.is_sqlite:
            return _on_sqlite(parsed, work)
        return asyncio.run(_on_postgres(parsed, work))
    except (OSError, SQLAlchemyError) as error:
        raise StoreUnavailable(f"{parsed}: {error}") from error


def _on_sqlite(url: StoreUrl, work: Callable[[Connection], T]) -> T:
    engine = create_engine(url.engine_url)
    try:
        with engine.begin() as connection:
            return work(connection)
    finally:
        engine.dispose()


async def _on_postgres(url: StoreUrl, work: Callable[[Connection], T]) -> T:
    engine = create_async_engine(url.engine_url)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()
