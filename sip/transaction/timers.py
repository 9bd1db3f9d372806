"""The transaction timers by their letters, in seconds (RFC 3261 §17, table 4; RFC 6026 §8)."""

from typing import Final

T1: Final = 0.5
"""The estimate of a round trip."""
T2: Final = 4.0
"""The longest pause between two retransmissions, except of an INVITE."""
T4: Final = 5.0
"""How long a message may linger in the network."""

TRANSACTION: Final = 64 * T1
"""Timers B, F, H, J, L and M: the life of a transaction."""
TIMER_D: Final = 32.0
"""How long an INVITE client answers late final responses over UDP (at least 32 s)."""
TIMER_I: Final = T4
TIMER_K: Final = T4

TRYING_INVITE: Final = 0.2
"""After this silence of the TU an INVITE is answered 100 (RFC 3261 §17.2.1)."""
TRYING_OTHER: Final = T1 + 2 * T1 + 4 * T1
"""When a client's timer E has reached T2: any other request is answered 100 then, and over
UDP never before (RFC 4320 §4.1)."""

NEVER: Final = float("inf")


def backoff(interval: float) -> float:
    """The pause after a pause of `interval`: doubled up to T2 (timers E and G)."""
    return min(2 * interval, T2)
