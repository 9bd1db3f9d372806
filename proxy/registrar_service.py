"""The registrar's shell: REGISTER in, bindings in the store, 200 out; and where users are.

The core decides on the bindings that this process knows, or on none for an AoR it has never
seen, and the store's compare-and-swap says whether that was right: a new AoR costs one round
trip. When it was not, the core decides again on what is there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Final, NamedTuple

from proxy.answers import Extensions, registered
from proxy.backlog_service import Backlog
from proxy.changes import BindingsListener, Cause
from proxy.errors import Contention, LoopingContact, NoBinding, NotFound, NotOwner, ProxyError
from proxy.flow_index import FlowIndex
from proxy.gruu import Gruu, Gruus, bound
from proxy.ledger import Ledger
from proxy.outbound import UDP, Edge, outlives_flow, without_hop
from proxy.ports import BindingStore, Clock, Transaction
from proxy.registrar import (
    Decision,
    by_preference,
    cleared,
    decide,
    live,
    without_flow,
)
from proxy.registration import Limits, Registration, read_registration
from proxy.targets import Targets, choose, leading_on
from sip.address import NameAddr
from sip.authenticator import Identity
from sip.message import Request
from sip.transport.flow import Flow, bracketed
from sip.uri import AoR, SipUri, Uri, aor_of
from store.operations import WriteBindings
from store.outcomes import BindingsWritten
from store.values import Binding, BindingSet, Change, Kind

MAX_ATTEMPTS: Final = 8
"""Times the core decides anew while others keep changing the same bindings."""
NEVER_SEEN: Final = BindingSet(0, ())

Decide = Callable[[BindingSet], Decision]


class _Chore(NamedTuple):
    """What is to be done to an AoR when the store allows."""

    aor: AoR
    cause: Cause
    flow: str = ""
    """The flow that was lost, and the process that held it; empty to read the AoR again."""
    worker: str = ""
    lost_at: float = 0.0
    """Unix seconds; what was registered later stays."""


class RegistrarService:
    """Registers contacts and looks them up."""

    def __init__(
        self,
        *,
        store: BindingStore,
        limits: Limits,
        is_ours: Callable[[str], bool],
        clock: Clock,
        edge: Edge,
        extensions: Extensions,
        is_open: Callable[[str], bool] = lambda flow: True,
        leads_back: Callable[[str], bool] = lambda contact: False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`is_ours` says of a host in lower case whether it is a domain that we serve; `is_open`
        of a flow's name whether this process holds such a flow; `leads_back` of a contact
        whether a request that is sent there comes back to this server."""
        self._store = store
        self._limits = limits
        self._is_ours = is_ours
        self._clock = clock
        self._edge = edge
        self._extensions = extensions
        self._is_open = is_open
        self._leads_back = leads_back
        self._gruus = Gruus(edge.key)
        self._ledger = Ledger()
        self._flows = FlowIndex()
        self.silent: frozenset[str] = frozenset()
        """Processes that are gone, and with them the connections they held."""
        self._backlog: Backlog[_Chore] = Backlog(self._do, sleep=sleep)

    @property
    def flows(self) -> FlowIndex:
        """Which bindings live on the flows of this process."""
        return self._flows

    @property
    def changes(self) -> Mapping[Cause, int]:
        """How many changes of bindings this process made, by cause."""
        return self._ledger.changes

    def subscribe(self, listener: BindingsListener) -> None:
        """Tell `listener` of every change from now on, in the order of versions of each AoR."""
        self._ledger.subscribe(listener)

    async def register(self, tx: Transaction, identity: Identity) -> None:
        """Carry out one REGISTER from `identity` and answer 200.

        Raises ProxyError or ParseError, which the caller answers, and StoreError.
        """
        now = self._clock()
        registration = self._read(tx, identity)
        decision = await self._apply(registration, now)
        gruus = self._gruus if registration.gruu and self._extensions.gruu else None
        headers = registered(decision.bindings, registration, now, self._extensions, gruus)
        tx.respond(200, headers=headers)
        if registration.on_flow and registration.adds:
            self._hold(registration, tx.flow)
        self._reachable(registration.aor, decision.bindings)

    async def lookup(self, aor: AoR) -> tuple[Binding, ...]:
        """Live bindings of `aor` that are not on a flow that is gone, highest q first."""
        known = self._ledger.get(aor) or await self._load(aor)
        return by_preference(self._reachable(aor, live(known.bindings, self._clock())))

    async def targets(self, uri: Uri, request: Request | None) -> Targets:
        """Where `request` may go that is for `uri`, the AoR or a GRUU of a user (RFC 3261 §16.5).

        None stands for a request without preferences.
        Raises NotFound for a GRUU of nobody, and NoBinding for one of an instance that is not
        registered (RFC 5627 §6.1); StoreError.
        """
        gruu = self._gruu(uri)
        aor = aor_of(str(uri)) if gruu is None else gruu.aor
        bindings = await self.lookup(aor)
        known = bool(bindings)
        if gruu is not None:
            bindings = bound(gruu, bindings)
            if not bindings and gruu.digest:
                raise NotFound
            if not bindings and known:
                raise NoBinding
        return leading_on(choose(aor, bindings, request, known=known), self._leads_back)

    async def remove(self, aor: AoR) -> int:
        """Remove all bindings of `aor` for the operator; how many there were."""
        now = self._clock()
        removed = 0

        def clear(current: BindingSet) -> Decision:
            nonlocal removed
            decision = cleared(current, now)
            removed = len(decision.remove) - len(decision.lapsed)
            return decision

        await self._agree(aor, now, None, clear, Cause.REMOVED)
        return removed

    def flow_lost(self, flow: Flow) -> None:
        """The connection `flow` is closed: what nothing else reaches goes (RFC 5626 §7)."""
        self.flow_name_lost(flow.name)

    def flow_name_lost(self, name: str) -> None:
        """The flow of this name leads nowhere any more."""
        now = self._clock()
        for aor in self._flows.drop(name):
            self._backlog.add(_Chore(aor, Cause.FLOW_LOST, name, self._edge.worker, now))

    def flow_failed(self, aor: AoR, binding: Binding) -> None:
        """A request to `binding` failed because its flow is gone (RFC 5626 §7)."""
        if binding.flow:
            flow, worker, since = binding.flow, binding.worker, binding.updated_at
            self._backlog.add(_Chore(aor, Cause.FLOW_LOST, flow, worker, since))

    def resume(self, aor: AoR, binding: Binding) -> None:
        """Go on with `binding`, which this process may have made in its former life."""
        if self._is_lost(binding):
            self._give_up(aor, binding)
        elif (
            binding.worker == self._edge.worker
            and binding.flow.startswith(UDP)
            and binding.reg_id is None
            and self._extensions.nat_keepalive
        ):
            self._flows.add(binding.flow, aor)

    def on_change(self, change: Change) -> None:
        """Hear what another process changed."""
        if change.kind is Kind.RESYNC:
            for aor in self._ledger.doubt():
                self._backlog.add(_Chore(aor, Cause.ELSEWHERE))
        elif change.kind is Kind.BINDING:
            aor = AoR(change.key)
            if self._ledger.outdated(aor, change.version):
                self._backlog.add(_Chore(aor, Cause.ELSEWHERE))

    async def expired(self, aors: Sequence[str]) -> None:
        """The sweep deleted bindings of `aors`: tell the listeners what is left of each."""
        for aor in map(AoR, aors):
            if self._ledger.swept(aor):
                self._backlog.add(_Chore(aor, Cause.EXPIRED))

    async def settle(self) -> None:
        """Wait until what nobody waits for is done: flows lost, changes read."""
        await self._backlog.settle()

    def close(self) -> None:
        """Give up what nobody waits for."""
        self._backlog.close()

    def _hold(self, registration: Registration, flow: Flow) -> None:
        """Remember who lives on `flow`: to hear of its end, or to keep a NAT's door open."""
        kept_open = bool(self._extensions.nat_keepalive) and not registration.outbound
        if flow.reliable or kept_open:
            self._flows.add(registration.flow, registration.aor)
        if flow.closed:
            self.flow_lost(flow)

    def _reachable(self, aor: AoR, bindings: tuple[Binding, ...]) -> tuple[Binding, ...]:
        """What is left of `bindings` without connections of ours that are gone (RFC 5626 §7).

        Those of a former life of this process are met here, and go from the store from now on.
        """
        lost = [each for each in bindings if self._is_lost(each)]
        if not lost:
            return bindings
        for each in lost:
            self._give_up(aor, each)
        return tuple(
            without_hop(each) if each in lost else each
            for each in bindings
            if each not in lost or outlives_flow(each)
        )

    def _give_up(self, aor: AoR, binding: Binding) -> None:
        """Drop what is lost for good; a socket comes back with its process."""
        if not binding.flow.startswith(UDP):
            self.flow_failed(aor, binding)

    def _is_lost(self, binding: Binding) -> bool:
        """Whether it is on a flow of a process that is gone, or on a closed connection of ours."""
        if binding.worker in self.silent:
            return bool(binding.flow)
        if binding.worker != self._edge.worker or binding.flow.startswith(UDP):
            return False
        return bool(binding.flow) and not self._is_open(binding.flow)

    def _gruu(self, uri: Uri) -> Gruu | None:
        """The GRUU that `uri` is. Raises NotFound when it only looks like one (RFC 5627 §6.1)."""
        if not self._extensions.gruu or not isinstance(uri, SipUri):
            return None
        if "gr" not in uri.parameters:
            return None
        gruu = self._gruus.read(uri)
        if gruu is None:
            raise NotFound
        return gruu

    def _read(self, tx: Transaction, identity: Identity) -> Registration:
        request, flow = tx.request, tx.flow
        aor = request.to.aor
        _, user, host = aor.rpartition("@")
        if not user or not self._is_ours(host) or not self._is_for(request, host):
            raise NotFound
        if identity.aor != aor:
            raise NotOwner
        source = (flow.remote[0], flow.reliable)
        outbound = self._extensions.outbound
        read = read_registration(request, aor, source, self._limits, outbound=outbound)
        for one in read.wanted:
            if self._gruus.is_ours(one.contact, aor):
                raise LoopingContact
        self._check_leads_on(read, flow)
        if not read.on_flow:
            return read
        own = (self._edge.hop(flow),)
        return read._replace(own_path=own, flow=flow.name, worker=self._edge.worker)

    def _check_leads_on(self, registration: Registration, flow: Flow) -> None:
        """Raises LoopingContact for a contact, or a way there, that is at our own addresses.

        A contact where the request just came from is somebody else's, which spares a look.
        Deviation: RFC 3261 §16.5 lets us find the targets of another user of ours in its place.
        Sent back to ourselves, such requests multiply (RFC 5393 §3), so it is refused instead.
        """
        ways = [NameAddr.parse(value).uri for value in registration.path]
        if not ways and not registration.on_flow:
            wanted = (one.contact for one in registration.wanted if one.expires)
            ways = [contact for contact in wanted if not _is_at(contact, flow.remote)]
        if any(map(self._leads_back, ways)):
            raise LoopingContact

    def _is_for(self, request: Request, domain: str) -> bool:
        """Whether the Request-URI names `domain`, or no domain of ours (RFC 3261 §10.3 step 5)."""
        uri = request.uri
        if not isinstance(uri, SipUri):
            return False
        host = uri.host.lower()
        return host == domain or not self._is_ours(host)

    def _apply(self, registration: Registration, now: float) -> Coroutine[None, None, Decision]:
        """Carry out `registration`."""
        aor = registration.aor
        known = self._ledger.get(aor) or (NEVER_SEEN if registration.adds else None)
        limits = self._limits
        return self._agree(
            aor,
            now,
            known,
            lambda current: decide(current, registration, now, limits),
            Cause.REGISTERED,
        )

    async def _agree(
        self, aor: AoR, now: float, guess: BindingSet | None, decide: Decide, cause: Cause
    ) -> Decision:
        """Decide and write until both agree on what was there before.

        A refusal, and a decision to write nothing, is never based on a guess.
        """
        current = guess or await self._load(aor)
        certain = guess is None
        for _ in range(MAX_ATTEMPTS):
            try:
                decision = decide(current)
            except ProxyError:
                if certain:
                    raise
                decision = None
            if decision is not None and decision.writes:
                operation = WriteBindings(aor, current.version, decision.put, decision.remove, now)
                outcome = await self._store.write_bindings(operation)
                if isinstance(outcome, BindingsWritten):
                    self._ledger.wrote(aor, current, decision, outcome.version, cause)
                    return decision
                current = self._ledger.read(aor, outcome.current, Cause.ELSEWHERE, now)
                certain = True
            elif decision is not None and certain:
                return decision
            else:
                current, certain = await self._load(aor), True
        raise Contention

    async def _load(self, aor: AoR, cause: Cause = Cause.ELSEWHERE) -> BindingSet:
        found = await self._store.bindings(aor)
        return self._ledger.read(aor, found, cause, self._clock())

    async def _do(self, chore: _Chore) -> None:
        """Work off one chore. StoreError leaves it for later."""
        if not chore.flow:
            await self._load(chore.aor, chore.cause)
            return
        now = self._clock()
        await self._agree(
            chore.aor,
            now,
            self._ledger.get(chore.aor),
            lambda current: without_flow(current, chore.flow, chore.worker, now, chore.lost_at),
            chore.cause,
        )


def _is_at(contact: str, remote: tuple[str, int]) -> bool:
    """Whether `contact` leads to `remote` beyond doubt, told without taking it apart."""
    _, at, rest = contact.partition("@")
    place, _, parameters = rest.partition(";")
    if not at or place != f"{bracketed(remote[0])}:{remote[1]}":
        return False
    return "@" not in parameters and "maddr" not in parameters.lower()
