"""Documents taken apart without being written anew (RFC 3863 §4.2.3)."""

import pytest
from hypothesis import given, settings

from tests.xmldoc.random_documents import Written, documents
from xmldoc.pieces import (
    children,
    declared_in,
    declaring,
    missing,
    start_tags,
    with_attribute,
)

ODD = b"""<?xml version="1.0"?><!-- <no> --><a x='>' y="<![CDATA["><!-- <b/> --><b z="/>"/>
<?p <c>?><c><![CDATA[</c>]]><d ><e/></d ></c ><f/></a><!-- <g/> -->"""
ODD = ODD.replace(b'"<![CDATA["', b'"![CDATA["')


def test_children_are_found_among_what_looks_like_tags() -> None:
    pieces = [ODD[slice(*piece)] for piece in children(ODD)]
    assert pieces == [b'<b z="/>"/>', b"<c><![CDATA[</c>]]><d ><e/></d ></c >", b"<f/>"]


def test_start_tags_are_in_document_order() -> None:
    names = [ODD[tag.start + 1 : tag.start + 2] for tag in start_tags(ODD)]
    assert names == [b"a", b"b", b"c", b"d", b"e", b"f"]
    assert [tag.empty for tag in start_tags(ODD)] == [False, True, False, False, True, True]


@pytest.mark.parametrize("xml", [b"<a/>", b"<a></a>", b"<a> text <!-- c --></a>"])
def test_no_children(xml: bytes) -> None:
    assert children(xml) == []


@pytest.mark.parametrize(
    ("xml", "own"),
    [
        pytest.param(b'<a xmlns="urn:a" xmlns:b = \'urn:b\' c="xmlns:d="/>', {"", "b"}, id="both"),
        pytest.param(b'<a b=" xmlns:c=\'d\'"><e xmlns="f"/></a>', set(), id="none"),
    ],
)
def test_declarations_of_the_first_tag_are_known(xml: bytes, own: set[str]) -> None:
    assert declared_in(xml) == own


@pytest.mark.parametrize(
    ("scope", "own", "around", "lacking"),
    [
        pytest.param({"a": "1"}, (), {"a": "1"}, {}, id="same"),
        pytest.param({"a": "1"}, (), {"a": "2"}, {"a": "1"}, id="other-meaning"),
        pytest.param({"a": "1"}, ("a",), {"a": "2"}, {}, id="says-so-itself"),
        pytest.param({}, (), {"": "1"}, {"": ""}, id="no-default"),
        pytest.param({}, ("",), {"": "1"}, {}, id="own-default"),
    ],
)
def test_an_element_declares_what_is_not_around_it(
    scope: dict[str, str], own: tuple[str, ...], around: dict[str, str], lacking: dict[str, str]
) -> None:
    """Namespaces in XML §6.1."""
    assert missing(scope, frozenset(own), around) == lacking


def test_declarations_and_attributes_are_spliced_in() -> None:
    assert declaring(b"<a/>", {"": "urn:a", "b": "u&b"}) == b'<a xmlns="urn:a" xmlns:b="u&amp;b"/>'
    xml = b"<a><b id='x' c=\"id='y'\"/></a>"
    tag = list(start_tags(xml))[1]
    assert with_attribute(xml, tag, b"id", "z") == b'<a><b id="z" c="id=\'y\'"/></a>'
    assert with_attribute(xml, tag, b"d", "z") == xml


@settings(max_examples=200, deadline=None)
@given(documents())
def test_pieces_are_the_children_of_any_document(document: Written) -> None:
    """To the octet, whatever stands between and inside of them."""
    found = [tuple(piece) for piece in children(document.octets)]
    assert found == [(one.start, one.end) for one in document.elements if len(one.path) == 1]
    starts = [tag.start for tag in start_tags(document.octets)]
    assert starts == [one.start for one in document.elements]
