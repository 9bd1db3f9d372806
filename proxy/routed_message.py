"""A message as an operator's routing file sees and changes it.

Pure. Header names are taken in any case and in their compact form (RFC 3261 §7.3.3).
"""

import re
from typing import Final

from sip.address import NameAddr
from sip.authenticator import Identity
from sip.errors import ParseError
from sip.header_names import key_of
from sip.message import Draft, Request, Response, parse_message
from sip.uri import AoR, SipUri, aor_of, parse_uri

GUARDED: Final = frozenset(
    {"via", "from", "to", "call-id", "cseq", "route", "record-route", "max-forwards"}
    | {"content-length"}
)
"""What the stack and the relay live by: transactions and dialogs are matched by these (RFC 3261
§17.1.3, §12.2.2), loops are found by them (§16.3), and bodies delimited (§18.3)."""
ASSERTED: Final = "p-asserted-identity"
ROOT: Final = "."
"""End of a name that is complete (RFC 3261 §25.1): "example.com." is the host example.com."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""All that would end a line or a message early; a tab may stand in a header (RFC 3261 §25.1)."""


class RoutedMessage:
    """What the three kinds have in common: reading and changing headers and body."""

    __slots__ = ("_draft", "_message", "_touched")

    def __init__(self, message: Request | Response) -> None:
        self._message = message
        self._draft: Draft | None = None
        """Changes that `_message` does not have yet."""
        self._touched: frozenset[str] = frozenset()

    @property
    def call_id(self) -> str:
        """Call-ID."""
        return self._message.call_id

    @property
    def from_(self) -> NameAddr:
        """From: `.uri`, `.display`, `.tag`."""
        return self._message.from_

    @property
    def to(self) -> NameAddr:
        """To: `.uri`, `.display`, `.tag`."""
        return self._message.to

    @property
    def body(self) -> bytes:
        """The body; assign to replace it (Deviation: RFC 3261 §16.6 step 1 has a proxy leave
        it alone; here it is the operator's doing). Set Content-Type as well."""
        return self._now().body

    @body.setter
    def body(self, body: bytes) -> None:
        self._drafted("content-length").body = bytes(body)

    def header(self, name: str) -> str | None:
        """The first value of header `name`, or None."""
        return self._now().get(key_of(name))

    def headers(self, name: str) -> tuple[str, ...]:
        """The value of each line of header `name`, in order; comma lists are not split."""
        return tuple(self._now().all(key_of(name)))

    def set_header(self, name: str, value: str) -> None:
        """Replace every line of header `name` with one. ValueError, see `check_header`."""
        key = check_header(name, value)
        self._drafted(key).replace(name, value)

    def add_header(self, name: str, value: str) -> None:
        """Put one more line of header `name` after all others. ValueError."""
        key = check_header(name, value)
        self._drafted(key).append(name, value)

    def remove_header(self, name: str) -> None:
        """Drop every line of header `name`. ValueError when it is guarded."""
        key = check_header(name, "")
        self._drafted(key).remove(name)

    @property
    def touched(self) -> frozenset[str]:
        """Keys of what was changed: empty for a message that is as it came."""
        return self._touched

    def _drafted(self, key: str) -> Draft:
        self._touched |= {key}
        if self._draft is None:
            self._draft = Draft(self._message)
        return self._draft

    def _now(self) -> Request | Response:
        """The message with all changes."""
        if self._draft is not None:
            self._message, self._draft = parse_message(bytes(self._draft)), None
        return self._message


class SentMessage(RoutedMessage):
    """What requests and registrations have in common: a sender."""

    __slots__ = ("identity", "source", "transport")

    def __init__(
        self,
        request: Request,
        *,
        identity: Identity,
        source: tuple[str, int],
        transport: str = "UDP",
    ) -> None:
        super().__init__(request)
        self.identity = identity
        """Who sent it: `.aor` ("sip:alice@example.com", or None for nobody we know) and `.how`
        we know ("digest", "asserted", "certificate", "none")."""
        self.source = source
        """The sender's address (numeric) and port."""
        self.transport = transport
        """As in Via: "UDP", "TCP", "TLS", "WS", "WSS"."""

    @property
    def request(self) -> Request:
        """The request with all changes."""
        request = self._now()
        assert isinstance(request, Request)
        return request


class RoutedRequest(SentMessage):
    """A request that begins something: never an ACK, a CANCEL, a REGISTER or one in a dialog."""

    __slots__ = ()

    @property
    def method(self) -> str:
        """ "INVITE", "MESSAGE"…"""
        return self.request.method

    @property
    def uri(self) -> str:
        """The Request-URI; assign to replace it. ValueError for what is no URI."""
        return self.request.uri_text

    @uri.setter
    def uri(self, uri: str) -> None:
        self._drafted("request-uri").set_uri(check_uri(uri))

    @property
    def caller(self) -> str:
        """From's URI as it is compared: "sip:alice@example.com", or a tel: URI as written.

        What the caller says of itself; `identity` is what we know.
        """
        return _canonical(self.from_.uri)

    @property
    def callee(self) -> str:
        """The Request-URI as it is compared: no port or parameters, the host as in `host`."""
        return _canonical(self.uri)

    @property
    def user(self) -> str:
        """The user part of the Request-URI, escapes and all; "" when it has none."""
        return _addressed(self.uri).user or ""

    @property
    def host(self) -> str:
        """The host of the Request-URI as it is compared: lower case, IPv6 in its shortest form,
        without the dot that a name may end with."""
        return _addressed(self.uri).canonical_host.rstrip(ROOT)


class RoutedRegister(SentMessage):
    """A REGISTER whose sender was authenticated, before the registrar looks at it."""

    __slots__ = ()

    @property
    def aor(self) -> AoR:
        """Whose bindings it is about: the canonical URI of To."""
        return self.to.aor

    @property
    def contacts(self) -> tuple[NameAddr, ...]:
        """Every Contact: `.uri` ("*" for all), `.parameters`."""
        return tuple(self.request.contacts)

    @property
    def expires(self) -> int | None:
        """Expires in seconds; a Contact may have its own."""
        return self.request.expires


class RoutedReply(RoutedMessage):
    """A response of the far side on its way back, with the request that it answers."""

    __slots__ = ("_request",)

    def __init__(self, response: Response, request: Request) -> None:
        super().__init__(response)
        self._request = request

    @property
    def response(self) -> Response:
        """The response with all changes."""
        response = self._now()
        assert isinstance(response, Response)
        return response

    @property
    def status(self) -> int:
        """101 to 699."""
        return self.response.status

    @property
    def reason(self) -> str:
        """The reason phrase."""
        return self.response.reason

    @property
    def method(self) -> str:
        """The method of the request."""
        return self._request.method

    @property
    def uri(self) -> str:
        """The Request-URI of the request as it came in."""
        return self._request.uri_text


def check_header(name: str, value: str) -> str:
    """The key of header `name`; ValueError when it is guarded, or either would break a line.

    So what a caller sent can be copied into a header without a thought for injection.
    """
    try:
        key = key_of(name)
    except ParseError as error:
        raise ValueError(f"{name!r} is no header name") from error
    if key in GUARDED:
        raise ValueError(f"{name} must not be changed by a routing file")
    if _CONTROL.search(value):
        raise ValueError(f"{name}: {value!r} has a control character")
    value.encode("utf-8", "surrogateescape")
    return key


def check_uri(uri: str) -> str:
    """`uri`, when it is a sip: or sips: URI that a request can be sent to; else ValueError.

    What is for a new request only, a method or headers, cannot be in it (RFC 3261 §19.1.1).
    """
    parsed = _sip_uri(uri)
    if parsed.headers is not None or "method" in parsed.parameters:
        raise ValueError(f"{uri!r} cannot be a Request-URI: it has a method or headers")
    return uri


def _canonical(uri: str) -> str:
    try:
        return aor_of(uri).rstrip(ROOT)
    except ParseError:
        return uri


def _addressed(text: str) -> SipUri:
    """The Request-URI of a request that reached us: sip:, sips:, or pres: and im: for a user."""
    uri = parse_uri(text)
    return uri if isinstance(uri, SipUri) else SipUri.parse(aor_of(text))


def _sip_uri(text: str) -> SipUri:
    try:
        uri = parse_uri(text)
    except ParseError as error:
        raise ValueError(f"{text!r} is no SIP URI: {error}") from error
    if not isinstance(uri, SipUri):
        raise ValueError(f"{text!r} is no sip: or sips: URI")
    return uri
