"""The event server over the real stores: what was acknowledged survives, and is told.

EVT-15, PUB-04, PUB-08 with the statements that hold them, on SQLite and PostgreSQL.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from presence.config import PresenceConfig
from presence.packages.presence import presence_package
from presence.policy.policy import default_policy
from presence.service import EventService
from sip.authenticator import Identity
from sip.message import Request
from store import migrate
from store.store import Store, open_store
from tests.presence.fakes import (
    AS_ALICE,
    AS_BOB,
    PRESENCE,
    Clock,
    FakeEndpoint,
    FakeFlow,
    FakeTransaction,
    anybody,
    pidf,
    publish_request,
    settle,
    subscribe_request,
)

CLOCK_STEP = 10.0


class Life:
    """One life of one process."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.endpoint = FakeEndpoint()
        self.service = EventService(
            store=store,
            endpoint=self.endpoint,
            packages={"presence": presence_package(min_interval=0.0)},
            config=PresenceConfig(told_interval=0.0, adopt_pause=0.0),
            authorize=default_policy("allow"),
            exists=anybody,
            clock=clock,
        )

    async def publish(self, request: Request) -> FakeTransaction:
        return await self._do(self.service.publish, request, AS_ALICE)

    async def subscribe(self, request: Request) -> FakeTransaction:
        return await self._do(self.service.subscribe, request, AS_BOB)

    async def _do(
        self,
        road: Callable[[FakeTransaction, Identity], Awaitable[None]],
        request: Request,
        identity: Identity,
    ) -> FakeTransaction:
        tx = FakeTransaction(request, FakeFlow(), [])
        await road(tx, identity)
        return tx

    async def published(self, note: str, tag: str | None = None) -> str:
        more = (f"SIP-If-Match: {tag}",) if tag else ()
        tx = await self.publish(publish_request(pidf(note), *more))
        assert tx.status == 200
        return tx.headers["SIP-ETag"]


Begin = Callable[[], Awaitable[Life]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with tables."""
    if request.param == "sqlite":
        found = f"sqlite:///{tmp_path / 'presentity.db'}"
    else:
        found = str(request.getfixturevalue("postgres_dsn"))
    migrate.upgrade(found)
    return found


@pytest.fixture
async def begin(url: str, clock: Clock) -> AsyncIterator[Begin]:
    """Begin a life; the one before ends, having written what it held back."""
    lives: list[Life] = []

    async def end() -> None:
        if lives:
            life = lives.pop()
            await life.service.stop()
            await life.store.close()

    async def one() -> Life:
        await end()
        store = await open_store(url, node="a", clock=clock)
        life = Life(store, clock)
        lives.append(life)
        await life.service.start()
        await asyncio.gather(*life.service._core.tasks)
        return life

    yield one
    await end()


async def test_publication_reaches_the_watcher(begin: Begin) -> None:
    life = await begin()
    tx = await life.subscribe(subscribe_request())
    await life.published("hello")
    first, second = life.endpoint.take()
    assert tx.status == 200
    assert (b"closed" in first.body, second.body) == (True, pidf("hello"))


async def test_acknowledged_state_survives_a_restart(begin: Begin, clock: Clock) -> None:
    """EVT-15: the dialog goes on, with the newest state and a higher CSeq."""
    life = await begin()
    tag = await life.published("before")
    subscribed = await life.subscribe(subscribe_request())
    life.endpoint.answering = False
    await life.published("missed", tag)
    highest = max(notify.cseq for notify in life.endpoint.take())
    clock.now += CLOCK_STEP
    life = await begin()
    await settle()
    (notify,) = life.endpoint.take()
    assert notify.body == pidf("missed")
    assert notify.cseq > highest
    again = subscribe_request(cseq=2, to_tag=subscribed.to_tag)
    assert (await life.subscribe(again)).status == 200


async def test_nothing_is_repeated_to_who_knows_it(begin: Begin, clock: Clock) -> None:
    life = await begin()
    await life.published("known")
    await life.subscribe(subscribe_request())
    clock.now += CLOCK_STEP
    life = await begin()
    await settle()
    assert life.endpoint.take() == []
    assert len(life.service.engine.index) == 1


async def test_expiry_is_told(begin: Begin, clock: Clock) -> None:
    """PUB-08, RFC 6665 §4.2.1.4."""
    life = await begin()
    await life.publish(publish_request(pidf(), "Expires: 60"))
    await life.subscribe(subscribe_request("Expires: 120"))
    life.endpoint.take()
    clock.now += 61
    await life.service.sweep()
    (notify,) = await life.endpoint.next()
    assert b"closed" in notify.body
    clock.now += 60
    await life.service.sweep()
    assert [one.state for one in life.endpoint.take()] == ["terminated;reason=timeout"]
    assert await life.store.versions([PRESENCE]) == {PRESENCE: 2}


async def test_unsubscribed_is_gone(begin: Begin) -> None:
    life = await begin()
    tx = await life.subscribe(subscribe_request())
    over = await life.subscribe(subscribe_request("Expires: 0", cseq=2, to_tag=tx.to_tag))
    assert over.status == 200
    assert await life.store.subscription(tx.to_tag or "") is None


async def test_one_of_many_with_one_tag_wins(begin: Begin) -> None:
    """PUB-04: the store compares and replaces in one statement."""
    life = await begin()
    tag = await life.published("first")
    requests = [
        publish_request(pidf(str(n)), f"SIP-If-Match: {tag}", "Expires: 600") for n in range(20)
    ]
    answers = await asyncio.gather(*(life.publish(request) for request in requests))
    assert sorted(tx.status for tx in answers) == [200] + [412] * 19


async def test_watchers_end_with_the_newest_of_many(begin: Begin) -> None:
    """Outcomes of one batch may come back in any order; versions decide."""
    life = await begin()
    await life.subscribe(subscribe_request())
    await asyncio.gather(*(life.published(f"{n}") for n in range(30)))
    state = await life.store.resource_state(PRESENCE)
    last = life.endpoint.take()[-1].body
    assert all(f">{n}<".encode() in last for n in range(30))
    assert len(state.publications) == 30
