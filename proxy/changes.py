"""What happens to the bindings of an address-of-record, as one ordered event each. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from sip.uri import AoR
from store.values import Binding


class Cause(StrEnum):
    """Why the bindings of an AoR are not what they were."""

    REGISTERED = "registered"
    EXPIRED = "expired"
    FLOW_LOST = "flow-lost"
    """The connection, or the NAT's door, that they were reached by is gone (RFC 5626 §7)."""
    REMOVED = "removed"
    """By the operator."""
    ELSEWHERE = "elsewhere"
    """Another process changed them, and did not say why."""


@dataclass(frozen=True, slots=True)
class BindingsChange:
    """One change of one address-of-record's bindings, told once by each process.

    Changes of an AoR are told in the order of their versions; those that expired without being
    noticed are told before the change that found them gone, under its version.
    """

    aor: AoR
    before: tuple[Binding, ...] | None
    """None when this process had not known them."""
    after: tuple[Binding, ...]
    version: int
    cause: Cause


BindingsListener = Callable[[BindingsChange], None]


def likely_cause(before: Iterable[Binding] | None, after: Iterable[Binding], now: float) -> Cause:
    """Why another process turned `before` into `after`: expiry shows, anything else does not."""
    if before is None:
        return Cause.ELSEWHERE
    left = set(after)
    gone = [binding for binding in before if binding not in left]
    expired = bool(gone) and all(binding.expires_at <= now for binding in gone)
    return Cause.EXPIRED if expired and left.issubset(before) else Cause.ELSEWHERE
