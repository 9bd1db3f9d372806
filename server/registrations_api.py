"""/api/registrations/AOR of the admin listener: what is registered, and its removal. Shell.

AOR is `alice@example.com`, with or without `sip:`. GET lists the bindings; DELETE removes them
all, which everybody who follows registrations hears.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from aiohttp import web

from proxy.errors import ProxyError
from server.errors import ServerError
from server.subscribers import served
from sip.address import NameAddr
from sip.uri import AoR
from store.errors import StoreError
from store.values import Binding

Lookup = Callable[[AoR], Awaitable[Sequence[Binding]]]
Remove = Callable[[AoR], Awaitable[int]]
Result = TypeVar("Result")


def serve_registrations(
    app: web.Application, domains: Sequence[str], lookup: Lookup, remove: Remove
) -> None:
    """Add the resource to the admin listener's `app`."""

    async def get(request: web.Request) -> web.Response:
        aor = _aor(request, domains)
        bindings = await _or_503(lookup(aor))
        return web.json_response({"aor": aor, "bindings": [_shown(one) for one in bindings]})

    async def delete(request: web.Request) -> web.Response:
        aor = _aor(request, domains)
        return web.json_response({"aor": aor, "removed": await _or_503(remove(aor))})

    app.router.add_get("/api/registrations/{aor}", get)
    app.router.add_delete("/api/registrations/{aor}", delete)


async def _or_503(answer: Awaitable[Result]) -> Result:
    try:
        return await answer
    except (StoreError, ProxyError) as error:
        text = str(error) or "others are changing the same bindings"
        raise web.HTTPServiceUnavailable(text=f"{text}\n") from error


def _aor(request: web.Request, domains: Sequence[str]) -> AoR:
    try:
        return served(request.match_info["aor"], domains)
    except ServerError as error:
        raise web.HTTPNotFound(text=f"{error}\n") from error


def _shown(binding: Binding) -> dict[str, object]:
    """A binding as an operator reads it. Instants are Unix seconds."""
    return {
        "contact": binding.contact,
        "expires_at": binding.expires_at,
        "q": binding.q,
        "instance": binding.instance,
        "reg_id": binding.reg_id,
        "user_agent": binding.user_agent,
        "path": [_host(hop) for hop in binding.path],
        "call_id": binding.call_id,
        "cseq": binding.cseq,
        "updated_at": binding.updated_at,
        "begun_at": binding.begun_at,
        "flow": binding.flow,
        "worker": binding.worker,
    }


def _host(hop: str) -> str:
    """A hop of a Path without its user part: whoever shows that token may send to the phone's
    connection without a challenge (RFC 5626 §5.3)."""
    return str(NameAddr.parse(hop).sip_uri._replace(user=None, password=None))
