"""Where a SIP message goes: from a URI or a Via to targets, by DNS (RFC 3263 §4, §5). Pure.

`Search` says what is to be asked next and makes targets of the answers; who asks is a shell.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, NamedTuple, Self

from sip.dns_records import Naptr, Srv, domain_name, ordered, preferred_pointers, unavailable
from sip.uri import SipUri

DEFAULT_PORTS: Final = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}
"""Of each transport (RFC 3261 §19.1.2, RFC 7118 §5.5)."""
UDP_LIMIT: Final = 1300
"""Octets of a request beyond which it goes by TCP (RFC 3261 §18.1.1)."""
MAX_TARGETS: Final = 16
NUMERIC_CACHE: Final = 16_384
LONGEST_ADDRESS: Final = 64
"""Characters of an address with brackets and zone. Hosts are anybody's word: what is longer is
not even looked up in a cache, where it would stay."""

_SECURED: Final = {"tcp": "tls", "tls": "tls", "ws": "wss", "wss": "wss"}
"""What a transport parameter of a SIPS URI means (RFC 3261 §26.2.2, RFC 7118 §5.2)."""
_UNNAMED: Final = {"sip": ("udp", "tcp", "tls"), "sips": ("tls",)}
"""What is used without a transport parameter, the first that we have."""
_NAPTR_SERVICES: Final = {
    "SIP+D2U": "udp",
    "SIP+D2T": "tcp",
    "SIPS+D2T": "tls",
}
"""RFC 3263 §4.1; those of RFC 7118 §5.5 lead where only a connection that is there does."""
_OPENED: Final = frozenset({"udp", "tcp", "tls"})
"""What we can send by first; a WebSocket is there only if its client opened it."""
SECURE: Final = frozenset({"tls", "wss"})
_SRV_PREFIXES: Final = {
    "udp": "_sip._udp",
    "tcp": "_sip._tcp",
    "tls": "_sips._tcp",
    "ws": "_sip._ws",
    "wss": "_sips._ws",
}
"""RFC 3263 §4.2; none is registered for WebSocket, these are what is found in use."""


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


class Service(NamedTuple):
    """A transport, and the name whose SRV records say where it is offered."""

    transport: str
    name: str


class Place(NamedTuple):
    """A host whose addresses are still to be looked up."""

    transport: str
    host: str
    port: int


def locate_numeric(uri: SipUri, transports: Sequence[str], size: int = 0) -> Target | None:
    """The one target of a URI with a numeric host; None when there is more to find out.

    That is with a name to be looked up, with no transport of ours that leads there, and with a
    request too large for UDP, which has two targets: by TCP, and by UDP if that fails.
    """
    host = numeric(uri.parameters.value("maddr") or uri.host)
    if host is None or not _is_somebody(host):
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
    for chosen in _UNNAMED[uri.scheme]:
        if chosen in transports:
            tcp_first = chosen == "udp" and size > UDP_LIMIT and "tcp" in transports
            return ("tcp", "udp") if tcp_first else (chosen,)
    return ()


@dataclass(frozen=True, slots=True)
class Search:
    """How the servers of one domain are found.

    In this order: NAPTR if `asks_naptr`, which gives a `narrowed` search; SRV of its
    `services`; addresses of the hosts of its `places`; then its `targets`.
    """

    domain: str
    """As `domain_name` gives it, or a numeric address."""
    port: int | None
    """An explicit one, which rules out NAPTR and SRV (§4.2)."""
    transports: tuple[str, ...]
    """By which the domain itself is tried when there is no SRV, in this order."""
    services: tuple[Service, ...] = ()
    """Whose SRV records are asked for."""
    acceptable: tuple[str, ...] = ()
    """Transports that a NAPTR record may choose."""
    large: bool = False
    """Whether UDP is tried last, since the request is too large for it (RFC 3261 §18.1.1)."""

    @classmethod
    def for_request(cls, uri: SipUri, transports: Sequence[str], size: int) -> Self | None:
        """The search for where a request to `uri` goes (§4); None when nothing leads there."""
        host = uri.parameters.value("maddr") or uri.host
        usable = usable_transports(uri, transports, size)
        domain = numeric(host) or domain_name(host)
        if domain is None or not usable:
            return None
        if uri.port or numeric(host):
            return cls(domain, uri.port or None, usable)
        if uri.transport is not None:
            return cls(domain, None, usable, _services(domain, usable))
        secure = uri.scheme == "sips"
        wanted = tuple(
            each for each in transports if each in _OPENED and (not secure or each in SECURE)
        )
        return cls(
            domain,
            None,
            usable,
            services=_services(domain, _unasked(wanted, secure=secure)),
            acceptable=wanted,
            large=size > UDP_LIMIT,
        )

    @classmethod
    def for_response(cls, host: str, port: int | None, transport: str) -> Self | None:
        """The search for where a response goes, from the sent-by of its Via (§5)."""
        domain = numeric(host) or domain_name(host)
        if domain is None or transport not in DEFAULT_PORTS:
            return None
        services = () if port or numeric(host) else _services(domain, [transport])
        return cls(domain, port or None, (transport,), services)

    @property
    def asks_naptr(self) -> bool:
        """Whether NAPTR records of the domain are to be asked for (§4.1)."""
        return bool(self.acceptable)

    def plain(self) -> Self:
        """The search for a host that DNS is not asked of beyond its addresses, as localhost."""
        return replace(self, services=(), acceptable=())

    def narrowed(self, records: Iterable[Naptr]) -> Self:
        """The search among what the domain offers and we accept, most preferred first (§4.1).

        The same when no record says anything of use.
        """
        wanted = [name for name, each in _NAPTR_SERVICES.items() if each in self.acceptable]
        offered = tuple(
            Service(_NAPTR_SERVICES[record.service.upper()], str(domain_name(record.replacement)))
            for record in preferred_pointers(records, wanted)
        )
        if not offered:
            return replace(self, acceptable=())
        return replace(self, services=offered, transports=(offered[0].transport,), acceptable=())

    def places(self, answers: Sequence[Sequence[Srv]], draws: Sequence[float]) -> tuple[Place, ...]:
        """Hosts in the order to be tried (§4.2, §4.3).

        `answers` are the SRV records of each of `services`, `draws` as many random numbers as
        there are records. Without any record the domain itself is the host, though not by a
        transport that is decidedly not served there (RFC 2782, Target).
        """
        found: list[Place] = []
        denied = set()
        left = list(draws)
        for service, records in zip(self.services, answers, strict=True):
            for each in ordered(records, left[: len(records)]):
                found.append(Place(service.transport, str(domain_name(each.target)), each.port))
            del left[: len(records)]
            if unavailable(records):
                denied.add(service.transport)
        if not found:
            found = [
                Place(transport, self.domain, self.port or DEFAULT_PORTS[transport])
                for transport in self.transports
                if transport not in denied
            ]
        if self.large:
            found.sort(key=lambda place: place.transport == "udp")
        return tuple(dict.fromkeys(found))[:MAX_TARGETS]

    def targets(
        self, places: Sequence[Place], addresses: Mapping[str, Sequence[str]]
    ) -> tuple[Target, ...]:
        """Every address of each place; those nobody can have are left out.

        `addresses` of each host of `places` that is not numeric.
        """
        found = (
            Target(place.transport, host, place.port, self.domain)
            for place in places
            for host in ([place.host] if numeric(place.host) else addresses.get(place.host, ()))
            if _is_somebody(host)
        )
        return tuple(dict.fromkeys(found))[:MAX_TARGETS]


def _unasked(wanted: Sequence[str], *, secure: bool) -> tuple[str, ...]:
    """Whose SRV is asked for without NAPTR: "_sip" for sip, "_sips" for sips (RFC 3263 §4.1).

    A SIP URI goes by TLS when we have nothing else (§4.2).
    """
    plain = tuple(each for each in wanted if each in ("udp", "tcp"))
    return tuple(wanted) if secure else plain or tuple(each for each in wanted if each == "tls")


def _services(domain: str, transports: Iterable[str]) -> tuple[Service, ...]:
    return tuple(Service(each, f"{_SRV_PREFIXES[each]}.{domain}") for each in transports)


@lru_cache(maxsize=NUMERIC_CACHE)
def _is_somebody(host: str) -> bool:
    """Whether one host may have this address, which is out of a URI or a DNS answer."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.version == 6 and address.ipv4_mapped is not None
    return not (address.is_unspecified or address.is_multicast or mapped)


def numeric(host: str) -> str | None:
    """`host` as an address without brackets, or None when it is a name.

    Three colons before an IPv4 part are an old slip (RFC 5118 §4.10).
    """
    return _address(host) if len(host) <= LONGEST_ADDRESS else None


@lru_cache(maxsize=NUMERIC_CACHE)
def _address(host: str) -> str | None:
    bare = host[1:-1].replace(":::", "::") if host.startswith("[") else host
    try:
        return str(ip_address(bare))
    except ValueError:
        return None
