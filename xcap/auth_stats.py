"""What is counted of those who would not say who they are."""

from dataclasses import dataclass


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
