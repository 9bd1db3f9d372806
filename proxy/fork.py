"""One relayed request over all its branches (RFC 3261 §16.7 to §16.10). Pure.

A branch is one target of the request, tried until it gives a final response, a 2xx, or nothing
more can be tried for it. Each method takes what happened and returns what to do, in order; the
shell holds the transactions, and one timer for each branch of an INVITE.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final, NamedTuple

from proxy.best_response import Outcome, best_of
from sip.message import REASONS, Response

TIMER_C: Final = 181.0
"""Seconds an INVITE may ring without news; more than three minutes (§16.6 step 11)."""
CANCEL_WAIT: Final = 32.0
"""Seconds we wait for the final response to what we cancelled (64*T1, §9.1)."""
MAX_BREADTH: Final = 60
"""Branches that may be open at a time (RFC 5393 §5.3.3)."""

ELSEWHERE: Final = 'SIP;cause=200;text="Call completed elsewhere"'
"""Reason of the CANCEL to a branch that lost (RFC 3326 §3.1)."""
RANG_OUT: Final = 'SIP;cause=408;text="Request Timeout"'
STOPPED: Final = 'SIP;cause=503;text="Service Unavailable"'

REQUEST_TIMEOUT: Final = 408
FLOW_FAILED: Final = 430
TEMPORARILY_UNAVAILABLE: Final = 480
TERMINATED: Final = 487
SERVER_ERROR: Final = 500
UNAVAILABLE: Final = 503
TRIED_ELSEWHERE: Final = frozenset({REQUEST_TIMEOUT, FLOW_FAILED, UNAVAILABLE})
"""Refusals after which a branch goes on to what it may still try (RFC 3263 §4.3, RFC 5626 §5.3)."""

FROM_ROUTE: Final[Mapping[int, int]] = {UNAVAILABLE: SERVER_ERROR}
"""What is not said upstream as it is: a 503 would be taken for our own (§16.7 step 6)."""
FROM_BINDINGS: Final[Mapping[int, int]] = {
    UNAVAILABLE: SERVER_ERROR,
    FLOW_FAILED: TEMPORARILY_UNAVAILABLE,
}
"""The same where we chose the targets: nobody upstream has other flows (RFC 5626 §11.6)."""

State = Enum("State", ["WAITING", "STARTING", "CALLING", "PROCEEDING", "ENDED"])
"""Not begun; a flow is sought; sent; a provisional response came; over."""


class Start(NamedTuple):
    """Send the request on `branch`, to the next that is to be tried there."""

    branch: int


class Forward(NamedTuple):
    """Pass the response upstream at once."""

    response: Response


class Answer(NamedTuple):
    """Answer upstream: with `best`, and what is to be told of the others."""

    best: Outcome
    outcomes: Sequence[Outcome]


class Cancel(NamedTuple):
    """Send a CANCEL on `branch`, with these Reason values."""

    branch: int
    reasons: tuple[str, ...]


class Wait(NamedTuple):
    """Run the timer of `branch` anew, for `seconds`."""

    branch: int
    seconds: float


class Drop(NamedTuple):
    """Forget the client transaction of `branch`, which nobody answers."""

    branch: int


class Finish(NamedTuple):
    """Nothing is open any more."""


Act = Start | Forward | Answer | Cancel | Wait | Drop | Finish
Acts = Sequence[Act]

_NOTHING: Final[Acts] = ()


class Policy(NamedTuple):
    """How a request is forked."""

    breadth: int = MAX_BREADTH
    """Branches open at a time."""
    timer_c: float = TIMER_C
    """Seconds."""
    replaced: Mapping[int, int] = FROM_BINDINGS
    cancels: bool = True
    """Whether a 2xx ends the other branches; the caller may not want it (RFC 3841 §9.1)."""


class _Branch:
    __slots__ = ("cancelled", "rang_out", "reasons", "state")

    def __init__(self) -> None:
        self.state = State.WAITING
        self.reasons: tuple[str, ...] | None = None
        """Of the CANCEL that waits for a provisional response, or was sent."""
        self.cancelled = False
        self.rang_out = False
        """Cancelled by timer C."""


class Fork:
    """A response context (§16.7)."""

    __slots__ = (
        "_active",
        "_branches",
        "_closing",
        "_group",
        "_groups",
        "_is_invite",
        "_outcomes",
        "_policy",
        "answered",
        "cancelled",
    )

    def __init__(self, method: str, groups: Sequence[int], policy: Policy) -> None:
        """`groups` are numbers of branches, each group tried when the one before has failed."""
        self.answered = 0
        """The final status that went upstream."""
        self.cancelled = False
        """By the sender."""
        self._is_invite = method == "INVITE"
        self._policy = policy
        self._branches = [_Branch() for _ in range(sum(groups))]
        self._groups = list(groups)
        self._group: list[int] = []
        self._active = 0
        self._closing = False
        """No branch is begun any more."""
        self._outcomes: list[Outcome] = []

    @property
    def breadth(self) -> int:
        """Branches of the first group that are open at a time."""
        return max(1, min(self._policy.breadth, max(self._groups, default=1)))

    def begin(self) -> Acts:
        """Start the first branches."""
        return self._advance()

    def wants(self, at: int) -> bool:
        """Whether the request is still to be sent on branch `at`."""
        return self._branches[at].state is State.STARTING

    def on_sent(self, at: int) -> Acts:
        """The request was handed to its client transaction (§16.6 steps 10 and 11)."""
        self._branches[at].state = State.CALLING
        return (Wait(at, self._policy.timer_c),) if self._is_invite else _NOTHING

    def on_response(self, at: int, response: Response, *, more: bool = False) -> Acts:
        """A response came; `more` says that this branch has something else to try."""
        status = response.status
        branch = self._branches[at]
        if 200 <= status < 300:
            return self._on_success(branch, response)
        if branch.state is State.ENDED:
            return _NOTHING
        if status < 200:
            return self._on_provisional(at, branch, response)
        if more and status in TRIED_ELSEWHERE and self._again(branch):
            return (Start(at),)
        return self._end(branch, Outcome(status, response))

    def on_timeout(self, at: int, *, more: bool = False) -> Acts:
        """No response at all; for other methods than INVITE everybody has given up by now."""
        return self._on_failure(at, REQUEST_TIMEOUT, more and self._is_invite)

    def on_unreachable(self, at: int, status: int = UNAVAILABLE, *, more: bool = False) -> Acts:
        """The request could not be sent: as if `status` had come (§16.9)."""
        return self._on_failure(at, status, more)

    def on_cancel(self, reasons: tuple[str, ...] = ()) -> Acts:
        """The sender gave up, for `reasons` (§16.10, RFC 3326 §2)."""
        if self.answered or self.cancelled or not self._is_invite:
            return _NOTHING
        self.cancelled = self._closing = True
        return (*self._cancel_all(reasons), *self._advance())

    def on_timer(self, at: int) -> Acts:
        """No news for too long (§16.8); once cancelled, no final response either."""
        branch = self._branches[at]
        if branch.state is State.ENDED:
            return _NOTHING
        if branch.state is State.PROCEEDING and not branch.cancelled:
            branch.rang_out = True
            return self._cancel(at, (RANG_OUT,))
        return (Drop(at), *self._end(branch, Outcome(REQUEST_TIMEOUT, None)))

    def on_shutdown(self) -> Acts:
        """We end first: answer, and cancel what rings. An INVITE may be tried elsewhere (503,
        §21.5.4); what else was asked for may have been done by now, and is not to be done twice."""
        acts: list[Act] = []
        if not self.answered:
            refused = UNAVAILABLE if self._is_invite else SERVER_ERROR
            self.answered = TERMINATED if self.cancelled else refused
            acts.append(Answer(Outcome(self.answered, None), ()))
        self._closing = True
        return (*acts, *self._cancel_all((STOPPED,)), Finish())

    def _on_success(self, branch: _Branch, response: Response) -> Acts:
        """Every 2xx of an INVITE goes upstream, of other requests one (§16.7 step 5)."""
        if self.answered and not self._is_invite:
            acts: list[Act] = []
        else:
            acts = [Forward(response)]
            self.answered = self.answered or response.status
        if branch.state is State.ENDED:
            return acts
        branch.state = State.ENDED
        self._active -= 1
        if not self._closing:
            self._closing = True
            acts += self._cancel_all((ELSEWHERE,)) if self._policy.cancels else ()
        return (*acts, *self._advance())

    def _on_provisional(self, at: int, branch: _Branch, response: Response) -> Acts:
        branch.state = State.PROCEEDING
        acts: list[Act] = []
        if response.status > 100 and not self.answered:
            acts.append(Forward(response))
        if branch.cancelled or not self._is_invite:
            return acts
        if branch.reasons is not None:
            acts += self._cancel(at, branch.reasons)
        elif response.status > 100:
            acts.append(Wait(at, self._policy.timer_c))
        return acts

    def _on_failure(self, at: int, status: int, more: bool) -> Acts:
        branch = self._branches[at]
        if branch.state is State.ENDED:
            return _NOTHING
        if more and self._again(branch):
            return (Start(at),)
        return self._end(branch, Outcome(status, None))

    def _again(self, branch: _Branch) -> bool:
        """Go on with what else there is to try, unless nobody wants it any more."""
        if self._closing or branch.reasons is not None:
            return False
        branch.state = State.STARTING
        return True

    def _end(self, branch: _Branch, outcome: Outcome) -> Acts:
        branch.state = State.ENDED
        self._active -= 1
        if branch.rang_out and outcome.status == TERMINATED:
            outcome = Outcome(REQUEST_TIMEOUT, None)
        if self.cancelled and outcome.response is None:
            outcome = Outcome(TERMINATED, None)
        self._outcomes.append(outcome)
        acts: list[Act] = []
        if outcome.status >= 600 and not self._closing:
            self._closing = True
            acts += self._cancel_all((_reason_of(outcome),))
        return (*acts, *self._advance())

    def _advance(self) -> list[Act]:
        """Start what may be started now; conclude when nothing is open (§16.6, §16.7 step 6)."""
        acts: list[Act] = []
        if not self._closing:
            if not self._active and not self._group:
                self._next_group()
            while self._group and self._active < self._policy.breadth:
                at = self._group.pop(0)
                self._branches[at].state = State.STARTING
                self._active += 1
                acts.append(Start(at))
        if not self._active:
            acts += self._conclude()
        return acts

    def _next_group(self) -> None:
        while self._groups and not self._group:
            first = len(self._branches) - sum(self._groups)
            self._group = list(range(first, first + self._groups.pop(0)))

    def _conclude(self) -> list[Act]:
        self._closing = True
        if self.answered:
            return [Finish()]
        best = best_of(self._outcomes, cancelled=self.cancelled)
        status = self._policy.replaced.get(best.status, best.status)
        if status != best.status:
            best = Outcome(status, None)
        self.answered = status
        return [Answer(best, tuple(self._outcomes)), Finish()]

    def _cancel_all(self, reasons: tuple[str, ...]) -> list[Act]:
        """Cancel what is open: at once, or when it first says something (§9.1)."""
        acts: list[Act] = []
        for at, branch in enumerate(self._branches):
            if branch.state is State.STARTING:
                branch.state = State.ENDED
                self._active -= 1
                self._outcomes.append(Outcome(TERMINATED, None))
            elif not self._is_invite or branch.reasons is not None:
                continue
            elif branch.state is State.PROCEEDING:
                acts += self._cancel(at, reasons)
            elif branch.state is State.CALLING:
                branch.reasons = reasons
        return acts

    def _cancel(self, at: int, reasons: tuple[str, ...]) -> Acts:
        branch = self._branches[at]
        branch.reasons = reasons
        branch.cancelled = True
        return (Cancel(at, reasons), Wait(at, CANCEL_WAIT))


def _reason_of(outcome: Outcome) -> str:
    """Why the other branches of a 6xx are cancelled (RFC 3326 §2)."""
    phrase = REASONS.get(outcome.status, REASONS[600])
    return f'SIP;cause={outcome.status};text="{phrase}"'
