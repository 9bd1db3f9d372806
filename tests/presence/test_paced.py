"""RFC 6446 §4 to §8: NOTIFYs by the rates that a watcher asked for, over a fake clock."""

import pytest

from presence.policy.policy import CONFIRM, Decision, SubHandling
from sip.authenticator import Identity
from sip.uri import AoR
from tests.presence.fakes import ALICE, House, pidf, subscribe_request

STEP = 0.1
"""Seconds; timers fire late by up to half of it."""


class Paced:
    """A presentity that publishes, one watcher with rates, and a clock."""

    def __init__(self, event: str, house: House) -> None:
        self.event = event
        self.house = house
        self._start = house.clock.now
        self.publication: str | None = None
        self.tag = ""
        self._cseq = 1

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return self.house.clock.now - self._start

    async def publish(self, note: str) -> None:
        self.publication = await self.house.published(pidf(note), self.publication)

    async def subscribe(self, *more: str, event: str | None = None, expires: int = 3600) -> int:
        """A SUBSCRIBE, within the dialog when there is one; its status."""
        request = subscribe_request(
            f"Expires: {expires}",
            *more,
            event=event or self.event,
            cseq=self._cseq,
            to_tag=self.tag or None,
        )
        tx = await self.house.subscribe(request)
        self._cseq += 1
        self.tag = self.tag or tx.to_tag or ""
        return tx.status

    def sent(self) -> list[str]:
        """The notes of the NOTIFYs since the last time, "" for one without a body."""
        return [
            sent.body.partition(b"<note>")[2].partition(b"<")[0].decode()
            for sent in self.house.endpoint.take()
        ]

    def states(self) -> list[str]:
        return [sent.state for sent in self.house.endpoint.take()]

    def tick(self, seconds: float) -> list[str]:
        """Let time pass in steps of the timers'; "12:note" for each NOTIFY, in whole seconds."""
        seen = []
        for _ in range(round(seconds / STEP)):
            self.house.clock.now += STEP
            self.house.service._alarm._ring()
            seen += [f"{self.now:.0f}:{note}" for note in self.sent()]
        return seen


async def paced(event: str, *, interval: float = 0.0, expires: int = 3600) -> Paced:
    table = Paced(event, House(interval=interval))
    await table.publish("0")
    assert await table.subscribe(expires=expires) == 200
    return table


async def test_chosen_rates_are_told_in_every_notify() -> None:
    """§4.2, §5.2."""
    table = await paced("presence;max-rate=0.5;min-rate=0.05;adaptive-min-rate=0.1")
    chosen = "active;expires=3600;max-rate=0.5;min-rate=0.05;adaptive-min-rate=0.1"
    assert table.states() == [chosen]
    table.house.clock.now += 5
    await table.publish("1")
    assert table.states() == [chosen.replace("3600", "3595")]


async def test_nobody_else_is_told_of_rates() -> None:
    table = await paced("presence")
    assert table.states() == ["active;expires=3600"]


@pytest.mark.parametrize(
    ("event", "interval", "expires", "told"),
    [
        ("presence;max-rate=0.00001", 0.0, 100, ";max-rate=0.01"),
        ("presence;max-rate=1", 5.0, 3600, ";max-rate=0.2"),
        ("presence;max-rate=0.1;min-rate=2", 0.0, 3600, ";max-rate=0.1;min-rate=0.1"),
        ("presence;min-rate=2;adaptive-min-rate=1", 0.0, 3600, ";adaptive-min-rate=1"),
    ],
)
async def test_adjusted_rates_are_told(
    event: str, interval: float, expires: int, told: str
) -> None:
    """§5.3, §6.3, §8."""
    table = await paced(event, interval=interval, expires=expires)
    assert table.states() == [f"active;expires={expires}{told}"]


async def test_a_rate_that_is_none_is_refused() -> None:
    house = House()
    tx = await house.subscribe(subscribe_request(event="presence;max-rate=0"))
    assert tx.status == 400


async def test_changes_merge_until_the_maximum_rate_lets_them_through() -> None:
    """§5.2, §5.5.2: and the newest state is told then."""
    table = await paced("presence;max-rate=0.1")
    assert table.sent() == ["0"]
    await table.publish("1")
    assert table.tick(5) == []
    await table.publish("2")
    assert table.tick(20) == ["10:2"]
    await table.publish("3")
    assert table.sent() == ["3"]


async def test_what_was_undone_before_it_could_be_told_is_not_told() -> None:
    """PRS-09: merged changes that leave what the watcher has are none."""
    table = await paced("presence;max-rate=0.1")
    table.sent()
    await table.publish("1")
    await table.publish("0")
    assert table.tick(11) == []


async def test_a_merged_change_back_to_the_known_state_is_not_told() -> None:
    """RFC 5839 §6.2: the condition of the SUBSCRIBE still holds when its turn comes."""
    table = await paced("presence;max-rate=0.1")
    etag = table.house.endpoint.take()[0].request.get("sip-etag")
    assert await table.subscribe(f"Suppress-If-Match: {etag}") == 204
    await table.publish("1")
    await table.publish("0")
    assert table.tick(11) == []
    await table.publish("2")
    assert table.sent() == ["2"]


async def test_the_package_interval_holds_beside_a_faster_rate() -> None:
    """PRS-10."""
    table = await paced("presence;max-rate=50", interval=5.0)
    table.sent()
    table.tick(5.2)
    await table.publish("1")
    await table.publish("2")
    assert table.sent() == ["1"]
    assert table.tick(10) == ["10:2"]


async def test_a_subscribe_and_the_end_are_told_in_spite_of_the_maximum_rate() -> None:
    """§5.2."""
    table = await paced("presence;max-rate=0.01")
    await table.publish("1")
    assert table.sent() == ["0"]
    assert await table.subscribe() == 200
    assert table.sent() == ["1"]
    await table.publish("2")
    assert table.sent() == []
    assert await table.subscribe(expires=0) == 200
    assert table.sent() == ["2"]


async def test_approval_is_told_in_spite_of_the_maximum_rate() -> None:
    """§5.2: from pending to active."""
    decision = [CONFIRM]

    async def authorize(presentity: AoR, watcher: Identity, package: str) -> Decision:
        return decision[0]

    table = Paced("presence;max-rate=0.01", House(authorize=authorize))
    await table.publish("0")
    await table.subscribe()
    assert table.sent() == [""]
    decision[0] = Decision(SubHandling.ALLOW)
    await table.house.service.reauthorize(AoR(ALICE))
    assert table.sent() == ["0"]


async def test_a_pause_lasts_to_the_end() -> None:
    """§5.3: with one NOTIFY in the remaining time there is none before the last."""
    table = await paced("presence;max-rate=0.0000000001", expires=60)
    table.sent()
    await table.publish("1")
    assert table.tick(58) == []


async def test_a_refresh_changes_or_drops_rates() -> None:
    """§4.1, §5.1."""
    table = await paced("presence;max-rate=0.01")
    await table.subscribe(event="presence;max-rate=0.1")
    assert table.states()[-1] == "active;expires=3600;max-rate=0.1"
    await table.publish("1")
    assert table.tick(10.2) == ["10:1"]
    await table.subscribe(event="presence")
    assert table.states() == ["active;expires=3600"]
    await table.publish("2")
    await table.publish("3")
    assert table.sent() == ["2", "3"]


async def test_the_minimum_rate_tells_the_same_again() -> None:
    """§6.2: full state, since the last NOTIFY of any kind."""
    table = await paced("presence;min-rate=0.1")
    assert table.sent() == ["0"]
    assert table.tick(15) == ["10:0"]
    await table.publish("1")
    assert table.sent() == ["1"]
    assert table.tick(21) == ["25:1", "35:1"]


async def test_the_adaptive_rate_slows_down_after_changes() -> None:
    """§7.4."""
    table = await paced("presence;adaptive-min-rate=0.1")
    assert table.sent() == ["0"]
    for note in range(1, 6):
        await table.publish(str(note))
    table.sent()
    quiet = table.tick(14)
    assert quiet == []
    assert len(table.tick(6)) == 1


async def test_nothing_is_told_again_once_it_is_over() -> None:
    table = await paced("presence;min-rate=0.5")
    table.sent()
    await table.subscribe(expires=0)
    table.sent()
    assert table.tick(30) == []


async def test_nothing_is_told_again_to_who_is_pending() -> None:
    async def authorize(presentity: AoR, watcher: Identity, package: str) -> Decision:
        return CONFIRM

    table = Paced("presence;min-rate=0.5", House(authorize=authorize))
    await table.subscribe()
    assert table.sent() == [""]
    assert table.tick(30) == []


async def test_the_repetition_to_who_knows_has_no_body() -> None:
    """§6.2, RFC 5839 §6.2: the body is suppressed while the condition holds."""
    table = await paced("presence;min-rate=0.1")
    etag = table.house.endpoint.take()[0].request.get("sip-etag")
    assert await table.subscribe(f"Suppress-If-Match: {etag}") == 204
    assert table.tick(10.2) == ["10:"]
    await table.publish("1")
    assert table.sent() == ["1"]


async def test_who_wants_nothing_is_told_nothing_again() -> None:
    """RFC 5839 §6.2: Suppress-If-Match: * goes before the minimum rate."""
    table = await paced("presence;min-rate=0.1")
    table.sent()
    assert await table.subscribe("Suppress-If-Match: *") == 204
    assert table.tick(30) == []


@pytest.mark.parametrize(
    ("event", "told"),
    [
        pytest.param("presence;max-rate=0.25", ";max-rate=0.25", id="changed"),
        pytest.param("presence;min-rate=0.1", ";min-rate=0.1", id="another"),
        pytest.param("presence", "", id="dropped"),
        pytest.param("dialog;max-rate=0.25", ";max-rate=0.5", id="another-package"),
        pytest.param("presence;max-rate=fast", ";max-rate=0.5", id="no-rate"),
        pytest.param("presence;max-rate=0.0001", ";max-rate=0.0002777778", id="adjusted"),
    ],
)
async def test_the_answer_to_a_notify_may_change_the_rates(event: str, told: str) -> None:
    """§4.1, §9.3."""
    table = Paced("presence;max-rate=0.5", House(answering=False))
    await table.subscribe()
    (first,) = table.house.endpoint.take()
    assert first.state == "active;expires=3600;max-rate=0.5"
    first.answer(200, [("Event", event)])
    (live,) = table.house.service.engine.index
    assert live.terms is not None
    assert live.terms.parameters == told


async def test_changes_are_told_by_the_rates_of_the_answer() -> None:
    """§4.1: and so is the next Subscription-State."""
    table = Paced("presence;max-rate=0.05", House(answering=False))
    await table.subscribe()
    (first,) = table.house.endpoint.take()
    table.house.endpoint.answering = True
    first.answer(200, [("Event", "presence;max-rate=0.2")])
    await table.publish("1")
    table.house.clock.now += 5.1
    table.house.service._alarm._ring()
    assert table.states() == ["active;expires=3594;max-rate=0.2"]


async def test_who_asked_for_no_rate_gets_none_by_an_answer() -> None:
    """§4.1: it must not ask then."""
    table = Paced("presence", House(answering=False))
    await table.subscribe()
    table.house.endpoint.take()[0].answer(200, [("Event", "presence;max-rate=0.2")])
    (live,) = table.house.service.engine.index
    assert live.terms is None


async def test_a_watcher_that_is_gone_leaves_no_timer() -> None:
    table = await paced("presence;min-rate=0.1")
    table.sent()
    table.house.endpoint.answering = False
    await table.publish("1")
    table.house.endpoint.take()[0].answer(481)
    assert table.tick(30) == []
    assert len(table.house.service.engine.index) == 0
