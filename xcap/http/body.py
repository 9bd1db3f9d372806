"""Reading the body of a request: whole, bounded in octets and in time (RFC 9112 §6). Shell."""

import asyncio
from typing import Final

from aiohttp import StreamReader, web

from xcap.errors import BadRequest, BodyTooLarge, UnknownTransferCoding

BODY_TIMEOUT: Final = 30.0
"""Seconds within which the whole body must have arrived."""
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNKED: Final = "chunked"
HTTP_1_1: Final = (1, 1)
"""The version that brought chunks and 100 (Continue)."""


async def read_body(request: web.BaseRequest, limit: int) -> bytes:
    """The body, refused before it is read or while it comes when it has more octets than `limit`.

    Raises BodyTooLarge, BadRequest when it breaks off or comes too slowly, and
    UnknownTransferCoding.
    """
    length = request.content_length
    if length is None:
        _check_transfer_coding(request)
    elif length > limit:
        raise BodyTooLarge(limit)
    waits = request.headers.get("Expect", "").lower() == "100-continue"
    if waits and request.version >= HTTP_1_1:  # who speaks HTTP/1.0 does not (RFC 9110 §10.1.1)
        await request.writer.write(CONTINUE)
        request.writer.output_size = 0
    content = request.content
    try:
        if content.is_eof():
            body = content.read_nowait()
        else:
            async with asyncio.timeout(BODY_TIMEOUT):
                body = await _read(content, limit)
    except TimeoutError:
        raise BadRequest("the body did not arrive in time") from None
    except web.RequestPayloadError:
        raise BadRequest("the body is not framed as its header says") from None
    if len(body) > limit:
        raise BodyTooLarge(limit)
    return body


async def _read(content: StreamReader, limit: int) -> bytes:
    """The body, or as much of it as is more than `limit`."""
    body = bytearray()
    while chunk := await content.readany():
        body += chunk
        if len(body) > limit:
            break
    return bytes(body)


def _check_transfer_coding(request: web.BaseRequest) -> None:
    """Refuse codings other than chunked, and any in HTTP/1.0 (RFC 9112 §6.1)."""
    coding = request.headers.get("Transfer-Encoding", CHUNKED)
    if coding.strip().lower() != CHUNKED:
        raise UnknownTransferCoding(f"bodies are read plain or {CHUNKED}, not {coding}")
    if "Transfer-Encoding" in request.headers and request.version < HTTP_1_1:
        raise BadRequest("HTTP/1.0 has no transfer codings")
