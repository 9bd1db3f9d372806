"""URIs and domains in the one spelling by which rules compare them (RFC 4745 §7). Pure.

Equivalence is made a matter of equal strings, so that a thousand URIs are one look into a set.
What cannot be read is equal only to what is written the same.
"""

from typing import Final, NamedTuple
from urllib.parse import unquote

from sip.errors import ParseError
from sip.grammar import canonical_host
from sip.uri import SipUri, parse_uri

MAX_DOMAIN: Final = 255
"""Characters; ToASCII is slow on long names, and the DNS has none that are longer."""
TEL: Final = "tel"
URN: Final = "urn"
UUID: Final = "uuid"
VISUAL_SEPARATORS: Final = str.maketrans("", "", "-.()")
"""Of telephone numbers; they mean nothing (RFC 3966 §4)."""
COMPARED_IF_EITHER: Final = frozenset({"user", "ttl", "method", "maddr", "transport"})
"""Parameters that a URI without them does not leave open (RFC 3261 §19.1.4)."""


class ServiceKey(NamedTuple):
    """A service URI, in the part that is always compared and the part that may be missing."""

    bare: str
    rest: str
    """Parameters that are compared only with a URI that has some, too."""


def uri_key(text: str) -> str:
    """Equal for equivalent URIs of watchers; of a SIP URI it is the address-of-record.

    URIs of different schemes are never equivalent (RFC 5025 §3.1.1.2).
    Deviation: sip and sips are, since an account here is one user under both (RFC 5630 §4.1).
    """
    text = text.strip()
    try:
        uri = parse_uri(text)
    except ParseError:
        return text
    return uri.aor if isinstance(uri, SipUri) else _other_key(uri.scheme, uri.rest)


def any_uri_key(text: str) -> str:
    """Equal for equivalent URIs of devices and the like."""
    key = service_key(text)
    return key.bare + key.rest


def service_key(text: str) -> ServiceKey:
    """A service URI as services are chosen by (RFC 5025 §3.3.1.3, RFC 3261 §19.1.4)."""
    text = text.strip()
    try:
        uri = parse_uri(text)
    except ParseError:
        return ServiceKey(text, "")
    if isinstance(uri, SipUri):
        return _sip_key(uri)
    return ServiceKey(_other_key(uri.scheme, uri.rest), "")


def scheme_of(text: str) -> str:
    """What stands before the first colon, as it is written; "" when there is none."""
    scheme, colon, _ = text.strip().partition(":")
    return scheme if colon else ""


def domain_key(domain: str) -> str | None:
    """A domain after percent-decoding and ToASCII; None when it is none (RFC 4745 §7.1.3)."""
    domain = unquote(domain.strip())
    if not 0 < len(domain) <= MAX_DOMAIN:
        return None
    if domain.startswith("["):
        return canonical_host(domain)
    try:
        return domain.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        return None


def _sip_key(uri: SipUri) -> ServiceKey:
    """Scheme, user and host as an AoR has them, with what an AoR leaves out."""
    port = "" if uri.port is None else f":{uri.port}"
    password = "" if uri.password is None else f" {uri.password}"
    headers = "" if uri.headers is None else f"?{uri.headers}"
    named = sorted((name, (value or "").lower()) for name, value in uri.parameters.items())
    kept = "".join(f";{name}={value}" for name, value in named if name in COMPARED_IF_EITHER)
    rest = "".join(f";{name}={value}" for name, value in named if name not in COMPARED_IF_EITHER)
    return ServiceKey(f"{uri.scheme} {uri.aor}{port}{password}{kept}{headers}", rest)


def _other_key(scheme: str, rest: str) -> str:
    """Of what is no SIP URI: as its scheme wants it compared, else as written."""
    if scheme == TEL:
        number, *parameters = rest.lower().split(";")
        rest = ";".join((number.translate(VISUAL_SEPARATORS), *sorted(parameters)))
    elif scheme == URN:
        kind, _, name = rest.partition(":")
        rest = f"{kind.lower()}:{name.lower() if kind.lower() == UUID else name}"
    elif "@" in rest:
        user, _, host = rest.rpartition("@")
        rest = f"{user}@{host.lower()}"
    return f"{scheme}:{rest}"
