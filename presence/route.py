"""Where a request within a dialog goes (RFC 3261 §12.2.1.1). Pure."""

from typing import NamedTuple

from sip.address import NameAddr
from sip.transport.flow import Flow
from sip.uri import SipUri


class Road(NamedTuple):
    """Request-URI, Route values and next hop of a dialog's requests."""

    request_uri: str
    routes: tuple[str, ...]
    next_hop: str


def road(remote_target: str, route_set: tuple[str, ...]) -> Road:
    """Loose routing, or what a strict router as the first hop needs. Raises ParseError."""
    if not route_set:
        return Road(remote_target, (), remote_target)
    first = NameAddr.parse(route_set[0])
    if "lr" in first.sip_uri.parameters:
        return Road(remote_target, route_set, first.uri)
    return Road(first.uri, (*route_set[1:], f"<{remote_target}>"), first.uri)


def goes_back(arrival: Flow | None, next_hop: SipUri) -> bool:
    """Whether a request to `next_hop` goes over the connection that the dialog came by.

    It does while the connection is open, which is the only way to a Contact behind an address
    translator or in a browser; a next hop that insists on UDP is somewhere else.
    """
    return (
        arrival is not None
        and arrival.reliable
        and not arrival.closed
        and next_hop.transport != "udp"
    )


def leads_home(uri: SipUri, domains: frozenset[str]) -> bool:
    """Whether `uri` is an AoR or GRUU of ours, to be looked up among the bindings."""
    return uri.user is not None and uri.port is None and uri.host.lower() in domains
