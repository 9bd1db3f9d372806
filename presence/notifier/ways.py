"""By which flow the NOTIFYs of a subscription leave, and the template they are made from."""

from presence.live import LiveSubscription
from presence.notifier.notification import Template, make_template
from presence.notifier.route import goes_back, leads_home
from presence.ports import Hop, Notifying
from sip.transport.flow import Flow
from sip.uri import SipUri


class Ways:
    """Finds what can be had at once; the rest takes waiting."""

    __slots__ = ("_domains", "_endpoint")

    def __init__(self, endpoint: Notifying, domains: frozenset[str]) -> None:
        self._endpoint = endpoint
        self._domains = domains

    def find(self, live: LiveSubscription) -> Flow | None:
        """The flow to the next hop, also kept in `live`; None when it takes waiting."""
        hop = live.hop
        if hop is not None:
            live.way = self._now(live, hop)
        return live.way if hop is not None else None

    def _now(self, live: LiveSubscription, hop: SipUri) -> Flow | None:
        if goes_back(live.arrival, hop):
            return live.arrival
        if not live.row.route_set and leads_home(hop, self._domains):
            return None
        return self._endpoint.flow_now(hop, prefer=live.arrival)


def template_of(live: LiveSubscription, home: Hop | None = None, *, keep: bool = True) -> Template:
    """The template of `live`, kept in it when changes are told; `home` is as in `make_template`."""
    package = live.resource.package
    template = make_template(
        live.row, package.name + package.event_parameters, home, package.headers
    )
    if keep:
        live.template = template
    return template
