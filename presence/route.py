"""Where a request within a dialog goes (RFC 3261 §12.2.1.1). Pure."""

from typing import NamedTuple

from sip.address import NameAddr
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


def leads_home(uri: SipUri, domains: frozenset[str]) -> bool:
    """Whether `uri` is an AoR or GRUU of ours, to be looked up among the bindings."""
    return uri.user is not None and uri.port is None and uri.host.lower() in domains
