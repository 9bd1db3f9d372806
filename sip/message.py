"""SIP messages, parsed lazily (RFC 3261 §7).

Pure. The head is split once and its header names indexed; a header's value is
parsed when somebody asks for it, once. Unknown headers keep their order and bytes.
Header keys are the long names in lower case ("call-id"), whatever the wire used.

Hot: slotted classes and a plain loop, as tests/bench/bench_codec.py measures.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from sip.address import NameAddr
from sip.cseq import METHODS, CSeq
from sip.draft import Draft as Draft
from sip.errors import ParseError
from sip.event import EventHeader
from sip.grammar import TOKEN, is_token, parse_delta, parse_digits, split_list
from sip.head import (
    Index,
    Indexed,
    More,
    decode,
    header_line,
    index_lines,
    index_plain_lines,
    is_header,
    to_wire,
    unfold,
    with_length,
)
from sip.header_names import SPELLING
from sip.reasons import REASONS as REASONS
from sip.uri import Uri, parse_uri
from sip.via import Via

MAX_HEAD: Final = 65535
"""Octets of start line and headers that are read; more is a ParseError."""
MAX_HEADERS: Final = 256
MAX_BODY: Final = 2**31 - 1
"""Octets; what a Content-Length may say at all."""
SIP_VERSION: Final = "SIP/2.0"

MAX_SHOWN: Final = 80
"""Octets of a broken message that its ParseError shows."""

_LINE_BREAKS: Final = b"\r\n"
_END_OF_HEAD: Final = b"\r\n\r\n"
_VERSION: Final = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE)
_STATUS_LINE: Final = re.compile(r"SIP/2\.0 ([1-6][0-9]{2}) (.*)", re.IGNORECASE)
_MEDIA_TYPE: Final = re.compile(rf"({TOKEN})[ \t]*/[ \t]*({TOKEN})[ \t]*(?:;.*)?")
_TYPED: Final = {each: each for each in ("application/pidf+xml", "application/sdp")}
"""Content-Types that are their own media type: no need to look closer."""
_REQUEST_URI: Final = re.compile(r"[!-~]+")


class Message:
    """What requests and responses share. Never changed after parsing; see `Draft`."""

    __slots__ = ("_cache", "_index", "_more", "body", "lines")

    lines: list[str]
    """Header lines as received, unfolded, without CRLF; decoded as UTF-8 with surrogateescape."""
    body: bytes

    _cache: dict[str, Any]
    _index: Index
    _more: More

    def get(self, key: str) -> str | None:
        """The first value of header `key`, stripped, or None."""
        return self._index.get(key)

    def all(self, key: str) -> Sequence[str]:
        """Every line's value of header `key`, in order; comma lists are not split."""
        if key in self._more:
            return tuple(self._more[key])
        value = self._index.get(key)
        return () if value is None else (value,)

    def values(self, key: str) -> Sequence[str]:
        """Every value of a list header `key`: lines joined, split at top-level commas (§7.3.1)."""
        if key not in self._index:
            return ()
        return [item for line in self.all(key) for item in split_list(line)]

    @property
    def repeated(self) -> Iterable[str]:
        """The keys of headers that have more than one line."""
        return self._more.keys()

    @property
    def via(self) -> Via:
        """The topmost Via; ParseError when missing or malformed."""
        via = self._cache.get("via")
        if via is None:
            text = self._mandatory("via")
            if "," in text:
                text = next(iter(split_list(text)), "")
            via = self._cache["via"] = Via.parse(text)
        return cast(Via, via)

    @property
    def vias(self) -> Sequence[Via]:
        """Every Via, topmost first; ParseError when missing or one is malformed."""
        self._mandatory("via")
        return tuple(Via.parse(value) for value in self.values("via"))

    @property
    def from_(self) -> NameAddr:
        """From; ParseError when missing or malformed."""
        address = self._cache.get("from")
        if address is None:
            address = self._cache["from"] = NameAddr.parse(self._mandatory("from"))
        return cast(NameAddr, address)

    @property
    def to(self) -> NameAddr:
        """To; ParseError when missing or malformed."""
        address = self._cache.get("to")
        if address is None:
            address = self._cache["to"] = NameAddr.parse(self._mandatory("to"))
        return cast(NameAddr, address)

    @property
    def call_id(self) -> str:
        """Call-ID; ParseError when missing, empty or more than one word."""
        call_id = self._mandatory("call-id")
        if not call_id or " " in call_id or "\t" in call_id:
            raise ParseError("Call-ID", call_id)
        return call_id

    @property
    def cseq(self) -> CSeq:
        """CSeq; ParseError when missing or malformed."""
        cseq = self._cache.get("cseq")
        if cseq is None:
            cseq = self._cache["cseq"] = CSeq.parse(self._mandatory("cseq"))
        return cast(CSeq, cseq)

    @property
    def contacts(self) -> Sequence[NameAddr]:
        """Every Contact in order, `*` with the uri "*"; ParseError when one is malformed."""
        contacts = self._cache.get("contact")
        if contacts is None:
            contacts = tuple(NameAddr.parse(value) for value in self.values("contact"))
            self._cache["contact"] = contacts
        return cast(tuple[NameAddr, ...], contacts)

    @property
    def event(self) -> EventHeader | None:
        """Event (RFC 6665 §8.2.1); ParseError when malformed."""
        value = self._index.get("event")
        return None if value is None else EventHeader.parse(value)

    @property
    def expires(self) -> int | None:
        """Expires in seconds, at most 2**32-1 (§20.19); ParseError when malformed."""
        value = self._index.get("expires")
        return None if value is None else parse_delta("Expires", value)

    @property
    def content_type(self) -> str | None:
        """Content-Type as "type/subtype" in lower case, no parameters; ParseError."""
        value = self._index.get("content-type")
        if value is None:
            return None
        return _TYPED.get(value) or _media_type(value)

    def _mandatory(self, key: str) -> str:
        value = self._index.get(key)
        if value is None:
            raise ParseError(f"message, {SPELLING[key]} is missing", "")
        return value


class Request(Message):
    """A request (§7.1)."""

    __slots__ = ("method", "uri_text", "version")

    method: str
    uri_text: str
    """Request-URI as received."""
    version: str
    """"SIP/2.0", or what the peer thinks it speaks; `sip.check` refuses others with 505."""

    def __init__(
        self, start: tuple[str, str, str], lines: list[str], body: bytes, indexed: Indexed
    ) -> None:
        """`start` is method, Request-URI and version; `indexed` is of `lines`."""
        self.method, self.uri_text, self.version = start
        self.lines = lines
        self.body = body
        self._index, self._more = indexed
        self._cache = {}

    @property
    def uri(self) -> Uri:
        """The Request-URI; ParseError when malformed."""
        return parse_uri(self.uri_text)

    @property
    def start_line(self) -> str:
        """The request line without CRLF."""
        return f"{self.method} {self.uri_text} {self.version}"

    def __bytes__(self) -> bytes:
        return to_wire(self.start_line, self.lines, self.body)


class Response(Message):
    """A response (§7.2)."""

    __slots__ = ("reason", "status")

    status: int
    reason: str

    def __init__(
        self, start: tuple[int, str], lines: list[str], body: bytes, indexed: Indexed
    ) -> None:
        """`start` is status code and reason phrase; `indexed` is of `lines`."""
        self.status, self.reason = start
        self.lines = lines
        self.body = body
        self._index, self._more = indexed
        self._cache = {}

    @property
    def start_line(self) -> str:
        """The status line without CRLF."""
        return f"{SIP_VERSION} {self.status} {self.reason}"

    def __bytes__(self) -> bytes:
        return to_wire(self.start_line, self.lines, self.body)


def parse_message(data: bytes) -> Request | Response:
    """One datagram or one framed stream message. Raises ParseError.

    CRLFs in front are skipped (§7.5). Without Content-Length a datagram's body ends with it;
    with one, what follows is thrown away and too little is a ParseError (RFC 3261 §18.3). Only
    the framing, the start line and the header names are looked at here; `sip.check` asks for
    the rest.
    """
    if data[:1] in _LINE_BREAKS:
        data = data.lstrip(_LINE_BREAKS)
    end = data.find(_END_OF_HEAD)
    if end < 0 or end > MAX_HEAD:
        raise ParseError("message, its head has no end", decode(data[:MAX_SHOWN]), len(data))
    head = str(data[:end], "utf-8", "surrogateescape")
    lines = head.split("\r\n")
    start = lines.pop(0)
    if len(lines) > MAX_HEADERS or not head.count("\n") == head.count("\r") == len(lines):
        raise ParseError("message head (too many lines, or a lone CR or LF)", start)
    body = data[end + len(_END_OF_HEAD) :]
    indexed = index_plain_lines(lines)
    request = _request_start(start)
    message = (
        Request(request, lines, body, indexed)
        if request
        else Response(_response_start(start), lines, body, indexed)
    )
    length = message.get("content-length")
    if length is not None and (length != str(len(body)) or "content-length" in message.repeated):
        message.body = body[: _content_length(message)]
    return message


def _request_start(start: str) -> tuple[str, str, str] | None:
    """Method, Request-URI and version, or None when the start line is a response's."""
    method, _, rest = start.partition(" ")
    uri, _, version = rest.partition(" ")
    if version == SIP_VERSION and method in METHODS and uri and start.isascii():
        if uri.isprintable():
            return method, uri, version
    elif method[:4].upper() == "SIP/":
        return None
    if not (is_token(method) and _REQUEST_URI.fullmatch(uri) and _VERSION.fullmatch(version)):
        raise ParseError("request line", start)
    return method, uri, version


def _media_type(value: str) -> str:
    match = _MEDIA_TYPE.fullmatch(value)
    if match is None:
        raise ParseError("Content-Type", value)
    return f"{match[1]}/{match[2]}".lower()


def _response_start(start: str) -> tuple[int, str]:
    match = _STATUS_LINE.fullmatch(start)
    if match is None:
        raise ParseError("status line", start)
    return int(match[1]), match[2] or ""


def _content_length(message: Message) -> int:
    """Octets of body by Content-Length; ParseError when it lies or is given in two ways."""
    lengths = {
        parse_digits("Content-Length", text, MAX_BODY) for text in message.all("content-length")
    }
    length = min(lengths)
    if len(lengths) > 1 or length > len(message.body):
        raise ParseError("Content-Length", ", ".join(message.all("content-length")))
    return length


def salvage(data: bytes) -> Request | None:
    """What can be read of a request that `parse_message` refused, to answer it with 400.

    None for a response, and when there is no method or no Via to send an answer by. Lines that
    are no headers are left out, as is the body.
    """
    head = data[: MAX_HEAD + len(_END_OF_HEAD)].lstrip(_LINE_BREAKS).partition(_END_OF_HEAD)[0]
    lines = [line for line in decode(head).split("\r\n")[: MAX_HEADERS + 1] if "\n" not in line]
    first, *rest = unfold([line.replace("\r", " ") for line in lines]) or [""]
    method, _, uri = first.partition(" ")
    if not is_token(method):
        return None
    uri = next(iter(uri.split()), "")
    kept = list(filter(is_header, rest))
    request = Request((method, uri, SIP_VERSION), kept, b"", index_lines(kept))
    return request if request.get("via") else None


def build_request(
    method: str, uri: str, headers: Iterable[tuple[str, str]], body: bytes = b""
) -> Request:
    """A request of our own; Content-Length is added, everything else is the caller's."""
    lines = with_length([header_line(name, value) for name, value in headers], len(body))
    return Request((method, uri, SIP_VERSION), lines, body, index_lines(lines))


def header_lines(headers: Iterable[tuple[str, str]]) -> str:
    """Headers as `build_response` writes them; ParseError for a value with a CR or LF in it."""
    lines = ""
    for name, value in headers:
        if "\r" in value or "\n" in value:
            raise ParseError("header value", value)
        lines += f"{name}: {value}\r\n"
    return lines


def build_response(
    request: Request,
    status: int,
    *,
    reason: str | None = None,
    headers: Iterable[tuple[str, str]] | str = (),
    body: bytes = b"",
    to_tag: str | None = None,
) -> bytes:
    """The wire form of a response as RFC 3261 §8.2.6 builds it: Via, From, To, Call-ID and CSeq
    copied character by character, `to_tag` added to a To that has none. Content-Length is added.
    `headers` that many responses share may be given as their `header_lines`.
    Works on requests whose mandatory headers are malformed or missing: what is there is copied.
    """
    phrase = reason or REASONS.get(status) or REASONS[status // 100 * 100]
    lines = headers if isinstance(headers, str) else header_lines(headers)
    return (
        f"{SIP_VERSION} {status} {phrase}\r\n{copied_lines(request, to_tag)}{lines}"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode("utf-8", "surrogateescape") + body


def copied_lines(request: Request, to_tag: str | None) -> str:
    """The header lines that a response takes over from its request (§8.2.6.2), CSeq the last."""
    get = request._index.get
    via, from_, to = get("via"), get("from"), get("to")
    call_id, cseq = get("call-id"), get("cseq")
    if to_tag and to is not None and not _has_tag(request, to):
        to = f"{to};tag={to_tag}"
    if via and from_ and to and call_id and cseq and "via" not in request._more:
        return f"Via: {via}\r\nFrom: {from_}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\n"
    vias = [("Via", each) for each in request.all("via")]
    others = (("From", from_), ("To", to), ("Call-ID", call_id), ("CSeq", cseq))
    return header_lines([*vias, *((name, value) for name, value in others if value is not None)])


def _has_tag(request: Request, to: str) -> bool:
    if "=" not in to:
        return False
    try:
        return request.to.tag is not None
    except ParseError:
        return ";tag=" in to
