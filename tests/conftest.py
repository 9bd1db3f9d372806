"""Fixtures that every test may ask for."""

from tests.databases import postgres_dsn, postgres_server, postgres_session_dsn

__all__ = ["postgres_dsn", "postgres_server", "postgres_session_dsn"]
