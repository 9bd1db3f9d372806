"""Relays requests to the bindings of our users, and along the dialogs that follow.

Shell, RFC 3261 §16.2 to §16.11. Never an open relay: a request goes on when it comes from a user
of ours, is for one and comes from a trusted peer, or belongs to a dialog that was let through
before.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

import structlog

from proxy.ack_service import AckService
from proxy.addresses import OurAddresses
from proxy.admission_service import AdmissionService, Standing
from proxy.asserted import AUTHENTICATED
from proxy.branch import Sent
from proxy.destination import Destination, bounded
from proxy.errors import Overloaded
from proxy.fork import TIMER_C, UNAVAILABLE, Policy
from proxy.fork_service import Relayed
from proxy.forwarding import returned
from proxy.outgoing import Outgoing
from proxy.ports import Clock, Sender, Transaction
from proxy.relay import Routed, breadth_of, preprocess
from proxy.reply_service import ReplyService
from proxy.routing import Plan, Router
from proxy.target_service import Exists, Find, TargetService
from sip.authenticator import Identity
from sip.errors import ParseError, TransportError
from sip.message import Request, Response
from sip.transport.flow import Flow
from sip.transport.timers import LoopTimers, Timers
from sip.uri import AoR
from store.values import Binding

FIRST_FINAL: Final = 200
FIRST_FAILURE: Final = 300
MAX_RELAYED: Final = 50_000
"""Branches under way; more requests get 503 at once."""
MAX_OF_ACCOUNT: Final = 5_000
"""The same of the requests of one user, so that none uses up what is there for all."""
MAX_BRANCHES: Final = 20
"""Of one request."""

Done = Callable[[Transaction], None]

log = structlog.get_logger("proxy")


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """How requests are relayed."""

    timer_c: float = TIMER_C
    """Seconds an INVITE may ring without news (RFC 3261 §16.6 step 11)."""
    max_branches: int = MAX_BRANCHES
    """Of one request; other contacts are left out."""
    record_route: bool = True
    """False: we stay in the path of those dialogs only that need it."""
    max_relayed: int = MAX_RELAYED
    """Branches under way."""
    max_of_account: int = MAX_OF_ACCOUNT
    """Branches under way of one user that we authenticated."""


class RelayService:
    """The core proxy."""

    def __init__(
        self,
        *,
        endpoint: Sender,
        ours: OurAddresses,
        targets: Find,
        exists: Exists,
        secret: bytes,
        clock: Clock,
        worker: str = "",
        trusted: Callable[[Flow], bool] = lambda flow: False,
        flow_failed: Callable[[AoR, Binding], None] | None = None,
        router: Router | None = None,
        config: RelayConfig | None = None,
        timers: Timers | None = None,
    ) -> None:
        """`secret` is the deployment's; any of its processes knows the others' dialogs by it.

        `targets` finds where a user is; `flow_failed` is told of a binding whose flow is gone;
        `trusted` says of a flow whether its peer is of our trust domain; `timers` are those of
        the event loop unless given.
        """
        self.endpoint = endpoint
        self._ours = ours
        self._config = config or RelayConfig()
        self._clock = clock
        self._outgoing = Outgoing(secret, worker, self._config.record_route, trusted, ours)
        self._found = TargetService(
            endpoint=endpoint, ours=ours, targets=targets, exists=exists, outgoing=self._outgoing
        )
        self._admission = AdmissionService(
            ours=ours, targets=targets, found=self._found, outgoing=self._outgoing, clock=clock
        )
        self._acks = AckService(
            endpoint=endpoint,
            found=self._found,
            admission=self._admission,
            outgoing=self._outgoing,
            clock=clock,
        )
        self._flow_failed = flow_failed
        self._replies = None if router is None else ReplyService(router, self._send_back)
        self._relayed: set[Relayed] = set()
        self._branches = 0
        self._shares: Counter[AoR] = Counter()
        """Branches of each user that we authenticated."""
        self._last: tuple[Request | None, Routed | None] = (None, None)
        self._own_timers: LoopTimers | None = None
        self._timers = timers
        self._tasks: set[asyncio.Task[None]] = set()
        self._none_left = asyncio.Event()
        self._closed = False

    @property
    def under_way(self) -> int:
        """Requests being relayed, or whose responses the routing file looks at."""
        if self._replies is None or not self._replies.waiting:
            return len(self._relayed)
        return len(self._relayed | self._replies.waiting)

    @property
    def timers(self) -> Timers:
        """What timer C runs on."""
        if self._timers is None:
            self._timers = self._own_timers = LoopTimers(_timer_failed)
        return self._timers

    def preprocess(self, request: Request, flow: Flow) -> Routed:
        """The request's Request-URI and Routes without ours. Raises ParseError.

        The last one is remembered: it is asked for before and after who sent it is known.
        """
        last, routed = self._last
        if last is not request or routed is None:
            self._ours.met(flow.local)
            routed = preprocess(request, lambda uri: self._ours.is_us(uri, flow.local))
            self._last = (request, routed)
        return routed

    def standing(self, request: Request, routed: Routed, flow: Flow) -> Standing:
        """Whether the request is within a dialog that was let through before, or comes from
        another process of ours, which let it through. Raises ParseError."""
        return self._admission.standing(request, routed, flow)

    async def admits(self, request: Request, flow: Flow) -> bool:
        """The same, when where users are now counts as well. Raises ParseError, StoreError."""
        routed = self.preprocess(request, flow)
        standing = self.standing(request, routed, flow)
        if standing is Standing.MARKED:
            return await self._admission.follows(request, routed, flow)
        return standing is Standing.ADMITTED

    async def relay(
        self,
        tx: Transaction,
        identity: Identity,
        done: Done,
        *,
        admitted: bool,
        plan: Plan | None = None,
    ) -> None:
        """Send the request of `tx` on; `done` is called when its final response went back.

        `admitted` is what `standing` or `admits` said of it, so that nobody has to ask twice.
        `plan` is what the operator's routing file wants, which has had its way with the request
        of `tx` already. Raises ProxyError or ParseError, which the caller answers, and StoreError.
        """
        if self._branches >= self._config.max_relayed:
            raise Overloaded
        account = _account(identity)
        if account is not None and self._shares[account] >= self._config.max_of_account:
            raise Overloaded
        routed = self.preprocess(tx.request, tx.flow)
        if not admitted:
            planned = plan is not None and bool(plan.uris)
            self._found.check_sender(tx, routed, identity, planned=planned)
        elif self._outgoing.path_token(routed.mark) is not None:
            identity = Identity(identity.aor, "asserted")
        passage = self._outgoing.passage(tx.request, routed, tx.flow, identity, self._clock())
        policy = Policy(breadth_of(tx.request), self._config.timer_c)
        if plan is not None:
            passage = passage._replace(hands_off=plan.asserted)
        if plan is not None and plan.uris:
            groups = await self._found.planned(passage, plan)
        else:
            groups, policy = await self._found.find(passage, routed, policy)
        groups = bounded(groups, self._config.max_branches)
        self._begin(Relayed(self, tx, passage, groups, policy, done))

    def _begin(self, relayed: Relayed) -> None:
        if self._closed:
            raise Overloaded
        self._relayed.add(relayed)
        self._count(relayed, len(relayed))
        relayed.start()

    def _count(self, relayed: Relayed, branches: int) -> None:
        self._branches += branches
        account = _account(relayed.passage.identity)
        if account is not None:
            self._shares[account] += branches
            if not self._shares[account]:
                del self._shares[account]

    def ack(self, request: Request, flow: Flow) -> None:
        """Send the ACK of a 2xx on without state (§16.11); there is nobody to tell of a failure.

        Only within dialogs that were let through: an ACK cannot be challenged.
        """
        try:
            routed = self.preprocess(request, flow)
        except ParseError:
            return
        self._acks.take(request, routed, flow)

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        while self.under_way:
            if self._relayed:
                self._none_left.clear()
                await self._none_left.wait()
            elif self._replies is not None:
                await self._replies.settle()

    def close(self) -> None:
        """Take no more requests, answer those under way, cancel what rings, stop all timers."""
        self._closed = True
        if self._replies is not None:
            self._replies.close()
        for relayed in list(self._relayed):
            relayed.give_up()
        for task in self._tasks:
            task.cancel()
        self._acks.close()
        if self._own_timers is not None:
            self._own_timers.close()

    def write(self, relayed: Relayed, destination: Destination, flow: Flow) -> Sent:
        """See `fork_service.Relay`."""
        branch = self.endpoint.new_branch() + relayed.passage.loop
        self._ours.met(flow.local)
        passage = relayed.passage
        recorded = self._outgoing.recorded(passage, destination, flow)
        if recorded:
            relayed.recorded.add(recorded)
        data = self._outgoing.write(passage, destination, flow, branch, relayed.share, recorded)
        return Sent(data, branch, flow)

    def flow_failed(self, destination: Destination) -> None:
        """See `fork_service.Relay`."""
        if self._flow_failed is not None and destination.contact is not None:
            self._flow_failed(destination.aor, destination.contact.binding)

    def hear(self, response: Response, flow: Flow) -> Response:
        """See `fork_service.Relay`."""
        return self._outgoing.heard(response, flow)

    def send_back(self, relayed: Relayed, response: Response) -> None:
        """See `fork_service.Relay`."""
        if self._replies is not None and self._replies.takes(relayed):
            self._replies.ask(relayed, response)
        else:
            self._send_back(relayed, response)

    def answer(self, relayed: Relayed, status: int) -> None:
        """See `fork_service.Relay`."""
        if self._replies is not None and self._replies.waits(relayed):
            self._replies.then(relayed, lambda: self._answer(relayed, status))
        else:
            self._answer(relayed, status)

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """See `fork_service.Relay`."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def ended(self, relayed: Relayed) -> None:
        """See `fork_service.Relay`."""
        if relayed in self._relayed:
            self._relayed.discard(relayed)
            self._count(relayed, -len(relayed))
            if not self._relayed:
                self._none_left.set()
            if self._replies is None or not self._replies.waits(relayed):
                self._answered(relayed)

    def _send_back(self, relayed: Relayed, response: Response) -> None:
        """Pass `response` on, a 2xx even after another final response (§16.7 step 5)."""
        data = self._written_back(relayed, response)
        if relayed.refused and FIRST_FINAL <= response.status < FIRST_FAILURE:
            try:
                relayed.tx.answer_flow.send(data)
            except TransportError as error:
                log.info("not-delivered", error=str(error), call_id=response.get("call-id"))
            return
        relayed.tx.respond_bytes(response.status, data)
        if response.status >= FIRST_FINAL:
            self._answered(relayed)

    def _answer(self, relayed: Relayed, status: int) -> None:
        relayed.tx.respond(status, headers=Overloaded().headers if status == UNAVAILABLE else ())
        self._answered(relayed)

    def _written_back(self, relayed: Relayed, response: Response) -> bytes:
        passage = relayed.passage
        withheld = self._outgoing.withheld(passage, response)
        if not relayed.recorded or response.get("record-route") is None:
            return returned(response, withheld)
        shown = (*response.all("record-route"), *response.all("contact"))
        if relayed.remarked[0] != shown:  # a 200 mostly shows what its 180 did
            ours, now = relayed.recorded, self._clock()
            relayed.remarked = (shown, self._outgoing.remarked(passage, response, ours, now))
        return returned(response, withheld, relayed.remarked[1])

    def _answered(self, relayed: Relayed) -> None:
        done, relayed.done = relayed.done, None
        if done is not None:
            done(relayed.tx)


def _account(identity: Identity) -> AoR | None:
    """The user that a request counts for."""
    return identity.aor if identity.how in AUTHENTICATED else None


def _timer_failed(error: Exception) -> None:
    log.error("timer-failed", exc_info=error)
