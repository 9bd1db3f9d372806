"""RFC 3261 §16.7 whatever happens in whatever order: a fork as a machine that hypothesis drives."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from proxy.fork import (
    Acts,
    Answer,
    Cancel,
    Drop,
    Finish,
    Fork,
    Forward,
    Policy,
    Start,
    Wait,
)
from tests.proxy.test_fork import response

PROVISIONAL = st.sampled_from([100, 180, 183])
REFUSAL = st.sampled_from([302, 401, 404, 407, 408, 430, 486, 487, 500, 503, 600, 603])


class Forking(RuleBasedStateMachine):
    """Branches as their client transactions would have them, beside the fork under test."""

    def __init__(self) -> None:
        super().__init__()
        self.seeking: set[int] = set()
        self.calling: set[int] = set()
        self.ringing: set[int] = set()
        self.timers: set[int] = set()
        self.cancelled: set[int] = set()
        self.finals: list[int] = []
        self.successes = 0
        self.finished = 0
        self.retries = 0

    @initialize(
        method=st.sampled_from(["INVITE", "INVITE", "MESSAGE"]),
        groups=st.lists(st.integers(0, 3), max_size=3),
        breadth=st.integers(1, 4),
    )
    def begin(self, method: str, groups: list[int], breadth: int) -> None:
        self.is_invite = method == "INVITE"
        self.breadth = breadth
        self.fork = Fork(method, groups, Policy(breadth=breadth))
        self.perform(self.fork.begin())

    def perform(self, acts: Acts) -> None:
        for act in acts:
            match act:
                case Start(at):
                    assert at not in self.open
                    self.seeking.add(at)
                case Forward(forwarded):
                    if forwarded.status >= 200:
                        self.successes += 1
                    else:
                        assert not self.finals
                        assert not self.successes
                case Answer(best, _):
                    self.finals.append(best.status)
                case Cancel(at, _):
                    assert at in self.ringing
                    assert at not in self.cancelled
                    self.cancelled.add(at)
                case Wait(at, seconds):
                    assert seconds > 0
                    self.timers.add(at)
                case Drop(at):
                    self.end(at)
                case Finish():
                    self.finished += 1

    @property
    def open(self) -> set[int]:
        return self.seeking | self.calling | self.ringing

    def end(self, at: int) -> None:
        for branches in (self.seeking, self.calling, self.ringing, self.timers):
            branches.discard(at)

    def pick(self, data: st.DataObject, among: set[int]) -> int:
        return data.draw(st.sampled_from(sorted(among)))

    @precondition(lambda self: self.seeking)
    @rule(data=st.data())
    def found(self, data: st.DataObject) -> None:
        at = self.pick(data, self.seeking)
        self.seeking.discard(at)
        if self.fork.wants(at):
            self.calling.add(at)
            self.perform(self.fork.on_sent(at))

    @precondition(lambda self: self.seeking | self.calling)
    @rule(data=st.data(), more=st.booleans())
    def unreachable(self, data: st.DataObject, *, more: bool) -> None:
        at = self.pick(data, self.seeking | self.calling)
        self.end(at)
        self.perform(self.fork.on_unreachable(at, more=self.spend(more)))

    @precondition(lambda self: self.calling)
    @rule(data=st.data(), more=st.booleans())
    def silent(self, data: st.DataObject, *, more: bool) -> None:
        at = self.pick(data, self.calling)
        self.end(at)
        self.perform(self.fork.on_timeout(at, more=self.spend(more)))

    @precondition(lambda self: self.calling | self.ringing)
    @rule(data=st.data(), status=PROVISIONAL)
    def rings(self, data: st.DataObject, status: int) -> None:
        at = self.pick(data, self.calling | self.ringing)
        self.calling.discard(at)
        self.ringing.add(at)
        self.perform(self.fork.on_response(at, response(status)))

    @precondition(lambda self: self.calling | self.ringing)
    @rule(data=st.data(), status=REFUSAL, more=st.booleans())
    def refuses(self, data: st.DataObject, status: int, *, more: bool) -> None:
        at = self.pick(data, self.calling | self.ringing)
        self.end(at)
        self.perform(self.fork.on_response(at, response(status), more=self.spend(more)))

    @precondition(lambda self: self.calling | self.ringing)
    @rule(data=st.data())
    def accepts(self, data: st.DataObject) -> None:
        at = self.pick(data, self.calling | self.ringing)
        self.end(at)
        self.perform(self.fork.on_response(at, response(200)))
        if self.is_invite:
            self.perform(self.fork.on_response(at, response(200)))

    @rule()
    def gives_up(self) -> None:
        self.perform(self.fork.on_cancel(("why",)))

    @precondition(lambda self: self.timers)
    @rule(data=st.data())
    def rings_out(self, data: st.DataObject) -> None:
        at = self.pick(data, self.timers)
        self.timers.discard(at)
        self.perform(self.fork.on_timer(at))

    def spend(self, more: bool) -> bool:
        """Whether there is more to try; not for ever."""
        self.retries += more
        return more and self.retries < 10

    @invariant()
    def one_final_response(self) -> None:
        """§16.7 step 5: one final response, or any number of 2xx to an INVITE."""
        if self.finals:
            assert len(self.finals) == 1
        elif not self.is_invite:
            assert self.successes <= 1

    @invariant()
    def finished_when_nothing_is_open(self) -> None:
        """§16.7 steps 6 and 9: not before, and not never."""
        if not hasattr(self, "fork"):
            return
        sought = {at for at in self.seeking if self.fork.wants(at)}
        assert self.finished == (not (sought | self.calling | self.ringing))
        if self.finished:
            assert self.finals or self.successes

    @invariant()
    def open_branches_are_bounded(self) -> None:
        """RFC 5393 §5.3.3."""
        if hasattr(self, "fork"):
            assert len(self.calling | self.ringing) <= self.breadth

    @invariant()
    def no_branch_rings_for_nobody(self) -> None:
        """§16.7 step 10, §16.10: who still rings after the end was cancelled."""
        if not hasattr(self, "fork") or not self.is_invite:
            return
        ended = self.finals or self.successes or self.fork.cancelled
        if ended:
            assert self.ringing <= self.cancelled

    @invariant()
    def every_open_branch_of_an_invite_has_its_timer(self) -> None:
        """§16.6 step 11, §16.8: none waits for ever, and none more than one."""
        if hasattr(self, "fork") and self.is_invite:
            assert (self.calling | self.ringing) == self.timers


Forking.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestForking = Forking.TestCase
