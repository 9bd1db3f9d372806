"""/api/drain of the admin listener: move the subscriptions of this process elsewhere. Shell.

POST begins, with `{"rate": 50}` at so many subscriptions a second; DELETE calls it off; GET, like
both, answers how far it is (docs/packages.md).
"""

import json
from typing import Any, Final

from aiohttp import web

from server.drain import Drain

PATH: Final = "/api/drain"
MIN_RATE: Final = 0.001
MAX_RATE: Final = 1_000_000
"""Subscriptions a second."""


def serve_drain(app: web.Application, drain: Drain) -> None:
    """Add the resource to the admin listener's `app`."""

    async def get(_: web.Request) -> web.Response:
        return _shown(drain)

    async def post(request: web.Request) -> web.Response:
        drain.start(_rate(await request.read()))
        return _shown(drain, status=202)

    async def delete(_: web.Request) -> web.Response:
        drain.cancel()
        return _shown(drain)

    app.router.add_get(PATH, get)
    app.router.add_post(PATH, post)
    app.router.add_delete(PATH, delete)


def _rate(body: bytes) -> float | None:
    """What a POST asks for; None when nothing in particular."""
    if not body.strip():
        return None
    try:
        said: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _refused("the body is not JSON") from error
    if not isinstance(said, dict) or not said.keys() <= {"rate"}:
        raise _refused('want {"rate": NUMBER}')
    rate = said.get("rate")
    if rate is None:
        return None
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        raise _refused("rate: is no number")
    if not MIN_RATE <= rate <= MAX_RATE:
        raise _refused(f"rate: subscriptions a second, {MIN_RATE} to {MAX_RATE}")
    return float(rate)


def _refused(text: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=json.dumps({"error": text}), content_type="application/json")


def _shown(drain: Drain, status: int = 200) -> web.Response:
    """How far it is, as an operator reads it. Instants are Unix seconds, null for not yet."""
    progress = drain.progress
    return web.json_response(
        {
            "state": progress.phase.value,
            "rate": progress.rate,
            "moved": progress.moved,
            "left": progress.left,
            "begun_at": progress.begun_at or None,
            "ended_at": progress.ended_at or None,
        },
        status=status,
    )
