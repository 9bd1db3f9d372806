"""aiohttp's protocol, with clear answers to what is no request (RFC 9110 §15.5). Shell.

Its parser refuses whatever frames a message in two ways, control characters, and lines
that are too long; here each gets its own status, and nothing that was sent is repeated.
"""

import asyncio
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong

from xcap.http.responses import SERVER, TEXT

MAX_LINE: Final = 8190
"""Octets of a request target that are taken from the wire, to be refused in our own words."""
MAX_FIELD: Final = 8192
"""Octets of one header field; not `MAX_LINE`, so that an error tells which it was."""
MAX_FIELDS: Final = 64
LINGER: Final = 1.0
"""Seconds for which the rest of a refused body is thrown away, before the connection is."""
TOO_MANY: Final = "Too many headers"
"""How the parser's error begins."""
SHOWN: Final = 80
"""Characters of the parser's reason that are repeated."""


class WireServer(web.Server):
    """The protocol factory for `loop.create_server`; needs a running loop."""

    def __call__(self) -> web.RequestHandler:
        return WireHandler(self, loop=self._loop, **self._kwargs)


class WireHandler(web.RequestHandler):
    """One connection."""

    __slots__ = ("_gone", "_refused")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._gone = asyncio.Event()
        self._refused = False
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """See asyncio."""
        self._gone.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio; what follows a request that could not be read is thrown away."""
        if self._refused:
            return
        super().data_received(data)
        if self._current_request is not None and self._messages:
            self._break_off(self._current_request)

    def _break_off(self, request: web.BaseRequest) -> None:
        """Tell who reads the body of `request` when its framing turned out bad.

        The parser would let it wait, and answer the error after it.
        """
        message, _ = self._messages[-1]
        if not isinstance(message, RawRequestMessage) and not request.content.is_eof():
            self._messages.pop()
            self._refused = True
            request.content.set_exception(web.RequestPayloadError("bad framing"))

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what could not be read; the connection ends with it."""
        self._refused = True
        if request.writer.output_size > 0:
            raise ConnectionError("a part of another answer has been sent already")
        text = HTTPStatus(status).phrase
        if isinstance(exc, BadHttpMessage):
            status, text = unreadable(exc)
        return LastAnswer(self._gone, status, text)


class LastAnswer(web.Response):
    """An answer after which nothing more is read.

    The peer may still be sending: if the connection were closed then, it might never see the
    answer, since its system throws that away (RFC 9112 §9.6).
    """

    def __init__(self, gone: asyncio.Event, status: int, text: str) -> None:
        """`gone` is set when the peer has closed."""
        headers = {"Content-Type": TEXT, "Server": SERVER}
        super().__init__(status=status, body=f"{text}\n".encode(errors="replace"), headers=headers)
        self.force_close()
        self._peer_gone = gone

    async def write_eof(self, data: bytes = b"") -> None:
        """See aiohttp; then wait for the peer to close, for a moment."""
        writer = self._payload_writer
        await super().write_eof(data)
        transport = getattr(writer, "transport", None)
        if transport is not None and transport.can_write_eof():
            transport.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                await self._peer_gone.wait()


def unreadable(error: BadHttpMessage) -> tuple[int, str]:
    """Status and text for what the parser did not like."""
    if isinstance(error, LineTooLong):
        if error.args[1] == MAX_LINE:
            return HTTPStatus.REQUEST_URI_TOO_LONG, "the request target is too long"
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "a header field is too large"
    if error.message.startswith(TOO_MANY):
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too many header fields"
    reason = error.message.partition("\n")[0].rstrip(": ")[:SHOWN]
    return HTTPStatus.BAD_REQUEST, f"this is no HTTP request: {reason}"
