"""sip.nat_keepalive: OPTIONS at an even pace while bindings live, and what silence means."""

from itertools import pairwise

from proxy.answers import Extensions
from proxy.changes import BindingsChange, Cause
from proxy.keepalive import LOST_AFTER, MAX_OPEN, Keepalives
from proxy.keepalive_service import KeepaliveService
from proxy.registrar_service import RegistrarService
from proxy.registration import Limits
from sip.authenticator import Identity
from sip.transport.flow import Flow
from tests.proxy.proxykit import (
    ALICE,
    EDGE,
    FakeFlow,
    FakeSender,
    FakeStore,
    FakeTransaction,
    request,
)

NAMES = [f"udp:{number}" for number in range(30)]


def test_clients_that_came_at_once_are_asked_evenly() -> None:
    keepalives = Keepalives(30.0)
    keepalives.keep(NAMES, 0.0)
    sent: list[list[str]] = []
    for second in range(90):
        due = keepalives.due(float(second), 1.0)
        sent.append(due)
        for name in due:
            keepalives.answered(name)
    assert all(len(due) <= 1 for due in sent)
    assert sorted(name for due in sent[30:60] for name in due) == sorted(NAMES)


def test_none_is_sent_before_the_interval_is_over() -> None:
    keepalives = Keepalives(30.0)
    keepalives.keep(NAMES[:1], 0.0)
    assert keepalives.due(29.0, 1.0) == []
    assert keepalives.due(30.0, 1.0) == NAMES[:1]


def test_no_second_one_while_the_first_is_open() -> None:
    keepalives = Keepalives(10.0)
    keepalives.keep(NAMES[:1], 0.0)
    assert keepalives.due(10.0, 1.0) == NAMES[:1]
    assert keepalives.due(20.0, 1.0) == []
    keepalives.answered(NAMES[0])
    assert keepalives.due(30.0, 1.0) == NAMES[:1]


def test_flow_that_is_not_kept_any_more_is_left_alone() -> None:
    keepalives = Keepalives(10.0)
    keepalives.keep(NAMES[:2], 0.0)
    keepalives.keep(NAMES[1:2], 5.0)
    assert keepalives.due(10.0, 10.0) == NAMES[1:2]


def test_flow_that_comes_back_does_not_keep_others_waiting() -> None:
    """A phone was gone for five seconds: the others are asked once an interval all the same."""
    keepalives = Keepalives(60.0)
    asked: dict[str, list[int]] = {name: [] for name in NAMES[:3]}
    for second in range(600):
        keepalives.keep(NAMES[:2] if 70 <= second < 75 else NAMES[:3], float(second))
        for name in keepalives.due(float(second), 1.0):
            keepalives.answered(name)
            asked[name].append(second)
    gaps = [after - before for name in NAMES[:2] for before, after in pairwise(asked[name])]
    assert len(gaps) == 16
    assert all(58 <= gap <= 62 for gap in gaps)


def test_flow_that_comes_back_starts_anew() -> None:
    """What its former life left unanswered does not count, nor is it kept for ever."""
    keepalives = Keepalives(10.0)
    keepalives.keep(NAMES[:1], 0.0)
    for now in (10.0, 20.0):
        assert keepalives.due(now, 1.0) == NAMES[:1]
        assert not keepalives.missed(NAMES[0])
    assert keepalives.due(30.0, 1.0) == NAMES[:1]
    keepalives.keep([], 31.0)
    assert not keepalives.missed(NAMES[0])
    keepalives.keep(NAMES[:1], 32.0)
    assert keepalives.due(42.0, 1.0) == NAMES[:1]
    assert not keepalives.missed(NAMES[0])


def test_open_ones_are_bounded() -> None:
    keepalives = Keepalives(1.0)
    keepalives.keep([f"udp:{number}" for number in range(2 * MAX_OPEN)], 0.0)
    assert len(keepalives.due(5.0, 1.0)) == MAX_OPEN
    assert keepalives.due(9.0, 1.0) == []


def test_flow_is_lost_after_several_in_a_row() -> None:
    keepalives = Keepalives(1.0)
    keepalives.keep(["udp:1"], 0.0)
    assert [keepalives.missed("udp:1") for _ in range(LOST_AFTER)] == [False] * (LOST_AFTER - 1) + [
        True
    ]


def test_an_answer_forgives_what_was_missed() -> None:
    keepalives = Keepalives(1.0)
    keepalives.keep(["udp:1"], 0.0)
    for _ in range(LOST_AFTER - 1):
        keepalives.missed("udp:1")
    keepalives.answered("udp:1")
    assert not keepalives.missed("udp:1")


class Sender(FakeSender):
    """An endpoint that knows one flow."""

    def __init__(self, flow: FakeFlow) -> None:
        super().__init__()
        self.flow = flow

    def flow_named(self, name: str) -> Flow | None:
        return self.flow if name == self.flow.name else None


class World:
    """A phone behind a NAT, and the OPTIONS it gets."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.flow = FakeFlow(remote=("203.0.113.5", 40000))
        self.sender = Sender(self.flow)
        self.heard: list[BindingsChange] = []
        self.registrar = RegistrarService(
            store=FakeStore(),
            limits=Limits(60, 7200, 5),
            is_ours={"example.com"}.__contains__,
            clock=lambda: self.now,
            edge=EDGE,
            extensions=Extensions(nat_keepalive=30),
        )
        self.registrar.subscribe(self.heard.append)
        self.service = KeepaliveService(
            registrar=self.registrar, endpoint=self.sender, interval=30, clock=lambda: self.now,
            token=lambda: "token",
        )  # fmt: skip

    async def register(self) -> None:
        message = request(
            "REGISTER", "sip:example.com", "Contact: <sip:alice@10.0.0.5:5070>;expires=600"
        )
        tx = FakeTransaction(message, self.flow)
        await self.registrar.register(tx, Identity(ALICE, "digest"))
        await self.service.step()

    async def step(self) -> None:
        self.now += 30
        await self.service.step()


async def test_client_behind_a_nat_is_asked_over_its_flow() -> None:
    world = World()
    await world.register()
    assert world.sender.sent == []
    await world.step()
    sent = world.sender.sent[0]
    assert (sent.method, sent.request.uri_text) == ("OPTIONS", "sip:alice@10.0.0.5:5070")
    assert sent.flow is world.flow
    assert sent.request.get("max-forwards") == "1"


async def test_any_answer_keeps_the_binding() -> None:
    world = World()
    await world.register()
    for _ in range(LOST_AFTER + 1):
        await world.step()
        world.sender.sent[-1].answer(405)
    await world.registrar.settle()
    assert len(world.heard) == 1


async def test_silence_several_times_over_ends_the_binding() -> None:
    """RFC 5626 §7: with one event."""
    world = World()
    await world.register()
    for _ in range(LOST_AFTER):
        assert len(world.heard) == 1
        await world.step()
        world.sender.sent[-1].on_timeout()
    await world.registrar.settle()
    assert [(change.cause, change.after) for change in world.heard[1:]] == [(Cause.FLOW_LOST, ())]


async def test_expired_binding_is_left_alone() -> None:
    world = World()
    await world.register()
    world.now += 700
    await world.step()
    await world.step()
    assert world.sender.sent == []
    assert len(world.registrar.flows) == 0
