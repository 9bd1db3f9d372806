"""By which way the NOTIFYs of a dialog leave (RFC 3261 §12.2.1.1, §18.1.1). Pure."""

from collections.abc import Sequence

from sip.address import NameAddr
from sip.dialog import Dialog
from sip.errors import SipError
from sip.transport.flow import Flow
from sip.uri import SipUri, parse_uri
from store.values import SubscriptionRow


def dialog_of(row: SubscriptionRow) -> Dialog:
    """The dialog whose usage `row` is."""
    return Dialog(
        call_id=row.call_id,
        local_tag=row.local_tag,
        remote_tag=row.remote_tag,
        local_address=row.local_address,
        remote_address=row.remote_address,
        remote_target=row.remote_target,
        route_set=row.route_set,
        remote_cseq=row.remote_cseq,
    )


def next_hop(row: SubscriptionRow) -> SipUri | None:
    """Where its requests go first; None when that is no SIP URI we can read."""
    try:
        uri = parse_uri(dialog_of(row).next_hop if row.route_set else row.remote_target)
    except SipError:
        return None
    return uri if isinstance(uri, SipUri) else None


def first_hop(uri: str, routes: Sequence[str]) -> SipUri:
    """Where a request for `uri` by `routes` goes first. Raises ParseError."""
    return NameAddr.parse(routes[0]).sip_uri if routes else SipUri.parse(uri)


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
