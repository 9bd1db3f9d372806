"""The registrar's shell: REGISTER in, bindings in the store, 200 out; and where users are.

The core decides on the bindings that this process knows, or on none for an AoR it has never
seen, and the store's compare-and-swap says whether that was right: a new AoR costs one round
trip. When it was not, the core decides again on what is there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.answers import registered
from proxy.errors import Contention, NotFound, NotOwner, ProxyError
from proxy.location import BindingCache
from proxy.ports import BindingStore, Clock, Transaction
from proxy.registrar import Decision, by_preference, decide, live
from proxy.registration import Limits, Registration, Source, read_registration
from sip.authenticator import Identity
from sip.uri import AoR
from store.operations import WriteBindings
from store.outcomes import BindingsOutcome, BindingsWritten
from store.values import Binding, BindingSet, Change, Kind

MAX_ATTEMPTS: Final = 8
"""Times the core decides anew while others keep changing the same bindings."""
NEVER_SEEN: Final = BindingSet(0, ())


class Cause(StrEnum):
    """Why the bindings of an AoR are not what they were."""

    REGISTERED = "registered"
    EXPIRED = "expired"
    ELSEWHERE = "elsewhere"
    """Another process changed them."""


@dataclass(frozen=True, slots=True)
class BindingsChange:
    """One change of one address-of-record's bindings, told once by each process."""

    aor: AoR
    before: tuple[Binding, ...] | None
    """None when this process had not known them."""
    after: tuple[Binding, ...]
    version: int
    cause: Cause


BindingsListener = Callable[[BindingsChange], None]


class RegistrarService:
    """Registers contacts and looks them up."""

    def __init__(
        self,
        *,
        store: BindingStore,
        limits: Limits,
        is_ours: Callable[[str], bool],
        clock: Clock,
        worker: str = "",
        listener: BindingsListener | None = None,
    ) -> None:
        """`is_ours` says of a host in lower case whether it is a domain that we serve."""
        self._store = store
        self._limits = limits
        self._is_ours = is_ours
        self._clock = clock
        self._worker = worker
        self._cache = BindingCache()
        self.listener = listener

    async def register(self, tx: Transaction, identity: Identity) -> None:
        """Carry out one REGISTER from `identity` and answer 200.

        Raises ProxyError or ParseError, which the caller answers, and StoreError.
        """
        now = self._clock()
        registration = self._read(tx, identity)
        decision = await self._apply(registration, now)
        tx.respond(200, headers=registered(decision.bindings, registration.path, now))

    async def lookup(self, aor: AoR) -> tuple[Binding, ...]:
        """Live bindings of `aor`, highest q first."""
        known = self._cache.get(aor) or await self._load(aor)
        return by_preference(live(known.bindings, self._clock()))

    def on_change(self, change: Change) -> AoR | None:
        """Hear what another process changed; the AoR to `reload` when somebody listens."""
        if change.kind is Kind.RESYNC:
            self._cache.clear()
        elif change.kind is Kind.BINDING:
            aor = AoR(change.key)
            self._cache.forget(aor, change.version)
            return aor if self.listener else None
        return None

    async def expired(self, aors: Sequence[str]) -> None:
        """The sweep deleted bindings of `aors`: tell the listener what is left of each."""
        for aor in map(AoR, aors):
            await self.reload(aor, Cause.EXPIRED)

    async def reload(self, aor: AoR, cause: Cause = Cause.ELSEWHERE) -> None:
        """Read `aor` again, and tell the listener."""
        before = self._cache.get(aor)
        if before is None and self.listener is None:
            return
        after = await self._load(aor)
        if before is None or before.version < after.version:
            held = None if before is None else before.bindings
            self._announce(BindingsChange(aor, held, after.bindings, after.version, cause))

    def _read(self, tx: Transaction, identity: Identity) -> Registration:
        request, flow = tx.request, tx.flow
        aor = request.to.aor
        _, user, host = aor.rpartition("@")
        if not user or not self._is_ours(host):
            raise NotFound
        if identity.aor != aor:
            raise NotOwner
        host, port = flow.remote
        name = f"{flow.transport.lower()}:{host}:{port}" if flow.reliable else ""
        source = Source(host, port, flow.transport, name, self._worker)
        return read_registration(request, aor, source, self._limits)

    async def _apply(self, registration: Registration, now: float) -> Decision:
        """Decide and write until both agree on what was there before."""
        aor = registration.aor
        known = self._cache.get(aor) or (NEVER_SEEN if registration.adds else None)
        current = known or await self._load(aor)
        certain = known is None
        for _ in range(MAX_ATTEMPTS):
            try:
                decision = decide(current, registration, now, self._limits)
            except ProxyError:
                if certain:
                    raise
                decision = None
            if decision is not None and decision.writes:
                outcome = await self._write(aor, current.version, decision, now)
                if isinstance(outcome, BindingsWritten):
                    self._written(aor, current, decision, outcome.version)
                    return decision
                current, certain = outcome.current, True
            elif decision is not None and certain:
                return decision
            else:
                current, certain = await self._load(aor), True
        raise Contention

    async def _write(
        self, aor: AoR, version: int, decision: Decision, now: float
    ) -> BindingsOutcome:
        operation = WriteBindings(aor, version, decision.put, decision.remove, now)
        return await self._store.write_bindings(operation)

    async def _load(self, aor: AoR) -> BindingSet:
        bindings = await self._store.bindings(aor)
        self._cache.put(aor, bindings)
        return bindings

    def _written(self, aor: AoR, before: BindingSet, decision: Decision, version: int) -> None:
        """Remember and tell; bindings whose expiry nobody had noticed are told first."""
        self._cache.put(aor, BindingSet(version, decision.bindings))
        if self.listener is None:
            return
        held = before.bindings
        if decision.lapsed:
            left = tuple(binding for binding in held if binding not in decision.lapsed)
            self._announce(BindingsChange(aor, held, left, version, Cause.EXPIRED))
            held = left
        if decision.bindings != held:
            self._announce(BindingsChange(aor, held, decision.bindings, version, Cause.REGISTERED))

    def _announce(self, change: BindingsChange) -> None:
        if self.listener is not None:
            self.listener(change)
