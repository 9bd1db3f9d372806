"""/api/xcap/grants/users/AOR and /api/xcap/grants/global: who else may use documents. Shell.

GET lists the grants, PUT adds or changes one (its JSON body), DELETE takes one back (its
query). A grant is `auid` and `path`, each empty or left out for all, `grantee`, a user or
`@domain`, and `write`.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from server.addresses import check_domain
from server.admin_answers import json_errors, owner, user
from sip.uri import AoR
from store.values import Grant
from xcap.administration import Administration
from xcap.errors import BadRequest, NotFound

TREES: Final = ("/api/xcap/grants/users/{aor}", "/api/xcap/grants/global")
FIELDS: Final = frozenset({"auid", "path", "grantee", "write"})


def serve_grants(app: web.Application, default_domain: str, administration: Administration) -> None:
    """Add the resources to the admin listener's `app`."""

    @json_errors
    async def list_(request: web.Request) -> web.Response:
        return await listed(owner(request, default_domain))

    @json_errors
    async def put(request: web.Request) -> web.Response:
        aor = owner(request, default_domain)
        await administration.grant(read_grant(aor, await _body(request), default_domain))
        return await listed(aor)

    @json_errors
    async def delete(request: web.Request) -> web.Response:
        aor = owner(request, default_domain)
        grant = read_grant(aor, dict(request.query), default_domain)
        await administration.revoke(aor, grant.auid, grant.path, grant.grantee)
        return await listed(aor)

    async def listed(aor: AoR) -> web.Response:
        grants = await administration.grants(aor)
        return web.json_response({"owner": aor, "grants": [shown(grant) for grant in grants]})

    for tree in TREES:
        app.router.add_get(tree, list_)
        app.router.add_put(tree, put)
        app.router.add_delete(tree, delete)


def read_grant(aor: AoR, given: Mapping[str, Any], default_domain: str) -> Grant:
    """The grant that an operator wrote. Raises BadRequest that names the field."""
    unknown = sorted(given.keys() - FIELDS)
    if unknown:
        raise BadRequest(f"{unknown[0]}: is not one of {', '.join(sorted(FIELDS))}")
    auid, path = (_text(given, name) for name in ("auid", "path"))
    if path and not auid:
        raise BadRequest("auid: must be given with a path")
    write = given.get("write", False)
    if not isinstance(write, bool):
        raise BadRequest("write: is true or false")
    return Grant(aor, auid, path, _grantee(_text(given, "grantee"), default_domain), write)


def shown(grant: Grant) -> dict[str, object]:
    """A grant as an operator reads and writes it."""
    return {
        "auid": grant.auid,
        "path": grant.path,
        "grantee": grant.grantee,
        "write": grant.write,
    }


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name, "")
    if not isinstance(value, str):
        raise BadRequest(f"{name}: is text")
    if not value.isprintable():
        raise BadRequest(f"{name}: has control characters")
    return value


def _grantee(text: str, default_domain: str) -> str:
    """The AoR of a user, or "@domain"."""
    try:
        return f"@{check_domain(text[1:])}" if text.startswith("@") else user(text, default_domain)
    except (NotFound, ValueError):
        raise BadRequest("grantee: is a user such as bob@example.com, or @example.com") from None


async def _body(request: web.Request) -> Mapping[str, Any]:
    try:
        given = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON that we read") from None
    if not isinstance(given, dict):
        raise BadRequest("the body is not a JSON object")
    return given
