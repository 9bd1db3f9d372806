"""Relays requests to the bindings of our users, and along the dialogs that follow.

Shell, RFC 3261 §16.2 to §16.11. Never an open relay: a request goes on when it is for a user
of ours, comes from one, or belongs to a dialog that was let through before.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from proxy.addresses import OurAddresses, Place
from proxy.errors import Forbidden, NextHopFailed, NoBinding, NotFound, ProxyError
from proxy.ports import Sender, Transaction
from proxy.registrar import same_contact
from proxy.relay import (
    DIALOG_METHODS,
    Hop,
    Routed,
    cancelling,
    check_forwardable,
    dialog_mark,
    forwarded,
    hop_to,
    is_marked,
    loop_mark,
    preprocess,
    record_routes,
    request_uri,
    returned,
)
from proxy.response_context import CANCEL_WAIT, TIMER_C, Act, ResponseContext
from proxy.routing import Plan
from sip.authenticator import Identity
from sip.errors import ParseError, TransportError
from sip.message import Request, Response, parse_message
from sip.transport.flow import Flow
from sip.uri import AoR, SipUri, aor_of
from store.values import Binding

Lookup = Callable[[AoR], Awaitable[tuple[Binding, ...]]]
Done = Callable[[Transaction], None]
Exists = Callable[[AoR, Identity], Awaitable[bool]]

ASSERTED: Final = ("P-Asserted-Identity", "P-Preferred-Identity")
"""What only a trusted peer may say (RFC 3325 §5)."""
ADDED: Final = 300
"""Octets that our Via and Record-Route may add; a larger whole may have to go by TCP."""
MAX_WAITING_ACKS: Final = 1_000
"""ACKs whose next hop is being resolved or connected to; more are dropped."""


class RelayService:
    """The core proxy."""

    def __init__(
        self,
        *,
        endpoint: Sender,
        ours: OurAddresses,
        lookup: Lookup,
        exists: Exists,
        secret: bytes,
    ) -> None:
        """`secret` is the deployment's; any of its processes knows the others' dialogs by it."""
        self._endpoint = endpoint
        self._ours = ours
        self._lookup = lookup
        self._exists = exists
        self._key = secret
        self._relays: dict[_Relayed, Done] = {}
        self._acks: set[asyncio.Task[None]] = set()

    def preprocess(self, request: Request, flow: Flow) -> Routed:
        """The request's Request-URI and Routes without ours. Raises ParseError."""
        return preprocess(request, lambda uri: self._ours.is_us(uri, flow.local))

    def admits(self, request: Request, routed: Routed) -> bool:
        """Whether the request is within a dialog that was let through before."""
        return request.to.tag is not None and is_marked(request, routed, self._key)

    async def relay(
        self, tx: Transaction, identity: Identity, done: Done, *, plan: Plan | None = None
    ) -> None:
        """Send the request of `tx` on; `done` is called when its final response went back.

        Raises ProxyError or ParseError, which the caller answers, and StoreError.
        """
        request = tx.request
        routed = self.preprocess(request, tx.flow)
        check_forwardable(request, routed, self._key)
        if not self.admits(request, routed):
            self._check_sender(request, routed, identity, tx.flow)
        hop = await self._hop(request, routed, identity, tx.flow)
        flow = await self._flow(hop, len(bytes(request)) + ADDED)
        branch = self._endpoint.new_branch() + loop_mark(request, routed, self._key)
        data = self._outgoing(request, hop, tx.flow, flow, branch, identity)
        relayed = _Relayed(self._endpoint, tx, Outgoing(data, branch, flow), self._ended)
        self._relays[relayed] = done
        relayed.start()

    def ack(self, request: Request, flow: Flow) -> None:
        """Send the ACK of a 2xx on without state (§16.11); there is nobody to tell of a failure."""
        if len(self._acks) < MAX_WAITING_ACKS:
            task = asyncio.get_running_loop().create_task(self._ack(request, flow))
            self._acks.add(task)
            task.add_done_callback(self._acks.discard)

    def close(self) -> None:
        """Stop all timers; what is under way is given up."""
        for relayed in list(self._relays):
            relayed.close()

    def _ended(self, relayed: "_Relayed") -> None:
        done = self._relays.pop(relayed, None)
        if done is not None:
            done(relayed.tx)

    def _check_sender(
        self, request: Request, routed: Routed, identity: Identity, flow: Flow
    ) -> None:
        """Raises Forbidden for a user of ours under another's name, and for open relaying."""
        ours = self._ours
        sender = _aor_or_none(request.from_.uri)
        if identity.how == "digest" and ours.serves(sender) and sender != identity.aor:
            raise Forbidden
        inbound = not routed.routes and ours.place(routed.uri, flow.local) is Place.USER
        if not inbound and not ours.serves(identity.aor):
            raise Forbidden

    async def _hop(self, request: Request, routed: Routed, identity: Identity, flow: Flow) -> Hop:
        """Where the request goes (§16.5). Raises NotFound or NoBinding."""
        place = self._ours.place(routed.uri, flow.local)
        if routed.routes:
            return hop_to(routed.uri, routed.routes)
        if place is Place.USER:
            return await self._hop_to_user(aor_of(routed.uri), identity)
        if place is Place.ELSEWHERE:
            return await self._hop_to_contact(request, routed.uri)
        raise NotFound

    async def _hop_to_user(self, aor: AoR, identity: Identity) -> Hop:
        bindings = [one for one in await self._lookup(aor) if one.contact.startswith("sip")]
        if bindings:
            best = bindings[0]
            return hop_to(request_uri(best.contact), best.path, best.received)
        raise NoBinding if await self._exists(aor, identity) else NotFound

    async def _hop_to_contact(self, request: Request, uri: str) -> Hop:
        """A contact named in a dialog: by the NAT's address when it is a binding behind one."""
        aor = _aor_or_none(request.to.uri)
        if aor is not None and self._ours.serves(aor):
            for binding in await self._lookup(aor):
                if same_contact(binding.contact, uri):
                    return hop_to(uri, binding.path, binding.received)
        return hop_to(uri, ())

    async def _flow(self, hop: Hop, size: int) -> Flow:
        """A flow to the next hop: where the client was last heard from, or else its contact.

        Raises NextHopFailed.
        """
        candidates = [hop.next_hop] if hop.routes else dict.fromkeys((hop.next_hop, hop.uri))
        failure: TransportError | None = None
        for candidate in candidates:
            try:
                return await self._endpoint.flow_to(SipUri.parse(candidate), size=size)
            except TransportError as error:
                failure = error
        raise NextHopFailed from failure

    def _outgoing(
        self, request: Request, hop: Hop, arrived: Flow, flow: Flow, branch: str, identity: Identity
    ) -> bytes:
        recorded: list[str] = []
        if request.method in DIALOG_METHODS:
            mark = dialog_mark(request.call_id, self._key)
            recorded = record_routes(mark, arrived.contact, flow.contact)
        dropped = () if identity.how == "asserted" else ASSERTED
        if identity.how == "digest":
            dropped = (*dropped, "Proxy-Authorization")
        via = f"{flow.via_prefix};branch={branch};rport"
        return forwarded(request, hop, via=via, recorded=recorded, dropped=dropped)

    async def _ack(self, request: Request, flow: Flow) -> None:
        """Only within dialogs that were let through: an ACK cannot be challenged."""
        try:
            routed = self.preprocess(request, flow)
            check_forwardable(request, routed, self._key)
            if not self.admits(request, routed):
                return
            hop = hop_to(routed.uri, routed.routes)
            if not routed.routes:
                hop = await self._hop_to_contact(request, routed.uri)
            leaving = await self._flow(hop, len(bytes(request)) + ADDED)
            branch = self._endpoint.new_branch() + loop_mark(request, routed, self._key)
            via = f"{leaving.via_prefix};branch={branch};rport"
            leaving.send(forwarded(request, hop, via=via, recorded=(), dropped=ASSERTED))
        except (ProxyError, ParseError, TransportError):
            return


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it leaves."""

    data: bytes
    branch: str
    flow: Flow


class _Relayed:
    """One request under way: its two transactions, and timer C."""

    def __init__(
        self,
        endpoint: Sender,
        tx: Transaction,
        outgoing: Outgoing,
        done: Callable[["_Relayed"], None],
    ) -> None:
        self.tx = tx
        self._endpoint = endpoint
        self._outgoing = outgoing
        self._done = done
        self._context = ResponseContext(is_invite=tx.request.method == "INVITE")
        self._timer: asyncio.TimerHandle | None = None
        self._response: Response | None = None

    def start(self) -> None:
        """Hand the request to its client transaction (§16.6 steps 10 and 11)."""
        if self._context.is_invite:
            self.tx.respond(100)
            self.tx.on_cancel = self._on_cancel
            self._restart_timer()
        self._endpoint.client_transaction(
            self._outgoing.data,
            self.tx.request.method,
            self._outgoing.branch,
            self._outgoing.flow,
            on_response=self._on_response,
            on_timeout=self._on_timeout,
            on_transport_error=self._on_transport_error,
        )

    def close(self) -> None:
        """Forget the request."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._done(self)

    def _on_response(self, response: Response) -> None:
        self._response = response
        self._perform(self._context.on_response(response.status))

    def _on_timeout(self) -> None:
        self._perform(self._context.on_timeout())

    def _on_transport_error(self) -> None:
        self._perform(self._context.on_transport_error())

    def _on_cancel(self) -> None:
        self._perform(self._context.on_cancel())

    def _on_timer_c(self) -> None:
        self._timer = None
        self._perform(self._context.on_timer_c())

    def _perform(self, acts: tuple[Act, ...]) -> None:
        for act in acts:
            match act:
                case Act.FORWARD if self._response is not None:
                    self.tx.respond_bytes(self._response.status, returned(self._response))
                case Act.CANCEL:
                    self._cancel()
                case Act.RESTART_TIMER:
                    self._restart_timer()
                case Act.STOP:
                    self.close()
                case Act.TIMEOUT:
                    self.tx.respond(408)  # which the stack keeps from all but INVITE
                case Act.BAD_GATEWAY:
                    self.tx.respond(NextHopFailed.status)

    def _restart_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        seconds = CANCEL_WAIT if self._context.cancel_sent else TIMER_C
        self._timer = asyncio.get_running_loop().call_later(seconds, self._on_timer_c)

    def _cancel(self) -> None:
        """A CANCEL has a transaction of its own, on the branch of what it cancels (§9.1)."""
        sent = parse_message(self._outgoing.data)
        if isinstance(sent, Request):
            self._endpoint.client_transaction(
                cancelling(sent),
                "CANCEL",
                self._outgoing.branch,
                self._outgoing.flow,
                on_response=_ignore,
                on_timeout=_nothing,
                on_transport_error=_nothing,
            )


def _ignore(response: Response) -> None:
    """The answer to a CANCEL changes nothing."""


def _nothing() -> None:
    """Nor does its absence."""


def _aor_or_none(uri: str) -> AoR | None:
    try:
        return aor_of(uri)
    except ParseError:
        return None
