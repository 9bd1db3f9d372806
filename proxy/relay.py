"""What is read in a request that is to be relayed (RFC 3261 §16.3, §16.4).

Pure. `key` is a secret of the deployment: with it any process knows its own branches again (loops,
RFC 5393 §4.2).
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from proxy.errors import BadExtension, BreadthExceeded, LoopDetected, TooManyHops
from proxy.fork import MAX_BREADTH
from sip.address import NameAddr
from sip.check import too_many_hops
from sip.errors import ParseError
from sip.grammar import parse_digits
from sip.message import Request
from sip.uri import SipUri, parse_uri

DIALOG_METHODS: Final = frozenset({"INVITE", "SUBSCRIBE", "REFER", "NOTIFY"})
"""Requests whose dialogs we stay in the path of (RFC 6665 §4.3 for the event methods)."""
LOCATING: Final = ("accept-contact", "reject-contact", "request-disposition")
"""Headers that have a say in where a request goes (RFC 3841)."""
MARK_LENGTH: Final = 9
"""Octets of the end of our branches: too many to meet by chance."""
MAX_PASSAGES: Final = 4
"""Times that a request may have been here before it is 482 (RFC 5393 §3): each may fork it."""
WIDEST: Final = 2**31 - 1
"""What a Max-Breadth may say at all."""


@dataclass(frozen=True, slots=True)
class Routed:
    """A request after route preprocessing (§16.4)."""

    uri: str
    """Request-URI."""
    routes: tuple[str, ...]
    """Route values that are left."""
    mark: str
    """The user part of our own Route, the last of them; empty when the request had none."""


def preprocess(request: Request, is_us: Callable[[SipUri], bool]) -> Routed:
    """Undo strict routing and maddr, and take our own Route values off (§16.4). ParseError."""
    uri, mark = request.uri_text, ""
    routes = list(request.values("route"))
    if routes or ";maddr=" in uri:
        parsed = request.uri
        if isinstance(parsed, SipUri):
            if routes and "lr" in parsed.parameters and is_us(parsed):
                uri, mark = NameAddr.parse(routes.pop()).uri, parsed.user or ""
            elif "maddr" in parsed.parameters:
                uri = _without_maddr(parsed, is_us)
    while routes:
        first = NameAddr.parse(routes[0]).sip_uri
        if not is_us(first):
            break
        mark = first.user or mark
        del routes[0]
    return Routed(uri, tuple(routes), mark)


def _without_maddr(uri: SipUri, is_us: Callable[[SipUri], bool]) -> str:
    """`uri` for who it names, when its maddr did no more than bring it here (§16.4)."""
    meant = SipUri("sip", None, uri.parameters.value("maddr") or "", uri.port)
    if not is_us(meant):
        return str(uri)
    parameters = uri.parameters.without("maddr").without("transport")
    return str(SipUri(uri.scheme, uri.user, uri.host, None, parameters))


def check_forwardable(request: Request, loop: str, is_us: Callable[[SipUri], bool]) -> None:
    """Raises TooManyHops, BadExtension or LoopDetected (§16.3 items 3 to 5), and ParseError.

    `loop` is the request's `loop_mark`.
    """
    if too_many_hops(request):
        raise TooManyHops
    if request.get("proxy-require") is not None:
        raise BadExtension(request.values("proxy-require"))
    if any(loop in via for via in request.all("via")):
        raise LoopDetected
    if request.all("via")[MAX_PASSAGES - 1 :] or any("," in via for via in request.all("via")):
        _check_passages(request, is_us)


def _check_passages(request: Request, is_us: Callable[[SipUri], bool]) -> None:
    """A request that comes back changed each time is no loop by its marks, but forks each time."""
    hops = [SipUri("sip", None, via.host, via.port) for via in request.vias]
    if sum(map(is_us, hops)) >= MAX_PASSAGES:
        raise LoopDetected


def breadth_of(request: Request) -> int:
    """How many branches may be open at a time (RFC 5393 §5.3.3).

    Raises BreadthExceeded when there may be none, ParseError when that is no number.
    """
    value = request.get("max-breadth")
    if value is None:
        return MAX_BREADTH
    breadth = parse_digits("Max-Breadth", value, WIDEST)
    if not breadth:
        raise BreadthExceeded
    return min(breadth, MAX_BREADTH)


def loop_mark(request: Request, routed: Routed, key: bytes) -> str:
    """End of our branches: equal only if the request is handled as it was (RFC 5393 §4.2.1)."""
    parts = [
        routed.uri,
        *routed.routes,
        request.call_id,
        str(request.cseq.number),
        request.from_.tag or "",
        request.to.tag or "",
    ]
    for header in LOCATING:
        if request.get(header) is not None:
            parts += (header, *request.all(header))
    data = "\n".join(parts).encode("utf-8", "surrogateescape")
    return "-" + blake2b(data, key=key[:64], digest_size=MARK_LENGTH).hexdigest()


def request_uri(contact: str) -> str:
    """`contact` without what a Request-URI may not have (§19.1.1). Raises ParseError."""
    uri = parse_uri(contact)
    if not isinstance(uri, SipUri):
        raise ParseError("SIP URI", contact)
    if uri.headers is None and "method" not in uri.parameters:
        return contact
    parameters = uri.parameters.without("method")
    return str(SipUri(uri.scheme, uri.user, uri.host, uri.port, parameters, None, uri.password))
