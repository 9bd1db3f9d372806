"""A committed change of rules acts on subscriptions that are there (RFC 5025 §3.2.1, AUT-05)."""

import asyncio
import time

import pytest

from presence.config import PresenceConfig
from presence.policy.policy import Policies
from presence.policy.reauthorize_service import BATCH
from sip.authenticator import Identity
from sip.uri import AoR
from store.errors import StoreUnavailable
from store.values import Change, Kind, Resource
from tests.presence.fakes import (
    ALICE,
    AS_BOB,
    BOB,
    FakeStore,
    House,
    Sent,
    pidf,
    settle,
    subscribe_request,
)
from tests.presence.rule_shelf import RuleShelf, external_list, one, rule, ruleset

PERSON = '<dm:person id="p1"><dm:note>busy</dm:note></dm:person>'
SERVICES = "<pr:provide-services><pr:all-services/></pr:provide-services>"
CONFIG = PresenceConfig(domains=frozenset({"example.com"}), sweep_interval=0.001)


class Ruled:
    """A House whose watchers are judged by the rules of a shelf."""

    def __init__(self, *rules: str, policies: Policies | None = None, answering: bool = True):
        self.shelf = RuleShelf(policies=policies, watching=lambda: self.house.service.policy)
        self.shelf.put(ruleset(*rules))
        self.house = House(
            authorize=self.shelf.rules.authorize,
            store=FakeStore(),
            interval=5.0,
            config=CONFIG,
            answering=answering,
        )

    async def change(self, *rules: str) -> list[Sent]:
        """Have these rules from now on; the NOTIFYs that follow."""
        self.shelf.change(ruleset(*rules))
        await settle()
        return self.house.endpoint.take()


ALLOWED, BLOCKED = rule(one(BOB)), rule(one(BOB), "block")
PENDING, POLITE = rule(one(BOB), "confirm"), rule(one(BOB), "polite-block")


@pytest.mark.parametrize(
    ("before", "after", "state", "shown"),
    [
        pytest.param(PENDING, ALLOWED, "active;expires=3600", b"here", id="approved"),
        pytest.param(PENDING, POLITE, "active;expires=3600", b"closed", id="approved-politely"),
        pytest.param(ALLOWED, PENDING, "pending;expires=3600", b"", id="suspended"),
        pytest.param(ALLOWED, BLOCKED, "terminated;reason=rejected", b"", id="rejected"),
        pytest.param(PENDING, BLOCKED, "terminated;reason=rejected", b"", id="denied"),
        pytest.param(POLITE, BLOCKED, "terminated;reason=rejected", b"", id="no-more-politely"),
        pytest.param(ALLOWED, POLITE, "active;expires=3600", b"closed", id="now-politely"),
        pytest.param(POLITE, ALLOWED, "active;expires=3600", b"here", id="no-more-blocked"),
    ],
)
async def test_a_change_is_told(before: str, after: str, state: str, shown: bytes) -> None:
    """RFC 5025 §3.2.1; no reason in pending, no state but in active."""
    ruled = Ruled(before)
    await ruled.house.published(pidf())
    await ruled.house.watching()
    (notify,) = await ruled.change(after)
    assert notify.state == state
    assert shown in notify.body
    assert bool(notify.body) is bool(shown)


async def test_changed_permissions_are_told_at_once() -> None:
    """RFC 5025 §4: what is shown obeys the rules that hold, in the middle of a throttle too."""
    ruled = Ruled(rule(one(BOB)))
    tag = await ruled.house.published(pidf("1", more=PERSON))
    await ruled.house.watching()
    await ruled.house.published(pidf("2", more=PERSON), tag)
    assert len(ruled.house.endpoint.take()) == 1
    (notify,) = await ruled.change(rule(one(BOB), provide=SERVICES))
    assert notify.state == "active;expires=3600"
    assert (b"busy" in notify.body, b"open" in notify.body) == (False, True)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param((ALLOWED, rule(one(AoR("sip:carol@example.com")), "block")), id="others"),
        pytest.param((rule(""),), id="the-same-in-other-words"),
        pytest.param((ALLOWED,), id="the-same"),
    ],
)
async def test_what_makes_no_difference_is_not_told(after: tuple[str, ...]) -> None:
    ruled = Ruled(ALLOWED)
    await ruled.house.published(pidf())
    await ruled.house.watching()
    assert await ruled.change(*after) == []


async def test_permissions_that_hide_nothing_there_is_are_not_told() -> None:
    """A new view with the same octets."""
    ruled = Ruled(ALLOWED)
    await ruled.house.published(pidf().replace(b"<note>here</note>", b""))
    await ruled.house.watching()
    assert await ruled.change(rule(one(BOB), provide=SERVICES)) == []


async def test_rules_of_others_are_not_read() -> None:
    """AUT-05: one read for the change, and none where nobody watches."""
    ruled = Ruled(ALLOWED)
    await ruled.house.watching()
    ruled.shelf.reads.clear()
    ruled.shelf.rules.on_change(ruled.shelf.put(ruleset(), owner=BOB))
    ruled.shelf.change(ruleset(PENDING))
    await settle()
    assert ruled.shelf.reads == [f"pres-rules {ALICE}"]


async def test_a_list_approves() -> None:
    """AUT-07: one entry more on a list that rules refer to."""
    ruled = Ruled(rule(external_list("friends")), rule("<ocp:other-identity/>", "confirm"))
    await ruled.house.watching()
    ruled.shelf.lists["friends"] = ruled.shelf.members_of(BOB)
    ruled.shelf.rules.on_change(Change(Kind.DOCUMENT, f"resource-lists {ALICE} index", 2))
    await settle()
    (notify,) = ruled.house.endpoint.take()
    assert notify.state == "active;expires=3600"


async def test_lost_news_are_made_good() -> None:
    """Rules that changed while the feed was away hold once it is back."""
    ruled = Ruled(ALLOWED)
    await ruled.house.watching()
    ruled.shelf.put(ruleset(BLOCKED))
    ruled.shelf.rules.on_change(Change(Kind.RESYNC, "", 0))
    await settle()
    (notify,) = ruled.house.endpoint.take()
    assert notify.state == "terminated;reason=rejected"


async def test_a_store_that_is_away_delays_a_change() -> None:
    ruled = Ruled(ALLOWED)
    await ruled.house.watching()
    ruled.shelf.failing = StoreUnavailable("away")
    assert await ruled.change(BLOCKED) == []
    ruled.shelf.failing = None
    (notify,) = await ruled.house.endpoint.next()
    assert notify.state == "terminated;reason=rejected"


async def test_who_is_blocked_hears_nothing_while_the_store_is_away() -> None:
    """RFC 5025 §4: the subscription cannot be ended yet, and shows nothing any more."""
    ruled = Ruled(ALLOWED)
    await ruled.house.published(pidf())
    await ruled.house.watching()
    ruled.house.store.failing = StoreUnavailable("away")
    assert await ruled.change(BLOCKED) == []
    resource = Resource(ALICE, "presence")
    watched = ruled.house.service.engine.index.resource(resource)
    assert watched is not None
    ruled.house.service.engine.published(resource, watched.published_version + 1, ())
    assert ruled.house.endpoint.take() == []
    ruled.house.store.failing = None
    (notify,) = await ruled.house.endpoint.next()
    assert notify.state == "terminated;reason=rejected"


async def test_rules_of_the_adopted_are_read_together() -> None:
    """EVT-15: a process that comes back asks for many rules at a time, and for each once."""
    ruled = Ruled(ALLOWED)
    owners = [AoR(f"sip:owner{number}@example.com") for number in range(3)]
    for number, owner in enumerate(owners * 2):
        ruled.shelf.put(ruleset(rule("")), owner=owner)
        request = subscribe_request(uri=owner, call_id=f"c{number}", from_tag=f"w{number}")
        assert (await ruled.house.subscribe(request)).status == 200
    again = Ruled(ALLOWED)
    again.shelf.documents = ruled.shelf.documents
    again.house.store.rows = ruled.house.store.rows
    again.house.store.orphans = list(again.house.store.rows)
    again.shelf.gate.clear()
    await again.house.service.start()
    await settle()
    assert sorted(again.shelf.reads) == [f"pres-rules {owner}" for owner in owners]
    again.shelf.gate.set()
    await settle(30)
    assert len(again.house.service.engine.index) == 6
    await again.house.service.stop()


async def begun(ruled: Ruled, *lines: str, **more: object) -> asyncio.Task[int]:
    """A SUBSCRIBE whose write the store holds back."""
    ruled.house.store.gate = asyncio.Event()

    async def subscribe() -> int:
        return (await ruled.house.subscribe(subscribe_request(*lines, **more))).status  # type: ignore[arg-type]

    task = asyncio.ensure_future(subscribe())
    await settle()
    return task


async def let_go(ruled: Ruled) -> None:
    assert ruled.house.store.gate is not None
    ruled.house.store.gate.set()
    await settle(20)


@pytest.mark.parametrize(
    ("before", "after", "state"),
    [
        pytest.param(ALLOWED, BLOCKED, "terminated;reason=rejected", id="blocked"),
        pytest.param(ALLOWED, PENDING, "pending;expires=3600", id="suspended"),
        pytest.param(PENDING, ALLOWED, "active;expires=3600", id="approved"),
    ],
)
async def test_a_change_while_a_subscription_is_written_is_the_last_word(
    before: str, after: str, state: str
) -> None:
    """The newest decision, whichever of commit and change is heard first."""
    ruled = Ruled(before)
    task = await begun(ruled)
    assert await ruled.change(after) == []
    await let_go(ruled)
    assert task.result() == 200
    assert [sent.state for sent in ruled.house.endpoint.take()][-1] == state
    assert bool(ruled.house.store.rows) is (after is not BLOCKED)


@pytest.mark.parametrize(
    ("before", "after", "state"),
    [
        pytest.param(ALLOWED, BLOCKED, "terminated;reason=rejected", id="blocked"),
        pytest.param(ALLOWED, PENDING, "pending;expires=3600", id="suspended"),
        pytest.param(ALLOWED, POLITE, "active;expires=3600", id="politely"),
        pytest.param(PENDING, ALLOWED, "active;expires=3600", id="approved"),
    ],
)
async def test_a_change_while_a_refresh_is_written_is_the_last_word(
    before: str, after: str, state: str
) -> None:
    ruled = Ruled(before)
    await ruled.house.published(pidf())
    tag = await ruled.house.watching()
    task = await begun(ruled, cseq=2, to_tag=tag, from_tag="w1")
    await ruled.change(after)
    await let_go(ruled)
    assert task.done()
    sent = ruled.house.endpoint.take()
    live = ruled.house.service.engine.index.get(tag)
    if after is BLOCKED:
        assert live is None
        assert sent[-1].state == state
        return
    assert live is not None
    assert live.usage.state.value == state.partition(";")[0]
    if sent:
        assert sent[-1].state == state
        assert (b"here" in sent[-1].body) is (after is ALLOWED)


async def test_a_change_while_rules_are_read_is_the_last_word() -> None:
    """Read before the change and answered after it."""
    ruled = Ruled(ALLOWED)
    ruled.shelf.gate.clear()
    task = asyncio.ensure_future(ruled.house.subscribe(subscribe_request()))
    await settle()
    ruled.shelf.change(ruleset(BLOCKED))
    ruled.shelf.gate.set()
    with_status = await task
    assert with_status.status == 403
    assert not ruled.house.store.rows


async def test_very_many_watchers_stall_nobody() -> None:
    """The loop turns between batches, and who comes meanwhile is served."""
    ruled = Ruled(rule(""))
    watchers = [
        Identity(AoR(f"sip:u{number}@example.com"), "digest") for number in range(10 * BATCH)
    ]
    for number, watcher in enumerate(watchers):
        request = subscribe_request(call_id=f"c{number}@192.0.2.9", from_tag=f"w{number}")
        assert (await ruled.house.subscribe(request, watcher)).status == 200
    ruled.house.endpoint.take()
    ruled.shelf.change(ruleset(rule("", "confirm")))
    longest, told = 0.0, 0
    while told < len(watchers):
        begun_at = time.process_time()
        await asyncio.sleep(0)
        longest = max(longest, time.process_time() - begun_at)
        told += len(ruled.house.endpoint.take())
    assert told == len(watchers)
    assert longest < 0.5


async def test_a_silent_block_leaves_a_watcher_pending() -> None:
    """AUT-04: a new SUBSCRIBE is 200 and pending, one that was active goes back to it."""
    ruled = Ruled(ALLOWED, policies=Policies(silent_block=True))
    await ruled.house.watching()
    (suspended,) = await ruled.change(BLOCKED)
    assert (suspended.state, suspended.body) == ("pending;expires=3600", b"")
    answer = await ruled.house.subscribe(subscribe_request(call_id="two@192.0.2.9"))
    (notify,) = ruled.house.endpoint.take()
    assert (answer.status, notify.state, notify.body) == (200, "pending;expires=3600", b"")


async def test_a_block_is_403() -> None:
    """RFC 5025 §3.2.1: of a new SUBSCRIBE, and nothing is kept of it."""
    ruled = Ruled(BLOCKED)
    answer = await ruled.house.subscribe(subscribe_request(), AS_BOB)
    assert (answer.status, ruled.house.store.rows) == (403, {})
