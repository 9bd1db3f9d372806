"""/api/registrations/AOR: what an operator sees and removes."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from proxy.errors import Contention
from server.registrations_api import serve_registrations
from sip.uri import AoR
from store.errors import StoreError
from store.values import Binding
from tests.proxy.proxykit import ALICE, binding

PATH = ("<sip:token-of-a-flow:x@192.0.2.1:5060;lr;ob>", "<sip:edge.example.com;lr>")


async def asked(
    method: str, address: str, *, failure: Exception | None = None
) -> tuple[int, object]:
    async def lookup(aor: AoR) -> tuple[Binding, ...]:
        if failure is not None:
            raise failure
        held = binding(q=0.5, flow="tcp:192.0.2.10:40000", worker="w1", path=PATH)
        return (held,) if aor == ALICE else ()

    async def remove(aor: AoR) -> int:
        return len(await lookup(aor))

    app = web.Application()
    serve_registrations(app, ["example.com"], lookup, remove)
    async with TestClient(TestServer(app)) as client:
        response = await client.request(method, f"/api/registrations/{address}")
        json = response.content_type == "application/json"
        return response.status, await (response.json() if json else response.text())


async def test_bindings_are_listed() -> None:
    status, shown = await asked("GET", "alice@example.com")
    assert status == 200
    assert isinstance(shown, dict)
    assert shown["aor"] == ALICE
    assert shown["bindings"][0]["contact"] == "sip:alice@192.0.2.10:5070"
    assert (shown["bindings"][0]["flow"], shown["bindings"][0]["q"]) == (
        "tcp:192.0.2.10:40000",
        0.5,
    )


async def test_user_without_bindings_has_an_empty_list() -> None:
    assert await asked("GET", "sip:bob@example.com") == (
        200,
        {"aor": "sip:bob@example.com", "bindings": []},
    )


async def test_bindings_are_removed() -> None:
    assert await asked("DELETE", "sip:alice@example.com") == (200, {"aor": ALICE, "removed": 1})


async def test_foreign_user_is_404() -> None:
    status, _ = await asked("GET", "alice@example.org")
    assert status == 404


async def test_tokens_of_flows_are_told_to_nobody() -> None:
    """RFC 5626 §5.3: who has one reaches the phone without a challenge."""
    _, shown = await asked("GET", "alice@example.com")
    assert isinstance(shown, dict)
    path = ["sip:192.0.2.1:5060;lr;ob", "sip:edge.example.com;lr"]
    assert shown["bindings"][0]["path"] == path


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        pytest.param(StoreError("down"), "down\n", id="store-down"),
        pytest.param(Contention(), "others are changing the same bindings\n", id="contention"),
    ],
)
async def test_what_cannot_be_done_now_is_503(failure: Exception, said: str) -> None:
    assert await asked("DELETE", "alice@example.com", failure=failure) == (503, said)
