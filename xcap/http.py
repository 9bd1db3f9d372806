"""XCAP over HTTP (RFC 4825 §8, RFC 9110): the one module that knows aiohttp. Shell.

It takes requests apart, asks `Authentication` who sends them and `XcapService` to do
them, and turns what comes back, or the error, into a response. The handler sits on
aiohttp's low-level server: an application with routes costs half as much again.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import StreamReader, web
from multidict import CIMultiDict

from sip.authenticator import Authenticator, Identity
from store.errors import StoreError
from store.values import Document
from xcap import report
from xcap.authentication import Asking, Authentication
from xcap.conditions import BARE_TAG, ENTITY_TAG, Conditions, parse_conditions
from xcap.config import XcapConfig
from xcap.errors import (
    BadRequest,
    BodyTooLarge,
    Conflict,
    MethodNotAllowed,
    Unauthorized,
    UnsupportedEncoding,
    XcapError,
)
from xcap.media_type import FORGIVEN, check_content_encoding, check_media_type
from xcap.ports import Documents, Exists
from xcap.registry import USAGES
from xcap.service import XcapService
from xcap.uri import Tree, XcapUri, owner_of, parse
from xcap.usage import Usage

SERVER: Final = "Presentity"
TEXT: Final = "text/plain; charset=utf-8"
RETRY_AFTER: Final = "1"
"""Seconds after which a client may ask an overloaded server again."""
KEEP_ALIVE: Final = 75.0
"""Seconds that a connection may be idle."""
LINGER: Final = 1.0
"""Seconds for which the rest of a refused body is thrown away, before the connection is."""
BODY_TIMEOUT: Final = 30.0
"""Seconds within which the whole body must have arrived."""
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
METHODS: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "POST"})
STRICT: Final[frozenset[str]] = frozenset()

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

log = structlog.get_logger("xcap")


@dataclass(slots=True)
class XcapStats:
    """Counters that the process publishes."""

    requests: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    """Requests answered, by AUID, method and status; "-" for what is none of ours."""


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
    ) -> None:
        self.stats = XcapStats()
        self._config = config
        self._clock = clock
        self._authentication = Authentication(
            authenticator=authenticator, credential=store.credential, config=config
        )
        self._service = XcapService(
            store=store, usages=usages, config=config, exists=exists, clock=clock
        )
        self._tag_form = BARE_TAG if config.compatibility else ENTITY_TAG
        self._forgiven_types = FORGIVEN if config.compatibility else STRICT

    def app(self) -> web.Server:
        """The protocol factory for `loop.create_server`; needs a running loop.

        aiohttp logs nothing of its own: what it would say at error is what peers send that
        is not HTTP, and our own faults are logged by `handle`.
        """
        wire = logging.getLogger("xcap.wire")
        wire.setLevel(logging.CRITICAL)
        return web.Server(
            self.handle,
            access_log=None,
            logger=wire,
            auto_decompress=False,
            keepalive_timeout=KEEP_ALIVE,
            lingering_time=LINGER,
        )

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The response to `request`, whatever happens."""
        auid = "-"
        try:
            uri = parse(_target(request), self._config.root)
            if uri.auid in self._service.auids:
                auid = uri.auid
            response = await self._answer(request, uri)
        except XcapError as error:
            response = _refusal(error)
        except StoreError as error:
            log.warning("store-refused", auid=auid, error=str(error))
            response = _plain(HTTPStatus.SERVICE_UNAVAILABLE, "the server is busy, try again")
            response.headers["Retry-After"] = RETRY_AFTER
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:  # the one place where our own faults end
            log.exception("request-failed", auid=auid, method=request.method)
            response = _plain(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed")
        method = request.method if request.method in METHODS else "-"
        self.stats.requests[auid, method, response.status] += 1
        return response

    async def _answer(self, request: web.BaseRequest, uri: XcapUri) -> web.Response:
        method = request.method
        allow = self._service.allowed(uri)
        if method == "OPTIONS":
            return _empty(HTTPStatus.NO_CONTENT, {"Allow": ", ".join(allow)})
        if method not in allow:
            raise MethodNotAllowed(method, allow)
        identity = await self._authentication.identify(self._asking(request, uri), self._clock())
        conditions = self._conditions(request)
        if method == "PUT":
            return await self._put(request, uri, identity, conditions)
        if method == "DELETE":
            await self._service.delete(uri, identity, conditions)
            return _empty(HTTPStatus.OK, {})
        return _found(await self._service.read(uri, identity, conditions), conditions)

    async def _put(
        self, request: web.BaseRequest, uri: XcapUri, identity: Identity, conditions: Conditions
    ) -> web.Response:
        check_media_type(
            request.headers.get("Content-Type", ""),
            self._service.media_type(uri),
            forgiven=self._forgiven_types,
        )
        check_content_encoding(request.headers.get("Content-Encoding", ""))
        body = await self._body(request)
        written = await self._service.write(uri, identity, conditions, body)
        status = HTTPStatus.CREATED if written.created else HTTPStatus.OK
        return _empty(status, {"ETag": f'"{written.etag}"', "Cache-Control": "no-cache"})

    def _asking(self, request: web.BaseRequest, uri: XcapUri) -> Asking:
        peer = request.remote or ""
        return Asking(
            request.method,
            _target(request),
            request.headers,
            peer,
            request.secure,
            self._realm(uri),
        )

    def _realm(self, uri: XcapUri) -> str:
        """The domain whose users are asked for credentials: that of the owner, if ours."""
        domains = self._config.domains
        if uri.tree is Tree.USERS and len(domains) > 1:
            domain = owner_of(uri.xui, domains[0]).rpartition("@")[2]
            if domain in domains:
                return domain
        return domains[0]

    def _conditions(self, request: web.BaseRequest) -> Conditions:
        headers = request.headers
        return parse_conditions(
            headers.getall("If-Match", ()), headers.getall("If-None-Match", ()), form=self._tag_form
        )

    async def _body(self, request: web.BaseRequest) -> bytes:
        """The body, refused before it is read or while it comes when it is too large."""
        limit = self._config.max_body
        if (request.content_length or 0) > limit:
            raise BodyTooLarge(limit)
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(CONTINUE)
            request.writer.output_size = 0
        content = request.content
        if content.is_eof():
            body = content.read_nowait()
            if len(body) > limit:
                raise BodyTooLarge(limit)
            return body
        try:
            async with asyncio.timeout(BODY_TIMEOUT):
                return await _read(content, limit)
        except TimeoutError:
            raise BadRequest("the body did not arrive in time") from None


async def _read(content: StreamReader, limit: int) -> bytes:
    body = bytearray()
    while chunk := await content.readany():
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge(limit)
    return bytes(body)


def _target(request: web.BaseRequest) -> str:
    """The request target as it was on the wire."""
    return request.raw_path


def _found(document: Document, conditions: Conditions) -> web.Response:
    headers = CIMultiDict({"ETag": f'"{document.etag}"', "Cache-Control": "no-cache"})
    headers["Server"] = SERVER
    if not conditions.none_match(document.etag):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers["Content-Type"] = document.content_type
    return web.Response(body=document.body, headers=headers)


def _empty(status: HTTPStatus, headers: dict[str, str]) -> web.Response:
    return web.Response(status=status, headers={**headers, "Server": SERVER})


def _plain(status: int, text: str) -> web.Response:
    headers = {"Content-Type": TEXT, "Server": SERVER}
    return web.Response(status=status, body=f"{text}\n".encode(errors="replace"), headers=headers)


def _refusal(error: XcapError) -> web.Response:
    """The response that says what was wrong; a conflict with its report (RFC 4825 §11)."""
    if isinstance(error, Conflict):
        headers = {"Content-Type": report.MEDIA_TYPE, "Server": SERVER}
        return web.Response(status=error.status, body=report.render(error), headers=headers)
    response = _plain(error.status, str(error))
    match error:
        case Unauthorized(challenges=challenges):
            for challenge in challenges:
                response.headers.add("WWW-Authenticate", challenge)
        case MethodNotAllowed(allow=allow):
            response.headers["Allow"] = ", ".join(allow)
        case BodyTooLarge():
            response.force_close()
        case UnsupportedEncoding():
            response.headers["Accept-Encoding"] = "identity"
        case _:
            pass
    return response
