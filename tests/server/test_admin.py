"""The operator's listener (OPS-01, OPS-08)."""

import pytest
from aiohttp.test_utils import TestClient, TestServer

from server.admin import READY, AdminSources, admin_app
from server.metrics import Metrics


async def asked(
    path: str, state: str = READY, host: str = "127.0.0.1", origin: str = ""
) -> tuple[int, str]:
    async def current() -> str:
        return state

    sources = AdminSources(Metrics(), current, lambda: {"listening": ["udp:127.0.0.1:5060"]})
    app = admin_app(sources, hosts=["sip.example.com"])
    async with TestClient(TestServer(app)) as client:
        headers = {"Host": host} | ({"Origin": origin} if origin else {})
        response = await client.get(path, headers=headers)
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


@pytest.mark.parametrize(
    ("host", "status"),
    [
        pytest.param("127.0.0.1:8081", 200, id="address"),
        pytest.param("[::1]:8081", 200, id="ipv6"),
        pytest.param("[::1]", 200, id="ipv6-without-port"),
        pytest.param("LocalHost:8081", 200, id="localhost"),
        pytest.param("sip.example.com:8081", 200, id="name-of-ours"),
        pytest.param("sip.example.com", 200, id="name-without-port"),
        pytest.param("evil.example:8081", 421, id="somebody-elses"),
        pytest.param("127.0.0.1.evil.example", 421, id="disguised"),
        pytest.param("localhost.evil.example", 421, id="disguised-as-localhost"),
        pytest.param("", 421, id="none"),
    ],
)
async def test_the_api_is_for_no_page_of_others(host: str, status: int) -> None:
    """RFC 9110 §15.5.20: a name that anybody can let lead to the operator's machine."""
    assert (await asked("/api/status", host=host))[0] == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        pytest.param("http://127.0.0.1:8081", 200, id="own"),
        pytest.param("http://evil.example", 403, id="somebody-elses"),
        pytest.param("http://127.0.0.1:9999", 403, id="other-port"),
        pytest.param("null", 403, id="sandboxed"),
    ],
)
async def test_pages_of_other_origins_are_refused(origin: str, status: int) -> None:
    """A browser sends a plain POST of any page, and says whose it is (RFC 6454 §7.3)."""
    answer = await asked("/api/status", host="127.0.0.1:8081", origin=origin)
    assert answer[0] == status


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_probes_may_use_any_name(path: str) -> None:
    assert (await asked(path, host="presentity.svc:8081"))[0] == 200
