"""Values and errors as HTTP responses (RFC 4825 §8, §11, RFC 9110). Shell."""

import json
from http import HTTPStatus
from typing import Final

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from xcap import report
from xcap.conditions import CODED, Conditions
from xcap.errors import (
    BodyTooLarge,
    Busy,
    Conflict,
    MethodNotAllowed,
    Unauthorized,
    UnknownTransferCoding,
    UnsupportedEncoding,
    XcapError,
)
from xcap.http.coding import GZIP, MIN_OCTETS, compress, takes_gzip
from xcap.http.exchange import Reply

Headers = CIMultiDictProxy[str]

SERVER: Final = "Presentity"
TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
FRESH: Final = "no-cache"
"""Cache-Control of every representation: it may be kept, and must be asked about (RFC 4825 §9)."""


def found(
    content_type: str, body: bytes, etag: str, conditions: Conditions, asked: Headers
) -> web.Response:
    """The answer to a GET, 304 where If-None-Match holds what the client has.

    `etag` is empty for what has none; `asked` are the header fields of the request. A 304 is
    about what the client has kept, so its tag is the one that the client showed
    (RFC 9111 §4.3.4).
    """
    headers = CIMultiDict({"Cache-Control": FRESH, "Server": SERVER})
    compressed = False
    if len(body) >= MIN_OCTETS:
        headers["Vary"] = "Accept-Encoding"
        compressed = takes_gzip(asked.get("Accept-Encoding", ""))
    if etag:
        own, other = f'"{etag}"', f'"{etag}{CODED}"'
        if compressed:
            own, other = other, own
        headers["ETag"] = own
        if not conditions.none_match(etag):
            shown = ",".join(asked.getall("If-None-Match", ()))
            if own not in shown and other in shown:
                headers["ETag"] = other
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers["Content-Type"] = content_type
    if compressed:
        body = compress(body)
        headers["Content-Encoding"] = GZIP
    return web.Response(body=body, headers=headers)


def replied(reply: Reply, conditions: Conditions, asked: Headers) -> web.Response:
    """The answer of a view."""
    if reply.status == HTTPStatus.OK and reply.body:
        return found(reply.content_type, reply.body, reply.etag or "", conditions, asked)
    response = empty(HTTPStatus(reply.status), reply.etag)
    if reply.body:
        response.headers["Content-Type"] = reply.content_type
        response.body = reply.body
    if reply.location:
        response.headers["Location"] = reply.location
    return response


def empty(status: HTTPStatus, etag: str | None = None) -> web.Response:
    """An answer without a body; with the entity-tag of what is there now."""
    headers = {"Server": SERVER}
    if etag:
        headers = {"ETag": f'"{etag}"', "Cache-Control": FRESH, "Server": SERVER}
    return web.Response(status=status, headers=headers)


def options(allow: tuple[str, ...]) -> web.Response:
    """The methods there are (RFC 9110 §9.3.7)."""
    headers = {"Allow": ", ".join(allow), "Server": SERVER}
    return web.Response(status=HTTPStatus.NO_CONTENT, headers=headers)


def plain(status: int, text: str) -> web.Response:
    """An answer in words."""
    headers = {"Content-Type": TEXT, "Server": SERVER}
    return web.Response(status=status, body=f"{text}\n".encode(errors="replace"), headers=headers)


def busy(text: str, retry_after: int) -> web.Response:
    """503 with the seconds after which to ask again."""
    response = plain(HTTPStatus.SERVICE_UNAVAILABLE, text)
    response.headers["Retry-After"] = str(retry_after)
    return response


def refusal(error: XcapError) -> web.Response:
    """The response that says what was wrong; a conflict with its report (RFC 4825 §11)."""
    if isinstance(error, Conflict):
        headers = {"Content-Type": report.MEDIA_TYPE, "Server": SERVER}
        return web.Response(status=error.status, body=report.render(error), headers=headers)
    return _detailed(plain(error.status, str(error)), error)


def json_refusal(error: XcapError) -> web.Response:
    """The same for who speaks JSON."""
    said = {"error": str(error)}
    if isinstance(error, Conflict):
        said["conflict"] = error.element
    headers = {"Content-Type": JSON, "Server": SERVER}
    response = web.Response(
        status=error.status, body=json.dumps(said).encode() + b"\n", headers=headers
    )
    return _detailed(response, error)


def _detailed(response: web.Response, error: XcapError) -> web.Response:
    """`response` with the header fields that belong to `error`."""
    match error:
        case Unauthorized(challenges=challenges):
            for challenge in challenges:
                response.headers.add("WWW-Authenticate", challenge)
        case MethodNotAllowed(allow=allow):
            response.headers["Allow"] = ", ".join(allow)
        case BodyTooLarge() | UnknownTransferCoding():
            response.force_close()
        case UnsupportedEncoding():
            response.headers["Accept-Encoding"] = "identity"
        case Busy(retry_after=seconds):
            response.headers["Retry-After"] = str(seconds)
        case _:
            pass
    return response
