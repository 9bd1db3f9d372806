"""What is counted of requests, and of those who would not say who they are."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class AuthStats:
    """Counters that the process publishes."""

    challenged: int = 0
    """Requests answered 401; clients get one for each nonce."""
    failures: int = 0
    """Wrong passwords and users."""
    lockouts: int = 0
    """Times that a user or an address was locked out."""
    refused_locked: int = 0
    """Requests refused meanwhile."""


@dataclass(slots=True)
class XcapStats:
    """Counters that the process publishes."""

    auth: AuthStats
    requests: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    """Requests answered, by AUID, method and status; "-" for what is none of ours."""
