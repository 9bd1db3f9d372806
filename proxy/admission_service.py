"""Whether a request was let through before, and so needs no credentials (RFC 3261 §16.3).

Shell: users are looked up with the registrar. What admits is a token of a Path of ours, which
only processes of ours are told, or the mark of a dialog (docs/adr/0002-dialog-marks.md).
"""

from enum import Enum

from proxy.addresses import OurAddresses, Place
from proxy.dialog_mark import next_hop
from proxy.errors import ProxyError
from proxy.outgoing import Outgoing
from proxy.ports import Clock
from proxy.relay import Routed
from proxy.target_service import Find, TargetService
from proxy.targets import Targets
from sip.errors import ParseError
from sip.message import Request
from sip.transport.flow import Flow
from sip.uri import SipUri, parse_uri

Standing = Enum("Standing", ["NEW", "MARKED", "ADMITTED"])
"""MARKED is within a dialog that was let through, but goes elsewhere than before: it is admitted
when that is where the other side is now, see `AdmissionService.follows`."""


class AdmissionService:
    """Judges requests by the Route of ours that they show."""

    def __init__(
        self,
        *,
        ours: OurAddresses,
        targets: Find,
        found: TargetService,
        outgoing: Outgoing,
        clock: Clock,
    ) -> None:
        self._ours = ours
        self._targets = targets
        self._found = found
        self._outgoing = outgoing
        self._clock = clock

    def standing(self, request: Request, routed: Routed, arrived: Flow) -> Standing:
        """How the request stands before anybody is asked. Raises ParseError."""
        if not routed.mark:
            return Standing.NEW
        if self._outgoing.path_token(routed.mark) is not None:
            return Standing.ADMITTED
        side = self._outgoing.side(request, routed, self._clock())
        if side is None:
            return Standing.NEW
        if self._outgoing.may_leave(routed, arrived):
            return Standing.ADMITTED
        if self._found.dialog_flow(request, routed, arrived):
            return Standing.ADMITTED
        return Standing.MARKED if side.other and not routed.routes else Standing.NEW

    async def follows(self, request: Request, routed: Routed, arrived: Flow) -> bool:
        """Whether a request that is MARKED goes to where the other side is by now: to a contact
        of its user of ours, at the host of one that it registered, or to a GRUU of its own.

        StoreError passes.
        """
        side = self._outgoing.side(request, routed, self._clock())
        if side is None or not side.other or routed.routes:
            return False
        is_user = self._ours.place(routed.uri, arrived.local) is Place.USER
        try:
            if is_user:
                return (await self._targets(parse_uri(routed.uri), request)).aor == side.other
            targets = await self._targets(parse_uri(side.other), request)
            return next_hop(routed.uri, (), _nobody) in _hosts(targets)
        except (ProxyError, ParseError):
            return False


def _hosts(targets: Targets) -> set[str]:
    """Where the contacts of a user say that they are."""
    contacts = [contact for group in targets.groups for contact in group]
    ways = [way for contact in contacts for way in (contact, *contact.alternatives)]
    return {next_hop(way.uri, (), _nobody) for way in ways} - {""}


def _nobody(uri: SipUri) -> bool:
    return False
