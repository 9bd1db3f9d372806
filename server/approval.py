"""One watcher approved or blocked in a rules document (RFC 5025 §3.2.1, AUT-12). Pure.

Grants add up (RFC 4745 §10), so a rule that blocks would mean nothing beside one that allows. So
a decision takes the watcher out of every rule that names it, and puts one rule of its own in
their place. What else is in the document stays as it is, octet by octet.
"""

from hashlib import blake2b
from typing import Any, Final

from lxml import etree

from presence.rules.uris import uri_key
from sip.uri import AoR
from xcap.errors import ConstraintFailure
from xcap.json.rules import EMPTY, QUERY, rule_element, rule_selector
from xcap.nodes.evaluate import Resolved, resolve
from xcap.nodes.node import delete_node, put_node
from xcap.usage import parse_document
from xcap.usages.pres_rules import NAMESPACE, POLICY_NAMESPACE

DECISIONS: Final = ("allow", "polite-block", "confirm", "block")
EVERYTHING: Final = {"devices": "all", "persons": "all", "services": "all", "all_attributes": True}
ID_OCTETS: Final = 8
MAX_MENTIONS: Final = 16
"""Places of a document that name one watcher; who names it more often edits the rules."""

RULE: Final = f"{{{POLICY_NAMESPACE}}}rule"
IDENTITY: Final = f"{{{POLICY_NAMESPACE}}}conditions/{{{POLICY_NAMESPACE}}}identity"
ONE: Final = f"{{{POLICY_NAMESPACE}}}one"


def rule_id(watcher: AoR) -> str:
    """The id of the rule about `watcher`."""
    return "watcher-" + blake2b(uri_key(watcher).encode(), digest_size=ID_OCTETS).hexdigest()


def with_decision(document: bytes | None, watcher: AoR, decision: str | None) -> bytes:
    """`document` with `decision` about `watcher`, one of DECISIONS, or None for no word of it.

    Raises ConstraintFailure when `watcher` is named too often, and what XCAP raises for a
    document that cannot be read.
    """
    body = without_watcher(document or EMPTY, watcher)
    if decision is None:
        return body
    name = rule_id(watcher)
    values: dict[str, Any] = {"identities": [watcher], "sub_handling": decision}
    if decision == "allow":
        values["provide"] = EVERYTHING
    root = parse_document(body)
    element = rule_element(body, root, values, name)
    return put_node(body, root, _resolved(str(rule_selector(name))), element).body


def without_watcher(body: bytes, watcher: AoR) -> bytes:
    """`body` without what names `watcher` in its rules; a rule for nobody else goes with it."""
    for _ in range(MAX_MENTIONS):
        root = parse_document(body)
        found = _mention(root, uri_key(watcher))
        if found is None:
            return body
        body = delete_node(body, root, _resolved(found))
    raise ConstraintFailure(f"the rules name {watcher} more than {MAX_MENTIONS} times")


def _mention(root: etree._Element, key: str) -> str | None:
    """A node selector of the first rule or element that names the watcher with `key`."""
    for number, rule in enumerate(root.iterchildren(RULE), start=1):
        identity = rule.find(IDENTITY)
        if identity is None:
            continue
        for place, one in enumerate(identity.iterchildren(ONE), start=1):
            if uri_key(one.get("id", "")) == key:
                selector = f"cp:ruleset/cp:rule[{number}]"
                alone = len(identity) == 1
                return (
                    selector if alone else f"{selector}/cp:conditions/cp:identity/cp:one[{place}]"
                )
    return None


def _resolved(selector: str) -> Resolved:
    return resolve(selector, QUERY, NAMESPACE)
