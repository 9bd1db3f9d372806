"""RFC 4825 §7.11, XCP-02: writers of nodes that meet, in one process and in several."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest

from sip.authenticator import Identity
from sip.uri import AoR
from store.operations import WriteDocument
from store.outcomes import DocumentOutcome
from store.values import Document, DocumentKey
from tests.xcap.kit import ALICE, CONFIG, LISTS, DocumentsInMemory, Served, serving
from xcap.conditions import UNCONDITIONAL, Conditions
from xcap.errors import Busy, NoParent, NotFound, PreconditionFailed, UniquenessFailure
from xcap.node_service import ATTEMPTS
from xcap.registry import USAGES
from xcap.service import XcapService
from xcap.turns_service import MAX_WAITING
from xcap.uri import XcapUri, parse

KEY = DocumentKey("resource-lists", ALICE, "index")
EMPTY = (
    b'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">'
    b'<list name="l"></list></resource-lists>'
)
LIST = f"{LISTS}/~~/resource-lists/list"
MINE = Identity(ALICE, "digest")
ELEMENT = "application/xcap-el+xml"


def target(path: str) -> XcapUri:
    return parse(f"{CONFIG.root}/{path}", CONFIG.root)


def entry(name: str) -> bytes:
    return f'<entry uri="sip:{name}@example.com"/>'.encode()


def path_of(name: str) -> str:
    return f"{LIST}/entry%5B@uri=%22sip:{name}@example.com%22%5D"


class Shared(DocumentsInMemory):
    """A store that another process writes to: before each of our writes, as often as told."""

    def __init__(self) -> None:
        super().__init__()
        self.rivals: list[Callable[[bytes], bytes]] = []
        """What the other process makes of the document, one before each of our writes."""
        self.attempts = 0
        self.writers = 0
        """How many of our writes are under way."""
        self.most_writers = 0

    async def write_document(self, op: WriteDocument) -> DocumentOutcome:
        self.attempts += 1
        self.writers += 1
        self.most_writers = max(self.most_writers, self.writers)
        await asyncio.sleep(0)
        if self.rivals:
            self.elsewhere(self.rivals.pop(0))
        outcome = await super().write_document(op)
        self.writers -= 1
        return outcome

    def elsewhere(self, change: Callable[[bytes], bytes]) -> None:
        """What another process does."""
        old = self.rows[KEY]
        self.rows[KEY] = Document(KEY, old.etag + "x", old.content_type, change(old.body), 0.0)

    @property
    def body(self) -> bytes:
        return self.rows[KEY].body


def adds(name: str) -> Callable[[bytes], bytes]:
    return lambda body: body.replace(b"</list>", entry(name) + b"</list>")


async def exists(aor: AoR, identity: Identity) -> bool:
    return True


def service_over(store: DocumentsInMemory) -> XcapService:
    return XcapService(store=store, usages=USAGES, config=CONFIG, exists=exists, clock=lambda: 0.0)


@pytest.fixture
def store() -> Shared:
    return Shared()


@pytest.fixture
async def service(store: Shared) -> XcapService:
    """A service that has seen the newest version of the document."""
    service = service_over(store)
    await put(service, LISTS, EMPTY)
    await service.read(target(LIST), MINE, UNCONDITIONAL)
    return service


async def put(
    service: XcapService, path: str, body: bytes, conditions: Conditions = UNCONDITIONAL
) -> str:
    written = await service.write(target(path), MINE, conditions, body, source="192.0.2.1")
    return written.etag


async def test_a_write_without_conditions_loses_nothing(
    service: XcapService, store: Shared
) -> None:
    """What another process wrote meanwhile stays; the edit is made again on top of it."""
    store.rivals = [adds("first"), adds("second")]
    await put(service, path_of("mine"), entry("mine"))
    for name in ("first", "second", "mine"):
        assert store.body.count(entry(name)) == 1
    assert service.nodes.races == 2


async def test_a_lost_race_of_a_conditional_write_is_412(
    service: XcapService, store: Shared
) -> None:
    """§7.11: with the tag that won."""
    before = store.rows[KEY].etag
    store.rivals = [adds("first")]
    with pytest.raises(PreconditionFailed) as refused:
        await put(service, path_of("mine"), entry("mine"), Conditions(if_match=(before,)))
    assert refused.value.etag == store.rows[KEY].etag != before
    assert entry("mine") not in store.body


@pytest.mark.parametrize(
    "conditions",
    [
        pytest.param(Conditions(if_match=("*",)), id="any version"),
        pytest.param(Conditions(if_none_match=("other",)), id="not that one"),
    ],
)
async def test_conditions_that_still_hold_are_tried_again(
    service: XcapService, store: Shared, conditions: Conditions
) -> None:
    """RFC 9110 §13.1: compared with what is there at each attempt."""
    store.rivals = [adds("first")]
    await put(service, path_of("mine"), entry("mine"), conditions)
    assert entry("first") in store.body
    assert entry("mine") in store.body


async def test_a_deletion_meets_the_newest_version(service: XcapService, store: Shared) -> None:
    """§8.4: what another process has deleted meanwhile is 404."""
    await put(service, path_of("mine"), entry("mine"))
    store.rivals = [lambda body: body.replace(entry("mine"), b"")]
    with pytest.raises(NotFound):
        await service.delete(target(path_of("mine")), MINE, UNCONDITIONAL, source="")


async def test_a_refusal_is_about_what_the_store_has_now(
    service: XcapService, store: Shared
) -> None:
    """An old version in memory refuses nobody: not the tag, not the parent, not the name."""
    store.elsewhere(adds("new"))
    now = store.rows[KEY].etag
    await put(service, path_of("mine"), entry("mine"), Conditions(if_match=(now,)))
    store.elsewhere(lambda body: body.replace(b"</list>", b'<list name="sub"/></list>'))
    await put(service, f"{LIST}/list/entry", entry("deep"))
    store.elsewhere(lambda body: body.replace(entry("new"), b""))
    await put(service, f"{LIST}/*%5B2%5D%5B@uri=%22sip:new@example.com%22%5D", entry("new"))
    assert store.body.count(entry("new")) == 1


async def test_a_refusal_of_the_newest_version_costs_one_read(
    service: XcapService, store: Shared
) -> None:
    await put(service, path_of("mine"), entry("mine"))
    reads, attempts = store.reads, store.attempts
    with pytest.raises(UniquenessFailure):
        await put(service, f"{LIST}/*%5B2%5D", entry("mine"))
    assert (store.reads - reads, store.attempts - attempts) == (1, 0)


async def test_a_document_that_went_away_is_a_missing_parent(
    service: XcapService, store: Shared
) -> None:
    """§8.2.1, also when memory still has it."""
    del store.rows[KEY]
    with pytest.raises(NoParent):
        await put(service, path_of("mine"), entry("mine"))


async def test_a_write_begins_with_what_was_seen_last(service: XcapService, store: Shared) -> None:
    """Nothing is read when nobody else writes."""
    before = store.reads
    for number in range(10):
        await put(service, path_of(f"n{number}"), entry(f"n{number}"))
    assert store.reads == before
    assert len(service.cache) == 1


async def test_writers_of_one_process_take_turns(service: XcapService, store: Shared) -> None:
    """None has to begin again because of another, and none is lost."""
    names = [f"n{number}" for number in range(50)]
    attempts = store.attempts
    await asyncio.gather(*(put(service, path_of(name), entry(name)) for name in names))
    assert all(store.body.count(entry(name)) == 1 for name in names)
    assert store.most_writers == 1
    assert store.attempts - attempts == len(names)


async def test_of_many_conditional_writers_one_wins(service: XcapService, store: Shared) -> None:
    """§7.11, XCP-02: 100 with the same tag."""
    tag = Conditions(if_match=(store.rows[KEY].etag,))
    outcomes = await asyncio.gather(
        *(put(service, path_of(f"n{number}"), entry(f"n{number}"), tag) for number in range(100)),
        return_exceptions=True,
    )
    assert Counter(type(outcome) for outcome in outcomes) == {str: 1, PreconditionFailed: 99}
    assert store.body.count(b"<entry") == 1


async def test_several_processes_lose_nothing() -> None:
    """Two services over one store, each with its own memory."""
    store = Shared()
    services = [service_over(store), service_over(store)]
    await put(services[0], LISTS, EMPTY)
    names = [f"n{number}" for number in range(40)]
    await asyncio.gather(
        *(
            put(services[number % 2], path_of(name), entry(name))
            for number, name in enumerate(names)
        )
    )
    assert all(store.body.count(entry(name)) == 1 for name in names)
    assert any(service.nodes.races for service in services)


class Farther(DocumentsInMemory):
    """The same documents, seen from a process whose writes take longer."""

    def __init__(self, shared: Shared) -> None:
        super().__init__()
        self.shared = shared

    async def document(self, key: DocumentKey) -> Document | None:
        return await self.shared.document(key)

    async def write_document(self, op: WriteDocument) -> DocumentOutcome:
        for _ in range(5):
            await asyncio.sleep(0)
        return await self.shared.write_document(op)


async def test_a_slower_process_is_let_in(store: Shared) -> None:
    """Writers in line at the faster process do not keep all others out."""
    fast, slow = service_over(store), service_over(Farther(store))
    await put(fast, LISTS, EMPTY)
    names = [f"n{number}" for number in range(2 * ATTEMPTS)]
    crowd = [asyncio.create_task(put(fast, path_of(name), entry(name))) for name in names]
    await put(slow, path_of("mine"), entry("mine"))
    assert not all(task.done() for task in crowd)
    await asyncio.gather(*crowd)
    assert all(store.body.count(entry(name)) == 1 for name in (*names, "mine"))


async def test_a_writer_that_always_loses_is_told_to_come_back(
    service: XcapService, store: Shared
) -> None:
    """503 after so many attempts; nothing of it was written."""
    store.rivals = [adds(f"rival{number}") for number in range(ATTEMPTS + 5)]
    attempts = store.attempts
    with pytest.raises(Busy) as busy:
        await put(service, path_of("mine"), entry("mine"))
    assert (busy.value.status, busy.value.retry_after) == (503, 1)
    assert store.attempts - attempts == ATTEMPTS
    assert entry("mine") not in store.body
    store.rivals = []
    await put(service, path_of("mine"), entry("mine"))


async def test_the_line_of_writers_is_bounded(service: XcapService, store: Shared) -> None:
    """503 for who would be one too many; those in line are served."""
    count = MAX_WAITING + 11
    outcomes = await asyncio.gather(
        *(put(service, path_of("one"), entry("one")) for _ in range(count)),
        return_exceptions=True,
    )
    assert Counter(type(outcome) for outcome in outcomes) == {str: MAX_WAITING + 1, Busy: 10}


async def test_who_gives_up_waiting_leaves_the_line(service: XcapService, store: Shared) -> None:
    """A client that went away holds nobody up, wherever in the line it was."""
    tasks = [
        asyncio.create_task(put(service, path_of(f"n{number}"), entry(f"n{number}")))
        for number in range(9)
    ]
    for task in (tasks[0], tasks[4], tasks[8]):
        await asyncio.sleep(0)
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [number for number, outcome in enumerate(outcomes) if isinstance(outcome, str)] == [
        *(1, 2, 3),
        *(5, 6, 7),
    ]
    attempts = store.attempts
    await put(service, path_of("last"), entry("last"))
    assert store.attempts == attempts + 1
    assert all(store.body.count(entry(f"n{number}")) == 1 for number in (1, 7))


@pytest.fixture
async def contended() -> AsyncIterator[tuple[Served, Shared]]:
    store = Shared()
    async with serving(store=store) as served:
        yield served, store


async def test_busy_is_503_with_retry_after(contended: tuple[Served, Shared]) -> None:
    """RFC 9110 §10.2.3, §15.6.4."""
    served, store = contended
    client = served.client()
    await client.put(LISTS, EMPTY)
    store.rivals = [adds(f"rival{number}") for number in range(ATTEMPTS)]
    answer = await client.put(path_of("mine"), entry("mine"), ELEMENT)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
