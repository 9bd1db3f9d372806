"""One relayed request under way: its server transaction, and what was sent on each branch.

Shell around `proxy.fork`, which decides: sends, waits, passes on. RFC 3261 §16.6 to §16.10.
"""

from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

import structlog

from proxy.best_response import Outcome, upstream
from proxy.branch import Branch, Sent
from proxy.destination import Destination, Groups
from proxy.errors import ProxyError
from proxy.fork import (
    FLOW_FAILED,
    REQUEST_TIMEOUT,
    UNAVAILABLE,
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
from proxy.forwarding import cancelling, is_ours_alone
from proxy.outgoing import Passage
from proxy.ports import Sender, Transaction
from sip.errors import ParseError, TransportError
from sip.locate import UDP_LIMIT
from sip.message import Request, Response, parse_message
from sip.transport.flow import Flow
from sip.transport.timers import Timers
from sip.uri import SipUri

ADDED: Final = 300
"""Octets that our Via and Record-Route may add; a larger whole may have to go by TCP."""
FIRST_FINAL: Final = 200
FLOW_REFUSALS: Final = frozenset({REQUEST_TIMEOUT, FLOW_FAILED})
"""After which other servers of the same contact are no help, but its other flows may be."""

log = structlog.get_logger("proxy")


class Relay(Protocol):
    """What a relayed request needs of the service that made it."""

    @property
    def endpoint(self) -> Sender: ...
    @property
    def timers(self) -> Timers: ...

    def write(self, relayed: "Relayed", destination: Destination, flow: Flow) -> Sent:
        """The request as it leaves for `destination` on `flow`. Raises ParseError, ProxyError."""

    def flow_failed(self, destination: Destination) -> None:
        """The client's flow is gone."""

    def hear(self, response: Response, flow: Flow) -> Response:
        """`response` without what the peer of `flow` may not say."""

    def send_back(self, relayed: "Relayed", response: Response) -> None:
        """Give `response`, our Via still on it, to the server transaction."""

    def answer(self, relayed: "Relayed", status: int) -> None:
        """Give a final response of our own to the server transaction."""

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` as a task."""

    def ended(self, relayed: "Relayed") -> None:
        """Nothing is open any more."""


class Relayed:
    """A request with all its branches."""

    __slots__ = (
        "_branches",
        "_fork",
        "_relay",
        "done",
        "passage",
        "recorded",
        "remarked",
        "share",
        "tx",
    )

    def __init__(
        self,
        relay: Relay,
        tx: Transaction,
        passage: Passage,
        groups: Groups,
        policy: Policy,
        done: Callable[[Transaction], None],
    ) -> None:
        """`done` is told once that a final response went upstream."""
        self.tx = tx
        self.passage = passage
        self.done: Callable[[Transaction], None] | None = done
        self._relay = relay
        self._branches = [Branch(attempts) for group in groups for attempts in group]
        sizes = [len(group) for group in groups]
        self._fork = Fork(passage.request.method, sizes, policy)
        self.share = max(1, policy.breadth // min(policy.breadth, max(sizes, default=1)))
        """Max-Breadth of each branch (RFC 5393 §5.3.3)."""
        self.recorded: set[tuple[str, ...]] = set()
        """Our Record-Route values in what was sent, as each branch has them."""
        self.remarked: tuple[tuple[str, ...], Sequence[str] | None] = ((), None)
        """What the last response showed of its way, and what the sender is shown for that."""

    def __len__(self) -> int:
        """Branches, which is what a relayed request costs."""
        return len(self._branches)

    def start(self) -> None:
        """Send the request on its first branches."""
        if self.passage.request.method == "INVITE":
            self.tx.respond(100)
            self.tx.on_cancel = self._on_cancel
        if self.tx.cancelled_by is None:
            self._perform(self._fork.begin())
        else:
            self._on_cancel()

    def give_up(self) -> None:
        """Answer now what was not answered yet, and cancel what rings."""
        self._perform(self._fork.on_shutdown())

    def close(self) -> None:
        """Forget the request."""
        for branch in self._branches:
            branch.rest()
        self._relay.ended(self)

    @property
    def refused(self) -> bool:
        """Whether the sender has a final response that is no 2xx."""
        return self._fork.answered >= 300

    def _perform(self, acts: Acts) -> None:
        for act in acts:
            match act:
                case Forward(response):
                    self._relay.send_back(self, response)
                case Wait(at, seconds):
                    self._wait(at, seconds)
                case Start(at):
                    self._start(at)
                case Answer(best, outcomes):
                    self._answer(best, outcomes)
                case Cancel(at, reasons):
                    self._cancel(at, reasons)
                case Drop(at):
                    self._drop(at)
                case Finish():
                    self.close()

    def _answer(self, best: Outcome, outcomes: Sequence[Outcome]) -> None:
        response = upstream(best, outcomes)
        if response is None:
            self._relay.answer(self, best.status)
        else:
            self._relay.send_back(self, response)

    def _start(self, at: int) -> None:
        """Send the request to what comes next on branch `at`, at once if that is possible."""
        branch = self._branches[at]
        try:
            flow = None if branch.targets else self._flow_now(branch)
        except TransportError:
            self._relay.flow_failed(branch.destination)
            self._perform(self._fork.on_unreachable(at, FLOW_FAILED, more=branch.more))
        except ParseError:
            self._perform(self._fork.on_unreachable(at, more=branch.more))
        else:
            if flow is None:
                self._relay.keep(self._seek(at))
            else:
                self._send(at, flow)

    def _flow_now(self, branch: Branch) -> Flow | None:
        """The flow to the next destination, None when it has to be sought.

        Raises TransportError when the destination is a flow that is gone, and ParseError.
        """
        branch.destination = destination = branch.left.pop(0)
        branch.target = None
        if destination.flow:
            flow = self._relay.endpoint.flow_named(destination.flow)
            if flow is None:
                raise TransportError("the client's flow is gone")
            return flow
        flow = self._relay.endpoint.flow_now(SipUri.parse(destination.next_hops[0]))
        if flow is None or (not flow.reliable and self.passage.size + ADDED > UDP_LIMIT):
            return None
        return flow

    async def _seek(self, at: int) -> None:
        """Look up and connect to where branch `at` goes next (RFC 3263 §4)."""
        branch = self._branches[at]
        try:
            flow = await self._find(branch)
        except (TransportError, ParseError):
            self._perform(self._fork.on_unreachable(at, more=bool(branch.left)))
        except Exception as error:
            log.error("relay-failed", exc_info=error, call_id=self.passage.request.get("call-id"))
            self._perform(self._fork.on_unreachable(at))
        else:
            if self._fork.wants(at):
                self._send(at, flow)

    async def _find(self, branch: Branch) -> Flow:
        """A flow to the first server that can be had. Raises TransportError."""
        endpoint = self._relay.endpoint
        failure = TransportError(f"nothing leads to {branch.destination.next_hops}")
        if not branch.targets:
            size = self.passage.size + ADDED
            for hop in branch.destination.next_hops:
                with suppress(TransportError):
                    branch.targets += await endpoint.targets(SipUri.parse(hop), size=size)
        while branch.targets:
            branch.target = branch.targets.pop(0)
            try:
                return await endpoint.flow_for(branch.target)
            except TransportError as error:
                endpoint.failed(branch.target)
                failure = error
        raise failure

    def _send(self, at: int, flow: Flow) -> None:
        """Hand the request to a client transaction of its own (§16.6 step 10)."""
        branch = self._branches[at]
        try:
            sent = self._relay.write(self, branch.destination, flow)
        except (ParseError, ProxyError) as error:
            status = error.status if isinstance(error, ProxyError) else UNAVAILABLE
            self._perform(self._fork.on_unreachable(at, status, more=branch.more))
            return
        branch.sent = sent
        branch.trials += 1
        trial = _Trial(self, at, branch.trials)
        self._perform(self._fork.on_sent(at))
        branch.exchange = self._relay.endpoint.client_transaction(
            sent.data,
            self.passage.request.method,
            sent.branch,
            sent.flow,
            on_response=trial.on_response,
            on_timeout=trial.on_timeout,
            on_transport_error=trial.on_transport_error,
        )

    def on_response(self, at: int, trial: int, response: Response) -> None:
        """A response came to what was sent on branch `at`."""
        branch = self._branches[at]
        status = response.status
        if trial != branch.trials or branch.sent is None:
            return
        if is_ours_alone(response):
            self._end_nowhere(at, response)
            return
        response = self._relay.hear(response, branch.sent.flow)
        if status >= FIRST_FINAL:
            branch.rest()
        if status in FLOW_REFUSALS:
            branch.targets.clear()
            if status == FLOW_FAILED:
                self._relay.flow_failed(branch.destination)
        elif status == UNAVAILABLE:
            self._remember_failure(branch)
        self._perform(self._fork.on_response(at, response, more=branch.more))

    def _end_nowhere(self, at: int, response: Response) -> None:
        """A peer lost the Vias below ours: there is nobody to tell (§16.7 step 3)."""
        log.info("response-without-via", call_id=response.get("call-id"))
        if response.status >= FIRST_FINAL:
            branch = self._branches[at]
            branch.rest()
            self._perform(self._fork.on_unreachable(at, more=branch.more))

    def on_timeout(self, at: int, trial: int) -> None:
        """Nothing came at all."""
        branch = self._branches[at]
        if trial == branch.trials:
            branch.rest()
            self._remember_failure(branch)
            self._perform(self._fork.on_timeout(at, more=branch.more))

    def on_transport_error(self, at: int, trial: int) -> None:
        """The request could not be handed to the network, or its connection broke."""
        branch = self._branches[at]
        if trial == branch.trials:
            branch.rest()
            self._remember_failure(branch)
            status = FLOW_FAILED if branch.destination.flow else UNAVAILABLE
            self._perform(self._fork.on_unreachable(at, status, more=branch.more))

    def _remember_failure(self, branch: Branch) -> None:
        if branch.target is not None:
            self._relay.endpoint.failed(branch.target)

    def _on_cancel(self) -> None:
        cancel = self.tx.cancelled_by
        reasons = () if cancel is None else tuple(cancel.all("reason"))
        self._perform(self._fork.on_cancel(reasons))

    def _wait(self, at: int, seconds: float) -> None:
        """Set the branch's timer; a wheel holds them, so this costs next to nothing."""
        branch = self._branches[at]
        branch.rest()
        timers = self._relay.timers
        branch.timer = timers.schedule(timers.now() + seconds, lambda: self._on_timer(at))

    def _on_timer(self, at: int) -> None:
        self._perform(self._fork.on_timer(at))

    def _drop(self, at: int) -> None:
        branch = self._branches[at]
        branch.rest()
        if branch.exchange is not None:
            branch.exchange.end()

    def _cancel(self, at: int, reasons: tuple[str, ...]) -> None:
        """A CANCEL has a transaction of its own, on the branch of what it cancels (§9.1)."""
        sent = self._branches[at].sent
        message = None if sent is None else parse_message(sent.data)
        if sent is not None and isinstance(message, Request):
            self._relay.endpoint.client_transaction(
                cancelling(message, reasons),
                "CANCEL",
                sent.branch,
                sent.flow,
                on_response=_ignore,
                on_timeout=_nothing,
                on_transport_error=_nothing,
            )


class _Trial:
    """Where the client transaction of one sending reports to."""

    __slots__ = ("_at", "_number", "_relayed")

    def __init__(self, relayed: Relayed, at: int, number: int) -> None:
        self._relayed = relayed
        self._at = at
        self._number = number

    def on_response(self, response: Response) -> None:
        self._relayed.on_response(self._at, self._number, response)

    def on_timeout(self) -> None:
        self._relayed.on_timeout(self._at, self._number)

    def on_transport_error(self) -> None:
        self._relayed.on_transport_error(self._at, self._number)


def _ignore(response: Response) -> None:
    """The answer to a CANCEL changes nothing."""


def _nothing() -> None:
    """Nor does its absence."""
