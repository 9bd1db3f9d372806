"""One connection of a lane and a database that is there but says nothing. No database."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from store import pg_link
from store.errors import StoreUnavailable
from store.pg_link import Link
from store.stats import StoreStats

TIMEOUT = 0.2
"""Seconds; longer than the first pause of the backoff."""


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """The URL of a server that takes connections and answers none."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    yield f"postgresql://nobody@{host}:{port}/nothing"
    server.close()


async def test_a_silent_database_is_not_waited_for_by_each_request_in_turn(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause begins when the attempt has failed, however long that took."""
    monkeypatch.setattr(pg_link, "CONNECT_TIMEOUT", TIMEOUT)
    link = Link(silent, name="test", stats=StoreStats(), settings={})
    with pytest.raises(StoreUnavailable, match="cannot connect"):
        await link.connect()
    with pytest.raises(StoreUnavailable, match="trying again soon"):
        await link.connect()


def test_a_silent_database_is_given_up_before_the_client_gives_us_up() -> None:
    """RFC 3261 §17.1.2.2: timer F is 32 s, and a statement may have waited for another."""
    assert 2 * pg_link.COMMAND_TIMEOUT + pg_link.CONNECT_TIMEOUT < 32
