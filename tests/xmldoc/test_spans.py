"""Where elements and attributes are in the octets of a document (RFC 4825 §8.3, XCP-08)."""

from time import process_time

import pytest
from hypothesis import given, settings
from lxml import etree

from tests.xmldoc.random_documents import Place, Written, documents
from xmldoc.parse import parse
from xmldoc.spans import (
    attribute_span,
    attribute_spans,
    attributes_end,
    element_span,
    expanded,
    tag_name,
)


def at(root: etree._Element, path: tuple[int, ...]) -> etree._Element:
    for position in path:
        root = root[position]
    return root


@settings(max_examples=100, deadline=None)
@given(documents())
def test_every_element_is_found_where_it_was_written(written: Written) -> None:
    root = parse(written.octets)
    for place in written.elements:
        span = element_span(written.octets, at(root, place.path))
        assert Place(*span, place.path) == place
        assert span.empty_tag == (place.content == place.end)


@settings(max_examples=100, deadline=None)
@given(documents())
def test_every_attribute_is_found_with_its_value(written: Written) -> None:
    """What stands between the offsets is a name, "=" and the value that the parser read."""
    root = parse(written.octets)
    for place in written.elements:
        element = at(root, place.path)
        span = element_span(written.octets, element)
        for name, value in element.attrib.items():
            found = attribute_span(written.octets, span, element, str(name))
            assert found is not None
            copy = b"<a a=" + written.octets[found.value : found.end] + b"/>"
            assert etree.fromstring(copy).get("a") == value
            assert written.octets[found.start : found.value].strip().endswith(b"=")
        declared = [each for each in attribute_spans(written.octets, span) if "xmlns" in each.name]
        assert len(declared) + len(element.attrib) == len(
            list(attribute_spans(written.octets, span))
        )


@pytest.mark.parametrize(
    ("document", "content"),
    [
        pytest.param(b"<a><b/></a>", b"", id="empty-element tag"),
        pytest.param(b"<a><b></b></a>", b"", id="no content"),
        pytest.param(b"<a><b x='/>' ></b ></a>", b"", id="a tag's end in a value"),
        pytest.param(b"<a><b><![CDATA[]]<b></b>]]></b></a>", b"<![CDATA[]]<b></b>]]>", id="cdata"),
        pytest.param(b"<a><!--><b>--><b>x</b></a>", b"x", id="a start tag in a comment"),
        pytest.param(b"<?x <b>?><a><b><?y </b>?></b></a>", b"<?y </b>?>", id="tags in PIs"),
        pytest.param(
            b"<a><b><b><b/></b><!--</b>--></b></a>", b"<b><b/></b><!--</b>-->", id="depth"
        ),
        pytest.param(b"<a><b><c></c></b></a>", b"<c></c>", id="last one is not empty"),
    ],
)
def test_content_of_the_first_child(document: bytes, content: bytes) -> None:
    span = element_span(document, parse(document)[0])
    assert document[span.content : span.content_end] == content


def test_a_name_is_expanded_as_its_element_has_it() -> None:
    """Namespaces in XML 1.0 §6.2: the default namespace is not for attributes."""
    element = parse(b'<a xmlns="urn:d" xmlns:p="urn:p"/>')
    names = {name: expanded(name, element) for name in ("x", "p:x", "xml:lang", "xmlns", "xmlns:p")}
    assert names == {
        "x": "x",
        "p:x": "{urn:p}x",
        "xml:lang": "{http://www.w3.org/XML/1998/namespace}lang",
        "xmlns": None,
        "xmlns:p": None,
    }


@pytest.mark.parametrize(
    ("document", "before"),
    [
        (b"<a/>", b"<a"),
        (b"<a  />", b"<a"),
        (b"<a x='1'\n y = '>' ></a>", b"<a x='1'\n y = '>'"),
    ],
)
def test_where_the_attributes_end(document: bytes, before: bytes) -> None:
    span = element_span(document, parse(document))
    assert document[: attributes_end(document, span)] == before
    assert tag_name(document, span) == b"a"


def test_an_attribute_that_is_not_there() -> None:
    root = parse(b'<a xmlns="x" y="1"/>')
    span = element_span(b'<a xmlns="x" y="1"/>', root)
    assert attribute_span(b'<a xmlns="x" y="1"/>', span, root, "z") is None


@pytest.mark.parametrize(
    "filling",
    [
        pytest.param(b"<!-- <x> -->", id="comments"),
        pytest.param(b"<![CDATA[<x>]]>", id="cdata"),
        pytest.param(b"<?x <x>?>", id="processing instructions"),
        pytest.param(b"<b x='>' ></b>", id="elements"),
        pytest.param(b"<b/>", id="empty-element tags"),
        pytest.param(b">] ]\"'--", id="marks in text"),
    ],
)
def test_the_time_grows_with_the_size_only(filling: bytes) -> None:
    """No input makes the search go over the same octets again and again."""
    small, large = (cost(filling * count) for count in (1_000, 8_000))
    assert large < 40 * small + 0.005


def cost(filling: bytes) -> float:
    """Seconds to find the last child; the least of some rounds."""
    document = b"<a>" + filling + b"<c>" + filling + b"</c></a>"
    root = etree.fromstring(document, etree.XMLParser(remove_comments=True, remove_pis=True))
    best = float("inf")
    for _ in range(3):
        began = process_time()
        element_span(document, root[-1])
        best = min(best, process_time() - began)
    return best
