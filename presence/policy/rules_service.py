"""Who may watch whom, and what they see: rules out of XCAP documents (RFC 4745, RFC 5025). Shell.

It joins what a decision is made of, all of it kept until a change is heard: the rules of the
presentity, the lists that they refer to, the sphere it is in. So a SUBSCRIBE to somebody whose
rules are known asks the store for nothing, and a NOTIFY never does.

Whatever changes leads back to the subscriptions that it may decide anew (RFC 5025 §4): documents
and grants by the change feed, the sphere by what is published, validity by a timer.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Final, Protocol

from presence.packages.dialog.virtual import VIRTUAL
from presence.policy.dependents import Dependents
from presence.policy.policy import (
    ALLOW,
    CONFIRM,
    POLITE,
    Decision,
    Policies,
    SubHandling,
    domain_of,
)
from presence.policy.rule_sources import LISTS_AUID, RuleSources, Sphere
from presence.policy.rulebook import RULED_BY, SCHEMAS, BookKey
from presence.rules.evaluate import Context, Outcome, evaluate
from presence.rules.permissions import Permissions
from sip.authenticator import Identity
from sip.uri import AoR
from sip.wheel import Timer
from store.errors import StoreError
from store.values import Change, DocumentKey, Kind

PRESENCE: Final = "presence"
POLITELY: Final[Mapping[str, Decision]] = {"dialog": Decision(SubHandling.ALLOW, VIRTUAL)}
"""What polite-block grants where it is not the state of somebody who is away: a stranger may see
that there is a call (RFC 4235 §3.6)."""


class Watching(Protocol):
    """The subscriptions of this process; see `presence.policy.reauthorize_service`."""

    def is_watched(self, aor: AoR) -> bool: ...
    def soon(self, aor: AoR) -> None: ...
    def everybody(self) -> None: ...
    def schedule(self, at: float, callback: Callable[[], None]) -> Timer: ...
    def listen(self, listener: Callable[[Change], None]) -> None: ...
    def spawn(self, work: Coroutine[object, object, None]) -> None: ...


class RulesService:
    """Decides by rules; where there are none, by the operator's policies."""

    def __init__(
        self,
        *,
        sources: RuleSources,
        policies: Policies,
        watching: Callable[[], Watching],
        clock: Callable[[], float],
    ) -> None:
        """`watching` is asked for only once something is decided: it may need this service."""
        self._sources = sources
        self._policies = policies
        self._watching = watching
        self._clock = clock
        self._dependents = Dependents(
            schedule=lambda at, callback: watching().schedule(at, callback),
            clock=clock,
            is_watched=lambda aor: watching().is_watched(aor),
            due=lambda aor: watching().soon(aor),
        )
        self._moved = 0
        """Rises with every change that may make a decision another."""
        self._listens = False

    async def authorize(self, presentity: AoR, watcher: Identity, package: str) -> Decision:
        """What `watcher` gets, as of now. Raises StoreError.

        What changes while the store is awaited is looked at again, so that nothing that changes
        afterwards is missed by those who apply the decision before they wait for anything.
        """
        if watcher.aor == presentity:
            return ALLOW
        auid = RULED_BY.get(package)
        if auid is None:
            return self._policies.told(self._policies.without_rules(presentity, watcher, package))
        key = BookKey(auid, presentity)
        while True:
            moved = self._moved
            outcome = await self._evaluate(key, watcher.aor)
            if moved == self._moved:
                break
        if outcome is None:
            decision = self._policies.without_rules(presentity, watcher, package)
        elif outcome.handling is None:
            decision = self._policies.unmatched(presentity, watcher, package)
        else:
            decision = decided(outcome.handling, outcome.permissions, package)
        return self._policies.told(decision)

    async def _evaluate(self, key: BookKey, watcher: AoR | None) -> Outcome | None:
        """What the rules of `key` say of `watcher`; None when there are none."""
        book = await self._sources.book(key)
        ruleset = book.ruleset
        if ruleset is None:
            return None
        sphere: Sphere | None = None
        if ruleset.uses_sphere:
            self._listen()
            sphere = await self._sources.sphere(key.owner)
        members: dict[str, frozenset[str] | None] = {}
        owners: frozenset[str] = frozenset()
        for anchor in ruleset.lists:
            found = await self._sources.members(key.owner, anchor)
            members[anchor] = found.uris
            owners |= found.owners
        context = Context(
            watcher=watcher,
            domain=None if watcher is None else domain_of(watcher),
            anonymous=watcher is None,
            sphere=None if sphere is None else sphere.names,
            now=self._clock(),
            lists=members.get,
        )
        outcome = evaluate(ruleset, context)
        self._dependents.note(
            key,
            own_lists=bool(ruleset.lists),
            lists=owners,
            sphere=ruleset.uses_sphere,
            until=outcome.until,
        )
        return outcome

    def on_change(self, change: Change) -> None:
        """Documents or grants changed, here or elsewhere. To be told before those who ask."""
        match change.kind:
            case Kind.DOCUMENT:
                self._document_moved(change.document, change)
            case Kind.GRANT:
                self._sources.on_change(change)
                self._moved += 1
                self._lists_moved(change.key)
            case Kind.RESYNC:
                self._sources.on_change(change)
                self._moved += 1
                self._watching().everybody()
            case _:
                pass

    def _document_moved(self, key: DocumentKey, change: Change) -> None:
        if key.auid in SCHEMAS:
            self._sources.on_change(change)
            self._moved += 1
            if key.owner:
                self._watching().soon(AoR(key.owner))
        elif key.auid == LISTS_AUID:
            self._sources.on_change(change)
            self._moved += 1
            self._lists_moved(key.owner)

    def _lists_moved(self, owner: str) -> None:
        """Lists of `owner`, or who may read them, changed."""
        for presentity in self._dependents.of_lists(owner):
            self._watching().soon(presentity)

    def _listen(self) -> None:
        """Hear what is published from now on: somebody's rules ask for the sphere."""
        if not self._listens:
            self._listens = True
            self._watching().listen(self._published)

    def _published(self, change: Change) -> None:
        if change.resource.package != PRESENCE:
            return
        owner = AoR(change.resource.aor)
        before = self._sources.forget_sphere(owner)
        self._moved += 1
        if self._dependents.of_sphere(owner):
            self._watching().spawn(self._sphere_moved(owner, before))

    async def _sphere_moved(self, owner: AoR, before: Sphere | None) -> None:
        """Decide anew about those who watch `owner`, unless its sphere is what it was."""
        try:
            same = before is not None and await self._sources.sphere(owner) == before
        except StoreError:
            same = False
        if not same:
            self._watching().soon(owner)


def decided(handling: SubHandling, permissions: Permissions, package: str) -> Decision:
    """What rules grant in `package`; transformations are those of presence (RFC 5025 §3.3)."""
    match handling:
        case SubHandling.ALLOW if package == PRESENCE and not permissions.everything:
            return Decision(SubHandling.ALLOW, permissions)
        case SubHandling.ALLOW:
            return ALLOW
        case SubHandling.POLITE_BLOCK:
            return POLITELY.get(package, POLITE)
        case SubHandling.CONFIRM:
            return CONFIRM
        case SubHandling.BLOCK:
            return Decision(SubHandling.BLOCK)
