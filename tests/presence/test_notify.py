"""RFC 6665 §4.2.2 and RFC 3856 §6.10: when NOTIFYs go out, and what their answers mean."""

import pytest

from presence.config import PresenceConfig
from presence.live import CSEQ_BLOCK
from presence.policy.policy import ALLOW, BLOCK, CONFIRM, Decision, SubHandling
from presence.ports import Hop
from sip.authenticator import Identity
from sip.uri import AoR
from tests.presence.fakes import (
    ALICE,
    NOON,
    FakeFlow,
    House,
    pidf,
    settle,
    subscribe_request,
)


async def test_change_is_told_to_every_watcher() -> None:
    house = House()
    for n in range(3):
        await house.watching(n=n)
    await house.published(pidf())
    assert [notify.body for notify in house.endpoint.take()] == [pidf()] * 3
    assert house.service.stats.notify_sent == 6


async def test_delay_from_publish_to_notify_is_observed() -> None:
    """OPS-01: once for each NOTIFY that tells a change, the wait of a throttle included."""
    house = House(interval=5.0)
    await house.watching()
    tag = await house.published(pidf("1"))
    await house.published(pidf("2"), tag)
    house.endpoint.take()
    delay = house.service.stats.notify_delay
    assert (sum(delay.counts), delay.total) == (1, 0.0)
    house.clock.now += 5.5
    house.service._alarm._ring()
    assert [notify.body for notify in house.endpoint.take()] == [pidf("2")]
    assert (sum(delay.counts), delay.total) == (2, 5.5)


async def test_one_notify_is_in_flight_and_changes_merge() -> None:
    """RFC 3261 §12.2.1.1, EVT-08: CSeq rises by one, the newest state is told."""
    house = House(answering=False)
    tx = await house.subscribe(subscribe_request())
    (first,) = house.endpoint.take()
    tag = await house.published(pidf("1"))
    tag = await house.published(pidf("2"), tag)
    await house.published(pidf("3"), tag)
    assert house.endpoint.take() == []
    first.answer()
    (second,) = house.endpoint.take()
    assert (first.cseq, second.cseq, second.body) == (1, 2, pidf("3"))
    second.answer()
    assert house.endpoint.take() == []
    assert tx.status == 200


async def test_identical_state_is_not_repeated() -> None:
    """PRS-09."""
    house = House()
    await house.watching()
    tag = await house.published(pidf())
    house.endpoint.take()
    await house.published(pidf(), tag)
    assert house.endpoint.take() == []
    assert house.service.stats.suppressed == 1


async def test_first_change_at_once_then_after_the_interval() -> None:
    """RFC 3856 §6.10, PRS-10: later changes merge and go out when the interval is over."""
    house = House(interval=5.0)
    await house.watching()
    tag = await house.published(pidf("1"))
    assert [notify.body for notify in house.endpoint.take()] == [pidf("1")]
    tag = await house.published(pidf("2"), tag)
    await house.published(pidf("3"), tag)
    assert house.endpoint.take() == []
    house.clock.now = NOON + 5.1
    house.service._alarm._ring()
    assert [notify.body for notify in house.endpoint.take()] == [pidf("3")]


async def test_refresh_does_not_wait_for_the_interval() -> None:
    """RFC 6665 §4.2.1.2."""
    house = House(interval=5.0)
    tag = await house.watching()
    etag = await house.published(pidf("1"))
    await house.published(pidf("2"), etag)
    house.endpoint.take()
    await house.subscribe(subscribe_request(cseq=2, to_tag=tag))
    assert [notify.body for notify in house.endpoint.take()] == [pidf("2")]


@pytest.mark.parametrize(
    "status", [404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604]
)
async def test_answer_that_removes_the_subscription(status: int) -> None:
    """RFC 6665 §4.2.2, EVT-07."""
    house = House(answering=False)
    await house.subscribe(subscribe_request())
    house.endpoint.take()[0].answer(status)
    await settle()
    assert house.store.rows == {}
    assert len(house.service.engine.index) == 0
    await house.published(pidf())
    assert house.endpoint.take() == []


async def test_timer_f_removes_the_subscription() -> None:
    """RFC 6665 §4.2.2."""
    house = House(answering=False)
    await house.subscribe(subscribe_request())
    house.endpoint.take()[0].time_out()
    await settle()
    assert house.store.rows == {}


@pytest.mark.parametrize("status", [400, 401, 403, 407, 408, 486, 500, 503, 600])
async def test_answer_that_keeps_the_subscription(status: int) -> None:
    """RFC 6665 §4.2.2: the next change is told, though the last body was the same."""
    house = House(answering=False)
    await house.published(pidf())
    await house.subscribe(subscribe_request())
    house.endpoint.take()[0].answer(status)
    await settle()
    assert len(house.store.rows) == 1
    assert house.endpoint.take() == []
    await house.published(pidf("away", tuple_id="t2"))
    assert len(house.endpoint.take()) == 1


async def test_retry_after_delays_the_next_notify() -> None:
    """RFC 3261 §21.5.4, EVT-07: then the newest state is told, changed or not."""
    house = House(answering=False)
    await house.subscribe(subscribe_request())
    house.endpoint.take()[0].answer(503, [("Retry-After", "30 (busy)")])
    await house.published(pidf())
    assert house.endpoint.take() == []
    house.clock.now += 30.1
    house.service._alarm._ring()
    assert [notify.body for notify in house.endpoint.take()] == [pidf()]


async def test_final_notify_waits_for_the_one_in_flight() -> None:
    """EVT-08."""
    house = House(answering=False)
    tx = await house.subscribe(subscribe_request())
    (first,) = house.endpoint.take()
    await house.subscribe(subscribe_request("Expires: 0", cseq=2, to_tag=tx.to_tag))
    assert house.endpoint.take() == []
    first.answer()
    (last,) = house.endpoint.take()
    assert (last.state, last.cseq) == ("terminated;reason=timeout", 2)
    last.answer(481)
    await settle()
    assert house.endpoint.take() == []


async def test_dead_connection_is_looked_for_again() -> None:
    house = House(answering=False)
    await house.subscribe(subscribe_request())
    house.endpoint.take()[0].done(503, None)
    house.endpoint.flow = other = FakeFlow()
    await house.published(pidf())
    assert house.endpoint.take()[0].flow is other


async def test_next_hop_that_takes_waiting() -> None:
    """RFC 3263: one look-up, however many changes come meanwhile."""
    house = House()
    house.endpoint.flow = None
    await house.subscribe(subscribe_request(contact="<sip:bob@phone.example.net>"))
    await house.published(pidf())
    assert house.endpoint.take() == []
    await settle()
    (notify,) = house.endpoint.take()
    assert (notify.flow, notify.body) == (house.endpoint.slow_flow, pidf())
    assert house.endpoint.asked == [("sip:bob@phone.example.net", 0)]


async def test_next_hop_that_cannot_be_found_keeps_the_subscription() -> None:
    house = House()
    house.endpoint.flow = house.endpoint.slow_flow = None
    await house.subscribe(subscribe_request())
    await settle()
    assert house.service.stats.notify_failed == {503: 1}
    assert len(house.store.rows) == 1


async def test_large_notify_asks_for_another_transport() -> None:
    """RFC 3261 §18.1.1."""
    house = House()
    await house.watching()
    await house.published(pidf("x" * 1300))
    assert house.endpoint.take() == []
    await settle()
    (notify,) = house.endpoint.take()
    assert notify.flow is house.endpoint.slow_flow
    assert notify.request.via.transport == "TCP"
    assert house.endpoint.asked[0][1] > 1300


async def test_large_notify_goes_by_udp_when_nothing_else_does() -> None:
    """RFC 3261 §18.1.1."""
    house = House()
    await house.watching()
    house.endpoint.slow_flow = None
    await house.published(pidf("x" * 1300))
    await settle()
    assert house.endpoint.take()[0].flow is house.endpoint.flow


async def test_contact_that_is_a_gruu_of_ours_is_looked_up() -> None:
    """RFC 5627 §5.1: the NOTIFY goes to the binding that the GRUU names."""
    asked: list[str] = []
    flow = FakeFlow("WS")

    async def resolve(target: str) -> Hop | None:
        asked.append(target)
        return Hop("sip:bob@10.0.0.1:5070", flow)

    house = House(resolve_target=resolve)
    await house.subscribe(subscribe_request(contact="<sip:bob@example.com;gr=urn:uuid:1>"))
    await settle()
    (notify,) = house.endpoint.take()
    assert asked == ["sip:bob@example.com;gr=urn:uuid:1"]
    assert (notify.request.uri_text, notify.flow) == ("sip:bob@10.0.0.1:5070", flow)


async def test_cseq_block_is_raised_before_it_is_used_up() -> None:
    """EVT-08: what the store has reserved is always ahead."""
    house = House()
    tag = await house.watching()
    live = house.service.engine.index.get(tag)
    assert live is not None
    live.cseq = CSEQ_BLOCK // 2
    await house.published(pidf())
    assert live.ceiling == 2 * CSEQ_BLOCK
    await house.service.sweep()
    assert house.store.touched[tag] == (1, 2 * CSEQ_BLOCK)


async def test_told_version_is_written_after_the_answer() -> None:
    """EVT-15: never before the watcher has it."""
    house = House(answering=False, config=PresenceConfig(told_interval=0.0))
    await house.published(pidf())
    tx = await house.subscribe(subscribe_request())
    await house.service.sweep()
    assert house.store.touched == {}
    house.endpoint.take()[0].answer()
    await house.service.sweep()
    assert house.store.touched == {tx.to_tag: (1, CSEQ_BLOCK)}


class Rules:
    """A policy that can be changed."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision

    async def __call__(self, presentity: AoR, watcher: Identity, package: str) -> Decision:
        return self.decision


@pytest.mark.parametrize(
    ("before", "after", "state", "body"),
    [
        pytest.param(CONFIRM, ALLOW, "active;expires=3600", pidf(), id="approved"),
        pytest.param(ALLOW, CONFIRM, "pending;expires=3600", b"", id="suspended"),
        pytest.param(ALLOW, BLOCK, "terminated;reason=rejected", b"", id="rejected"),
        pytest.param(CONFIRM, BLOCK, "terminated;reason=rejected", b"", id="denied"),
    ],
)
async def test_change_of_rules_takes_effect(
    before: Decision, after: Decision, state: str, body: bytes
) -> None:
    """RFC 5025 §4, RFC 6665 §4.2.2."""
    rules = Rules(before)
    house = House(authorize=rules)
    await house.published(pidf())
    await house.watching()
    rules.decision = after
    await house.service.reauthorize(ALICE)
    (notify,) = house.endpoint.take()
    assert (notify.state, notify.body) == (state, body)
    assert bool(house.store.rows) is (after is not BLOCK)


async def test_politely_blocked_watcher_sees_somebody_offline() -> None:
    """RFC 5025 §3.2.1: active, and the neutral document whatever is published."""
    house = House(authorize=Rules(Decision(SubHandling.POLITE_BLOCK)))
    await house.published(pidf())
    await house.subscribe(subscribe_request())
    (notify,) = house.endpoint.take()
    assert notify.state == "active;expires=3600"
    assert b"<basic>closed</basic>" in notify.body
    await house.published(pidf("2", tuple_id="t2"))
    assert house.endpoint.take() == []


async def test_refresh_of_a_watcher_blocked_since_is_refused() -> None:
    """RFC 6665 §4.2.1.4: still authorized, or it is over."""
    rules = Rules(ALLOW)
    house = House(authorize=rules)
    tag = await house.watching()
    rules.decision = BLOCK
    tx = await house.subscribe(subscribe_request(cseq=2, to_tag=tag))
    assert tx.status == 403
    assert [notify.state for notify in house.endpoint.take()] == ["terminated;reason=rejected"]


@pytest.mark.parametrize("status", [500, 503, 603])
async def test_a_watcher_that_could_not_take_a_notify_is_told_again_later(status: int) -> None:
    """RFC 6665 §4.2.2: it has missed the state, and there may be no further change."""
    house = House(answering=False)
    await house.published(pidf())
    await house.subscribe(subscribe_request())
    house.endpoint.take()[0].answer(status)
    house.clock.now += 30.1
    house.service._alarm._ring()
    assert [notify.body for notify in house.endpoint.take()] == [pidf()]


async def test_a_watcher_that_was_told_meanwhile_is_not_told_again() -> None:
    house = House(answering=False)
    await house.published(pidf())
    await house.subscribe(subscribe_request())
    house.endpoint.take()[0].answer(500)
    await house.published(pidf("away", tuple_id="t2"))
    house.endpoint.take()[0].answer()
    house.clock.now += 30.1
    house.service._alarm._ring()
    assert house.endpoint.take() == []
