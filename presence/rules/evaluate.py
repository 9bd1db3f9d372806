"""What a watcher is granted: all matching rules combined (RFC 4745 §10). Pure.

Documents of the OMA dialect have a precedence among rules as well (OMA XDM Core, "conditions"):
those on anonymous-request go before those on identity, these before those on external-list, these
before those on other-identity, which is for whom no other rule refers to. A rule refers to a
watcher when its conditions on who asks are true, whatever it says of sphere and validity, so that
who is let in at home only is not let in elsewhere as one of the others. Only the rules of the
first group that has one which refers to the watcher may match; within the group, and with the
rules that ask nothing of the watcher, they are combined as RFC 4745 says. A document without
conditions of OMA has one group, and so no precedence.
"""

from collections.abc import Callable, Sequence
from math import inf
from typing import NamedTuple

from presence.policy.policy import SubHandling
from presence.rules.grants import highest
from presence.rules.permissions import NOTHING, Permissions, union
from presence.rules.ruleset import Rule, Ruleset
from sip.uri import AoR


class Context(NamedTuple):
    """A request for state, as far as conditions ask."""

    watcher: AoR | None
    """Who asks; None: not authenticated."""
    domain: str | None
    """The domain of the watcher, lower case; None without a watcher."""
    anonymous: bool
    """Whether the request asks not to tell who it is from, or nobody knows."""
    sphere: frozenset[str] | None
    """The sphere of the presentity, see `presence.rules.sphere`; None: undefined."""
    now: float
    """Unix seconds."""
    lists: Callable[[str], frozenset[str] | None]
    """The URIs on the list with this anchor, each as `uri_key` spells it; None: no such list."""


class Outcome(NamedTuple):
    """What the matching rules say together."""

    handling: SubHandling | None
    """None when no rule matches; block when some match but none says."""
    permissions: Permissions
    until: float | None
    """When validity may change this, Unix seconds; None: never."""


def evaluate(ruleset: Ruleset, context: Context) -> Outcome:
    """The combined permission of all rules of `ruleset` that match."""
    matching: list[Rule] = []
    until = inf
    for rule in _referring(ruleset, context):
        if not (rule.possible and all(one.holds(context.sphere) for one in rule.spheres)):
            continue
        for validity in rule.validities:
            until = min(until, validity.next_edge(context.now))
        if all(validity.holds(context.now) for validity in rule.validities):
            matching.append(rule)
    return _combined(matching, None if until == inf else until)


def _combined(matching: Sequence[Rule], until: float | None) -> Outcome:
    """The highest handling and the union of the permissions (RFC 4745 §10.2)."""
    if not matching:
        return Outcome(None, NOTHING, until)
    handling = highest(rule.handling for rule in matching)
    return Outcome(handling, union([rule.permissions for rule in matching]), until)


def _referring(ruleset: Ruleset, context: Context) -> list[Rule]:
    """The rules that are about this watcher: those of one group, and those about anybody."""
    *groups, others, anybody = ruleset.rules
    for group in groups:
        referring = [rule for rule in group if _refers(rule, context)]
        if referring:
            return [*referring, *anybody]
    return [*anybody] if context.watcher is None else [*others, *anybody]


def _refers(rule: Rule, context: Context) -> bool:
    """Whether all conditions of `rule` on who asks are true, but for other-identity."""
    if rule.anonymous and not context.anonymous:
        return False
    for identity in rule.identities:  # a loop, not all(): documents have a rule for each contact
        if not identity.holds(context.watcher, context.domain):
            return False
    return all(_listed(anchors, context) for anchors in rule.lists)


def _listed(anchors: frozenset[str], context: Context) -> bool:
    """Whether the watcher is on any of the lists; nobody is on a list that is not there."""
    return any(context.watcher in (context.lists(anchor) or ()) for anchor in anchors)
