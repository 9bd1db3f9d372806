"""RFC 3857 over the event server and the real stores, with one process and with two."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from lxml import etree

from presence.config import PresenceConfig
from presence.packages.presence import presence_package
from presence.policy.policy import ALLOW, BLOCK, CONFIRM, Decision, SubHandling
from presence.service import EventService
from presence.subscriptions.subscription import Cause
from presence.winfo.package import with_watcher_information
from sip.authenticator import Identity
from sip.uri import AoR
from store import migrate
from store.store import Store, open_store
from store.values import Resource, WatcherRow
from tests.presence.fakes import (
    ALICE,
    BOB,
    PRESENCE,
    Clock,
    FakeEndpoint,
    FakeFlow,
    FakeTransaction,
    Sent,
    anybody,
    compose,
    settle,
)
from xmldoc.schema import schema

NS = "{urn:ietf:params:xml:ns:watcherinfo}"
INTERVAL = 5.0
DAY = 86_400.0
PATIENCE = 10.0
Watchers = list[tuple[str, str, str]]


class Document:
    """A watcher information document, and the table that a client keeps of them."""

    def __init__(self, sent: Sent) -> None:
        self.event = sent.request.get("event")
        root = etree.fromstring(sent.body)
        assert schema("watcherinfo").check(root) is None
        self.version, self.state = int(root.get("version") or ""), root.get("state")
        self.ids = {one.get("id"): self.of(one) for one in root.iter(f"{NS}watcher")}
        self.watchers: Watchers = sorted(self.ids.values())

    @staticmethod
    def of(one: etree._Element) -> tuple[str, str, str]:
        name = (one.text or "").removeprefix("sip:").partition("@")[0]
        return name, one.get("status") or "", one.get("event") or ""

    @property
    def seen(self) -> tuple[str | None, Watchers]:
        return self.state, self.watchers


class Policy:
    """What is decided about each watcher by its user part; the others are asked about."""

    def __init__(self) -> None:
        self.of: dict[str, Decision] = {}

    async def __call__(self, presentity: AoR, watcher: Identity, package: str) -> Decision:
        if watcher.aor == presentity:
            return ALLOW
        return self.of.get((watcher.aor or "").removeprefix("sip:").partition("@")[0], CONFIRM)


class Process:
    """One process: its event server on a store."""

    def __init__(self, store: Store, clock: Clock, policy: Policy, interval: float) -> None:
        self.store, self.clock, self.cseq = store, clock, 0
        self.endpoint = FakeEndpoint()
        packages = {"presence": presence_package(min_interval=0.0)}
        self.service = EventService(
            store=store,
            endpoint=self.endpoint,
            packages=with_watcher_information(
                packages, store=store, clock=clock, min_interval=interval
            ),
            config=PresenceConfig(told_interval=0.0, adopt_pause=0.0, max_pending_per_watcher=3),
            authorize=policy,
            exists=anybody,
            clock=clock,
        )
        store.on_change(self.service.on_change)

    async def subscribe(
        self,
        who: str,
        event: str = "presence",
        *more: str,
        to: str | None = None,
        expires: int = 600,
    ) -> FakeTransaction:
        self.cseq += 1
        lines = [
            f'From: "{who.title()}" <sip:{who}@example.com>;tag={who}',
            f"To: <{ALICE}>" + (f";tag={to}" if to else ""),
            f"Call-ID: {who}-{event}@192.0.2.9",
            f"CSeq: {self.cseq} SUBSCRIBE",
            f"Contact: <sip:{who}@192.0.2.9:5060>",
            f"Event: {event}",
            f"Expires: {expires}",
            *more,
        ]
        tx = FakeTransaction(compose("SUBSCRIBE", ALICE, lines), FakeFlow(), [])
        identity = Identity(AoR(f"sip:{who}@example.com"), "digest")
        await self.service.subscribe(tx, identity)
        return tx

    async def told(self) -> list[Document]:
        """What watchers of watchers were told since the last time."""
        await self.rest()
        return [
            Document(sent)
            for sent in self.endpoint.take()
            if ".winfo" in (sent.request.get("event") or "") and sent.body
        ]

    async def rest(self) -> None:
        """Let what reads the store come to an end."""
        for _ in range(20):
            await settle()
            await asyncio.gather(*self.service._core.tasks)

    async def watch(self, who: str = "alice", event: str = "presence.winfo") -> str:
        """Subscribe to the watchers, take the first document away; our tag."""
        tx = await self.subscribe(who, event, expires=3600)
        assert tx.status == 200
        assert tx.to_tag is not None
        (first,) = await self.told()
        assert (first.version, first.state) == (0, "full")
        return tx.to_tag

    async def follow(self) -> tuple[str | None, Watchers]:
        """The next document."""
        (document,) = await self.told()
        return document.seen

    async def pending(self, who: str = "bob") -> str:
        tx = await self.subscribe(who)
        assert tx.status == 200
        assert tx.to_tag is not None
        return tx.to_tag


Begin = Callable[..., Awaitable[Process]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def policy() -> Policy:
    return Policy()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        found = f"sqlite:///{tmp_path / 'presentity.db'}"
    else:
        found = str(request.getfixturevalue("postgres_dsn"))
    migrate.upgrade(found)
    return found


@pytest.fixture
async def begin(clock: Clock, policy: Policy) -> AsyncIterator[Begin]:
    """Begin processes; `begin.end` is the way out of one."""
    alive: list[Process] = []

    async def one(at: str, node: str = "a", interval: float = 0.0) -> Process:
        for earlier in [process for process in alive if process.store.owner.startswith(f"{node}.")]:
            await end(earlier)
        process = Process(await open_store(at, node=node, clock=clock), clock, policy, interval)
        alive.append(process)
        await process.service.start()
        await process.rest()
        return process

    async def end(process: Process) -> None:
        alive.remove(process)
        await process.service.stop()
        await process.store.close()

    yield one
    for process in tuple(alive):
        await end(process)


@pytest.fixture
async def life(begin: Begin, url: str) -> Process:
    return await begin(url)


async def test_pending_waiting_and_pending_again(life: Process) -> None:
    """RFC 3857 §4.7.1: a pending watcher that unsubscribes waits; one that comes back is another
    subscription, and the wait is over with giveup."""
    await life.watch()
    tag = await life.pending()
    (opened,) = await life.told()
    assert opened.seen == ("partial", [("bob", "pending", "subscribe")])
    await life.subscribe("bob", to=tag, expires=0)
    (waits,) = await life.told()
    assert waits.seen == ("partial", [("bob", "waiting", "timeout")])
    assert set(waits.ids) == set(opened.ids)
    await life.pending()
    (again,) = await life.told()
    assert again.seen == (
        "partial",
        [("bob", "pending", "subscribe"), ("bob", "terminated", "giveup")],
    )
    assert [opened.version, waits.version, again.version] == [1, 2, 3]


@pytest.mark.parametrize(
    ("decision", "event", "seen"),
    [
        (ALLOW, "approved", ("bob", "active", "approved")),
        (Decision(SubHandling.POLITE_BLOCK), "approved", ("bob", "active", "approved")),
        (BLOCK, "rejected", ("bob", "terminated", "rejected")),
    ],
)
async def test_a_decision_about_a_pending_watcher(
    life: Process, policy: Policy, decision: Decision, event: str, seen: tuple[str, str, str]
) -> None:
    """RFC 3857 §4.7.1, RFC 5025 §3.2.1."""
    await life.watch()
    await life.pending()
    await life.told()
    policy.of["bob"] = decision
    await life.service.reauthorize(ALICE)
    assert await life.follow() == ("partial", [seen])


@pytest.mark.parametrize(
    ("decision", "event"),
    [(ALLOW, "approved"), (Decision(SubHandling.POLITE_BLOCK), "approved"), (BLOCK, "rejected")],
)
async def test_a_decision_about_a_waiting_watcher(
    life: Process, policy: Policy, decision: Decision, event: str
) -> None:
    """RFC 3857 §4.7.1: also when nobody is subscribed to the presentity at all."""
    await life.watch()
    await life.subscribe("bob", to=await life.pending(), expires=0)
    await life.told()
    policy.of["bob"] = decision
    life.service.policy.soon(ALICE)
    assert await life.follow() == ("partial", [("bob", "terminated", event)])
    assert await life.store.waiting(ALICE) == []


async def test_no_decision_leaves_who_waits(life: Process) -> None:
    await life.subscribe("bob", to=await life.pending(), expires=0)
    await life.service.reauthorize(ALICE)
    assert [row.watcher for row in await life.store.waiting(ALICE)] == [BOB]


async def test_a_decision_taken_back(life: Process, policy: Policy) -> None:
    """RFC 5025 §3.2.1: active goes back to pending; the machine has no event for it."""
    policy.of["bob"] = ALLOW
    await life.watch()
    await life.pending()
    assert await life.follow() == ("partial", [("bob", "active", "subscribe")])
    del policy.of["bob"]
    await life.service.reauthorize(ALICE)
    assert await life.follow() == ("partial", [("bob", "pending", "subscribe")])


async def test_a_decision_found_by_a_refresh(life: Process, policy: Policy) -> None:
    await life.watch()
    tag = await life.pending()
    await life.told()
    policy.of["bob"] = ALLOW
    await life.subscribe("bob", to=tag)
    assert await life.follow() == ("partial", [("bob", "active", "approved")])
    policy.of["bob"] = BLOCK
    assert (await life.subscribe("bob", to=tag)).status == 403
    assert await life.follow() == ("partial", [("bob", "terminated", "rejected")])


async def test_a_refresh_that_changes_nothing_is_not_told(life: Process) -> None:
    await life.watch()
    tag = await life.pending()
    await life.told()
    await life.subscribe("bob", to=tag)
    assert await life.told() == []


@pytest.mark.parametrize(
    ("cause", "status", "event"),
    [
        (Cause.LAPSED, "waiting", "timeout"),
        (Cause.DENIED, "terminated", "rejected"),
        (Cause.MIGRATED, "terminated", "deactivated"),
        (Cause.VANISHED, "terminated", "noresource"),
        (Cause.FAILED, "waiting", "timeout"),
    ],
)
async def test_ends_have_their_true_event(
    life: Process, cause: Cause, status: str, event: str
) -> None:
    """RFC 3858 §3."""
    await life.watch()
    tag = await life.pending()
    (opened,) = await life.told()
    live = life.service.engine.index.get(tag)
    assert live is not None
    await life.service._core.end_live(live, cause)
    assert await life.follow() == ("partial", [("bob", status, event)])
    assert opened.watchers == [("bob", "pending", "subscribe")]


async def test_expiries_are_found_by_the_sweep(life: Process, clock: Clock, policy: Policy) -> None:
    policy.of["carol"] = ALLOW
    await life.watch()
    await life.pending()
    await life.told()
    await life.subscribe("carol")
    await life.told()
    clock.now += 601
    await life.service.sweep()
    seen = [one for document in await life.told() for one in document.watchers]
    assert sorted(seen) == [("bob", "waiting", "timeout"), ("carol", "terminated", "timeout")]


async def test_the_server_gives_up_on_who_waits(life: Process, clock: Clock) -> None:
    tag = await life.pending()
    await life.subscribe("bob", to=tag, expires=0)
    clock.now += 30 * DAY - 10
    await life.watch()
    clock.now += 20
    await life.service.sweep()
    assert await life.follow() == ("partial", [("bob", "terminated", "giveup")])


async def test_a_watcher_that_does_not_answer_is_gone(life: Process) -> None:
    await life.watch()
    life.endpoint.answering = False
    await life.pending()
    await life.rest()
    for sent in life.endpoint.take():
        sent.answer(481 if "winfo" not in (sent.request.get("event") or "") else 200)
    (document,) = await life.told()
    assert document.seen == ("partial", [("bob", "waiting", "timeout")])


async def test_fetches(life: Process, policy: Policy) -> None:
    """RFC 3857 §4.7.2: nothing of one that is let in; §4.7.1: one that is not decided waits."""
    await life.watch()
    policy.of["carol"] = ALLOW
    await life.subscribe("carol", expires=0)
    assert await life.told() == []
    await life.subscribe("bob", expires=0)
    assert await life.follow() == ("partial", [("bob", "waiting", "timeout")])


async def test_a_fetch_of_the_watchers_is_full(life: Process) -> None:
    """RFC 3857 §4.7.2."""
    await life.pending()
    tx = await life.subscribe("alice", "presence.winfo", expires=0)
    assert tx.status == 200
    assert await life.follow() == ("full", [("bob", "pending", "subscribe")])


async def test_a_refresh_brings_everybody(life: Process) -> None:
    """RFC 3857 §4.3; the version goes on."""
    tag = await life.watch()
    await life.pending()
    await life.told()
    await life.subscribe("alice", "presence.winfo", to=tag)
    (document,) = await life.told()
    assert (document.version, document.state) == (2, "full")


async def test_after_a_failure_everybody_is_told_again(life: Process) -> None:
    await life.watch()
    life.endpoint.answering = False
    await life.pending()
    await life.rest()
    for sent in life.endpoint.take():
        if "winfo" in (sent.request.get("event") or ""):
            sent.answer(503, headers=[("Retry-After", "0")])
        else:
            sent.answer()
    life.endpoint.answering = True
    life.clock.now += 60
    await life.pending("carol")
    documents = [document.seen for document in await life.told()]
    assert documents == [
        ("full", [("bob", "pending", "subscribe")]),
        ("partial", [("carol", "pending", "subscribe")]),
    ]


async def test_who_may_watch(life: Process, policy: Policy) -> None:
    """RFC 3857 §4.6; WIN-04."""
    policy.of |= {"bob": ALLOW, "mallory": BLOCK, "eve": Decision(SubHandling.POLITE_BLOCK)}
    for who in ("bob", "carol", "eve"):
        await life.subscribe(who)
    statuses = {
        (who, event): (await life.subscribe(who, event)).status
        for who in ("alice", "bob", "carol", "eve", "mallory")
        for event in ("presence.winfo", "presence.winfo.winfo", "presence.winfo.winfo.winfo")
    }
    assert {key for key, status in statuses.items() if status == 200} == {
        ("alice", "presence.winfo"),
        ("alice", "presence.winfo.winfo"),
        ("bob", "presence.winfo"),
        ("eve", "presence.winfo"),
    }
    assert {status for (_, event), status in statuses.items() if event.count("winfo") == 3} == {489}
    assert {status for (_, event), status in statuses.items() if event.count("winfo") < 3} == {
        200,
        403,
    }


@pytest.mark.parametrize("handling", [SubHandling.ALLOW, SubHandling.POLITE_BLOCK])
async def test_a_watcher_sees_itself_and_nobody_else(
    life: Process, policy: Policy, handling: SubHandling
) -> None:
    """RFC 3857 §4.6, RFC 5025 §3.2.1: politely blocked or not, it is told the same."""
    policy.of |= {"bob": Decision(handling), "carol": ALLOW}
    await life.subscribe("bob")
    await life.subscribe("carol")
    await life.subscribe("bob", "presence.winfo")
    assert await life.follow() == ("full", [("bob", "active", "subscribe")])
    await life.subscribe("dave")
    assert await life.told() == []
    policy.of["bob"] = BLOCK
    life.endpoint.take()
    await life.service.reauthorize(ALICE)
    await life.rest()
    states = {sent.request.get("event"): sent.state for sent in life.endpoint.take()}
    assert states == {
        "presence": "terminated;reason=rejected",
        "presence.winfo": "terminated;reason=rejected",
    }


async def test_watchers_of_the_watchers(life: Process, policy: Policy) -> None:
    """RFC 3857 §4.6: the template is applied to itself."""
    await life.watch(event="presence.winfo.winfo")
    policy.of["bob"] = ALLOW
    await life.subscribe("bob", "presence.winfo")
    assert {document.event: document.seen for document in await life.told()} == {
        "presence.winfo": ("full", []),
        "presence.winfo.winfo": ("partial", [("bob", "active", "subscribe")]),
    }


async def test_many_at_once_make_one_document_an_interval(
    begin: Begin, url: str, clock: Clock, policy: Policy
) -> None:
    """RFC 3857 §4.10: no more than one in 5 seconds, of those who changed."""
    life = await begin(url, interval=INTERVAL)
    await life.watch()
    await life.pending("first")
    assert await life.follow() == ("partial", [("first", "pending", "subscribe")])
    reads = 0
    watching = life.store.watching

    async def counted(resource: Resource, watcher: str | None) -> list[WatcherRow]:
        nonlocal reads
        reads += 1
        return await watching(resource, watcher)

    life.store.watching = counted  # type: ignore[method-assign]  # counted
    for number in range(60):
        await life.subscribe(f"u{number}")
    assert await life.told() == []
    clock.now += INTERVAL
    for live in life.service.engine.index:
        life.service.engine.notifier.pump(live, clock.now)
    ((state, watchers),) = [document.seen for document in await life.told()]
    assert (state, len(watchers)) == ("partial", 60)
    assert reads <= 1 + len(life.service._core.fresh)


async def test_a_change_is_read_by_those_it_concerns(life: Process, policy: Policy) -> None:
    """RFC 3857 §4.6: of many who watch themselves, only the one that changed, and the owner."""
    people = [f"u{number}" for number in range(30)]
    policy.of |= dict.fromkeys(people, ALLOW)
    for who in people:
        await life.subscribe(who, "presence.winfo")
    await life.told()
    await life.watch()
    await life.service.sweep()
    await life.service.sweep()
    await life.told()
    asked: list[str | None] = []
    watching = life.store.watching

    async def counted(resource: Resource, watcher: str | None) -> list[WatcherRow]:
        asked.append(watcher)
        return await watching(resource, watcher)

    life.store.watching = counted  # type: ignore[method-assign]  # counted
    await life.subscribe("u7")
    seen = [document.seen for document in await life.told()]
    assert seen == [("partial", [("u7", "active", "subscribe")])] * 2
    assert sorted(map(str, asked)) == ["None", "sip:u7@example.com"]


async def test_one_watcher_is_pending_at_only_so_many(life: Process) -> None:
    """EVT-14, RFC 3857 §6.1."""
    for _ in range(3):
        await life.pending()
    assert (await life.subscribe("bob")).status == 403
    assert life.service.stats.limited["pending"] == 1
    assert (await life.subscribe("carol")).status == 200


async def test_a_restart_begins_anew_with_true_events(
    begin: Begin, url: str, policy: Policy
) -> None:
    """WIN-02: what brought the states about is stored."""
    life = await begin(url)
    await life.watch()
    await life.subscribe("dave", to=await life.pending("dave"), expires=0)
    await life.pending("bob")
    policy.of["bob"] = ALLOW
    await life.service.reauthorize(ALICE)
    last = max(document.version for document in await life.told())
    life = await begin(url)
    documents = await life.told()
    assert [document.seen for document in documents] == [
        ("full", [("bob", "active", "approved"), ("dave", "waiting", "timeout")])
    ]
    assert documents[0].version > last


async def test_a_decision_made_while_nobody_served_is_stored(
    begin: Begin, url: str, policy: Policy
) -> None:
    life = await begin(url)
    await life.pending()
    policy.of["bob"] = ALLOW
    life = await begin(url)
    await life.service.sweep()
    (row,) = await life.store.watching(PRESENCE, None)
    assert (row.status, row.event) == ("active", "approved")


async def until(process: Process, seen: Watchers) -> None:
    """Follow `process` until a client's table holds `seen`."""
    table: dict[str | None, tuple[str, str, str]] = {}
    async with asyncio.timeout(PATIENCE):
        while True:
            for document in await process.told():
                table = document.ids if document.state == "full" else table | document.ids
            if sorted(table.values()) == seen:
                return
            await asyncio.sleep(0.01)


@pytest.mark.postgres
async def test_two_processes_tell_the_same(postgres_dsn: str, begin: Begin, policy: Policy) -> None:
    """WIN-01..03: watchers are served by one process, those who watch them by the other."""
    await asyncio.to_thread(migrate.upgrade, postgres_dsn)
    one, two = await begin(postgres_dsn, "a"), await begin(postgres_dsn, "b")
    await asyncio.sleep(0)
    await one.watch()
    tag = await two.pending()
    await until(one, [("bob", "pending", "subscribe")])
    policy.of["bob"] = ALLOW
    await two.service.reauthorize(ALICE)
    await until(one, [("bob", "active", "approved")])
    await two.subscribe("carol")
    await two.subscribe("bob", to=tag, expires=0)
    await until(one, [("bob", "terminated", "timeout"), ("carol", "pending", "subscribe")])
