"""Which URIs mean this server and its users (RFC 3261 §16.3 to §16.5). Pure."""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final

from sip.errors import ParseError
from sip.grammar import canonical_host
from sip.transport.flow import bracketed
from sip.uri import AoR, SipUri, Uri, aor_of, parse_uri

DEFAULT_PORTS: Final = {"sip": 5060, "sips": 5061}
WILDCARDS: Final = frozenset({"0.0.0.0", "[::]"})
"""Hosts of listeners, as `canonical_host` writes them, that stand for every address."""

NOWHERE: Final = ("", -1)
"""In place of the local end of a flow where there is none."""

Place = Enum("Place", ["SERVER", "USER", "ELSEWHERE", "UNREACHABLE"])
"""The server itself; a user of our domains; another host; a scheme that we cannot route."""


class OurAddresses:
    """The domains that are served, and the addresses that lead to this server."""

    def __init__(self, domains: Sequence[str], addresses: Iterable[str] = ()) -> None:
        """`addresses` are `host` or `host:port`, IPv6 in brackets, as advertised or listened on."""
        self.domains = tuple(domain.lower() for domain in domains)
        self._domains = frozenset(self.domains)
        self._addresses: set[tuple[str, int]] = set()
        self._ports = set(DEFAULT_PORTS.values())
        self._hosts: set[str] = set()
        """Addresses of this machine that flows had."""
        self._wildcard_ports: set[int] = set()
        """Where a listener takes what comes to any address of this machine."""
        self.listens_at(addresses)

    def listens_at(self, addresses: Iterable[str]) -> None:
        """Know `addresses` as well: those of listeners at a port that the system chose."""
        for host, port in map(_host_port, addresses):
            self._addresses.add((host, port))
            self._ports.add(port)
            if host in WILDCARDS:
                self._wildcard_ports.add(port)

    def met(self, local: tuple[str, int]) -> None:
        """A flow of ours has this end: with wildcard listeners, all of them are there."""
        if local[0] not in self._hosts:
            self._hosts.add(canonical_host(bracketed(local[0])))
            self._hosts.add(local[0])

    def is_domain(self, host: str) -> bool:
        """Whether `host`, in lower case, is a domain that we serve."""
        return host in self._domains

    def serves(self, aor: AoR | None) -> bool:
        """Whether `aor` is in one of our domains."""
        return aor is not None and aor.rpartition("@")[2].removeprefix("sip:") in self._domains

    def is_us(self, uri: SipUri, local: tuple[str, int]) -> bool:
        """Whether a Route or Record-Route with `uri`, come in at `local`, names this server."""
        host = uri.canonical_host
        port = uri.port or DEFAULT_PORTS[uri.scheme]
        return self._at_our_address(host, port, local) or self._at_our_domain(uri, host, local)

    def place(self, uri_text: str, local: tuple[str, int]) -> Place:
        """Where a Request-URI leads that came in at `local`."""
        try:
            uri = parse_uri(uri_text)
        except ParseError:
            return Place.UNREACHABLE
        if not isinstance(uri, SipUri):
            return self._other_place(uri)
        host = uri.canonical_host
        if self._at_our_domain(uri, host, local):
            return Place.SERVER if uri.user is None else Place.USER
        if self._at_our_address(host, uri.port or DEFAULT_PORTS[uri.scheme], local):
            return Place.SERVER if uri.user is None else Place.USER
        return Place.ELSEWHERE

    def leads_back(self, contact: str) -> bool:
        """Whether a request that is sent to `contact` comes back to this server."""
        try:
            uri = parse_uri(contact)
        except ParseError:
            return False
        if not isinstance(uri, SipUri):
            return False
        maddr = uri.parameters.value("maddr")
        host = canonical_host(maddr) if maddr else uri.canonical_host
        if self._at_our_domain(uri, host, NOWHERE):
            return True
        return self._at_our_address(host, uri.port or DEFAULT_PORTS[uri.scheme], NOWHERE)

    def realm(self, uri_text: str) -> str:
        """The realm for the user of `uri_text`: its domain if ours, else our first."""
        try:
            host = aor_of(uri_text).rpartition("@")[2].removeprefix("sip:")
        except ParseError:
            return self.domains[0]
        return host if host in self._domains else self.domains[0]

    def _other_place(self, uri: Uri) -> Place:
        """pres: and im: name SIP users (RFC 3856 §5)."""
        try:
            return Place.USER if self.serves(aor_of(str(uri))) else Place.UNREACHABLE
        except ParseError:
            return Place.UNREACHABLE

    def _at_our_domain(self, uri: SipUri, host: str, local: tuple[str, int]) -> bool:
        """A domain at a port that nobody of ours listens on is another server's, or a client's."""
        if host not in self._domains:
            return False
        return uri.port is None or uri.port in self._ports or uri.port == local[1]

    def _at_our_address(self, host: str, port: int, local: tuple[str, int]) -> bool:
        if (host, port) in self._addresses:
            return True
        if port in self._wildcard_ports and host in self._hosts:
            return True
        return port == local[1] and host.strip("[]") == local[0].strip("[]")


def _host_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        return canonical_host(text), DEFAULT_PORTS["sip"]
    return canonical_host(host), int(port)
