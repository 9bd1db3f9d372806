"""URIs in the one spelling by which rules compare them (RFC 5025 §3.1.1.2). Pure."""

from sip.errors import ParseError
from sip.uri import aor_of


def uri_key(text: str) -> str:
    """Equal for equivalent URIs of watchers: of a SIP or SIPS URI its address-of-record.

    URIs of different schemes are never equivalent.
    """
    try:
        return aor_of(text)
    except ParseError:
        return text
