"""One branch of a relayed request: what was sent on it, and what may still be tried.

Pure, but for the transaction and timer that it holds for `proxy.fork_service`.
"""

from typing import NamedTuple

from proxy.destination import Attempts
from proxy.ports import Exchange
from sip.locate import Target
from sip.transport.flow import Flow
from sip.wheel import Timer


class Sent(NamedTuple):
    """A request as it left."""

    data: bytes
    branch: str
    flow: Flow


class Branch:
    """What was sent on one branch, and what may still be tried."""

    __slots__ = ("destination", "exchange", "left", "sent", "target", "targets", "timer", "trials")

    def __init__(self, attempts: Attempts) -> None:
        self.left = list(attempts)
        self.destination = attempts[0]
        self.targets: list[Target] = []
        """Servers of `destination` that were not tried yet."""
        self.target: Target | None = None
        """The one that is being tried, when it was looked up."""
        self.sent: Sent | None = None
        self.exchange: Exchange | None = None
        self.timer: Timer | None = None
        self.trials = 0
        """How often the request was sent; what concerns an earlier one is stale."""

    @property
    def more(self) -> bool:
        """Whether there is anything left to try."""
        return bool(self.targets or self.left)

    def rest(self) -> None:
        """Stop the timer."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
