"""The operator's listener: /healthz, /readyz, /metrics and /api/status (OPS-01, OPS-08). Shell.

No authentication: it listens on loopback unless the settings say otherwise.
"""

from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from server.admin_host import host_check
from server.metrics import Metrics

READY: Final = "ready"


@dataclass(frozen=True, slots=True)
class AdminSources:
    """What the listener reads, each asked anew for every request."""

    metrics: Metrics
    state: Callable[[], Awaitable[str]]
    """`ready`, or in a word why not."""
    status: Callable[[], Mapping[str, object]]
    """Facts for /api/status, fit for JSON."""


def admin_app(sources: AdminSources, hosts: Container[str] = ()) -> web.Application:
    """The aiohttp application of the admin listener, whose API may be called by `hosts`."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        state = await sources.state()
        return web.Response(text=f"{state}\n", status=200 if state == READY else 503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=sources.metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def status(_: web.Request) -> web.Response:
        return web.json_response({"state": await sources.state(), **sources.status()})

    app = web.Application(middlewares=(host_check(hosts),))
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/api/status", status)
    return app
