"""Where a SIP request goes: from a URI to targets, by DNS (RFC 3263 §4). Pure."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, NamedTuple

from sip.uri import SipUri

DEFAULT_PORTS: Final = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}
"""Of each transport (RFC 3261 §19.1.2, RFC 7118 §5.5)."""
UDP_LIMIT: Final = 1300
"""Octets of a request beyond which it goes by TCP (RFC 3261 §18.1.1)."""
NUMERIC_CACHE: Final = 16_384

_SECURED: Final = {"tcp": "tls", "tls": "tls", "ws": "wss", "wss": "wss"}
"""What a transport parameter of a SIPS URI means (RFC 3261 §26.2.2, RFC 7118 §5.2)."""
_UNNAMED: Final = {"sip": ("udp", "tcp", "tls"), "sips": ("tls",)}
"""What is used without a transport parameter, the first that we have."""


class Target(NamedTuple):
    """One place a message may be sent to."""

    transport: str
    """"udp", "tcp", "tls", "ws" or "wss"."""
    host: str
    """Numeric, without brackets."""
    port: int
    domain: str
    """What the certificate of a TLS server must name (RFC 5922 §4): the host of the URI, or
    its maddr, before NAPTR and SRV."""


def locate_numeric(uri: SipUri, transports: Sequence[str], size: int = 0) -> Target | None:
    """The one target of a URI with a numeric host; None when there is more to find out.

    That is with a name to be looked up, with no transport of ours that leads there, and with a
    request too large for UDP, which has two targets: by TCP, and by UDP if that fails.
    """
    host = numeric(uri.parameters.value("maddr") or uri.host)
    if host is None:
        return None
    usable = usable_transports(uri, transports, size)
    if len(usable) != 1:
        return None
    return Target(usable[0], host, uri.port or DEFAULT_PORTS[usable[0]], host)


def usable_transports(uri: SipUri, transports: Sequence[str], size: int) -> tuple[str, ...]:
    """By what a request of `size` octets is sent when DNS says nothing of it (RFC 3263 §4.1).

    One, or none when we have none such; TCP and then UDP for what is too large for UDP, if the
    URI leaves it to us (RFC 3261 §18.1.1).
    """
    named = uri.transport
    if named is not None:
        meant = _SECURED.get(named, "") if uri.scheme == "sips" else named
        return (meant,) if meant in transports and meant in DEFAULT_PORTS else ()
    chosen = next((each for each in _UNNAMED[uri.scheme] if each in transports), None)
    if chosen is None:
        return ()
    if chosen == "udp" and size > UDP_LIMIT and "tcp" in transports:
        return ("tcp", "udp")
    return (chosen,)


@lru_cache(maxsize=NUMERIC_CACHE)
def numeric(host: str) -> str | None:
    """`host` as an address without brackets, or None when it is a name."""
    bare = host[1:-1] if host.startswith("[") else host
    try:
        return str(ip_address(bare))
    except ValueError:
        return None
