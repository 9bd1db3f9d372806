"""One connection of a lane: a database that says nothing, and how plans are kept."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from store import pg_link
from store.errors import StoreUnavailable
from store.pg_link import SETTINGS, Link
from store.pg_statement import Statement
from store.stats import StoreStats

TIMEOUT = 0.2
"""Seconds; longer than the first pause of the backoff."""

PLANS = Statement(
    "SELECT coalesce(sum(generic_plans + custom_plans), 0), count(*) FROM pg_prepared_statements"
    " WHERE statement LIKE '%asked about%' AND statement NOT LIKE '%pg_prepared%'",
    (),
)
RENEWAL = "DISCARD PLANS"
ASKED = Statement('SELECT 1 AS "asked about"', ())


@pytest.fixture
async def link(postgres_dsn: str) -> AsyncIterator[Link]:
    link = Link(postgres_dsn, name="test", stats=StoreStats(), settings=SETTINGS)
    yield link
    await link.close()


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


@pytest.mark.postgres
async def test_a_statement_is_prepared_once(link: Link) -> None:
    """One without a name would be parsed and planned by each execution, and not be listed."""
    executions = 5
    for _ in range(executions):
        await link.fetch(ASKED, {})
    assert [tuple(row) for row in await link.fetch(PLANS, {})] == [(executions, 1)]


@pytest.mark.postgres
async def test_plans_are_renewed_as_tables_may_have_grown(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever as many statements were executed again, and after a while."""
    said: list[str] = []
    connection = await link.connect()
    connection.add_query_logger(lambda record: said.append(record.query))
    for _ in range(8):
        await link.fetch(ASKED, {})
    assert said.count(RENEWAL) == len([1, 2, 4, 8])
    await link.fetch(ASKED, {})
    assert said.count(RENEWAL) == 4
    monkeypatch.setattr(pg_link, "PLANS_LAST", 0.0)
    await link.fetch(ASKED, {})
    assert said.count(RENEWAL) == 5
