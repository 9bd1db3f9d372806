"""Presence rules as JSON, and back as elements (RFC 5025 §3, RFC 4745 §7, XCP-20)."""

import json
from typing import Any

import pytest

from sip.uri import AoR
from xcap.errors import BadRequest, ConstraintFailure, NotFound
from xcap.json import rules as view
from xcap.nodes.evaluate import resolve
from xcap.nodes.node import put_node
from xcap.uri import Tree
from xcap.usage import Place
from xcap.usages.pres_rules import NAMESPACE, USAGE
from xmldoc.parse import parse

PLACE = Place(Tree.USERS, AoR("sip:alice@example.com"), "example.com")
RULES = """<?xml version="1.0"?>
<cp:ruleset xmlns:cp="urn:ietf:params:xml:ns:common-policy"
 xmlns="urn:ietf:params:xml:ns:pres-rules">
 {}
</cp:ruleset>
"""
FRIENDS = """<cp:rule id="friends">
 <cp:conditions><cp:identity>
  <cp:one id="sip:bob@example.com"/><cp:many domain="example.org"/><cp:many/>
 </cp:identity></cp:conditions>
 <cp:actions><sub-handling> allow </sub-handling></cp:actions>
 <cp:transformations>
  <provide-services><all-services/></provide-services>
  <provide-mood>1</provide-mood><provide-note>false</provide-note>
  <provide-user-input>bare</provide-user-input><provide-all-attributes/>
 </cp:transformations>
</cp:rule>"""
SHOWN = {
    "id": "friends",
    "identities": ["sip:bob@example.com"],
    "domains": ["example.org", "*"],
    "everybody": False,
    "sub_handling": "allow",
    "provide": {
        "services": "all",
        "mood": True,
        "note": False,
        "user_input": "bare",
        "all_attributes": True,
    },
    "simple": True,
}


def rule(content: str, head: str = 'id="a"') -> bytes:
    return RULES.format(f"<cp:rule {head}>{content}</cp:rule>").encode()


def identity(content: str) -> bytes:
    return rule(f"<cp:conditions><cp:identity>{content}</cp:identity></cp:conditions>")


def put(document: bytes, rule_id: str, values: dict[str, Any]) -> bytes:
    """The document after a rule was put; it is valid."""
    element = view.rule_element(document, parse(document), values, rule_id)
    resolved = resolve(str(view.rule_selector(rule_id)), view.QUERY, NAMESPACE)
    body = put_node(document, parse(document), resolved, element).body
    USAGE.validate(body, PLACE)
    return body


def test_a_simple_rule() -> None:
    document = RULES.format(FRIENDS).encode()
    assert view.show_rule(parse(document), "friends") == SHOWN
    assert view.show_rules(parse(document)) == {"rules": [SHOWN]}


def test_a_rule_without_conditions_is_for_everybody() -> None:
    """RFC 4745 §7: a rule without conditions applies to all."""
    assert view.show_rule(parse(rule("")), "a") == {
        "id": "a",
        "identities": [],
        "domains": [],
        "everybody": True,
        "sub_handling": None,
        "provide": {},
        "simple": True,
    }


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(identity('<cp:many><cp:except id="sip:a@b"/></cp:many>'), id="except"),
        pytest.param(identity('<cp:one id="sip:a@b"><x xmlns="urn:x"/></cp:one>'), id="one"),
        pytest.param(identity('<x xmlns="urn:x"/>'), id="another identity"),
        pytest.param(
            rule('<cp:conditions><cp:sphere value="work"/></cp:conditions>'), id="a sphere"
        ),
        pytest.param(
            rule(
                '<cp:conditions><cp:identity><cp:one id="sip:a@b"/></cp:identity>'
                '<cp:identity><cp:one id="sip:c@d"/></cp:identity></cp:conditions>'
            ),
            id="two identities",
        ),
        pytest.param(rule('<cp:actions><x xmlns="urn:x"/></cp:actions>'), id="another action"),
        pytest.param(
            rule(
                "<cp:transformations><provide-services><class>a</class></provide-services>"
                "</cp:transformations>"
            ),
            id="some services",
        ),
        pytest.param(
            rule(
                '<cp:transformations><provide-unknown-attribute ns="a" name="b">true'
                "</provide-unknown-attribute></cp:transformations>"
            ),
            id="an unknown attribute",
        ),
        pytest.param(
            rule('<cp:transformations><x xmlns="urn:x"/></cp:transformations>'), id="extension"
        ),
    ],
)
def test_a_rule_that_says_more_is_not_replaced(document: bytes) -> None:
    USAGE.validate(document, PLACE)
    assert not view.show_rule(parse(document), "a")["simple"]
    with pytest.raises(ConstraintFailure):
        put(document, "a", {"everybody": True})


@pytest.mark.parametrize("document", [view.EMPTY, RULES.format(FRIENDS).encode()])
def test_what_is_shown_can_be_put(document: bytes) -> None:
    after = put(document, "friends", SHOWN)
    assert view.show_rule(parse(after), "friends") == SHOWN
    assert put(after, "friends", SHOWN) == after


@pytest.mark.parametrize("key", sorted(view.FLAGS))
@pytest.mark.parametrize("given", [True, False])
def test_every_permission_has_a_key(key: str, given: bool) -> None:
    """RFC 5025 §3.3.2."""
    after = put(view.EMPTY, "a", {"everybody": True, "provide": {key: given}})
    assert view.show_rule(parse(after), "a")["provide"] == {key: given}


def test_a_namespace_that_is_not_declared_gets_a_prefix() -> None:
    document = b'<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:x"/>'
    values = {"domains": ["*"], "sub_handling": "confirm"}
    after = put(document, "a", values)
    assert b'<rule id="a" xmlns:ns1="urn:ietf:params:xml:ns:pres-rules">' in after
    assert view.show_rule(parse(after), "a")["sub_handling"] == "confirm"


def test_octets_of_other_rules_stay() -> None:
    document = RULES.format(FRIENDS).encode()
    after = put(document, "new", {"identities": ["sip:a@b"], "sub_handling": "block"})
    head, tail = document.split(b"</cp:rule>")
    assert after.startswith(head + b'</cp:rule><cp:rule id="new">')
    assert after.endswith(tail)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"sub_handling": "allow"},
        {"everybody": True, "domains": ["*"]},
        {"everybody": "yes"},
        {"identities": "sip:a@b"},
        {"identities": [1]},
        {"everybody": True, "sub_handling": "deny"},
        {"everybody": True, "provide": []},
        {"everybody": True, "provide": {"services": "some"}},
        {"everybody": True, "provide": {"services": True}},
        {"everybody": True, "provide": {"mood": "yes"}},
        {"everybody": True, "provide": {"moods": True}},
        {"everybody": True, "provide": {"user_input": "all"}},
        {"everybody": True, "id": "b"},
        {"everybody": True, "action": "allow"},
    ],
    ids=json.dumps,
)
def test_a_body_that_is_no_rule(values: dict[str, Any]) -> None:
    """In particular one that says nothing of whom it is for, which would be everybody."""
    with pytest.raises(BadRequest):
        put(view.EMPTY, "a", values)


def test_no_such_rule() -> None:
    with pytest.raises(NotFound):
        view.show_rule(parse(view.EMPTY), "a")
