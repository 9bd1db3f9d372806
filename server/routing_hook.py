"""Where the routing file stands in the way of a request, and how its word is carried out. Shell.

The file is asked about what begins something: a request within a dialog follows the dialog. That
a request is within one is what the relay or the event server found, never a To tag, which anybody
can write.
"""

from proxy.ports import Transaction
from proxy.routing import Answer, Plan, Reject, Router
from server.dispatch_rules import Road
from sip.authenticator import Identity
from sip.message import Request


class RoutingHook:
    """Asks the routing file on behalf of the dispatcher."""

    def __init__(self, router: Router | None) -> None:
        self._router = router

    def asks(self, request: Request, road: Road) -> bool:
        """Whether the file has something to say of such a request."""
        router = self._router
        if router is None or road is Road.IN_DIALOG or _refreshes(request, road):
            return False
        return router.wants_registers if request.method == "REGISTER" else router.wants_requests

    async def plan(self, tx: Transaction, identity: Identity) -> Plan | None:
        """What the file wants done with the request of `tx`; None when that was an answer."""
        router = self._router
        if router is None:
            return Plan(tx.request)
        request = tx.request
        decision: Request | Plan | Answer | Reject | None
        if request.method == "REGISTER":
            decision = await router.on_register(request, identity, tx.flow)
        else:
            decision = await router.on_request(request, identity, tx.flow)
        match decision:
            case Answer(status, reason, headers, body):
                tx.respond(status, reason=reason, headers=headers, body=body)
                return None
            case Reject(status, reason, headers):
                tx.respond(status, reason=reason, headers=headers)
                return None
            case Request():
                return Plan(decision)
            case _:
                return decision or Plan(request)


def _refreshes(request: Request, road: Road) -> bool:
    """Whether `request` is for a subscription that we hold: the event server knows its dialog,
    or answers 481 (RFC 6665 §4.2.1.4)."""
    return road is Road.SUBSCRIBE and request.to.tag is not None
