"""One real server per store for all of tests/interop, with digest on, and users to spare."""

import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Final

import pytest

from tests.databases import drop_database, fresh_database
from tests.processes import DOMAIN, Deployment, Running, sqlite_url
from tests.rawdigest import Login
from tests.rawsip import SipClient
from tests.rawusers import NewUser, User

SPARE_USERS: Final = 120
SCENARIO_USERS: Final = {"alice": "wonderland", "bob": "builder"}
"""Whom the sipp scenarios name."""
CALL_USERS: Final = tuple(f"phone{number}" for number in range(1, 151))
"""Who call each other in tests/interop/test_sipp_calls.py."""

_numbers = itertools.count(1)


def password_of(name: str) -> str:
    return SCENARIO_USERS.get(name, f"secret-{name}")


@pytest.fixture(
    scope="session", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def store_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """An empty store of either kind."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path_factory.mktemp("store"))
        return
    postgres = request.getfixturevalue("postgres_server")
    url = fresh_database(postgres)
    yield url
    drop_database(postgres, url)


@pytest.fixture(scope="session")
def server(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server under test, with its users."""
    names = [*SCENARIO_USERS, *CALL_USERS, *(f"u{number}" for number in range(1, SPARE_USERS + 1))]
    deployment = Deployment(tmp_path_factory.mktemp("interop"), store_url)
    deployment.prepare({name: password_of(name) for name in names})
    with deployment.serving() as running:
        yield running


@pytest.fixture(params=["UDP", "TCP"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def new_user(server: Running) -> AsyncIterator[NewUser]:
    """Make a user nobody else uses, on a socket of its own: `await new_user("TCP")`."""
    clients: list[SipClient] = []

    async def make(transport: str = "UDP", login: Login | None = None) -> User:
        name = f"u{(next(_numbers) - 1) % SPARE_USERS + 1}"
        client = await SipClient.open(server.sip, transport)
        clients.append(client)
        login = login or Login(name, "")
        login.user, login.password = name, password_of(name)
        return User(client, f"sip:{name}@{DOMAIN}", login)

    yield make
    for client in clients:
        client.close()
