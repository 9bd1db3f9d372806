"""Attributes that are put and deleted (RFC 4825 §7.7 to §7.9, §8.2 and §8.4)."""

import pytest

from tests.xcap.nodes.test_element_edits import delete, get, put
from xcap.errors import (
    CannotInsert,
    Conflict,
    ConstraintFailure,
    NotFound,
    NotUtf8,
    NotXmlAttributeValue,
)

DOCUMENT = b"""<r xmlns:p="urn:p">
 <a i="1"  p:j = 'x > "y"' />
 <a i="2"></a>
</r>"""
BINDING = "xmlns(q=urn:p)"


@pytest.mark.parametrize(
    ("selector", "value"),
    [
        ('r/a[@i="1"]/@i', b'"1"'),
        ("r/a[1]/@q:j", b"'x > \"y\"'"),
        ('r/a[@q:j="x > &quot;y&quot;"]/@i', b'"1"'),
    ],
)
def test_a_value_comes_with_its_quotation_marks(selector: str, value: bytes) -> None:
    """RFC 4825 §7.9 and the example in §13: an AttValue."""
    assert get(DOCUMENT, selector, BINDING) == value


@pytest.mark.parametrize("selector", ["r/a[1]/@k", "r/a[1]/@j", "r/a/@i", "r/@p", "r/@xmlns"])
def test_no_such_attribute(selector: str) -> None:
    """RFC 4825 §8.3 and §8.4; a namespace declaration is no attribute (§6.3)."""
    with pytest.raises(NotFound):
        get(DOCUMENT, selector, BINDING)
    with pytest.raises(NotFound):
        delete(DOCUMENT, selector, BINDING)


def test_a_default_namespace_is_no_attribute_of_the_element_that_declares_it() -> None:
    """RFC 4825 §6.3: nor is it read, replaced or deleted by that name (§8.2 to §8.4)."""
    document = b'<r xmlns="urn:d"><a xmlns="urn:a" i="1"/></r>'
    query = "xmlns(d=urn:d)xmlns(a=urn:a)"
    for selector in ("d:r/@xmlns", "d:r/a:a/@xmlns"):
        with pytest.raises(NotFound):
            get(document, selector, query)
        with pytest.raises(NotFound):
            delete(document, selector, query)
        for same_or_other in (b'"urn:d"', b'"urn:a"'):
            with pytest.raises(CannotInsert):
                put(document, selector, same_or_other, query)


@pytest.mark.parametrize(
    ("selector", "body", "before", "after"),
    [
        pytest.param("r/a[2]/@i", b'"3"', b'<a i="2">', b'<a i="3">', id="replaced"),
        pytest.param("r/a[2]/@i", b"'3'", b'<a i="2">', b"<a i='3'>", id="other marks"),
        pytest.param("r/a[2]/@i", b"3", b'<a i="2">', b'<a i="3">', id="no marks"),
        pytest.param("r/a[2]/@i", b'a"b', b'<a i="2">', b"<a i='a\"b'>", id="a mark in it"),
        pytest.param(
            "r/a[2]/@i", b"a\"'b", b'<a i="2">', b"<a i='a\"&apos;b'>", id="both marks in it"
        ),
        pytest.param("r/a[2]/@i", b'""', b'<a i="2">', b'<a i="">', id="empty"),
        pytest.param("r/a[2]/@i", b'">&lt;"', b'<a i="2">', b'<a i=">&lt;">', id="references"),
        pytest.param("r/a[2]/@i", b' "3"\r\n', b'<a i="2">', b'<a i="3">', id="white space"),
        pytest.param("r/a[1]/@q:j", b'"3"', b"'x > \"y\"'", b'"3"', id="in a namespace"),
    ],
)
def test_only_the_value_is_replaced(
    selector: str, body: bytes, before: bytes, after: bytes
) -> None:
    """RFC 4825 §8.2.4."""
    outcome = DOCUMENT.replace(before, after)
    assert put(DOCUMENT, selector, body, BINDING) == (outcome, False)
    assert put(outcome, selector, body, BINDING) == (outcome, False)


@pytest.mark.parametrize(
    ("selector", "before", "after"),
    [
        pytest.param("r/a[2]/@k", b'<a i="2">', b'<a i="2" k="v">', id="start tag"),
        pytest.param("r/a[1]/@k", b'"y"\' />', b'"y"\' k="v" />', id="empty-element tag"),
        pytest.param("r/@k", b'"urn:p">', b'"urn:p" k="v">', id="root element"),
        pytest.param(
            "r/a[2]/@q:k", b'<a i="2">', b'<a i="2" p:k="v">', id="by a prefix of the document"
        ),
        pytest.param("r/a[2]/@xml:lang", b'<a i="2">', b'<a i="2" xml:lang="v">', id="xml"),
    ],
)
def test_a_new_attribute_comes_last(selector: str, before: bytes, after: bytes) -> None:
    """RFC 4825 §8.2.3; deleting it gives the octets back that were there."""
    outcome = DOCUMENT.replace(before, after)
    assert put(DOCUMENT, selector, b'"v"', BINDING) == (outcome, True)
    assert get(outcome, selector, BINDING) == b'"v"'
    assert delete(outcome, selector, BINDING) == DOCUMENT


@pytest.mark.parametrize(
    ("query", "after"),
    [
        ("xmlns(q=urn:q)", b'<a i="2" xmlns:q="urn:q" q:k="v">'),
        ("xmlns(p=urn:q)", b'<a i="2" xmlns:ns1="urn:q" ns1:k="v">'),
        ("xmlns(q=urn:q&)", b'<a i="2" xmlns:q="urn:q&amp;" q:k="v">'),
    ],
)
def test_a_namespace_without_prefix_in_the_document_is_declared(query: str, after: bytes) -> None:
    """RFC 4825 §7.7: the name is that of the selector, by the client's prefix where it is free."""
    prefix = query[len("xmlns(")]
    outcome = DOCUMENT.replace(b'<a i="2">', after)
    assert put(DOCUMENT, f"r/a[2]/@{prefix}:k", b'"v"', query) == (outcome, True)


@pytest.mark.parametrize(
    ("body", "conflict"),
    [
        pytest.param(b"", NotXmlAttributeValue, id="nothing"),
        pytest.param(b" \n", NotXmlAttributeValue, id="white space"),
        pytest.param(b'"a', NotXmlAttributeValue, id="not closed"),
        pytest.param(b"'a\"", NotXmlAttributeValue, id="closed by the other mark"),
        pytest.param(b'"a"b"', NotXmlAttributeValue, id="a mark inside"),
        pytest.param(b'"a" b="c"', NotXmlAttributeValue, id="another attribute"),
        pytest.param(b'"a"><b/>', NotXmlAttributeValue, id="out of the tag"),
        pytest.param(b'"<"', NotXmlAttributeValue, id="a bracket"),
        pytest.param(b"a<b", NotXmlAttributeValue, id="a bracket, no marks"),
        pytest.param(b'"a & b"', NotXmlAttributeValue, id="an ampersand"),
        pytest.param(b'"&nbsp;"', NotXmlAttributeValue, id="an unknown entity"),
        pytest.param(b'"&#0;"', NotXmlAttributeValue, id="a reference to no character"),
        pytest.param(b'"\x01"', NotXmlAttributeValue, id="a character that no XML has"),
        pytest.param(b'"\xe9"', NotUtf8, id="not UTF-8"),
        pytest.param(b'"' + b"a" * 300_000 + b'"', ConstraintFailure, id="too large"),
    ],
)
def test_a_body_that_is_no_value(body: bytes, conflict: type[Conflict]) -> None:
    """RFC 4825 §8.2.2 and §11.1."""
    with pytest.raises(conflict):
        put(DOCUMENT, "r/a[2]/@i", body)


@pytest.mark.parametrize(
    ("selector", "body"),
    [
        pytest.param('r/a[@i="2"]/@i', b'"3"', id="the one that selects its element"),
        pytest.param('r/a[@q:j="x > &quot;y&quot;"]/@q:j', b'""', id="in a namespace"),
        pytest.param("r/a[2]/@xmlns", b'"urn:x"', id="a declaration"),
        pytest.param("r/@xmlns", b'"urn:x"', id="a declaration on the root element"),
    ],
)
def test_what_a_get_would_not_return_cannot_be_inserted(selector: str, body: bytes) -> None:
    """RFC 4825 §7.7 and §8.2.4."""
    with pytest.raises(CannotInsert):
        put(DOCUMENT, selector, body, BINDING)


def test_the_same_value_may_be_put_by_the_attribute_that_selects() -> None:
    """RFC 4825 §7.7: what a GET returns is what was put."""
    assert put(DOCUMENT, 'r/a[@i="2"]/@i', b'"2"') == (DOCUMENT, False)


def test_a_deleted_attribute_takes_the_white_space_before_it_along() -> None:
    """RFC 4825 §8.4."""
    assert b"<a  p:j = 'x > \"y\"' />" in delete(DOCUMENT, "r/a[1]/@i")
    assert b'<a i="1" />' in delete(DOCUMENT, "r/a[1]/@q:j", BINDING)
    assert b"<a></a>" in delete(DOCUMENT, "r/a[2]/@i")


def test_a_deleted_attribute_leaves_those_of_other_elements() -> None:
    """RFC 4825 §8.4."""
    assert delete(b'<r><a i="1"/><a i="1"/></r>', "r/a[1]/@i") == b'<r><a/><a i="1"/></r>'
