"""Fixtures that every test may ask for."""

from tests.databases import postgres_dsn, postgres_server, postgres_session_dsn
from tests.nameserver import start_name_server

__all__ = ["postgres_dsn", "postgres_server", "postgres_session_dsn", "start_name_server"]
