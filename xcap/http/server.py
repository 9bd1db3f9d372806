"""XCAP over HTTP (RFC 4825 §8, RFC 9110). Shell.

It takes requests apart, asks `Authentication` who sends them and `XcapService`, or a view
that is served beside the documents, to do them, and turns what comes back, or the error,
into a response. The handler sits on aiohttp's low-level server: an application with routes
costs half as much again.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web

from sip.authenticator import Authenticator, Identity
from sip.uri import AoR
from store.errors import StoreError
from xcap.conditions import BARE_TAG, ENTITY_TAG, Conditions, parse_conditions
from xcap.config import XcapConfig
from xcap.errors import BadRequest, HttpVersionNotSupported, MethodNotAllowed, XcapError
from xcap.http.authentication import Asking, Authentication
from xcap.http.body import read_body
from xcap.http.cors import CrossOrigin
from xcap.http.exchange import Call, View
from xcap.http.media_type import FORGIVEN, check_content_encoding, check_media_type
from xcap.http.request_target import check_forgiven, check_target
from xcap.http.responses import (
    busy,
    empty,
    found,
    json_refusal,
    options,
    plain,
    refusal,
    replied,
)
from xcap.http.stats import XcapStats
from xcap.http.wire import LINGER, MAX_FIELD, MAX_FIELDS, MAX_LINE, WireServer
from xcap.ports import Documents, Exists, OnChange, tell_nobody
from xcap.registry import USAGES
from xcap.service import XcapService
from xcap.uri import XcapUri, origin_form, parse
from xcap.usage import Usage

RETRY_AFTER: Final = 1
"""Seconds after which a client may ask an overloaded server again."""
ASTERISK: Final = "*"
"""The request target that is the server itself (RFC 9112 §3.2.4)."""
KEEP_ALIVE: Final = 75.0
"""Seconds that a connection may be idle."""
FUTURE: Final = (2, 0)
"""The first HTTP version that is another protocol."""
METHODS: Final = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "POST")
KNOWN_METHODS: Final = frozenset(METHODS)
WITH_BODY: Final = frozenset({"PUT", "POST", "DELETE", "PATCH"})
NOBODY: Final = Identity(None, "none")
STRICT: Final[frozenset[str]] = frozenset()

Certified = Callable[[asyncio.BaseTransport], Sequence[AoR]]
"""The users of ours that the verified certificate of a connection names."""

log = structlog.get_logger("xcap")


def nobody_certified(transport: asyncio.BaseTransport) -> Sequence[AoR]:
    """Where certificates name nobody."""
    return ()


class XcapServer:
    """All XCAP documents, for an HTTP listener."""

    def __init__(
        self,
        *,
        store: Documents,
        authenticator: Authenticator,
        config: XcapConfig,
        exists: Exists,
        clock: Callable[[], float],
        usages: Sequence[Usage] = USAGES,
        on_change: OnChange = tell_nobody,
        certified: Certified = nobody_certified,
        views: Callable[[XcapService], Sequence[View]] = lambda service: (),
    ) -> None:
        """`on_change` is told of every document that is written here; `views` makes what is
        served beside the documents."""
        self._config = config
        self._clock = clock
        self._certified = certified
        self._authentication = Authentication(
            authenticator=authenticator,
            credential=store.credential,
            config=config,
            locked_out=report_lockout,
        )
        self.stats = XcapStats(self._authentication.stats)
        self.service = XcapService(
            store=store,
            usages=usages,
            config=config,
            exists=exists,
            clock=clock,
            on_change=on_change,
        )
        self._views = tuple(views(self.service))
        self._origins = CrossOrigin(config.cors_origins)
        self._check_target = check_forgiven if config.compatibility else check_target
        self._tag_form = BARE_TAG if config.compatibility else ENTITY_TAG
        self._forgiven_types = FORGIVEN if config.compatibility else STRICT

    def app(self) -> web.Server:
        """The protocol factory for `loop.create_server`; needs a running loop.

        aiohttp logs nothing of its own: what it would say at error is what peers send that
        is not HTTP, and our own faults are logged by `handle`.
        """
        wire = logging.getLogger("xcap.wire")
        wire.setLevel(logging.CRITICAL)
        return WireServer(
            self.handle,
            access_log=None,
            logger=wire,
            auto_decompress=False,
            keepalive_timeout=KEEP_ALIVE,
            lingering_time=LINGER,
            max_line_size=MAX_LINE,
            max_field_size=MAX_FIELD,
            max_headers=MAX_FIELDS,
        )

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The response to `request`, whatever happens."""
        auid, method, refused = "-", request.method, refusal
        try:
            target = request.raw_path
            self._check_request(request, target)
            view = self._view(target) if self._views and target != ASTERISK else None
            if view is not None:
                auid, refused = view.prefix, json_refusal
                response = await self._answer_beside(request, target, view)
            elif target == ASTERISK and method == "OPTIONS":
                response = options(METHODS)
            else:
                uri = parse(target, self._config.root)
                if uri.auid in self.service.auids:
                    auid = uri.auid
                response = await self._answer(request, target, uri)
        except XcapError as error:
            response = refused(error)
        except StoreError as error:
            log.warning("store-refused", auid=auid, error=str(error))
            response = busy("the server is busy, try again", RETRY_AFTER)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:  # the one place where our own faults end
            log.exception("request-failed", auid=auid, method=method)
            response = plain(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed")
        if self._origins:
            self._tell_origins(request, response)
        self.stats.requests[auid, method if method in KNOWN_METHODS else "-", response.status] += 1
        return response

    def _check_request(self, request: web.BaseRequest, target: str) -> None:
        """Refuse what no road below looks at."""
        if request.version >= FUTURE:
            raise HttpVersionNotSupported("only HTTP/1.0 and HTTP/1.1 are spoken here")
        self._check_target(target)

    async def _answer(self, request: web.BaseRequest, target: str, uri: XcapUri) -> web.Response:
        """XCAP itself."""
        method, service = request.method, self.service
        allow = service.allowed(uri)
        if method == "OPTIONS":
            return options(allow)
        if method not in allow:
            raise MethodNotAllowed(method, allow)
        asked_in_public = service.is_public(uri) and "Authorization" not in request.headers
        if asked_in_public and method in ("GET", "HEAD"):
            identity = NOBODY
        else:
            identity = await self._identify(request, target, uri.xui)
        conditions = self._conditions(request)
        match method:
            case "PUT":
                return await self._put(request, uri, identity, conditions)
            case "DELETE":
                source = self._source(request)
                etag = await service.delete(uri, identity, conditions, source=source)
                return empty(HTTPStatus.OK, etag)
            case "POST":
                return await self._post(request, target, uri, identity)
        shown = await service.read(uri, identity, conditions)
        return found(shown.content_type, shown.body, shown.etag, conditions, request.headers)

    async def _put(
        self, request: web.BaseRequest, uri: XcapUri, identity: Identity, conditions: Conditions
    ) -> web.Response:
        located = await self.service.writable(uri, identity, request.method)
        body = await self._body(request, self.service.media_type(uri))
        source = self._source(request)
        written = await self.service.put(located, conditions, body, source=source)
        return empty(HTTPStatus.CREATED if written.created else HTTPStatus.OK, written.etag)

    async def _post(
        self, request: web.BaseRequest, target: str, uri: XcapUri, identity: Identity
    ) -> web.Response:
        body = await self._body(request, self.service.media_type(uri))
        query = target.partition("?")[2]
        shown = await self.service.post(uri, identity, body, query=query)
        return found(shown.content_type, shown.body, "", Conditions(), request.headers)

    async def _body(self, request: web.BaseRequest, media_type: str) -> bytes:
        """The body, which must be `media_type`."""
        headers = request.headers
        check_media_type(headers.get("Content-Type", ""), media_type, forgiven=self._forgiven_types)
        check_content_encoding(headers.get("Content-Encoding", ""))
        if "Content-Range" in headers:
            raise BadRequest("parts of a body are not put together (RFC 9110 §14.5)")
        return await read_body(request, self._config.max_body)

    def _view(self, target: str) -> View | None:
        """What is served at `target` beside XCAP."""
        path = origin_form(target)
        return next((view for view in self._views if path.startswith(view.prefix)), None)

    async def _answer_beside(
        self, request: web.BaseRequest, target: str, view: View
    ) -> web.Response:
        """What `view` says."""
        path = origin_form(target)
        allow = view.allowed(path)
        method = "GET" if request.method == "HEAD" else request.method
        if method == "OPTIONS":
            return options(allow)
        if request.method not in allow:
            raise MethodNotAllowed(request.method, allow)
        identity = await self._identify(request, target, view.xui(path))
        conditions = self._conditions(request)
        body = b""
        if method in WITH_BODY:
            check_content_encoding(request.headers.get("Content-Encoding", ""))
            body = await read_body(request, self._config.max_body)
        content_type, source = request.headers.get("Content-Type", ""), self._source(request)
        call = Call(method, path, identity, conditions, content_type, body, source)
        return replied(await view.answer(call), conditions, request.headers)

    async def _identify(self, request: web.BaseRequest, target: str, xui: str) -> Identity:
        secure, transport = request.secure, request.transport
        certified = self._certified(transport) if secure and transport is not None else ()
        asking = Asking(
            request.method, target, request.headers, request.remote or "", secure, xui, certified
        )
        return await self._authentication.identify(asking, self._clock())

    def _source(self, request: web.BaseRequest) -> str:
        """Numeric address of the client."""
        return self._authentication.source(request.headers, request.remote or "")

    def _conditions(self, request: web.BaseRequest) -> Conditions:
        headers = request.headers
        return parse_conditions(
            headers.getall("If-Match", ()), headers.getall("If-None-Match", ()), form=self._tag_form
        )

    def _tell_origins(self, request: web.BaseRequest, response: web.Response) -> None:
        """Let web pages of the settings' origins see `response`."""
        origin = request.headers.get("Origin")
        told = dict(self._origins.answered(origin))
        allow = response.headers.get("Allow")
        if request.method == "OPTIONS" and allow is not None:
            told |= self._origins.preflight(origin, allow)
        for name, value in told.items():
            response.headers.add(name, value)


def report_lockout(account: AoR | None, source: str) -> None:
    """Write down who is locked out."""
    log.warning("locked-out", aor=account, source=source)
