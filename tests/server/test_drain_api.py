"""/api/drain: the planned move of subscriptions (EVT-12)."""

import json
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from presence.subscriptions.migration_service import Phase, Progress
from server.cli_drain import line, listener
from server.drain import Drain
from server.drain_api import PATH, serve_drain
from server.errors import ServerError
from server.settings import load_settings

USUAL = 100.0


class Door:
    """Open or not."""

    def __init__(self) -> None:
        self.open = True

    def drain(self) -> None:
        self.open = False

    def resume(self) -> None:
        self.open = True


class Migration:
    """One that is always half done."""

    def __init__(self) -> None:
        self.active = False
        self.rate = 0.0

    @property
    def progress(self) -> Progress:
        phase = Phase.MOVING if self.active else Phase.IDLE
        return Progress(phase, self.rate, 3, 4, 1000.0 if self.active else 0.0, 0.0)

    def start(self, rate: float) -> None:
        self.active, self.rate = True, rate

    def cancel(self) -> None:
        self.active = False


class Operator:
    """The API over a door and a migration."""

    def __init__(self) -> None:
        self.door, self.migration = Door(), Migration()
        self.app = web.Application()
        serve_drain(self.app, Drain(self.door, self.migration, USUAL))

    async def ask(self, method: str, body: bytes = b"") -> tuple[int, dict[str, Any]]:
        async with TestClient(TestServer(self.app)) as client:
            response = await client.request(method, PATH, data=body)
            return response.status, json.loads(await response.text())


@pytest.mark.parametrize(
    ("body", "rate"), [(b"", USUAL), (b"{}", USUAL), (b'{"rate": 7}', 7.0), (b'{"rate":0.5}', 0.5)]
)
async def test_it_begins_and_says_how_far_it_is(body: bytes, rate: float) -> None:
    operator = Operator()
    status, said = await operator.ask("POST", body)
    assert (status, operator.door.open) == (202, False)
    assert said == {
        "state": "moving", "rate": rate, "moved": 3, "left": 4, "begun_at": 1000.0,
        "ended_at": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'{"speed": 1}', b'{"rate": "1"}', b'{"rate": 0}', b'{"rate": -1}',
     b'{"rate": true}', b'{"rate": NaN}', b'{"rate": Infinity}', b"[" * 100_000,
     b'{"rate": %d}' % 10**400, b'{"rate": 1e-320}'],
)  # fmt: skip
async def test_a_bad_rate_is_400_and_begins_nothing(body: bytes) -> None:
    operator = Operator()
    status, said = await operator.ask("POST", body)
    assert (status, list(said), operator.door.open) == (400, ["error"], True)


async def test_it_is_called_off() -> None:
    operator = Operator()
    operator.door.drain()
    operator.migration.start(1.0)
    status, said = await operator.ask("DELETE")
    assert (status, said["state"], operator.door.open) == (200, "idle", True)


async def test_what_did_not_begin_is_not_called_off() -> None:
    """A process that stops keeps refusing new dialogs."""
    operator = Operator()
    operator.door.drain()
    await operator.ask("DELETE")
    assert not operator.door.open


async def test_get_only_looks() -> None:
    operator = Operator()
    status, said = await operator.ask("GET")
    assert (status, said["state"], said["begun_at"], operator.door.open) == (
        200, "idle", None, True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("listen", "named", "asked"),
    [
        ("0.0.0.0:8081", None, "127.0.0.1:8081"),
        ("127.0.0.1:9", None, "127.0.0.1:9"),
        ("127.0.0.1:9", "server.example:81", "server.example:81"),
        ("[::]:9", None, "[::1]:9"),
    ],
)
def test_the_command_asks_the_admin_listener(listen: str, named: str | None, asked: str) -> None:
    assert str(listener(load_settings(None, [f"admin.listen={listen}"]), named)) == asked


def test_the_command_names_a_bad_address() -> None:
    with pytest.raises(ServerError, match="--admin: 'nowhere' is not host:port"):
        listener(load_settings(), "nowhere")


def test_the_command_says_how_far_it_is_in_a_line() -> None:
    assert line({"state": "moving", "moved": 3, "left": 4}) == "moving: 3 moved, 4 left"
