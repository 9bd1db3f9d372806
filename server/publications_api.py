"""/api/publications/PACKAGE/AOR of the admin listener: event state published over HTTP. Shell.

GET lists what is published, by whomever. Below it is one publication by the name that its
publisher chose: PUT stores it (its body, Content-Type, and `?expires=` seconds), GET reads it,
DELETE removes it. Its entity-tag is the ETag; If-Match and If-None-Match are heeded. What is
stored is what a PUBLISH would have stored, under the same rules (RFC 3903 §6): a voicemail
server needs no SIP to light a lamp.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import wraps
from typing import Final, Protocol

from aiohttp import web

from presence.config import PresenceConfig
from presence.errors import (
    BadRequest,
    BodyTooLarge,
    ConditionFailed,
    NotFound,
    PresenceError,
    UnsupportedType,
)
from presence.package import EventPackage
from presence.publications.etag import TAG_OCTETS
from presence.subscriptions.bounds import bounds_of, granted_publication
from server.errors import ServerError
from server.subscribers import served
from sip.uri import AoR
from store.errors import StoreError
from store.operations import WritePublication
from store.outcomes import PublicationWritten
from store.values import Publication, Resource, ResourceState

PREFIX: Final = "http-"
"""Of the ids of what is published here; those of PUBLISH are digits."""
NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
TAG: Final = re.compile(r'(?:W/)?"([^"]*)"')
ATTEMPTS: Final = 3
"""Writes that are tried when others change the same publication."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Events(Protocol):
    """The part of the event server that writes."""

    async def write_publication(self, op: WritePublication) -> PublicationWritten: ...


class Reader(Protocol):
    """The part of the store that reads."""

    async def resource_state(self, resource: Resource) -> ResourceState: ...


def serve_publications(
    app: web.Application,
    *,
    domains: Sequence[str],
    packages: Mapping[str, EventPackage],
    config: PresenceConfig,
    events: Events,
    store: Reader,
    clock: Callable[[], float],
) -> None:
    """Add the resources to the admin listener's `app`."""
    resources = PublicationResources(domains, packages, config, events, store, clock)
    tree = "/api/publications/{package}/{aor}"
    one = tree + "/{id}"
    app.router.add_get(tree, json_errors(resources.listing))
    app.router.add_get(one, json_errors(resources.read))
    app.router.add_put(one, json_errors(resources.write))
    app.router.add_delete(one, json_errors(resources.delete))


def json_errors(handler: Handler) -> Handler:
    """`handler`, with what the event server and the store raise answered in JSON."""

    @wraps(handler)
    async def guarded(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except PresenceError as error:
            said = str(error) or error.reason or type(error).__name__
            return web.json_response({"error": said}, status=error.status)
        except StoreError as error:
            return web.json_response({"error": str(error)}, status=error.status)

    return guarded


class PublicationResources:
    """The resources below one user and package."""

    def __init__(
        self,
        domains: Sequence[str],
        packages: Mapping[str, EventPackage],
        config: PresenceConfig,
        events: Events,
        store: Reader,
        clock: Callable[[], float],
    ) -> None:
        self._domains = domains
        self._packages = packages
        self._config = config
        self._events = events
        self._store = store
        self._clock = clock

    async def listing(self, request: web.Request) -> web.Response:
        package, resource = self._resource(request)
        state = await self._store.resource_state(resource)
        publications = [shown(one) for one in state.publications]
        return web.json_response(
            {"aor": resource.aor, "package": package.name, "publications": publications}
        )

    async def read(self, request: web.Request) -> web.Response:
        _, resource = self._resource(request)
        found = await self._find(resource, publication_id(request))
        if found is None:
            raise NotFound("nothing is published under this name")
        headers = {"ETag": quoted(found.entity_tag), "Content-Type": found.content_type}
        return web.Response(
            body=found.body, headers={**headers, "X-Content-Type-Options": "nosniff"}
        )

    async def write(self, request: web.Request) -> web.Response:
        package, resource = self._resource(request)
        body = await request.read()
        content_type = self._check(package, resource, request.content_type, body)
        expires = granted_publication(seconds(request), bounds_of(package, self._config))
        if not expires:
            raise BadRequest("expires: 0 is for DELETE")
        tag, created = await self._commit(request, resource, expires, body, content_type)
        return web.json_response(
            {"expires": expires, "etag": tag},
            status=201 if created else 200,
            headers={"ETag": quoted(tag)},
        )

    async def delete(self, request: web.Request) -> web.Response:
        _, resource = self._resource(request)
        if await self._find(resource, publication_id(request)) is None:
            raise NotFound("nothing is published under this name")
        await self._commit(request, resource, 0, None, "")
        return web.Response(status=204)

    async def _commit(
        self,
        request: web.Request,
        resource: Resource,
        expires: int,
        body: bytes | None,
        content_type: str,
    ) -> tuple[str, bool]:
        """The new entity-tag, and whether the publication is new. Raises ConditionFailed."""
        name = publication_id(request)
        for _ in range(ATTEMPTS):
            found = await self._find(resource, name)
            check_conditions(request, found)
            now, tag = self._clock(), f"{name}.{secrets.token_hex(TAG_OCTETS)}"
            op = WritePublication(
                resource=resource,
                id=name,
                expected=None if found is None else found.entity_tag,
                entity_tag=tag,
                expires_at=now + expires if expires else 0,
                body=body,
                content_type=content_type,
                published_at=now,
                now=now,
            )
            try:
                await self._events.write_publication(op)
            except ConditionFailed:
                continue
            return tag, found is None
        raise ConditionFailed

    async def _find(self, resource: Resource, name: str) -> Publication | None:
        state = await self._store.resource_state(resource)
        return next((one for one in state.publications if one.id == name), None)

    def _resource(self, request: web.Request) -> tuple[EventPackage, Resource]:
        """Raises NotFound for a user of others, and for what cannot be published."""
        name = request.match_info["package"]
        package = self._packages.get(name)
        if package is None or not package.publishable:
            raise NotFound(f"{name}: is no event package that can be published")
        try:
            aor: AoR = served(request.match_info["aor"], self._domains)
        except ServerError as error:
            raise NotFound(str(error)) from None
        return package, Resource(aor, package.stored_as)

    def _check(
        self, package: EventPackage, resource: Resource, content_type: str, body: bytes
    ) -> str:
        """The media type, once the body is what a PUBLISH may carry."""
        if len(body) > self._config.max_body:
            raise BodyTooLarge(f"more than {self._config.max_body} octets")
        if content_type not in package.publish_types:
            raise UnsupportedType(package.publish_types)
        package.check_body(body, content_type, AoR(resource.aor))
        return content_type


def publication_id(request: web.Request) -> str:
    """The id under which the named publication is stored. Raises BadRequest."""
    name = request.match_info["id"]
    if not NAME.fullmatch(name):
        raise BadRequest("a name has up to 64 letters, digits, - and _")
    return PREFIX + name


def seconds(request: web.Request) -> int | None:
    """What `expires` asks for. Raises BadRequest."""
    text = request.query.get("expires")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequest("expires: is a number of seconds")
    return int(text)


def check_conditions(request: web.Request, found: Publication | None) -> None:
    """Raise ConditionFailed unless the preconditions of `request` hold (RFC 9110 §13.1)."""
    for name, wanted in (("If-Match", True), ("If-None-Match", False)):
        text = ", ".join(request.headers.getall(name, ()))
        if text and matches(text, found) is not wanted:
            raise ConditionFailed


def matches(text: str, found: Publication | None) -> bool:
    """Whether one of the entity-tags in `text` is that of `found`."""
    if found is None:
        return False
    return text.strip() == "*" or found.entity_tag in TAG.findall(text)


def quoted(tag: str) -> str:
    return f'"{tag}"'


def shown(one: Publication) -> dict[str, object]:
    """A publication as an operator reads it. Instants are Unix seconds, sizes octets."""
    return {
        "id": one.id.removeprefix(PREFIX),
        "by": "http" if one.id.startswith(PREFIX) else "sip",
        "etag": one.entity_tag,
        "content_type": one.content_type,
        "size": len(one.body),
        "published_at": one.published_at,
        "expires_at": one.expires_at,
    }
