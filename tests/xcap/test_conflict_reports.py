"""RFC 4825 §11: the body of a 409."""

import pytest
from lxml import etree

from xcap import errors, report
from xcap.errors import Conflict, Exists, Extension, NoParent, UniquenessFailure
from xmldoc.parse import parse
from xmldoc.schema import schema

NS = f"{{{report.NAMESPACE}}}"

PLAIN = [
    errors.NotWellFormed,
    errors.NotXmlFragment,
    errors.SchemaValidationError,
    errors.NotXmlAttributeValue,
    errors.CannotInsert,
    errors.CannotDelete,
    errors.ConstraintFailure,
    errors.NotUtf8,
]
EVERY: list[Conflict] = [
    *(kind("why & <how>") for kind in PLAIN),
    NoParent("none", "/x/users/a%22/"),
    NoParent("none"),
    UniquenessFailure("twice", (Exists("a/@b", ("sip:x&y@z",)), Exists("c"))),
    Extension("", b'<x xmlns="urn:x"/>'),
]


def condition(conflict: Conflict) -> etree._Element:
    root = parse(report.render(conflict))
    assert schema("xcap-error").check(root) is None
    return root[0]


@pytest.mark.parametrize("conflict", EVERY, ids=lambda conflict: type(conflict).__name__)
def test_every_condition_is_a_valid_report(conflict: Conflict) -> None:
    assert condition(conflict).tag == NS + conflict.element


def test_all_eleven_elements_of_the_standard_are_there() -> None:
    """RFC 4825 §11.1."""
    assert {conflict.element for conflict in EVERY} == {
        "not-well-formed", "not-xml-frag", "no-parent", "schema-validation-error",
        "not-xml-att-value", "cannot-insert", "cannot-delete", "uniqueness-failure",
        "constraint-failure", "extension", "not-utf-8",
    }  # fmt: skip


@pytest.mark.parametrize("kind", PLAIN)
def test_the_phrase_says_what_was_wrong(kind: type[Conflict]) -> None:
    assert condition(kind('a "b" <c>')).get("phrase") == 'a "b" <c>'


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "\x1b[2J", "\ufffe"])
def test_what_no_document_may_hold_is_replaced(text: str) -> None:
    assert "\ufffd" in (condition(errors.ConstraintFailure(text)).get("phrase") or "")


def test_no_parent_has_the_closest_ancestor() -> None:
    assert condition(NoParent("x", "/a&b/")).findtext(NS + "ancestor") == "/a&b/"


def test_uniqueness_failure_has_fields_and_alternatives() -> None:
    first, second = condition(EVERY[-2])
    assert (first.get("field"), first.findtext(NS + "alt-value")) == ("a/@b", "sip:x&y@z")
    assert (second.get("field"), len(second)) == ("c", 0)
