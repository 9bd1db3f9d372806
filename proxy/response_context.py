"""What one relayed request has come to so far (RFC 3261 §16.7). Pure.

One target, so one branch: the best response is the only one. Each method takes what happened
and returns what to do, in order; the shell holds the transactions and timer C.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

TIMER_C: Final = 181.0
"""Seconds an INVITE may ring without news; more than three minutes (§16.6 step 11)."""
CANCEL_WAIT: Final = 32.0
"""Seconds we wait for the final response to what we cancelled (64*T1, §9.1)."""

Act = Enum("Act", ["FORWARD", "CANCEL", "RESTART_TIMER", "STOP", "TIMEOUT", "BAD_GATEWAY"])
"""Pass the response on; cancel the branch; run timer C anew; it is over; answer 408; answer 502."""

_TRYING: Final = 100
_SERVICE_UNAVAILABLE: Final = 503


@dataclass(slots=True)
class ResponseContext:
    """A request between its two transactions."""

    is_invite: bool
    ringing: bool = False
    """A provisional response has come."""
    cancelled: bool = False
    """The sender gave up; the CANCEL waits until `ringing` (§9.1)."""
    cancel_sent: bool = False
    finished: bool = False
    """A final response went back."""

    def on_response(self, status: int) -> tuple[Act, ...]:
        """A response came from the target (§16.7 steps 2 to 10)."""
        if status < 200:
            return self._on_provisional(status)
        if self.finished:
            return (Act.FORWARD,) if self.is_invite and status < 300 else ()
        self.finished = True
        if status == _SERVICE_UNAVAILABLE:
            return (Act.BAD_GATEWAY, Act.STOP)
        return (Act.FORWARD, Act.STOP)

    def on_cancel(self) -> tuple[Act, ...]:
        """The sender cancelled (§16.10)."""
        if self.finished or self.cancelled or not self.is_invite:
            return ()
        self.cancelled = True
        return self._cancel_now() if self.ringing else ()

    def on_timer_c(self) -> tuple[Act, ...]:
        """No news for too long (§16.8); once cancelled, no final response either."""
        if self.finished:
            return ()
        if self.ringing and not self.cancel_sent:
            return self._cancel_now()
        return self.on_timeout()

    def on_timeout(self) -> tuple[Act, ...]:
        """The target never answered (§16.7 step 6)."""
        return self._end(Act.TIMEOUT)

    def on_transport_error(self) -> tuple[Act, ...]:
        """The request could not be handed to the network (§16.9)."""
        return self._end(Act.BAD_GATEWAY)

    def _on_provisional(self, status: int) -> tuple[Act, ...]:
        if self.finished:
            return ()
        self.ringing = True
        acts: tuple[Act, ...] = () if status == _TRYING else (Act.FORWARD,)
        if self.cancelled and not self.cancel_sent:
            return (*acts, *self._cancel_now())
        if self.is_invite and not self.cancel_sent:
            return (*acts, Act.RESTART_TIMER)
        return acts

    def _cancel_now(self) -> tuple[Act, ...]:
        self.cancel_sent = True
        return (Act.CANCEL, Act.RESTART_TIMER)

    def _end(self, act: Act) -> tuple[Act, ...]:
        if self.finished:
            return ()
        self.finished = True
        return (act, Act.STOP)
