"""Addresses to listen on, as the settings write them. Pure.

`udp:0.0.0.0:5060` and `tcp:[::1]:5060` for SIP, `127.0.0.1:8080` for HTTP; port 0 lets
the system choose one.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Self

from sip.errors import ParseError
from sip.uri import SipUri

SIP_TRANSPORTS: Final = ("udp", "tcp", "tls", "ws", "wss")
HTTPS: Final = "https:"
"""Before an address on which XCAP is served over TLS."""
ANY_ORIGIN: Final = "*"
MAX_PORT: Final = 65535
_LOOPBACK_OF: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}

_HOST_PORT: Final = re.compile(r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>\d{1,5})")
_DOMAIN_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_MAX_DOMAIN: Final = 253
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.\-]*://(?:[a-z0-9.\-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?")

_PUBLIC_ROOT: Final = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(?:/[A-Za-z0-9._~/\-]*)?")


@dataclass(frozen=True, slots=True)
class HostPort:
    """Host and port of a listener or a server."""

    host: str
    """Name or IP address; an IPv6 address has no brackets here."""
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError that says what is wrong with `text`."""
        match = _HOST_PORT.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not host:port (IPv6 in brackets)")
        port = int(match["port"])
        if port > MAX_PORT:
            raise ValueError(f"{text!r}: port {port} is over {MAX_PORT}")
        if match["ipv6"] is None:
            return cls(match["host"], port)
        return cls(str(ipaddress.IPv6Address(match["ipv6"])), port)

    def reachable(self) -> "HostPort":
        """Where a client on this host finds a listener on this address."""
        return HostPort(_LOOPBACK_OF.get(self.host, self.host), self.port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def check_sip_listen(text: str) -> str:
    """`text` as `transport:host:port`, transport in lower case; ValueError otherwise."""
    transport, colon, rest = text.strip().partition(":")
    transport = transport.lower()
    if not colon or transport not in SIP_TRANSPORTS:
        known = ", ".join(SIP_TRANSPORTS)
        raise ValueError(f"{text!r} is not transport:host:port with transport one of {known}")
    return f"{transport}:{HostPort.parse(rest)}"


def check_public_root(text: str) -> str:
    """`text` as an HTTP URL that ends in a slash, or empty; ValueError otherwise."""
    if not text:
        return text
    if not _PUBLIC_ROOT.fullmatch(text):
        raise ValueError(f"{text!r} is no URL such as https://xcap.example.com/xcap-root/")
    return text.rstrip("/") + "/"


def check_http_listen(text: str) -> str:
    """`text` as `host:port`; ValueError otherwise."""
    return str(HostPort.parse(text))


def check_xcap_listen(text: str) -> str:
    """`text` as `host:port` or `https:host:port`; ValueError otherwise."""
    text = text.strip()
    if text[: len(HTTPS)].lower() == HTTPS:
        return f"{HTTPS}{HostPort.parse(text[len(HTTPS) :])}"
    return str(HostPort.parse(text))


def check_origin(text: str) -> str:
    """`text` as `*` or the origin of a web page, without a path; ValueError otherwise."""
    origin = text.strip().rstrip("/").lower()
    if origin != ANY_ORIGIN and _ORIGIN.fullmatch(origin) is None:
        raise ValueError(f"{text!r} is neither * nor an origin such as https://app.example.com")
    return origin


def check_internal(text: str) -> str:
    """`text` as empty or `host:port`; ValueError otherwise."""
    return str(HostPort.parse(text)) if text.strip() else ""


def check_dns_server(text: str) -> str:
    """`text` as `address` or `address:port`, IPv6 with a port in brackets; ValueError otherwise."""
    text = text.strip()
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        server = HostPort.parse(text)
    try:
        ipaddress.ip_address(server.host)
    except ValueError:
        raise ValueError(f"{text!r}: a DNS server is named by its IP address") from None
    return str(server)


def check_route(text: str) -> str:
    """`text`, a SIP URI with or without angle brackets, as a Route value; ValueError otherwise."""
    try:
        uri = SipUri.parse(text.strip().removeprefix("<").removesuffix(">"))
    except ParseError as error:
        raise ValueError(f"{text!r} is not a SIP URI") from error
    if "lr" not in uri.parameters:
        raise ValueError(f"{text!r} has no ;lr (RFC 3608 §6.2)")
    return f"<{uri}>"


def check_advertise(text: str) -> str:
    """`text` as empty, `host` or `host:port`; ValueError otherwise."""
    text = text.strip()
    if not text or _is_host(text.strip("[]").lower()):
        return text
    if not _is_host(HostPort.parse(text).host.lower()):
        raise ValueError(f"{text!r} is not a host or host:port")
    return text


def check_domain(text: str) -> str:
    """`text` as the host part of an AoR, an IPv6 address in brackets; ValueError otherwise."""
    domain = text.strip().rstrip(".").lower()
    if ":" in domain and _is_host(domain.strip("[]")):
        return f"[{ipaddress.IPv6Address(domain.strip('[]'))}]"
    if not _is_host(domain):
        raise ValueError(f"{text!r} is not a domain name or an IP address")
    return domain


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        labels = text.split(".")
        return len(text) <= _MAX_DOMAIN and all(_DOMAIN_LABEL.fullmatch(label) for label in labels)
    return True
