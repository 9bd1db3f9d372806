"""The store's URL: which database, and how each library wants it written. Pure."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from store.errors import StoreMisused


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """A checked URL of a PostgreSQL or SQLite database."""

    url: URL

    @classmethod
    def parse(cls, text: str) -> Self:
        """Check `text`; raises `StoreMisused` naming what is wrong, never the password."""
        try:
            url = make_url(text)
        except ArgumentError as error:
            raise StoreMisused(f"store.url is not a database URL: {error}") from None
        if url.get_backend_name() not in ("postgresql", "sqlite"):
            raise StoreMisused(f"store.url: {url.drivername} is neither postgresql nor sqlite")
        if url.get_backend_name() == "sqlite" and not url.database:
            raise StoreMisused("store.url: an SQLite store needs a file, sqlite:///path")
        return cls(url)

    @property
    def is_sqlite(self) -> bool:
        """Tell whether the database is a file of ours."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return Path(self.url.database or "")

    @property
    def asyncpg_dsn(self) -> str:
        """The URL as asyncpg takes it."""
        return self.url.set(drivername="postgresql").render_as_string(hide_password=False)

    @property
    def engine_url(self) -> URL:
        """The URL for SQLAlchemy's engines: asyncpg, or the standard library's sqlite3."""
        return self.url.set(drivername="sqlite" if self.is_sqlite else "postgresql+asyncpg")

    def __str__(self) -> str:
        return self.url.render_as_string(hide_password=True)
