"""RFC 4825 §8.2.5: whatever becomes of a document, it is valid or its conflict has a name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from sip.uri import AoR
from tests.xcap.kit import CONFIG
from tests.xcap.usage_examples import EXAMPLES, Example
from xcap.config import XcapConfig
from xcap.errors import Conflict
from xcap.registry import usages
from xcap.report import render
from xcap.uri import Tree
from xcap.usage import Place, Usage
from xmldoc.parse import parse
from xmldoc.schema import schema

PLACE = Place(Tree.USERS, AoR("sip:alice@example.com"), "example.com", "index", "/xcap-root")
USAGES = {one.auid: one for one in usages(XcapConfig(domains=CONFIG.domains, test_app=True))}
CHANGES = ("remove", "double", "rename", "retype", "empty", "value", "text", "nest")
VALUES = ("", "x", "sip:b@c", "http://x/y", "%", "]", "\u00e9", "a b")


def changed(body: str, change: str, place: int, value: str) -> bytes:
    """The document with one thing wrong, or not."""
    root = etree.fromstring(body.encode())
    elements = list(root.iter())
    element = elements[place % len(elements)]
    match change:
        case "remove" if (parent := element.getparent()) is not None:
            parent.remove(element)
        case "double" if (parent := element.getparent()) is not None:
            parent.append(etree.fromstring(etree.tostring(element)))
        case "rename":
            element.tag = f"{{{etree.QName(element).namespace}}}other"
        case "retype":
            element.tag = "{urn:other}other"
        case "empty":
            element.clear()
        case "value":
            for name in element.attrib:
                element.set(name, value)
        case "text":
            element.text = value
        case "nest":
            element.append(etree.fromstring(etree.tostring(element)))
    return etree.tostring(root, encoding="utf-8")


def conflict_of(usage: Usage, body: bytes) -> Conflict | None:
    try:
        usage.validate(body, PLACE)
    except Conflict as conflict:
        return conflict
    return None


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.auid)
@given(change=st.sampled_from(CHANGES), place=st.integers(0, 20), value=st.sampled_from(VALUES))
@settings(max_examples=60, deadline=None)
def test_a_changed_document_is_valid_or_in_conflict(
    example: Example, change: str, place: int, value: str
) -> None:
    """The report of the conflict is a valid document itself (§11)."""
    usage, body = USAGES[example.auid], changed(example.body, change, place, value)
    conflict = conflict_of(usage, body)
    if conflict is None:
        usage.check_tree(parse(body), PLACE)
    else:
        assert schema("xcap-error").check(parse(render(conflict))) is None
