"""/api/watchers/AOR of the admin listener: the operator decides about anybody's watchers. Shell.

GET lists who waits. PUT of `{"decision": "allow"}`, or polite-block, confirm, block, at
`/api/watchers/AOR/WATCHER` writes a rule of AOR; DELETE takes it back.
"""

from aiohttp import web

from presence.policy.rulebook import PRES_RULES
from server.admin_answers import json_errors, owner
from server.approvals import INDEX, Approvals, read_decision, read_watcher
from sip.uri import AoR
from xcap.administration import Administration
from xcap.conditions import Conditions
from xcap.errors import NotFound
from xcap.json.values import parse_object


def serve_approvals(
    app: web.Application,
    default_domain: str,
    administration: Administration,
    approvals: Approvals,
) -> None:
    """Add the resources to the admin listener's `app`."""

    @json_errors
    async def listing(request: web.Request) -> web.Response:
        return web.json_response(await approvals.listing(owner(request, default_domain)))

    @json_errors
    async def put(request: web.Request) -> web.Response:
        return await decide(request, read_decision(parse_object(await request.read())))

    @json_errors
    async def delete(request: web.Request) -> web.Response:
        return await decide(request, None)

    async def decide(request: web.Request, decision: str | None) -> web.Response:
        presentity = owner(request, default_domain)
        watcher = read_watcher(request.match_info["watcher"], default_domain)
        pen = AdminPen(administration, presentity, request.remote or "")
        return web.json_response(await approvals.decide(presentity, watcher, decision, pen))

    tree = "/api/watchers/{aor}"
    app.router.add_get(tree, listing)
    app.router.add_put(tree + "/{watcher}", put)
    app.router.add_delete(tree + "/{watcher}", delete)


class AdminPen:
    """The rules document of a presentity, written by the operator."""

    def __init__(self, administration: Administration, presentity: AoR, source: str) -> None:
        self._administration = administration
        self._presentity = presentity
        self._source = source

    async def read(self) -> tuple[bytes | None, str | None]:
        """See `server.approvals.Pen`."""
        try:
            found = await self._administration.document(self._presentity, PRES_RULES, INDEX)
        except NotFound:
            return None, None
        return found.body, found.etag

    async def write(self, body: bytes, conditions: Conditions) -> None:
        """See `server.approvals.Pen`."""
        await self._administration.put(
            self._presentity, PRES_RULES, INDEX, body, conditions, self._source
        )
