"""The target set of a request for one of our users (RFC 3261 §16.5, RFC 5626 §7). Pure."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from proxy.outbound import outlives_flow, without_hop
from proxy.preferences import (
    DEFAULT_DISPOSITION,
    NO_PREFERENCES,
    Disposition,
    Preferences,
    by_caller,
    read_disposition,
    read_preferences,
)
from proxy.registrar import DEFAULT_Q, by_preference
from sip.message import Request
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


def choose(
    aor: AoR, bindings: Sequence[Binding], request: Request | None, *, known: bool
) -> Targets:
    """Targets of `request` among `bindings`, which come by descending q, the newest first."""
    reachable = [binding for binding in bindings if binding.contact.startswith("sip")]
    ways = _by_instance(reachable)
    first = by_preference(tuple([each[0] for each in ways.values()]))
    groups = by_caller(first, partial(_preferences, request))
    targets = tuple(
        tuple(_target(binding, ways[_identity(binding)][1:]) for binding in group)
        for group in groups
    )
    disposition = DEFAULT_DISPOSITION if request is None else read_disposition(request)
    return Targets(aor, targets, known, disposition)


def leading_on(targets: Targets, leads_back: Callable[[str], bool]) -> Targets:
    """`targets` without ways that are contacts at our own addresses (RFC 5393 §3).

    No such contact is registered as it is; but one that was registered by a flow may be.
    """

    def leads_on(way: ContactTarget) -> bool:
        return bool(way.routes) or not leads_back(way.uri)

    every = [way for group in targets.groups for one in group for way in (one, *one.alternatives)]
    if all(map(leads_on, every)):
        return targets
    groups = []
    for group in targets.groups:
        ways = [[way for way in (one, *one.alternatives) if leads_on(way)] for one in group]
        kept = [way[0]._replace(alternatives=tuple(way[1:])) for way in ways if way]
        if kept:
            groups.append(tuple(kept))
    return targets._replace(groups=tuple(groups))


def _preferences(request: Request | None) -> Preferences:
    return NO_PREFERENCES if request is None else read_preferences(request)


def _by_instance(bindings: Iterable[Binding]) -> dict[str, list[Binding]]:
    """Ways to each instance, the most recently refreshed first (RFC 5627 §6.1).

    One instance is a target once (RFC 5626 §7); what says no instance stands for itself.
    """
    ways: dict[str, list[Binding]] = {}
    for binding in bindings:
        ways.setdefault(_identity(binding), []).append(binding)
    for several in ways.values():
        if len(several) > 1:
            several.sort(key=lambda binding: -binding.updated_at)
    return ways


def _identity(binding: Binding) -> str:
    return binding.instance or binding.key


def _target(binding: Binding, others: Sequence[Binding]) -> ContactTarget:
    alternatives = [_way(other) for other in others]
    if binding.flow and outlives_flow(binding):
        alternatives.append(_way(without_hop(binding)))
    return _way(binding)._replace(alternatives=tuple(alternatives))


def _way(binding: Binding) -> ContactTarget:
    return ContactTarget(
        binding.contact,
        binding.path,
        binding.received,
        DEFAULT_Q if binding.q is None else binding.q,
        binding.instance,
        binding.reg_id,
        binding,
    )
