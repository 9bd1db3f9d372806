"""Who may call the admin listener's API by which name. Shell.

The listener knows nobody, and a browser on the operator's machine can reach it. A web page of
somebody else's can be made to look as if it came from the listener itself, by a name that its
owner lets lead there for a moment (DNS rebinding); the browser then sends that name as Host.
"""

from collections.abc import Container
from ipaddress import ip_address
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

API: Final = "/api/"
LOCALHOST: Final = "localhost"
"""Leads to this machine whoever asks."""


def host_check(names: Container[str]) -> Middleware:
    """Refuses the API (421, RFC 9110 §15.5.20) under a name that is none of `names`, in lower
    case, nor an address; and to pages of other origins (403): a POST of theirs would be sent
    without asking (RFC 6454 §7.3)."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        host, origin = request.headers.get("Host"), request.headers.get("Origin")
        if host is not None and request.path.startswith(API):
            if not _is_own(host, names):
                raise web.HTTPMisdirectedRequest(text=f"admin.hosts does not have {host!r}\n")
            if origin is not None and origin.rpartition("/")[2].lower() != host.lower():
                raise web.HTTPForbidden(text=f"a page of {origin} may not use this\n")
        return await handler(request)

    return check


def _is_own(host: str, names: Container[str]) -> bool:
    name = _without_port(host).lower()
    if name == LOCALHOST or name in names:
        return True
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _without_port(host: str) -> str:
    """`host` without its port; an IPv6 address has its colons in brackets."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() and not name.endswith(":") else host
