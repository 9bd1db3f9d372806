"""Simple presence rules as JSON: the pres-rules document of a user (RFC 5025 §3). Pure.

A simple rule says who: users, domains or everybody; what becomes of their subscriptions;
and what they are shown. Rules that say more are shown as far as JSON has words for them,
and are not replaced.
"""

from collections.abc import Iterator
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from lxml import etree

from xcap.errors import BadRequest, ConstraintFailure, NotFound
from xcap.json.values import (
    JsonObject,
    check_keys,
    check_same,
    checked_object,
    flag,
    text,
    texts,
)
from xcap.nodes.selector import AttributeTest, Name, NodeSelector, Step
from xcap.nodes.splice import free_prefix
from xcap.usages.pres_rules import NAMESPACE, POLICY_NAMESPACE

PREFIX: Final = "cp"
QUERY: Final = f"xmlns({PREFIX}={POLICY_NAMESPACE})"
"""The bindings that `rule_selector` needs."""
EMPTY: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<ruleset xmlns="{POLICY_NAMESPACE}" xmlns:pr="{NAMESPACE}"/>\n'
).encode()
"""The document that the first rule is put into."""

RULE: Final = f"{{{POLICY_NAMESPACE}}}rule"
CONDITIONS: Final = f"{{{POLICY_NAMESPACE}}}conditions"
IDENTITY: Final = f"{{{POLICY_NAMESPACE}}}identity"
ONE: Final = f"{{{POLICY_NAMESPACE}}}one"
MANY: Final = f"{{{POLICY_NAMESPACE}}}many"
ACTIONS: Final = f"{{{POLICY_NAMESPACE}}}actions"
TRANSFORMATIONS: Final = f"{{{POLICY_NAMESPACE}}}transformations"
SUB_HANDLING: Final = f"{{{NAMESPACE}}}sub-handling"

KEYS: Final = frozenset(
    {"id", "identities", "domains", "everybody", "sub_handling", "provide", "simple"}
)
HANDLING: Final = ("block", "confirm", "polite-block", "allow")
ANY_DOMAIN: Final = "*"
"""Every authenticated user."""

WHOLE: Final = ("devices", "persons", "services")
"""Provided all, or not by a simple rule."""
ALL: Final = "all"
FLAGS: Final = {
    "activities": "activities",
    "class": "class",
    "device_id": "deviceID",
    "mood": "mood",
    "place_is": "place-is",
    "place_type": "place-type",
    "privacy": "privacy",
    "relationship": "relationship",
    "status_icon": "status-icon",
    "sphere": "sphere",
    "time_offset": "time-offset",
    "note": "note",
}
"""Key, and name of the element after "provide-"."""
FLAG_KEYS: Final = {f"{{{NAMESPACE}}}provide-{name}": key for key, name in FLAGS.items()}
BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
USER_INPUT: Final = ("false", "bare", "thresholds", "full")
PROVIDE_KEYS: Final = frozenset({*WHOLE, *FLAGS, "user_input", "all_attributes"})

DESCENDANTS: Final = etree.XPath("count(descendant::*)")
ATTRIBUTES: Final = etree.XPath("count(descendant::*/@*)")


def show_rules(root: etree._Element) -> JsonObject:
    """All rules in the order of the document."""
    return {"rules": [_rule(each) for each in root.iterchildren(RULE)]}


def show_rule(root: etree._Element, rule_id: str) -> JsonObject:
    """One rule. Raises NotFound."""
    found = _rule_named(root, rule_id)
    if found is None:
        raise NotFound("there is no such rule")
    return _rule(found)


def rule_selector(rule_id: str) -> NodeSelector:
    """What selects a rule; QUERY binds its prefix."""
    test = AttributeTest(Name("", "id"), rule_id)
    return NodeSelector((Step(Name(PREFIX, "ruleset")), Step(Name(PREFIX, "rule"), test=test)))


def rule_element(document: bytes, root: etree._Element, values: JsonObject, rule_id: str) -> bytes:
    """The rule that `values` describe.

    Raises BadRequest, and ConstraintFailure for one that is there and is not simple.
    """
    check_keys(values, KEYS)
    check_same(values, "id", rule_id)
    there = _rule_named(root, rule_id)
    if there is not None and not _rule(there)["simple"]:
        raise ConstraintFailure("the rule says more than JSON can; replace it by XCAP")
    policy = f"{root.prefix}:" if root.prefix else ""
    prefix, declaration = _rules_prefix(root)
    parts = (
        _conditions(policy, values),
        _around(f"{policy}actions", _sub_handling(prefix, values)),
        _around(f"{policy}transformations", "".join(_provided(prefix, values))),
    )
    content = "".join(parts)
    return f"<{policy}rule id={quoteattr(rule_id)}{declaration}>{content}</{policy}rule>".encode()


def _rule_named(root: etree._Element, rule_id: str) -> etree._Element | None:
    return next((each for each in root.iterchildren(RULE) if each.get("id") == rule_id), None)


def _rule(rule: etree._Element) -> dict[str, Any]:
    """What JSON can say of `rule`, and whether that is all."""
    ones = [one for one in rule.iterfind(f"{CONDITIONS}/{IDENTITY}/{ONE}") if not len(one)]
    manys = [many for many in rule.iterfind(f"{CONDITIONS}/{IDENTITY}/{MANY}") if not len(many)]
    handling = rule.findtext(f"{ACTIONS}/{SUB_HANDLING}")
    provide = dict(map(_provision, rule.iterfind(f"{TRANSFORMATIONS}/*")))
    provide.pop("", None)
    containers = [rule.find(CONDITIONS), rule.find(f"{CONDITIONS}/{IDENTITY}")]
    containers += [rule.find(ACTIONS), rule.find(TRANSFORMATIONS)]
    said = len(ones) + len(manys) + (handling is not None) + len(provide)
    said += sum(value == ALL for value in provide.values())
    said += sum(container is not None for container in containers)
    conditions = containers[0]
    return {
        "id": rule.get("id"),
        "identities": [one.get("id") for one in ones],
        "domains": [many.get("domain", ANY_DOMAIN) for many in manys],
        "everybody": conditions is None or not len(conditions),
        "sub_handling": handling.strip() if handling else None,
        "provide": provide,
        "simple": said == _count(DESCENDANTS, rule) and _plain_attributes(rule, ones, manys),
    }


def _plain_attributes(
    rule: etree._Element, ones: list[etree._Element], manys: list[etree._Element]
) -> bool:
    """Whether there are no attributes but those that JSON has."""
    named = len(ones) + sum("domain" in many.attrib for many in manys)
    return _count(ATTRIBUTES, rule) == named and len(rule.attrib) == 1


def _provision(element: etree._Element) -> tuple[str, Any]:
    """Key and value of one element of the transformations; "" for what JSON cannot say."""
    tag, content = str(element.tag), (element.text or "").strip()
    if tag in FLAG_KEYS and content in BOOLEANS:
        return FLAG_KEYS[tag], BOOLEANS[content]
    if tag == f"{{{NAMESPACE}}}provide-user-input":
        return "user_input", content
    if tag == f"{{{NAMESPACE}}}provide-all-attributes":
        return "all_attributes", True
    for key in WHOLE:
        if tag == f"{{{NAMESPACE}}}provide-{key}" and _is_all(element, key):
            return key, ALL
    return "", None


def _is_all(element: etree._Element, key: str) -> bool:
    return [child.tag for child in element] == [f"{{{NAMESPACE}}}all-{key}"]


def _count(expression: etree.XPath, element: etree._Element) -> int:
    result: Any = expression(element)
    return int(result)


def _rules_prefix(root: etree._Element) -> tuple[str, str]:
    """The prefix of pres-rules below `root`, and its declaration if it needs one."""
    for prefix, namespace in root.nsmap.items():
        if namespace == NAMESPACE:
            return (f"{prefix}:" if prefix else ""), ""
    prefix = free_prefix(root, "pr")
    return f"{prefix}:", f' xmlns:{prefix}="{NAMESPACE}"'


def _around(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>" if content else ""


def _conditions(policy: str, values: JsonObject) -> str:
    """Who the rule is for. Nobody is told by default: a rule without conditions is for all."""
    identities, domains = texts(values, "identities"), texts(values, "domains")
    if flag(values, "everybody") == bool(identities or domains):
        raise BadRequest('a rule has either identities and domains, or "everybody": true')
    ones = [f"<{policy}one id={quoteattr(identity)}/>" for identity in identities]
    manys = [
        f"<{policy}many/>"
        if domain == ANY_DOMAIN
        else f"<{policy}many domain={quoteattr(domain)}/>"
        for domain in domains
    ]
    return _around(f"{policy}conditions", _around(f"{policy}identity", "".join(ones + manys)))


def _sub_handling(prefix: str, values: JsonObject) -> str:
    handling = text(values, "sub_handling")
    if handling is None:
        return ""
    if handling not in HANDLING:
        raise BadRequest(f"'sub_handling' must be one of {', '.join(HANDLING)}")
    return f"<{prefix}sub-handling>{handling}</{prefix}sub-handling>"


def _provided(prefix: str, values: JsonObject) -> Iterator[str]:
    """The transformations, in the order of RFC 5025 §3.3."""
    provide = checked_object(values.get("provide", {}), "'provide'")
    check_keys(provide, PROVIDE_KEYS)
    for key in WHOLE:
        if text(provide, key) not in (None, ALL):
            raise BadRequest(f"{key!r} must be {ALL!r} or left out")
        if provide.get(key) == ALL:
            yield f"<{prefix}provide-{key}><{prefix}all-{key}/></{prefix}provide-{key}>"
    for key, name in FLAGS.items():
        if key in provide:
            given = str(flag(provide, key)).lower()
            yield f"<{prefix}provide-{name}>{given}</{prefix}provide-{name}>"
    user_input = text(provide, "user_input")
    if user_input is not None:
        if user_input not in USER_INPUT:
            raise BadRequest(f"'user_input' must be one of {', '.join(USER_INPUT)}")
        yield f"<{prefix}provide-user-input>{user_input}</{prefix}provide-user-input>"
    if flag(provide, "all_attributes"):
        yield f"<{prefix}provide-all-attributes/>"
