"""/api/xcap/users/AOR and /api/xcap/global of the admin listener: documents. Shell.

GET of the tree lists documents, DELETE purges them; below it `AUID/PATH` is a document,
`AUID/PATH/versions` what is kept of it, `…/versions/N` one of them, and a POST to
`…/versions/N/undo` makes it the document's content again.
"""

from collections.abc import Iterable
from typing import Final

from aiohttp import web

from server.admin_answers import Handler, conditions, json_errors, owner
from sip.uri import AoR
from store.values import DocumentInfo, DocumentKey, DocumentVersion
from xcap.administration import Administration
from xcap.errors import BadRequest, NotFound

TREES: Final = ("/api/xcap/users/{aor}", "/api/xcap/global")
DOCUMENT: Final = "/{auid}/{path:.+}"
INERT: Final = {
    "Content-Disposition": "attachment",
    "Content-Security-Policy": "sandbox",
    "X-Content-Type-Options": "nosniff",
}
"""A user's document is never a page of the operator's own site."""


def serve_documents(
    app: web.Application, default_domain: str, administration: Administration
) -> None:
    """Add the resources to the admin listener's `app`."""
    resources, router = DocumentResources(administration, default_domain), app.router
    add = {"GET": router.add_get, "POST": router.add_post, "DELETE": router.add_delete}
    for tree in TREES:
        for method, path, handler in resources.routes():
            add[method](tree + path, json_errors(handler))


class DocumentResources:
    """The resources below one tree, a user's or the global one."""

    def __init__(self, administration: Administration, default_domain: str) -> None:
        self._do = administration
        self._domain = default_domain

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        """Method, path below the tree and handler; a document's own path comes last."""
        versions = f"{DOCUMENT}/versions"
        return (
            ("GET", "", self.listing),
            ("DELETE", "", self.purge),
            ("GET", versions, self.versions),
            ("GET", versions + r"/{version:[0-9]{1,18}}", self.version),
            ("POST", versions + r"/{version:[0-9]{1,18}}/undo", self.undo),
            ("GET", DOCUMENT, self.read),
            ("DELETE", DOCUMENT, self.delete),
        )

    async def listing(self, request: web.Request) -> web.Response:
        aor = owner(request, self._domain)
        documents = await self._do.documents(aor)
        return web.json_response({"owner": aor, "documents": [*map(shown, documents)]})

    async def purge(self, request: web.Request) -> web.Response:
        aor = owner(request, self._domain)
        keys = await self._do.purge(aor, source(request))
        return web.json_response({"owner": aor, "removed": [*map(named, keys)]})

    async def read(self, request: web.Request) -> web.Response:
        document = await self._do.document(*self._place(request))
        return body(document.body, document.content_type, document.etag)

    async def delete(self, request: web.Request) -> web.Response:
        place = self._place(request)
        key = await self._do.delete(*place, conditions(request), source(request))
        return web.json_response({"owner": key.owner, "removed": [named(key)]})

    async def versions(self, request: web.Request) -> web.Response:
        aor, auid, path = self._place(request)
        found = await self._do.versions(aor, auid, path, after=after(request))
        said = {"owner": aor, "auid": auid, "path": path, "versions": [*map(shown_version, found)]}
        return web.json_response(said)

    async def version(self, request: web.Request) -> web.Response:
        found = await self._do.version(*self._place(request), number(request))
        if found.body is None:
            raise NotFound(f"version {found.version} is the deletion of the document")
        return body(found.body, found.content_type, found.etag)

    async def undo(self, request: web.Request) -> web.Response:
        written = await self._do.undo(
            *self._place(request), number(request), conditions(request), source(request)
        )
        return web.json_response({"version": written.version, "etag": written.etag})

    def _place(self, request: web.Request) -> tuple[AoR, str, str]:
        return owner(request, self._domain), request.match_info["auid"], request.match_info["path"]


def shown(info: DocumentInfo) -> dict[str, object]:
    """A document as an operator reads it. Instants are Unix seconds, sizes octets."""
    return {
        **named(info.key),
        "etag": info.etag,
        "content_type": info.content_type,
        "size": info.size,
        "updated_at": info.updated_at,
        "version": info.version,
    }


def shown_version(version: DocumentVersion) -> dict[str, object]:
    """A version without its body; `size` is null where the document was deleted."""
    return {
        "version": version.version,
        "etag": version.etag,
        "content_type": version.content_type,
        "size": None if version.body is None else len(version.body),
        "author": version.author,
        "source": version.source,
        "created_at": version.created_at,
    }


def named(key: DocumentKey) -> dict[str, object]:
    return {"auid": key.auid, "path": key.path}


def body(octets: bytes, content_type: str, etag: str) -> web.Response:
    headers = {"Content-Type": content_type, "ETag": f'"{etag}"', **INERT}
    return web.Response(body=octets, headers=headers)


def source(request: web.Request) -> str:
    """The address that asks."""
    return request.remote or ""


def number(request: web.Request) -> int:
    return int(request.match_info["version"])


def after(request: web.Request) -> int:
    """The version that a list begins behind. Raises BadRequest."""
    text = request.query.get("after", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= len("999999999999999999")):
        raise BadRequest("after: is the number of a version")
    return int(text)
