"""PRS-06, PRS-07, PRS-08 in the event server: what is read, when, and who is told of it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from presence.document.composition import composer
from presence.package import PackageState, Provided
from presence.packages.presence import presence_package
from presence.policy.owner_documents import OwnerDocuments
from presence.policy.policy import Decision, SubHandling
from presence.rules.permissions import EVERYTHING, Permissions
from presence.sources.sources_service import NEVER, PresenceSources, SourcePorts
from presence.sources.state import Sources
from sip.authenticator import Identity
from sip.uri import AoR
from store.values import (
    Binding,
    BindingSet,
    Change,
    Document,
    DocumentKey,
    Kind,
    Publication,
    Resource,
    ResourceState,
    document_key,
    resource_key,
)
from tests.presence.document.presence_inputs import binding
from tests.presence.fakes import (
    ALICE,
    NOON,
    PRESENCE,
    FakeStore,
    House,
    pidf,
    publish_request,
    settle,
    subscribe_request,
)

INDEX = DocumentKey("pidf-manipulation", ALICE, "index")
DIALOGS = Resource(ALICE, "dialog")
CALL = (
    '<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="1" state="full"'
    f' entity="{ALICE}"><dialog id="d"><state>%s</state></dialog></dialog-info>'
)

TURNS = 50
"""Of the loop, for an adoption, which reads rules and sources first."""


class Known:
    """The part of the store that sources read; it counts how often."""

    def __init__(self) -> None:
        self.hard: Document | None = None
        self.hard_version = 0
        self.bound = BindingSet(0, ())
        self.calls = ResourceState(0, ())
        self.reads: list[str] = []
        self.documents = OwnerDocuments(self._document)

    async def _document(self, key: DocumentKey) -> Document | None:
        self.reads.append(key.auid)
        assert key == INDEX
        return self.hard

    async def bindings(self, aor: str) -> BindingSet:
        self.reads.append("bindings")
        return self.bound

    async def dialogs(self, resource: Resource) -> ResourceState:
        self.reads.append("dialogs")
        assert resource == DIALOGS
        return self.calls

    def sources(
        self, *, bindings: bool = False, calls: bool = False, last_active: bool = False
    ) -> PresenceSources:
        return PresenceSources(
            SourcePorts(
                self.documents.read,
                self.bindings if bindings or last_active else None,
                self.dialogs if calls else None,
                registrations=bindings,
                last_active=last_active,
                secret=b"s",
            )
        )

    def put(self, note: str | None) -> Change:
        """Write hard state, or delete it; what the feed then tells."""
        self.hard_version += 1
        self.hard = None
        if note is not None:
            body = pidf(note, tuple_id="hard")
            self.hard = Document(INDEX, "e", "application/pidf+xml", body, NOON, self.hard_version)
        return self.moved()

    def moved(self) -> Change:
        change = Change(Kind.DOCUMENT, document_key(INDEX), self.hard_version)
        self.documents.on_change(change)
        return change

    def bind(self, *bindings: Binding) -> Change:
        active_at = NOON if bindings else self.bound.active_at
        self.bound = BindingSet(self.bound.version + 1, bindings, active_at)
        return Change(Kind.BINDING, ALICE, self.bound.version)

    def call(self, *states: str) -> Change:
        made = tuple(
            Publication(f"d{place}", "t", NOON * 2, "application/dialog-info+xml", xml, NOON)
            for place, xml in enumerate((CALL % state).encode() for state in states)
        )
        self.calls = ResourceState(self.calls.version + 1, made)
        return Change(Kind.RESOURCE, resource_key(DIALOGS), self.calls.version)


def house(known: Known, store: FakeStore | None = None, **asked: bool) -> House:
    package = presence_package(min_interval=0, sources=known.sources(**asked))
    return House(packages={"presence": package}, store=store)


async def told(server: House) -> list[bytes]:
    """The bodies of what was sent since the last time."""
    await settle(TURNS)
    return [one.body for one in server.endpoint.take()]


async def test_hard_state_is_told_when_it_is_written_and_when_it_is_deleted() -> None:
    """RFC 4827 §3: it needs no publication, and does not expire."""
    known = Known()
    server = house(known)
    await server.subscribe(subscribe_request())
    (nothing,) = await told(server)
    assert b"closed" in nothing
    server.service.on_change(known.put("one"))
    (one,) = await told(server)
    assert b"one" in one
    server.service.on_change(known.put(None))
    assert await told(server) == [nothing]
    server.service.on_change(known.put("two"))
    (two,) = await told(server)
    assert b"two" in two


async def test_deletion_that_nobody_told_is_found_by_a_resync() -> None:
    """Design, decision 3: a lost wake-up delays a NOTIFY and never loses it."""
    known = Known()
    known.put("one")
    server = house(known)
    await server.subscribe(subscribe_request())
    (one,) = await told(server)
    assert b"one" in one
    known.put(None)
    resync = Change(Kind.RESYNC, "", 0)
    known.documents.on_change(resync)
    server.service.on_change(resync)
    (gone,) = await told(server)
    assert b"closed" in gone


async def test_hard_state_read_before_it_was_written_does_not_hide_it() -> None:
    """A slow read that began before the change is older than one that began after it."""
    known = Known()
    sources = known.sources()
    slow = sources.provide(PRESENCE)
    change = known.put("one")
    before = await slow
    assert isinstance(before, Provided)
    sources.affected(change)
    after = await sources.provide(PRESENCE)
    assert after.version >= before.version
    assert isinstance(after.state, Sources)
    assert b"one" in after.state.hard


async def test_hard_state_that_cannot_be_read_is_none() -> None:
    """It was let in by other bounds; nobody's subscription ends for that."""
    known = Known()
    change = known.put("one")
    assert known.hard is not None
    known.hard = replace(known.hard, body=b"<a>" * 100 + b"</a>" * 100)
    server = house(known)
    server.service.on_change(change)
    await server.subscribe(subscribe_request())
    (body,) = await told(server)
    assert b"closed" in body


async def test_what_is_off_is_not_read() -> None:
    """A SUBSCRIBE reads hard state once, and then never until it changes."""
    known = Known()
    server = house(known)
    for number in range(3):
        await server.subscribe(subscribe_request(call_id=f"c{number}", from_tag=f"f{number}"))
        await server.publish(publish_request(pidf(str(number))))
    assert known.reads == ["pidf-manipulation"]
    assert (await known.sources().provide(PRESENCE)) is NEVER


async def test_a_registration_and_its_end_are_told() -> None:
    """RFC 3856 §7.2: every removal of a binding raises the version of its AoR."""
    known = Known()
    server = house(known, bindings=True)
    await server.subscribe(subscribe_request())
    (closed,) = await told(server)
    server.service.on_change(known.bind(binding(4)))
    (registered,) = await told(server)
    assert b"<basic>open" in registered
    server.service.on_change(known.bind(binding(4)._replace(cseq=2, updated_at=NOON + 9)))
    assert await told(server) == [], "a refresh says nothing new (PRS-09)"
    server.service.on_change(known.bind())
    assert await told(server) == [closed]


@pytest.mark.parametrize(
    ("states", "phone"),
    [
        pytest.param(("confirmed",), True, id="answered"),
        pytest.param(("early", "confirmed"), True, id="one-of-two-devices"),
        pytest.param(("trying",), False, id="not-yet"),
        pytest.param(("terminated",), False, id="over"),
        pytest.param((), False, id="none"),
    ],
)
async def test_a_confirmed_dialog_is_a_call(states: Sequence[str], phone: bool) -> None:
    """RFC 4480 §3.2, RFC 4235 §3.7.1."""
    known = Known()
    server = house(known, calls=True)
    known.call(*states)
    await server.subscribe(subscribe_request())
    (body,) = await told(server)
    assert (b"on-the-phone" in body) is phone


async def test_the_end_of_a_call_is_told() -> None:
    known = Known()
    server = house(known, calls=True)
    await server.publish(publish_request(pidf()))
    await server.subscribe(subscribe_request())
    (before,) = await told(server)
    server.service.on_change(known.call("confirmed"))
    (during,) = await told(server)
    assert b"on-the-phone" in during
    server.service.on_change(known.call())
    assert await told(server) == [before]


async def test_when_somebody_was_last_registered_is_told_once_they_are_not() -> None:
    """PRS-12: and only that, when registrations are not presence."""
    known = Known()
    server = house(known, last_active=True)
    await server.subscribe(subscribe_request())
    (never,) = await told(server)
    server.service.on_change(known.bind(binding(4)))
    assert await told(server) == []
    server.service.on_change(known.bind())
    (later,) = await told(server)
    assert b"2027-01-15T08:00:00Z" in later
    await server.publish(publish_request(pidf()))
    assert await told(server) == [pidf()]
    assert b"2027" not in never


async def test_the_same_document_of_other_sources_is_not_told() -> None:
    """PRS-09: what makes no difference to the document makes no NOTIFY."""
    known = Known()
    server = house(known, calls=True)
    await server.subscribe(subscribe_request())
    await told(server)
    server.service.on_change(known.call("early"))
    assert await told(server) == []


async def test_rules_cut_what_sources_say_too() -> None:
    """RFC 5025 §3.3: hard state, calls and registrations pass the same transformations."""
    known = Known()
    known.put("one")
    package = presence_package(min_interval=0, sources=known.sources())
    nothing = Permissions()
    decision = Decision(SubHandling.ALLOW, nothing)

    async def authorize(aor: AoR, watcher: Identity, name: str) -> Decision:
        return decision

    server = House(packages={"presence": package}, authorize=authorize)
    await server.subscribe(subscribe_request())
    (body,) = await told(server)
    assert b"<tuple" not in body
    assert ALICE.encode() in body
    decision = Decision(SubHandling.ALLOW, EVERYTHING)
    await server.subscribe(subscribe_request(call_id="c2", from_tag="f2"))
    assert b"one" in (await told(server))[0]


async def test_polite_block_is_somebody_of_whom_nothing_is_known() -> None:
    """RFC 5025 §3.2.1: also while hard state says otherwise."""
    known = Known()
    known.put("one")
    package = presence_package(min_interval=0, sources=known.sources())

    async def authorize(aor: AoR, watcher: Identity, name: str) -> Decision:
        return Decision(SubHandling.POLITE_BLOCK)

    server = House(packages={"presence": package}, authorize=authorize)
    await server.subscribe(subscribe_request())
    assert await told(server) == [composer("closed")(ALICE, PackageState())]


async def test_adopted_watchers_hear_of_hard_state_only_when_it_changed() -> None:
    """EVT-15: the version of the hard state counts in what a watcher was told."""
    known = Known()
    known.put("one")
    first = house(known)
    await first.subscribe(subscribe_request())
    assert len(await told(first)) == 1
    await first.service.stop()
    for note, heard in ((None, 0), ("two", 1), (None, 1)):
        if heard:
            known.put(note)
        first.store.orphans = list(first.store.rows)
        fresh = Known()
        fresh.hard, fresh.hard_version = known.hard, known.hard_version
        later = house(fresh, store=first.store)
        await later.service.start()
        assert len(await told(later)) == heard, note
        await later.service.stop()
