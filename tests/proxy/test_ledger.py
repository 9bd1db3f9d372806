"""LOC-04: whoever applies the events of an AoR in order has what the store has."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.answers import Extensions
from proxy.changes import BindingsChange, Cause, likely_cause
from proxy.ledger import Ledger
from proxy.registrar import Decision
from proxy.registrar_service import RegistrarService
from proxy.registration import Limits
from sip.authenticator import Identity
from store.errors import StoreError
from store.operations import WriteBindings
from store.outcomes import BindingsOutcome
from store.values import Binding, BindingSet, Change, Kind
from tests.proxy.proxykit import (
    ALICE,
    EDGE,
    FakeFlow,
    FakeStore,
    FakeTransaction,
    binding,
    request,
)

CONTACTS = tuple(f"sip:alice@192.0.2.{number}:5070" for number in range(3))
HOUR = 3600.0


@dataclass
class Shaky(FakeStore):
    """A store that fails as often as it is told to, and knows of time."""

    now: float = 1000.0
    failures: int = 0
    sets: dict[str, BindingSet] = field(default_factory=dict)
    reads: int = 0
    writes: list[WriteBindings] = field(default_factory=list)

    async def bindings(self, aor: str) -> BindingSet:
        self._maybe_fail()
        found = await super().bindings(aor)
        alive = tuple(each for each in found.bindings if each.expires_at > self.now)
        return BindingSet(found.version, alive)

    async def write_bindings(self, op: WriteBindings) -> BindingsOutcome:
        self._maybe_fail()
        return await super().write_bindings(op)

    def sweep(self) -> list[str]:
        """Delete what expired, as any process may."""
        found = self.sets.get(ALICE, BindingSet(0, ()))
        left = tuple(each for each in found.bindings if each.expires_at > self.now)
        if left == found.bindings:
            return []
        self.sets[ALICE] = BindingSet(found.version + 1, left)
        return [ALICE]

    def _maybe_fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreError("down")


class Process:
    """A registrar of one worker over a shared store, and somebody who applies its events."""

    def __init__(self, store: Shaky) -> None:
        self.slept: list[float] = []
        self.store = store
        self.heard: list[BindingsChange] = []
        self.cseq = 0
        self.registrar = RegistrarService(
            store=store,
            limits=Limits(60, 7200, 10),
            is_ours={"example.com"}.__contains__,
            clock=lambda: store.now,
            edge=EDGE,
            extensions=Extensions(),
            sleep=self._sleep,
        )
        self.registrar.subscribe(self.heard.append)

    async def register(self, contact: str, expires: int, flow: FakeFlow, call_id: str) -> None:
        self.cseq += 1
        line = f"Contact: <{contact}>;expires={expires}"
        message = request(
            "REGISTER", "sip:example.com", line, cseq=self.cseq, call_id=call_id,
            via=f"SIP/2.0/{flow.transport} 192.0.2.10:5070;branch=z9hG4bK1",
        )  # fmt: skip
        await self.registrar.register(FakeTransaction(message, flow), Identity(ALICE, "digest"))

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def applied(self) -> tuple[Binding, ...]:
        """What the events come to."""
        return self.heard[-1].after if self.heard else ()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("register"), st.sampled_from(CONTACTS), st.integers(1, 3)),
        st.tuples(st.just("unregister"), st.sampled_from(CONTACTS), st.just(0)),
        st.tuples(st.just("connect"), st.sampled_from(CONTACTS), st.integers(1, 3)),
        st.tuples(st.sampled_from(["wait", "sweep", "lose", "remove", "resync"]),
                  st.just(""), st.just(0)),
    ),
    max_size=25,
)  # fmt: skip


HERE = [False] * 25


@example(
    steps=[
        ("register", CONTACTS[0], 1),
        ("register", CONTACTS[1], 3),
        ("wait", "", 0),
        ("remove", "", 0),
    ],
    places=HERE,
)
@example(
    steps=[
        ("connect", CONTACTS[0], 3),
        ("register", CONTACTS[1], 1),
        ("wait", "", 0),
        ("lose", "", 0),
        ("sweep", "", 0),
    ],
    places=HERE,
)
@example(
    steps=[
        ("register", CONTACTS[0], 1),
        ("register", CONTACTS[1], 3),
        ("wait", "", 0),
        ("unregister", CONTACTS[1], 0),
    ],
    places=HERE,
)
@given(steps=STEPS, places=st.lists(st.booleans(), min_size=25, max_size=25))
async def test_events_in_order_come_to_what_the_store_has(
    steps: list[tuple[str, str, int]], places: list[bool]
) -> None:
    store = Shaky()
    processes = Process(store), Process(store)
    flow = FakeFlow("TCP", ("192.0.2.10", 40000))
    for (what, contact, hours), second in zip(steps, places, strict=False):
        here, there = reversed(processes) if second else processes
        version = store.sets.get(ALICE, BindingSet(0, ())).version
        call_id = "b" if second else "a"
        if what in ("register", "connect"):
            over = flow if what == "connect" else FakeFlow()
            await here.register(contact, hours * int(HOUR) // 2, over, call_id)
        elif what == "unregister":
            await here.register(contact, 0, FakeFlow(), call_id)
        elif what == "wait":
            store.now += HOUR
        elif what == "sweep":
            await here.registrar.expired(store.sweep())
        elif what == "lose":
            here.registrar.flow_lost(flow)
        elif what == "remove":
            await here.registrar.remove(ALICE)
        else:
            here.registrar.on_change(Change(Kind.RESYNC, "", 0))
        await here.registrar.settle()
        made = store.sets.get(ALICE, BindingSet(0, ())).version
        for _ in range(made > version):
            there.registrar.on_change(Change(Kind.BINDING, ALICE, made))
        await there.registrar.settle()
        for process in processes:
            check_order(process.heard)
    final = store.sets.get(ALICE, BindingSet(0, ()))
    for process in processes:
        assert set(process.applied()) == set(final.bindings)


def check_order(heard: list[BindingsChange]) -> None:
    """Versions never fall, and each event begins where the one before ended."""
    for one, next_one in pairwise(heard):
        assert one.version <= next_one.version
        assert next_one.before is not None
        assert set(one.after) == set(next_one.before)


async def test_expiry_is_told_though_the_store_failed_in_that_moment() -> None:
    store = Shaky()
    process = Process(store)
    await process.register(CONTACTS[0], 600, FakeFlow(), "a")
    store.now += HOUR
    swept = store.sweep()
    store.failures = 3
    await process.registrar.expired(swept)
    await process.registrar.settle()
    assert process.heard[-1].cause is Cause.EXPIRED
    assert process.applied() == ()
    assert process.slept == [0.2, 0.4, 0.8]


def test_write_that_was_overtaken_is_not_told_after_what_overtook_it() -> None:
    ledger, heard = Ledger(), list[BindingsChange]()
    ledger.subscribe(heard.append)
    first = BindingSet(1, (binding(),))
    ledger.read(ALICE, first, Cause.ELSEWHERE, 10.0)
    ledger.outdated(ALICE, 3)
    ledger.read(ALICE, BindingSet(3, ()), Cause.ELSEWHERE, 10.0)
    put = (binding("sip:b@h"),)
    ledger.wrote(ALICE, first, Decision(put, (), (), put), 2, Cause.REGISTERED)
    assert [change.version for change in heard] == [3]


@pytest.mark.parametrize(
    ("before", "after", "cause"),
    [
        pytest.param([binding(expires_at=5)], [], Cause.EXPIRED, id="expired"),
        pytest.param([binding(expires_at=50)], [], Cause.ELSEWHERE, id="removed"),
        pytest.param(
            [binding(expires_at=5)], [binding("sip:b@h")], Cause.ELSEWHERE, id="and-another-came"
        ),
        pytest.param(None, [], Cause.ELSEWHERE, id="unknown"),
        pytest.param([binding()], [binding()], Cause.ELSEWHERE, id="the-same"),
    ],
)
def test_expiry_shows_in_what_another_process_did(
    before: list[Binding] | None, after: list[Binding], cause: Cause
) -> None:
    assert likely_cause(before, after, 10.0) is cause
