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
    identities, lists, spheres, validities = [], [], [], []
    present = set()
    conditions = _child(element, CONDITIONS)
    for condition in () if conditions is None else conditions:
        tag = str(condition.tag)
        present.add(tag)
        if tag == IDENTITY:
            identities.append(Identity.parse(condition))
        elif tag == EXTERNAL_LIST:
            lists.append(frozenset(_anchors(condition)))
        elif tag == SPHERE:
            spheres.append(Sphere.parse(condition))
        elif tag == VALIDITY:
            validities.append(Validity.parse(condition))
    return Rule(
        precedence=_precedence(present),
        identities=tuple(identities),
        lists=tuple(lists),
        anonymous=ANONYMOUS_REQUEST in present,
        spheres=tuple(spheres),
        validities=tuple(validities),
        possible=_possible(present),
        handling=handling_of(_child(element, ACTIONS), action),
        permissions=permissions_of(_child(element, TRANSFORMATIONS)),
    )


def _child(element: etree._Element, tag: str) -> etree._Element | None:
    """The first child called `tag`; `find` takes three times as long (bench_rules.py)."""
    return next(element.iterchildren(tag), None)


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
