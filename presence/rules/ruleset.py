"""Rules as they are evaluated, read from a checked document (RFC 4745 §6, §13). Pure.

Who a rule is about is read apart from its other conditions, since the precedence of OMA asks for
it alone (see `presence.rules.evaluate`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from lxml import etree

from presence.rules.conditions import Sphere, Validity
from presence.rules.grants import PRESENCE_HANDLING, handling_of, permissions_of
from presence.rules.identity import IDENTITY, Identity
from presence.rules.names import OMA_POLICY, POLICY
from presence.rules.permissions import Permissions

RULE: Final = f"{{{POLICY}}}rule"
CONDITIONS: Final = f"{{{POLICY}}}conditions"
ACTIONS: Final = f"{{{POLICY}}}actions"
TRANSFORMATIONS: Final = f"{{{POLICY}}}transformations"
SPHERE: Final = f"{{{POLICY}}}sphere"
VALIDITY: Final = f"{{{POLICY}}}validity"
ANONYMOUS_REQUEST: Final = f"{{{OMA_POLICY}}}anonymous-request"
EXTERNAL_LIST: Final = f"{{{OMA_POLICY}}}external-list"
OTHER_IDENTITY: Final = f"{{{OMA_POLICY}}}other-identity"
ENTRY: Final = f"{{{OMA_POLICY}}}entry"
ANCHOR: Final = f"{{{OMA_POLICY}}}anc"


class Precedence(IntEnum):
    """Which rules go before which (OMA): those of a lower number, and ANYBODY with all."""

    ANONYMOUS = 0
    IDENTITY = 1
    EXTERNAL_LIST = 2
    OTHER = 3
    ANYBODY = 4


WHO: Final[Mapping[str, Precedence]] = {
    ANONYMOUS_REQUEST: Precedence.ANONYMOUS,
    IDENTITY: Precedence.IDENTITY,
    EXTERNAL_LIST: Precedence.EXTERNAL_LIST,
    OTHER_IDENTITY: Precedence.OTHER,
}
"""Conditions on who asks, in the order of their precedence."""
CONDITION_TAGS: Final = frozenset({*WHO, SPHERE, VALIDITY})


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; it matches when all its conditions are true (RFC 4745 §10.1)."""

    precedence: Precedence
    identities: tuple[Identity, ...]
    lists: tuple[frozenset[str], ...]
    """Of each external-list condition the anchors, any of which may have the watcher."""
    anonymous: bool
    spheres: tuple[Sphere, ...]
    validities: tuple[Validity, ...]
    possible: bool
    """False with a condition that nobody here knows, which is never true (RFC 4745 §7)."""
    handling: int
    """A place in `grants.HANDLINGS`."""
    permissions: Permissions


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All rules of one document."""

    rules: tuple[tuple[Rule, ...], ...]
    """For each Precedence in turn."""
    uses_sphere: bool
    """Whether any rule asks for the sphere of the presentity."""
    lists: frozenset[str]
    """The anchors of the lists outside the document that rules ask for."""


def parse_ruleset(root: etree._Element, *, action: str = PRESENCE_HANDLING) -> Ruleset:
    """The rules below `root`, a ruleset that is valid against its schema.

    `action` is the qualified name of the action that says how subscriptions are handled.
    """
    groups: tuple[list[Rule], ...] = tuple([] for _ in Precedence)
    anchors: set[str] = set()
    uses_sphere = False
    for element in root.iterchildren(RULE):
        rule = _rule(element, action)
        groups[rule.precedence].append(rule)
        anchors.update(*rule.lists)
        uses_sphere = uses_sphere or bool(rule.spheres)
    return Ruleset(tuple(tuple(group) for group in groups), uses_sphere, frozenset(anchors))


def merge(rulesets: Sequence[Ruleset]) -> Ruleset:
    """The rules of several documents as those of one (RFC 5025 §9.7)."""
    if len(rulesets) == 1:
        return rulesets[0]
    return Ruleset(
        tuple(tuple(rule for one in rulesets for rule in one.rules[group]) for group in Precedence),
        any(one.uses_sphere for one in rulesets),
        frozenset[str]().union(*(one.lists for one in rulesets)),
    )


def _rule(element: etree._Element, action: str) -> Rule:
    found = element.find(CONDITIONS)
    conditions: Sequence[etree._Element] = () if found is None else list(found)
    present = {str(condition.tag) for condition in conditions}
    return Rule(
        precedence=_precedence(present),
        identities=tuple(Identity.parse(one) for one in conditions if one.tag == IDENTITY),
        lists=tuple(frozenset(_anchors(one)) for one in conditions if one.tag == EXTERNAL_LIST),
        anonymous=ANONYMOUS_REQUEST in present,
        spheres=tuple(Sphere.parse(one) for one in conditions if one.tag == SPHERE),
        validities=tuple(Validity.parse(one) for one in conditions if one.tag == VALIDITY),
        possible=_possible(present),
        handling=handling_of(element.find(ACTIONS), action),
        permissions=permissions_of(element.find(TRANSFORMATIONS)),
    )


def _precedence(present: Collection[str]) -> Precedence:
    """The first group that a rule with these conditions is in."""
    return next((group for tag, group in WHO.items() if tag in present), Precedence.ANYBODY)


def _possible(present: Set[str]) -> bool:
    """Whether all of these conditions can be true, of one watcher."""
    named_otherwise = OTHER_IDENTITY in present and len(present & WHO.keys()) > 1
    return present <= CONDITION_TAGS and not named_otherwise


def _anchors(external_list: etree._Element) -> Iterator[str]:
    """What the entries of an external-list point at; entries as attribute or as element."""
    for child in external_list:
        anchor = child.get("anc") if child.tag == ENTRY else None
        if child.tag == ANCHOR:
            anchor = child.text
        if anchor:
            yield anchor.strip()
