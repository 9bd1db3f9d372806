"""The operator's listener (OPS-01, OPS-08)."""

from aiohttp.test_utils import TestClient, TestServer

from server.admin import READY, AdminSources, admin_app
from server.metrics import Metrics


async def asked(path: str, state: str = READY) -> tuple[int, str]:
    async def current() -> str:
        return state

    sources = AdminSources(Metrics(), current, lambda: {"listening": ["udp:127.0.0.1:5060"]})
    async with TestClient(TestServer(admin_app(sources))) as client:
        response = await client.get(path)
        return response.status, await response.text()


async def test_healthz_answers_while_the_process_lives() -> None:
    assert await asked("/healthz", state="draining") == (200, "ok\n")


async def test_readyz_is_200_only_when_ready() -> None:
    assert await asked("/readyz") == (200, "ready\n")
    assert await asked("/readyz", state="store-lost") == (503, "store-lost\n")


async def test_metrics_are_in_the_text_format() -> None:
    status, text = await asked("/metrics")
    assert status == 200
    assert "# TYPE presentity_sip_requests_total counter" in text


async def test_status_is_json() -> None:
    status, text = await asked("/api/status")
    assert (status, text) == (200, '{"state": "ready", "listening": ["udp:127.0.0.1:5060"]}')
