"""What the answer to a NOTIFY means for its subscription (RFC 6665 §4.2.2, RFC 3263 §4.3).

No clock, task or socket in here: another server is found by `Helper.find_other`, a dead
subscription is handed to `Helper.ended`.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from presence.live import Due, LiveSubscription
from presence.notifier.failover import (
    UNAVAILABLE,
    Failover,
    blames_server,
    may_have_others,
    road_of,
)
from presence.notifier.failure import Fate, reaction
from presence.notifier.helper import Helper, Schedule
from presence.stats import EventStats
from presence.subscriptions.subscription import Cause
from sip.message import Response
from sip.transport.flow import Flow


class Sender(Protocol):
    """The sending half, which is asked for the next NOTIFY."""

    def force(self, live: LiveSubscription) -> None:
        """Send one whatever the watcher knows."""

    def hear(self, live: LiveSubscription, now: float) -> None:
        """Send one if something has changed."""

    def pump(self, live: LiveSubscription, now: float) -> None:
        """Send what is due."""

    def heed(self, live: LiveSubscription, response: Response) -> None:
        """A 2xx asks for other rates."""


class Answers:
    """The answering side of all NOTIFYs of this process."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        schedule: Schedule,
        stats: EventStats,
        helper: Helper,
        sender: Sender,
        told: dict[str, LiveSubscription],
    ) -> None:
        self._clock = clock
        self._schedule = schedule
        self._stats = stats
        self._helper = helper
        self._sender = sender
        self._told = told
        self._failing: dict[str, Failover] = {}
        """By subscription, while its next hop has not answered."""

    @property
    def failing(self) -> int:
        """Subscriptions for which another server of their next hop is looked for."""
        return len(self._failing)

    def forget(self, live: LiveSubscription) -> None:
        """Nothing more will be told to `live`."""
        self._failing.pop(live.id, None)

    def answered(
        self,
        live: LiveSubscription,
        version: int,
        flow: Flow | None,
        status: int,
        response: Response | None,
    ) -> None:
        """The NOTIFY that told `version` over `flow` got its final response, or none."""
        live.in_flight = False
        if 200 <= status < 300:
            live.told_version = version
            live.memory, live.full = live.offered_memory, live.due is Due.FORCED
            if not live.usage.ended:
                self._told[live.id] = live
            if response is not None:
                self._sender.heed(live, response)
        elif flow is not None and self._fails_over(live, flow, status, response):
            return
        else:
            self._failed(live, status, response)
        if self._failing:
            self._failing.pop(live.id, None)
        if live.due:
            self._sender.pump(live, self._clock())

    def no_way(self, live: LiveSubscription) -> None:
        """No flow was found for what was due."""
        live.due = Due.NOTHING
        self.answered(live, live.told_version, None, UNAVAILABLE, None)

    def other_found(self, live: LiveSubscription, flow: Flow | None) -> bool:
        """`find_other` is through; whether the newest state is to go to `flow`."""
        failing = self._failing.get(live.id)
        if flow is None or failing is None:
            said = (failing.status, failing.response) if failing else (UNAVAILABLE, None)
            self.answered(live, live.told_version, None, *said)
            return False
        live.told, live.full, live.due = None, True, Due.FORCED
        live.large_way = None
        return True

    def _fails_over(
        self, live: LiveSubscription, flow: Flow, status: int, response: Response | None
    ) -> bool:
        """Whether another server of the next hop is looked for."""
        back = flow is live.arrival and flow.reliable
        if back or not live.opened:
            return False
        if not blames_server(status, response) or not may_have_others(live.hop):
            return False
        failing = self._failing.setdefault(live.id, Failover())
        failing.status, failing.response = status, response
        failing.tried.add(road_of(flow))
        live.in_flight = True
        self._helper.find_other(live, failing)
        return True

    def _failed(self, live: LiveSubscription, status: int, response: Response | None) -> None:
        self._stats.notify_failed[status] += 1
        live.told, live.full = None, True
        live.way = live.large_way = None
        if live.terms is not None:
            live.terms.seen = None
        if live.usage.ended:
            return
        header = response.get if response is not None else no_header
        what = reaction(status, answered=response is not None, header=header)
        if what.fate is Fate.REMOVE:
            live.usage, _ = live.usage.step(Cause.FAILED, self._clock())
            live.due = Due.NOTHING
            self._helper.ended(live)
        elif what.fate is Fate.HOLD:
            live.held_until = self._clock() + what.seconds
            live.due = Due.FORCED
        elif what.fate is Fate.RETRY:
            self._schedule(self._clock() + what.seconds, partial(self._retry, live))

    def _retry(self, live: LiveSubscription) -> None:
        """The watcher has missed something, unless a NOTIFY got through meanwhile."""
        if live.told is not None or live.in_flight:
            return
        if live.condition:
            self._sender.force(live)
        else:
            self._sender.hear(live, self._clock())


def no_header(key: str) -> None:
    """The headers of a response that never came."""
