"""Rules, lists and publications of presentities, for tests of who may watch."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field

from presence.policy.policy import Policies
from presence.policy.rule_sources import Members, Provisioned, RuleSources
from presence.policy.rulebook import PRES_RULES
from presence.policy.rules_service import RulesService, Watching
from sip.uri import AoR
from sip.wheel import Timer
from store.values import Change, Document, DocumentKey, Kind, Publication, document_key
from tests.presence.fakes import ALICE, Clock

CAROL = AoR("sip:carol@example.org")
POLICY = "urn:ietf:params:xml:ns:common-policy"
RULES = "urn:ietf:params:xml:ns:pres-rules"
OMA = "urn:oma:xml:xdm:common-policy"
DIALOG = "http://openxcap.org/ns/dialog-rules"
ALL = (
    "<pr:provide-services><pr:all-services/></pr:provide-services>"
    "<pr:provide-persons><pr:all-persons/></pr:provide-persons>"
    "<pr:provide-devices><pr:all-devices/></pr:provide-devices>"
    "<pr:provide-all-attributes/>"
)
"""Transformations that keep nothing back."""


def one(*watchers: str) -> str:
    """The condition that it is one of `watchers`."""
    ids = "".join(f'<cp:one id="{watcher}"/>' for watcher in watchers)
    return f"<cp:identity>{ids}</cp:identity>"


def external_list(anchor: str) -> str:
    return f'<ocp:external-list><ocp:entry anc="{anchor}"/></ocp:external-list>'


def sphere(value: str) -> str:
    return f'<cp:sphere value="{value}"/>'


def valid(begin: str, end: str) -> str:
    return f"<cp:validity><cp:from>{begin}</cp:from><cp:until>{end}</cp:until></cp:validity>"


def rule(
    conditions: str, handling: str | None = "allow", provide: str = ALL, *, action: str = RULES
) -> str:
    """A rule, whose id is counted by `ruleset`."""
    said = f'<a:sub-handling xmlns:a="{action}">{handling}</a:sub-handling>' if handling else ""
    return (
        f"<cp:conditions>{conditions}</cp:conditions><cp:actions>{said}</cp:actions>"
        f"<cp:transformations>{provide if handling == 'allow' else ''}</cp:transformations>"
    )


def ruleset(*rules: str) -> bytes:
    """The document of `rules`."""
    content = "".join(
        f'<cp:rule id="r{number}">{each}</cp:rule>' for number, each in enumerate(rules)
    )
    return (
        f'<cp:ruleset xmlns:cp="{POLICY}" xmlns:pr="{RULES}" xmlns:ocp="{OMA}">'
        f"{content}</cp:ruleset>"
    ).encode()


@dataclass
class Noted:
    """A `Watching` that keeps what it is told."""

    watched: set[AoR] = field(default_factory=lambda: {ALICE})
    asked: list[str] = field(default_factory=list)
    timers: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    listeners: list[Callable[[Change], None]] = field(default_factory=list)
    works: list[Coroutine[object, object, None]] = field(default_factory=list)

    def is_watched(self, aor: AoR) -> bool:
        return aor in self.watched

    def soon(self, aor: AoR) -> None:
        self.asked.append(aor)

    def everybody(self) -> None:
        self.asked.append("everybody")

    def schedule(self, at: float, callback: Callable[[], None]) -> Timer:
        self.timers.append((at, callback))
        return Timer(callback)

    def listen(self, listener: Callable[[Change], None]) -> None:
        self.listeners.append(listener)

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        self.works.append(work)

    def taken(self) -> list[str]:
        """Whose watchers were to be decided about since the last time."""
        asked, self.asked = self.asked, []
        return asked


class RuleShelf:
    """What `RulesService` reads, and how often; reads wait while `gate` is shut."""

    def __init__(
        self,
        *,
        policies: Policies | None = None,
        watching: Callable[[], Watching] | None = None,
        provisioned: Provisioned = lambda owner: None,
        clock: Clock | None = None,
        max_books: int = 1_000_000,
    ) -> None:
        self.noted = Noted()
        self.clock = clock or Clock()
        self.documents: dict[DocumentKey, Document] = {}
        self.publications: tuple[Publication, ...] = ()
        self.lists: dict[str, Members] = {}
        self.reads: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.failing: Exception | None = None
        self.rules = RulesService(
            sources=RuleSources(
                documents=self._documents,
                publications=self._publications,
                lists=self,
                provisioned=provisioned,
                max_books=max_books,
            ),
            policies=policies or Policies(),
            watching=watching or (lambda: self.noted),
            clock=self.clock,
        )

    def put(
        self, body: bytes | None, *, auid: str = PRES_RULES, owner: str = ALICE, path: str = "index"
    ) -> Change:
        """Store a document, or delete it; the change is not told yet."""
        key = DocumentKey(auid, owner, path)
        if body is None:
            del self.documents[key]
        else:
            version = len(self.documents)
            self.documents[key] = Document(key, f"e{version}", "text/xml", body, 0.0)
        return Change(Kind.DOCUMENT, document_key(key), 1)

    def change(self, body: bytes | None, *, auid: str = PRES_RULES) -> None:
        """The same, and tell it."""
        self.rules.on_change(self.put(body, auid=auid))

    async def _documents(self, auid: str, owner: str) -> Sequence[Document]:
        self.reads.append(f"{auid} {owner}")
        found = [each for key, each in self.documents.items() if key[:2] == (auid, owner)]
        await self._wait()
        return found

    async def _publications(self, aor: AoR) -> Sequence[Publication]:
        self.reads.append(f"publications {aor}")
        found = self.publications
        await self._wait()
        return found

    async def members(self, presentity: AoR, anchor: str) -> Members:
        return self.lists.get(anchor, Members(None))

    @staticmethod
    def members_of(*watchers: str) -> Members:
        """A list of the presentity's own with `watchers` on it."""
        return Members(frozenset(watchers))

    def on_change(self, change: Change) -> None:
        """Lists are never kept here."""

    async def _wait(self) -> None:
        await self.gate.wait()
        if self.failing is not None:
            raise self.failing

    def publish(self, *bodies: bytes) -> Change:
        """Have these published for alice."""
        self.publications = tuple(
            Publication(f"p{number}", f"p{number}.1", 2e9, "application/pidf+xml", body, 0.0)
            for number, body in enumerate(bodies)
        )
        return Change(Kind.RESOURCE, f"{ALICE} presence", 1)
