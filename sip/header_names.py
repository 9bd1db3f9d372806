"""Header names: their key (long form in lower case) and their usual spelling (RFC 3261 §7.3.3).

Pure.
"""

from collections.abc import Mapping
from typing import Final

from sip.errors import ParseError
from sip.grammar import is_token

_NAMES: Final = """
    Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events
    Authentication-Info Authorization Call-ID Call-Info Contact Content-Disposition
    Content-Encoding Content-Language Content-Length Content-Transfer-Encoding Content-Type
    CSeq Date Error-Info Event Expires From Identity In-Reply-To Join Max-Forwards MIME-Version
    Min-Expires Organization P-Access-Network-Info P-Asserted-Identity P-Asserted-Service
    P-Associated-URI P-Charging-Vector P-Preferred-Identity P-Visited-Network-ID Path Priority
    Privacy Proxy-Authenticate Proxy-Authentication-Info Proxy-Authorization Proxy-Require RAck
    Reason Record-Route Refer-Sub Refer-To Referred-By Reject-Contact Replaces Reply-To
    Request-Disposition Require Retry-After Route RSeq Server Service-Route Session-Expires
    SIP-ETag SIP-If-Match Subject Subscription-State Supported Suppress-If-Match Target-Dialog
    Timestamp To Unsupported User-Agent Via Warning WWW-Authenticate
"""
_USUAL: Final = tuple(_NAMES.split())

COMPACT: Final[Mapping[str, str]] = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
"""Compact forms (RFC 3261 §7.3.3 and the registrations since)."""

SPELLING: Final[Mapping[str, str]] = {name.lower(): name for name in _USUAL}

KEYS: Final[Mapping[str, str]] = {
    **{name: name.lower() for name in _USUAL},
    **{name.lower(): name.lower() for name in _USUAL},
    **COMPACT,
    **{short.upper(): key for short, key in COMPACT.items()},
}
"""From names as they are usually written to keys: the hot road's only look-up."""


def key_of(name: str) -> str:
    """The key of a header name as written, white space before the colon included; ParseError."""
    name = name.rstrip(" \t")
    if not is_token(name):
        raise ParseError("header name", name)
    name = name.lower()
    return COMPACT.get(name, name)
