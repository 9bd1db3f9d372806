"""The target set of a request for one of our users (RFC 3261 §16.5, RFC 5626 §7). Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from proxy.preferences import DEFAULT_DISPOSITION, Disposition
from sip.uri import AoR
from store.values import Binding


class ContactTarget(NamedTuple):
    """One place to send the request to, and what to try instead of it."""

    uri: str
    """The registered contact."""
    routes: tuple[str, ...]
    """Route values that lead there, the first hop first (RFC 3327 §5.4)."""
    received: str
    """URI to send to in place of the contact; empty when its own leads there."""
    q: float
    instance: str
    reg_id: int | None
    binding: Binding
    alternatives: tuple["ContactTarget", ...] = ()
    """Other ways to the same instance, tried in order on its 408 or 430 (RFC 5626 §7)."""


class Targets(NamedTuple):
    """Where a request for an address-of-record or GRUU may go."""

    aor: AoR
    groups: tuple[tuple[ContactTarget, ...], ...]
    """By descending q; the caller's preference orders a group (RFC 3841 §7.2.4)."""
    known: bool
    """Whether the address-of-record has any binding at all."""
    disposition: Disposition = DEFAULT_DISPOSITION


def no_targets(aor: AoR, bindings: Sequence[Binding]) -> Targets:
    """Nobody can be reached."""
    return Targets(aor, (), bool(bindings))
