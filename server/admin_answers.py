"""How the XCAP part of the admin listener's API reads its requests and says what went wrong. Shell.

Errors are JSON, `{"error": "…"}`, with the status that the same would have over XCAP.
"""

from collections.abc import Awaitable, Callable
from functools import wraps

from aiohttp import web

from sip.uri import AoR
from store.errors import StoreError
from xcap.conditions import Conditions, parse_conditions
from xcap.errors import Conflict, NotFound, XcapError
from xcap.uri import owner_of

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def json_errors(handler: Handler) -> Handler:
    """`handler`, with what XCAP and the store raise answered in JSON."""

    @wraps(handler)
    async def guarded(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except XcapError as error:
            said = {"error": str(error)}
            if isinstance(error, Conflict):
                said["conflict"] = error.element
            return web.json_response(said, status=error.status)
        except StoreError as error:
            return web.json_response({"error": str(error)}, status=error.status)

    return guarded


def owner(request: web.Request, default_domain: str) -> AoR:
    """Whose documents the path names, in any form of a user; "" for the global tree.

    Raises NotFound for what can name no user.
    """
    return (
        user(request.match_info["aor"], default_domain) if "aor" in request.match_info else AoR("")
    )


def user(text: str, default_domain: str) -> AoR:
    """`alice@example.com` with or without a scheme, `alice`, or `tel:`. Raises NotFound."""
    try:
        return owner_of(text, default_domain)
    except NotFound:
        raise NotFound(f"{text}: is not an address such as alice@example.com") from None


def conditions(request: web.Request) -> Conditions:
    """The preconditions of a request. Raises BadRequest."""
    headers = request.headers
    return parse_conditions(headers.getall("If-Match", ()), headers.getall("If-None-Match", ()))
