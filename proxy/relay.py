"""How a request is changed on its way through (RFC 3261 §16.3 to §16.6).

Pure. `key` is a secret of the deployment: with it any process knows its own marks again, in
branches (loops, §16.6 step 8) and in Record-Route (dialogs that were let through before).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from proxy.errors import BadExtension, LoopDetected, TooManyHops
from sip.address import NameAddr
from sip.errors import ParseError
from sip.message import Draft, Request, Response, build_request
from sip.parameters import Parameters
from sip.uri import SipUri, parse_uri

MAX_FORWARDS: Final = 70
"""Given to a request that has none (§16.6 step 3)."""
DIALOG_METHODS: Final = frozenset({"INVITE", "SUBSCRIBE", "REFER", "NOTIFY"})
"""Requests whose dialogs we stay in the path of (RFC 6665 §4.3 for the event methods)."""
MARK_LENGTH: Final = 9
"""Octets of a mark: too many to guess, few enough for a Record-Route."""


@dataclass(frozen=True, slots=True)
class Routed:
    """A request after route preprocessing (§16.4)."""

    uri: str
    """Request-URI."""
    routes: tuple[str, ...]
    """Route values that are left."""
    mark: str
    """The user part of our own Route; empty when the request had none of ours."""


@dataclass(frozen=True, slots=True)
class Hop:
    """Where a request goes next."""

    uri: str
    """Request-URI to write."""
    routes: tuple[str, ...]
    """Route values to write."""
    next_hop: str
    """The URI whose host is sent to."""


def preprocess(request: Request, is_us: Callable[[SipUri], bool]) -> Routed:
    """Undo strict routing and take our own Route values off (§16.4). Raises ParseError."""
    uri, mark = request.uri_text, ""
    routes = list(request.values("route"))
    parsed = request.uri
    if routes and isinstance(parsed, SipUri) and "lr" in parsed.parameters and is_us(parsed):
        uri, mark = NameAddr.parse(routes.pop()).uri, parsed.user or ""
    while routes:
        first = NameAddr.parse(routes[0]).sip_uri
        if not is_us(first):
            break
        mark = first.user or mark
        del routes[0]
    return Routed(uri, tuple(routes), mark)


def check_forwardable(request: Request, routed: Routed, key: bytes) -> None:
    """Raises TooManyHops, BadExtension or LoopDetected (§16.3 steps 3 to 5)."""
    hops = request.get("max-forwards")
    if hops is not None and int(hops) == 0:
        raise TooManyHops
    if request.get("proxy-require") is not None:
        raise BadExtension(request.values("proxy-require"))
    mark = loop_mark(request, routed, key)
    if any((via.branch or "").endswith(mark) for via in request.vias):
        raise LoopDetected


def loop_mark(request: Request, routed: Routed, key: bytes) -> str:
    """End of our branches: equal only if the request is handled as it was (§16.6 step 8)."""
    parts = (
        routed.uri,
        *routed.routes,
        request.call_id,
        str(request.cseq.number),
        request.from_.tag or "",
        request.to.tag or "",
        request.get("proxy-authorization") or "",
    )
    return "-" + _mark("\n".join(parts), key)


def dialog_mark(call_id: str, key: bytes) -> str:
    """The user part of our Record-Route: who shows it in this call was let through before."""
    return _mark(f"dialog {call_id}", key)


def is_marked(request: Request, routed: Routed, key: bytes) -> bool:
    """Whether the request belongs to a dialog whose first request we relayed."""
    return bool(routed.mark) and routed.mark == dialog_mark(request.call_id, key)


def hop_to(uri: str, routes: Sequence[str], received: str = "") -> Hop:
    """Where to send a request for `uri` by `routes` (§16.6 steps 6 and 7). Raises ParseError.

    `received` is where a client behind a NAT was last heard from.
    """
    if not routes:
        return Hop(uri, (), received or uri)
    first = NameAddr.parse(routes[0]).sip_uri
    if "lr" in first.parameters:
        return Hop(uri, tuple(routes), str(first))
    return Hop(str(first), (*routes[1:], f"<{uri}>"), str(first))


def request_uri(contact: str) -> str:
    """`contact` without what a Request-URI may not have (RFC 3261 §19.1.1). Raises ParseError."""
    uri = parse_uri(contact)
    if not isinstance(uri, SipUri):
        raise ParseError("SIP URI", contact)
    if uri.headers is None and "method" not in uri.parameters:
        return contact
    parameters: Parameters = uri.parameters.without("method")
    return str(SipUri(uri.scheme, uri.user, uri.host, uri.port, parameters, None, uri.password))


def record_routes(mark: str, arrived: str, leaving: str) -> list[str]:
    """Record-Route values, topmost first: one, or two where the transports differ.

    `arrived` and `leaving` are the Contact values of the two flows, `<sip:host:port…>`; two
    let each side reach us by its own transport (RFC 5658 §3.2).
    """
    sides = [leaving] if leaving == arrived else [leaving, arrived]
    return [f"<sip:{mark}@{side.removeprefix('<sip:').removesuffix('>')};lr>" for side in sides]


def forwarded(
    request: Request, hop: Hop, *, via: str, recorded: Sequence[str], dropped: Sequence[str]
) -> bytes:
    """The request as it leaves (§16.6). `dropped` are header names that go no further."""
    draft = Draft(request)
    draft.set_uri(hop.uri)
    hops = request.get("max-forwards")
    draft.replace("Max-Forwards", str(MAX_FORWARDS if hops is None else int(hops) - 1))
    for value in reversed(recorded):
        draft.prepend("Record-Route", value)
    if hop.routes != tuple(request.values("route")):
        draft.remove("Route")
        for value in reversed(hop.routes):
            draft.prepend("Route", value)
    for name in dropped:
        draft.remove(name)
    draft.prepend("Via", via)
    return bytes(draft)


def returned(response: Response) -> bytes:
    """The response as it goes back: without our Via (§16.7 step 3)."""
    draft = Draft(response)
    draft.remove_first_value("Via")
    return bytes(draft)


def cancelling(request: Request) -> bytes:
    """The CANCEL of a request that we sent (RFC 3261 §9.1)."""
    headers = [("Via", request.values("via")[0]), ("Max-Forwards", str(MAX_FORWARDS))]
    headers += [("Route", value) for value in request.values("route")]
    for name in ("From", "To", "Call-ID"):
        headers.append((name, request.get(name.lower()) or ""))
    headers.append(("CSeq", f"{request.cseq.number} CANCEL"))
    return bytes(build_request("CANCEL", request.uri_text, headers))


def _mark(text: str, key: bytes) -> str:
    data = text.encode("utf-8", "surrogateescape")
    return blake2b(data, key=key[:64], digest_size=MARK_LENGTH).hexdigest()
