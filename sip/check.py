"""What must hold for every request before anyone looks at its meaning (RFC 3261 §8.2, §16.3).

Pure, and cheap on the good path: each header is read once and kept in the message.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from sip.address import is_plain_address
from sip.errors import ParseError
from sip.grammar import parse_digits
from sip.message import SIP_VERSION, Request
from sip.uri import SipUri
from sip.via import is_plain_via

MAX_MAX_FORWARDS: Final = 255
SCHEMES: Final = frozenset({"sip", "sips", "pres", "im", "tel"})
"""Schemes of a Request-URI that may lead to one of our users (RFC 3856 §5, RFC 3966)."""

SINGLE: Final = frozenset(
    {
        "call-id",
        "content-length",
        "content-type",
        "cseq",
        "event",
        "expires",
        "from",
        "max-forwards",
        "min-expires",
        "sip-if-match",
        "subscription-state",
        "to",
    }
)
"""Headers that a message has at most once (RFC 3261 §7.3.1)."""

_HOPS: Final = {str(hops): hops for hops in range(MAX_MAX_FORWARDS + 1)}
"""Max-Forwards as it is written without leading zeros."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The response that a request gets at once."""

    status: int
    reason: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


def check_request(request: Request) -> Refusal | None:
    """None when `request` may be looked at further, else how it is refused.

    505 for another SIP version, 400 for a mandatory header that is missing, malformed or given
    twice, for a CSeq of another method and for a Request-URI that cannot be one, 416 for a
    Request-URI whose scheme leads nowhere (§8.2.2.1, §16.3 items 1 to 3).
    """
    if request.version != SIP_VERSION and request.version.upper() != SIP_VERSION:
        return Refusal(505)
    try:
        _check_headers(request)
        return _check_uri(request)
    except ParseError as error:
        return Refusal(400, f"Bad {error.what}" if error.what.isprintable() else None)


def _check_headers(request: Request) -> None:
    repeated = request.repeated
    if repeated and not SINGLE.isdisjoint(repeated):
        raise ParseError("Request (repeated header)", "")
    if request.cseq.method != request.method:
        raise ParseError("CSeq method", request.cseq.method)
    _ = request.call_id
    get = request.get
    if not is_plain_address(get("from") or ""):
        _ = request.from_
    if not is_plain_address(get("to") or ""):
        _ = request.to
    if "via" in repeated or not is_plain_via(get("via") or ""):
        _ = request.vias
    hops_left(request)


def _check_uri(request: Request) -> Refusal | None:
    text = request.uri_text
    uri = request.uri
    if isinstance(uri, SipUri):
        if uri.headers is not None:
            raise ParseError("Request-URI", text)
        return None
    return None if uri.scheme in SCHEMES else Refusal(416)


def hops_left(request: Request) -> int | None:
    """Max-Forwards; None when there is none (RFC 2543 peers). Raises ParseError above 255."""
    value = request.get("max-forwards")
    if value is None:
        return None
    hops = _HOPS.get(value)
    return parse_digits("Max-Forwards", value, MAX_MAX_FORWARDS) if hops is None else hops


def too_many_hops(request: Request) -> Refusal | None:
    """483 for a request that may not be forwarded once more (RFC 3261 §16.3 item 3)."""
    return Refusal(483) if hops_left(request) == 0 else None


def unsupported_options(
    request: Request, supported: Container[str], *, header: str = "require"
) -> list[str]:
    """The option tags of Require that we do not know, in order (RFC 3261 §8.2.2.3).

    A proxy asks for "proxy-require" (§16.3 item 5). Not empty: 420 with these in Unsupported.
    """
    return [tag for tag in request.values(header) if tag.lower() not in supported]
