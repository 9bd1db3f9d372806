"""Where a relayed request goes, and who may send it there (RFC 3261 §16.3 item 6, §16.5).

Shell: users are looked up with the registrar.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from proxy.addresses import OurAddresses, Place
from proxy.asserted import check_claims
from proxy.destination import Destination, Groups, by_route, groups_of, side_by_side
from proxy.errors import DialogFlowGone, FlowFailed, Forbidden, NoBinding, NotFound, ProxyError
from proxy.fork import FROM_ROUTE, Policy
from proxy.outgoing import Outgoing, Passage
from proxy.ports import Sender, Transaction
from proxy.relay import Routed
from proxy.routing import Plan
from proxy.targets import Targets
from sip.authenticator import Identity
from sip.message import Request
from sip.transport.flow import Flow
from sip.uri import AoR, SipUri, Uri, parse_uri

UNREACHABLE_HOST: Final = ".invalid"
"""End of the host of a client that cannot say where it is (RFC 7118 §5)."""

Find = Callable[[Uri, Request], Awaitable[Targets]]
"""Where a user of ours is; raises NotFound or NoBinding for a GRUU that leads nowhere."""
Exists = Callable[[AoR, Identity], Awaitable[bool]]


class TargetService:
    """Finds the target set of requests."""

    def __init__(
        self,
        *,
        endpoint: Sender,
        ours: OurAddresses,
        targets: Find,
        exists: Exists,
        outgoing: Outgoing,
    ) -> None:
        self._endpoint = endpoint
        self._ours = ours
        self._targets = targets
        self._exists = exists
        self._outgoing = outgoing

    def check_sender(
        self, tx: Transaction, routed: Routed, identity: Identity, *, planned: bool
    ) -> None:
        """Raises Forbidden for a user of ours under another's name, and for open relaying.

        `planned`: the operator says where to, so whoever is known by whatever means may go there.
        """
        ours, local = self._ours, tx.flow.local
        check_claims(
            tx.request, identity, serves=ours.serves, is_us=lambda uri: ours.is_us(uri, local)
        )
        if ours.serves(identity.aor) or (planned and identity.how != "none"):
            return
        if routed.routes or ours.place(routed.uri, local) is not Place.USER:
            raise Forbidden

    async def find(self, passage: Passage, routed: Routed, policy: Policy) -> tuple[Groups, Policy]:
        """Where the request goes by itself, and how it is forked."""
        destination = self.known(passage, routed)
        if destination is not None:
            return [[(destination,)]], policy._replace(replaced=FROM_ROUTE)
        targets, groups = await self.user(passage, routed.uri)
        return groups, policy._replace(cancels=targets.disposition.cancel)

    def known(self, passage: Passage, routed: Routed) -> Destination | None:
        """Where the request goes by token, route or Request-URI; None for a user of ours.

        Raises FlowFailed and DialogFlowGone for a flow that is gone (RFC 5626 §5.3.1), NotFound
        and ParseError.
        """
        path = self._outgoing.path_token(routed.mark)
        if path is not None:
            if path.worker != self._outgoing.worker or not self._is_open(path.flow):
                raise FlowFailed
            return by_route(routed.uri, routed.routes)._replace(flow=path.flow)
        flow = self.dialog_flow(passage.request, routed, passage.arrived)
        if flow:
            return by_route(routed.uri, routed.routes)._replace(flow=flow)
        if flow is not None and not routed.routes and not _is_reachable(routed.uri):
            raise DialogFlowGone
        place = self._ours.place(routed.uri, passage.arrived.local)
        if routed.routes or place is Place.ELSEWHERE:
            return by_route(routed.uri, routed.routes)
        if place is Place.USER:
            return None
        raise NotFound

    def dialog_flow(self, request: Request, routed: Routed, arrived: Flow) -> str | None:
        """The flow to the other side that a Record-Route of ours names; "" when that is gone, None
        when the request does not go by one."""
        token = self._outgoing.dialog_token(request, routed)
        if token is None or token.flow == arrived.name or _is_gruu(routed.uri):
            return None
        is_here = token.worker == self._outgoing.worker and self._is_open(token.flow)
        return token.flow if is_here else ""

    def _is_open(self, flow: str) -> bool:
        return self._endpoint.flow_named(flow) is not None

    async def user(self, passage: Passage, uri_text: str) -> tuple[Targets, Groups]:
        """Where a user of ours is. Raises NotFound or NoBinding, and ParseError."""
        uri = parse_uri(uri_text)
        targets = await self._targets(uri, passage.request)
        secure = isinstance(uri, SipUri) and uri.scheme == "sips"
        groups = groups_of(targets, secure=secure, own_flow=self._outgoing.own_flow)
        if groups:
            return targets, groups
        if targets.known or await self._exists(targets.aor, passage.identity):
            raise NoBinding
        raise NotFound

    async def planned(self, passage: Passage, plan: Plan) -> Groups:
        """The targets that the routing file names; those that lead nowhere are left out."""
        several: list[Groups] = []
        failure: ProxyError = NotFound()
        for uri in plan.uris:
            place = self._ours.place(uri, passage.arrived.local)
            if place is Place.ELSEWHERE:
                several.append([[(by_route(uri, ()),)]])
            elif place is Place.USER:
                try:
                    several.append((await self.user(passage, uri))[1])
                except (NoBinding, NotFound) as error:
                    failure = error
        if not several:
            raise failure
        if plan.serial:
            return [group for groups in several for group in groups]
        return side_by_side(several)


def _is_gruu(uri: str) -> bool:
    """Whether the registrar has to say where `uri` is (RFC 5627 §6.1)."""
    return ";gr" in uri


def _is_reachable(uri: str) -> bool:
    """Whether a contact can be reached by other ways than its flow (RFC 5626 §5.3)."""
    parsed = parse_uri(uri)
    if not isinstance(parsed, SipUri) or "ob" in parsed.parameters:
        return False
    return not parsed.host.lower().endswith(UNREACHABLE_HOST)
