"""RFC 6665 §5.4: packages that keep what a SUBSCRIBE asks, follow topics, and read before a NOTIFY.

The package here follows words: its SUBSCRIBE names them in a header that stands for a body, and
a NOTIFY says how often each was said.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from presence.config import PresenceConfig
from presence.core_service import MAX_READS
from presence.errors import BadBody
from presence.notifier.notifier import LOAD_AGAIN
from presence.package import Asking, EventPackage, Telling, Told
from sip.authenticator import Identity
from sip.message import Request
from sip.uri import AoR
from store.errors import StoreUnavailable
from store.values import Change, Kind, SubscriptionRow
from tests.presence.fakes import ALICE, House, Sent, settle, subscribe_request


class Words:
    """What was said; `gate` holds readers back until set."""

    def __init__(self) -> None:
        self.said: Counter[str] = Counter()
        self.gate: asyncio.Event | None = None
        self.failing: Exception | None = None
        self.reads: list[Asking] = []

    async def load(self, asking: Asking) -> object:
        self.reads.append(asking)
        found = {word: self.said[word] for word in asking.content.split()}
        if self.gate is not None:
            await self.gate.wait()
        if self.failing is not None:
            raise self.failing
        return found


def read_content(request: Request, before: str) -> str:
    words = request.get("words")
    if words == "bad":
        raise BadBody("no such words")
    return before if words is None else words


def topics(row: SubscriptionRow) -> Sequence[str]:
    return row.content.split()


def touches(change: Change) -> Sequence[str]:
    return [change.key] if change.kind is Kind.DOCUMENT else []


def tell(telling: Telling) -> Told:
    known = telling.answered if isinstance(telling.answered, dict) else {}
    found = telling.loaded
    assert isinstance(found, dict)
    news = {w: n for w, n in found.items() if telling.full or known.get(w) != n}
    text = " ".join(f"{word}={number}" for word, number in news.items())
    body = f"{'full' if telling.full else 'news'} {text}".encode() if news else b""
    return Told(body, "text/plain", found)


def tell_but_to_mallory(telling: Telling) -> Told:
    if telling.version and "mallory" in telling.watcher:
        raise ZeroDivisionError
    return Told(b"%d" % telling.version, "text/plain")


def package(words: Words) -> EventPackage:
    return EventPackage(
        name="words",
        content_types=("text/plain",),
        compose=lambda aor, state: b"",
        read_content=read_content,
        topics=topics,
        touches=touches,
        load=words.load,
        tell=tell,
    )


class Table:
    """An event server with that package."""

    def __init__(self, *, answering: bool = True, config: PresenceConfig | None = None) -> None:
        self.words = Words()
        packages = {"words": package(self.words)}
        self.house = House(packages=packages, answering=answering, config=config)

    def say(self, *said: str) -> None:
        for word in said:
            self.words.said[word] += 1
            self.house.service.on_change(Change(Kind.DOCUMENT, word, 1))

    async def subscribe(self, *more: str, cseq: int = 1, tag: str | None = None) -> str:
        request = subscribe_request(*more, event="words", cseq=cseq, to_tag=tag)
        tx = await self.house.subscribe(request)
        assert tx.status == 200
        return tx.to_tag or tag or ""

    async def sent(self) -> list[Sent]:
        await settle(20)
        return self.house.endpoint.take()

    async def bodies(self) -> list[bytes]:
        return [sent.body for sent in await self.sent()]


async def test_what_was_asked_is_stored_and_told() -> None:
    table = Table()
    tag = await table.subscribe("Words: a b")
    assert table.house.store.rows[tag].content == "a b"
    assert await table.bodies() == [b"full a=0 b=0"]
    assert table.words.reads[0] == Asking(ALICE, "sip:bob@example.com", "a b", None, 0)


async def test_what_the_package_refuses_is_refused() -> None:
    table = Table()
    tx = await table.house.subscribe(subscribe_request("Words: bad", event="words"))
    assert tx.status == 400
    assert await table.bodies() == []


async def test_only_who_follows_hears_and_once_for_two_topics() -> None:
    table = Table()
    await table.subscribe("Words: a b")
    await table.sent()
    table.say("c")
    assert await table.bodies() == []
    table.say("a", "b")
    assert await table.bodies() == [b"news a=1 b=1"]


async def test_a_refresh_replaces_what_is_followed_or_keeps_it() -> None:
    table = Table()
    tag = await table.subscribe("Words: a")
    await table.sent()
    await table.subscribe(cseq=2, tag=tag)
    assert await table.bodies() == [b"full a=0"]
    await table.subscribe("Words: b", cseq=3, tag=tag)
    assert await table.bodies() == [b"full b=0"]
    assert table.house.service.engine.index.followers(package(table.words), "a") == ()
    table.say("a")
    assert await table.bodies() == []
    table.say("b")
    assert await table.bodies() == [b"news b=1"]
    index = table.house.service.engine.index
    await table.subscribe("Words: b", "Expires: 0", cseq=4, tag=tag)
    assert index.followers(package(table.words), "b") == ()
    assert await table.bodies() == [b"full b=1"]


async def test_what_happens_while_it_reads_is_told_by_one_more_notify() -> None:
    table = Table()
    await table.subscribe("Words: a")
    await table.sent()
    table.words.gate = asyncio.Event()
    table.say("a")
    await settle()
    table.say("a")
    table.say("a")
    table.words.gate.set()
    assert await table.bodies() == [b"news a=1", b"news a=3"]
    assert len(table.words.reads) == 3


async def test_one_notify_is_in_flight_and_the_next_builds_on_its_answer() -> None:
    table = Table(answering=False)
    await table.subscribe("Words: a")
    (first,) = await table.sent()
    table.say("a")
    assert await table.sent() == []
    first.answer()
    (second,) = await table.sent()
    assert second.body == b"news a=1"
    table.say("a")
    second.answer(500)
    (third,) = await table.sent()
    assert third.body == b"full a=2"
    assert table.words.reads[-1].answered == {"a": 0}


async def test_a_refresh_while_it_reads_makes_one_full_notify() -> None:
    table = Table()
    tag = await table.subscribe("Words: a")
    await table.sent()
    table.words.gate = asyncio.Event()
    table.say("a")
    await settle()
    await table.subscribe("Words: b", cseq=2, tag=tag)
    table.words.gate.set()
    assert await table.bodies() == [b"full b=0"]


async def test_a_subscription_that_ends_while_it_reads_has_one_last_notify() -> None:
    table = Table()
    tag = await table.subscribe("Words: a")
    await table.sent()
    table.words.gate = asyncio.Event()
    table.say("a")
    await settle()
    await table.subscribe("Expires: 0", cseq=2, tag=tag)
    table.words.gate.set()
    (last,) = await table.sent()
    assert last.state.startswith("terminated")
    assert last.body == b"full a=1"


async def test_a_store_that_is_away_delays_a_notify() -> None:
    table = Table()
    await table.subscribe("Words: a")
    await table.sent()
    table.words.failing = StoreUnavailable("away")
    table.say("a")
    assert await table.sent() == []
    (live,) = table.house.service.engine.index
    assert live.timer is not None
    table.words.failing = None
    table.house.clock.now = live.held_until
    table.house.service.engine.notifier.pump(live, table.house.clock.now)
    assert await table.bodies() == [b"news a=1"]


async def test_what_cannot_be_made_ends_the_subscription_alone() -> None:
    table = Table()
    tag = await table.subscribe("Words: a")
    await table.sent()
    table.words.failing = ZeroDivisionError()
    table.say("a")
    assert await table.sent() == []
    assert tag not in table.house.store.rows


async def test_one_that_cannot_be_told_keeps_nobody_else_from_hearing() -> None:
    """RFC 6665 §5.4: followers of one topic, of a package that need not read."""
    heard: list[Change] = []
    plain = replace(package(Words()), load=None, tell=tell_but_to_mallory)

    def hear(change: Change) -> Sequence[str]:
        heard.append(change)
        return ()

    after = replace(plain, name="after", topics=None, touches=hear)
    house = House(packages={"words": plain, "after": after})
    for who in ("mallory", "carol"):
        request = subscribe_request("Words: a", event="words", call_id=who)
        await house.subscribe(request, Identity(AoR(f"sip:{who}@example.com"), "digest"))
    house.endpoint.take()
    (_, carol) = house.service.engine.index
    house.service.on_change(Change(Kind.DOCUMENT, "a", 1))
    await settle(20)
    assert [sent.request.call_id for sent in house.endpoint.take()] == ["carol"]
    assert tuple(house.service.engine.index) == (carol,)
    assert list(house.store.rows) == [carol.id]
    assert heard


async def test_a_forgotten_subscription_is_told_nothing_of_what_was_read() -> None:
    table = Table()
    await table.subscribe("Words: a")
    await table.sent()
    table.words.gate = asyncio.Event()
    table.say("a")
    await settle()
    (live,) = table.house.service.engine.index
    table.house.service.engine.forget(live)
    table.words.gate.set()
    assert await table.sent() == []


async def test_news_that_may_have_been_lost_makes_everybody_read() -> None:
    """Decision 3: a lost wake-up delays a NOTIFY and never loses it."""
    table = Table()
    await table.subscribe("Words: a b")
    await table.sent()
    table.words.said["a"] += 1
    table.house.service.on_change(Change(Kind.RESYNC, "", 0))
    assert await table.bodies() == [b"news a=1"]
    table.house.service.on_change(Change(Kind.RESYNC, "", 0))
    assert await table.bodies() == []


@pytest.mark.parametrize("changed", [False, True])
async def test_an_adopted_subscription_is_told_everything(changed: bool) -> None:
    """EVT-15: what its last process told is forgotten, what was asked is not."""
    table = Table()
    tag = await table.subscribe("Words: a")
    await table.sent()
    (live,) = table.house.service.engine.index
    table.house.service._recovery.write_told()
    assert table.house.store.rows[tag].told_version == live.told_version
    table.house.service.engine.forget(live)
    table.words.said["a"] += changed
    table.house.store.orphans.append(tag)
    await table.house.service._recovery.adopt()
    assert await table.bodies() == [b"full a=%d" % changed]
    table.say("a")
    assert await table.bodies() == [b"news a=%d" % (1 + changed)]


async def test_what_is_too_large_for_udp_goes_by_another_way() -> None:
    """RFC 3261 §18.1.1: found out when it was read, and read again once there is a way."""
    table = Table()
    table.words.said["a" * 1400] = 1
    await table.subscribe("Words: " + "a" * 1400)
    (sent,) = await table.sent()
    assert sent.flow.transport == "TCP"
    assert len(sent.body) > 1400
    assert sent.state.startswith("active")


async def test_a_way_that_takes_finding_delays_the_notify() -> None:
    table = Table()
    table.house.endpoint.flow = None
    tx_flow = table.house.endpoint.slow_flow
    request = subscribe_request("Words: a", event="words", contact="<sip:bob@198.51.100.7>")
    await table.house.subscribe(request)
    (sent,) = await table.sent()
    assert sent.flow is tx_flow


@pytest.mark.parametrize("expires", [0, 3600])
async def test_what_a_false_condition_was_compared_with_is_told(expires: int) -> None:
    """RFC 5839 §6.4: it is read once."""
    table = Table()
    tag = await table.subscribe("Words: a")
    await table.sent()
    table.words.reads.clear()
    table.words.said["a"] += 1
    more = ("Suppress-If-Match: other", f"Expires: {expires}")
    await table.subscribe(*more, cseq=2, tag=tag)
    assert await table.bodies() == [b"full a=1"]
    assert len(table.words.reads) == 1


async def test_what_happens_while_a_condition_is_looked_at_is_told() -> None:
    """RFC 5839 §6.4: what was read then is not the state any more."""
    table = Table()
    tag = await table.subscribe("Words: a")
    await table.sent()
    table.words.gate = asyncio.Event()
    refresh = asyncio.create_task(table.subscribe("Suppress-If-Match: other", cseq=2, tag=tag))
    await settle()
    table.say("a")
    table.words.gate.set()
    await refresh
    assert await table.bodies() == [b"full a=1"]
    table.say("a")
    assert await table.bodies() == [b"news a=2"]


async def test_a_subscription_that_lapses_while_a_condition_is_looked_at_hears_of_it() -> None:
    """RFC 5839 §6.3, RFC 6665 §4.2.2."""
    table = Table()
    tag = await table.subscribe("Words: a")
    await table.sent()
    table.words.gate = asyncio.Event()
    more = ("Suppress-If-Match: other", "Expires: 0")
    ending = asyncio.create_task(table.subscribe(*more, cseq=2, tag=tag))
    await settle()
    table.house.service.engine.lapse(tag)
    table.words.gate.set()
    await ending
    (last,) = await table.sent()
    assert last.state.startswith("terminated")


async def test_only_so_many_read_at_a_time() -> None:
    """Decision 3: news that may have been lost make everybody read, but not at once."""
    table = Table()
    watchers = MAX_READS + 3
    for number in range(watchers):
        request = subscribe_request("Words: a", event="words", call_id=f"c{number}")
        await table.house.subscribe(request)
    await table.sent()
    table.words.reads.clear()
    table.words.said["a"] += 1
    table.words.gate = asyncio.Event()
    table.house.service.on_change(Change(Kind.RESYNC, "", 0))
    await settle(20)
    assert len(table.words.reads) == MAX_READS
    table.words.gate.set()
    await settle(watchers)
    assert await table.bodies() == [b"news a=1"] * watchers


async def test_those_that_could_not_read_come_back_one_after_the_other() -> None:
    """Decision 3."""
    table = Table()
    for number in range(10):
        request = subscribe_request("Words: a", event="words", call_id=f"c{number}")
        await table.house.subscribe(request)
    await table.sent()
    table.words.failing = StoreUnavailable("away")
    table.say("a")
    assert await table.sent() == []
    held = {live.held_until - table.house.clock.now for live in table.house.service.engine.index}
    assert len(held) == 10
    assert all(LOAD_AGAIN <= seconds <= 2 * LOAD_AGAIN for seconds in held)


async def test_what_a_watcher_follows_is_capped() -> None:
    """RFC 6665 §6.3: over all of its subscriptions, and when a refresh asks for more."""
    table = Table(config=PresenceConfig(max_topics_per_watcher=3))
    tag = await table.subscribe("Words: a b")

    async def ask(words: str, cseq: int, to_tag: str | None = None) -> int:
        call = "sub1@192.0.2.9" if to_tag else words.replace(" ", "")
        lines = (f"Words: {words}",)
        request = subscribe_request(*lines, event="words", cseq=cseq, to_tag=to_tag, call_id=call)
        return (await table.house.subscribe(request)).status

    assert await ask("a c", 1) == 403
    assert await ask("a b c d", 2, tag) == 403
    assert await ask("a b c", 3, tag) == 200
    assert await ask("d", 1) == 403
    assert await ask("c d", 4, tag) == 200
    assert await ask("d", 1) == 200
    await settle()
    index = table.house.service.engine.index
    assert index.followed_by("sip:bob@example.com") == 3
    for live in tuple(index):
        index.remove(live.id)
    assert index.followed_by("sip:bob@example.com") == 0
