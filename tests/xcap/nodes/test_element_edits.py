"""Elements that are put and deleted (RFC 4825 §8.2.1 to §8.2.4 and §8.4)."""

import pytest
from lxml import etree

from xcap.errors import (
    CannotDelete,
    CannotInsert,
    Conflict,
    ConstraintFailure,
    NoParent,
    NotFound,
    NotUtf8,
    NotXmlFragment,
    SchemaValidationError,
)
from xcap.nodes.evaluate import resolve
from xcap.nodes.node import check_deleted, check_put, delete_node, put_node, read_node
from xmldoc.parse import parse

EXAMPLE = b"""<?xml version="1.0"?>
<root>
 <el1 att="first"/>
 <el1 att="second"/>
 <!-- comment -->
 <el2 att="first"/>
</root>
"""
"""The document of the examples in RFC 4825 §8.2.3."""

EMPTY = b"<root><list> <!-- nobody --> </list></root>"


def put(document: bytes, selector: str, body: bytes, query: str = "") -> tuple[bytes, bool]:
    """The document after a PUT and whether it created, or the conflict that was raised."""
    resolved = resolve(selector, query, "")
    edited = put_node(document, parse(document), resolved, body)
    check_put(edited, parse(edited.body), resolved)
    return edited.body, edited.created


def delete(document: bytes, selector: str, query: str = "") -> bytes:
    resolved = resolve(selector, query, "")
    body = delete_node(document, parse(document), resolved)
    check_deleted(parse(body), resolved)
    return body


def get(document: bytes, selector: str, query: str = "") -> bytes:
    return read_node(document, parse(document), resolve(selector, query, "")).body


COMMENT_AND_LAST = b'\n <!-- comment -->\n <el2 att="first"/>\n</root>\n'
FIRST = b'<?xml version="1.0"?>\n<root>\n <el1 att="first"/>'
SECOND = FIRST + b'\n <el1 att="second"/>'
UP_TO_LAST = SECOND + b"\n <!-- comment -->\n "
LAST = b'<el2 att="first"/>'
END = b"\n</root>\n"
EL1, EL2, EL3 = b'<el1 att="third"/>', b'<el2 att="2"/>', b'<el3 att="first"/>'


@pytest.mark.parametrize(
    ("selector", "body", "outcome"),
    [
        pytest.param(
            'root/el1[@att="third"]', EL1, SECOND + EL1 + COMMENT_AND_LAST, id="earliest last"
        ),
        pytest.param(
            'root/el1[3][@att="third"]', EL1, SECOND + EL1 + COMMENT_AND_LAST, id="name, position"
        ),
        pytest.param("root/el1[3]", EL1, SECOND + EL1 + COMMENT_AND_LAST, id="position alone"),
        pytest.param(
            'root/*[3][@att="third"]', EL1, SECOND + EL1 + COMMENT_AND_LAST, id="any, position"
        ),
        pytest.param(
            'root/*[@att="third"]', EL1, SECOND + EL1 + COMMENT_AND_LAST, id="any, attribute"
        ),
        pytest.param(
            "root/el3", EL3, UP_TO_LAST + LAST + b"\n" + EL3 + b"</root>\n", id="a new name"
        ),
        pytest.param(
            "root/el3[1]",
            EL3,
            UP_TO_LAST + LAST + b"\n" + EL3 + b"</root>\n",
            id="a new name in the first place",
        ),
        pytest.param(
            'root/*[@att="2"]',
            b'<el3 att="2"/>',
            UP_TO_LAST + LAST + b'\n<el3 att="2"/></root>\n',
            id="any with an attribute, a new name",
        ),
        pytest.param('root/el2[@att="2"]', EL2, UP_TO_LAST + LAST + EL2 + END, id="last of all"),
        pytest.param("root/el2[2]", EL2, UP_TO_LAST + LAST + EL2 + END, id="second of a name"),
        pytest.param(
            'root/*[2][@att="2"]',
            EL2,
            FIRST + EL2 + SECOND[len(FIRST) :] + COMMENT_AND_LAST,
            id="second of all",
        ),
        pytest.param('root/el2[1][@att="2"]', EL2, UP_TO_LAST + EL2 + LAST + END, id="first"),
        pytest.param(
            'root/*[1][@att="2"]',
            EL2,
            b'<?xml version="1.0"?>\n<root>\n ' + EL2 + EXAMPLE[len(FIRST) - 18 :],
            id="first of all",
        ),
    ],
)
def test_where_a_new_element_goes(selector: str, body: bytes, outcome: bytes) -> None:
    """RFC 4825 §8.2.3, with its examples."""
    assert put(EXAMPLE, selector, body) == (outcome, True)
    assert get(outcome, selector) == body


@pytest.mark.parametrize(
    "selector", ["root/list/a", "root/list/a[1]", "root/list/*[1]", "root/list/*"]
)
def test_the_first_child_comes_after_comments_and_text(selector: str) -> None:
    """RFC 4825 §8.2.3: text and comments occur before it."""
    outcome = b"<root><list> <!-- nobody --> <a/></list></root>"
    assert put(EMPTY, selector, b"<a/>") == (outcome, True)


@pytest.mark.parametrize(
    ("document", "outcome"),
    [
        (b"<root><b/></root>", b"<root><b><a/></b></root>"),
        (b"<root><b x='/>' /></root>", b"<root><b x='/>' ><a/></b></root>"),
        (b"<root><b></b></root>", b"<root><b><a/></b></root>"),
    ],
)
def test_an_empty_element_tag_becomes_two_tags(document: bytes, outcome: bytes) -> None:
    """RFC 4825 §8.2.3: the new element is a child of its parent, however that is written."""
    assert put(document, "root/b/a", b"<a/>") == (outcome, True)


@pytest.mark.parametrize(
    ("selector", "body", "outcome"),
    [
        pytest.param("root/el2", b"<el2>x</el2>", UP_TO_LAST + b"<el2>x</el2>" + END, id="by name"),
        pytest.param("root/*[3]", EL3, UP_TO_LAST + EL3 + END, id="by position, another name"),
        pytest.param(
            'root/el1[@att="second"]',
            b'<el1 att="second"><a/></el1>',
            FIRST + b'\n <el1 att="second"><a/></el1>' + COMMENT_AND_LAST,
            id="by attribute",
        ),
        pytest.param(
            "root", b"<root/>", b'<?xml version="1.0"?>\n<root/>\n', id="the root element"
        ),
        pytest.param("*", b"<new/>", b'<?xml version="1.0"?>\n<new/>\n', id="any root element"),
    ],
)
def test_what_replaces_an_element(selector: str, body: bytes, outcome: bytes) -> None:
    """RFC 4825 §8.2.4: all of the old one goes, and nothing else."""
    assert put(EXAMPLE, selector, body) == (outcome, False)
    assert put(outcome, selector, body) == (outcome, False)


@pytest.mark.parametrize(
    ("selector", "body"),
    [
        pytest.param('root/el1[@att="4"]', EL1, id="another value of the attribute"),
        pytest.param('root/el1[@att="first"]', EL1, id="replaced with another value"),
        pytest.param('root/el1[@att="4"]', b"<el1/>", id="no such attribute"),
        pytest.param('root/el1[@b="4"]', b'<el1 a:b="4" xmlns:a="a:"/>', id="in a namespace"),
        pytest.param("root/el3", EL1, id="another name"),
        pytest.param("root/el3", b'<el3 xmlns="urn:x"/>', id="another namespace"),
        pytest.param("root/el1", EL1, id="one more of a name"),
        pytest.param("root/*", EL3, id="one more of any"),
        pytest.param("root/el1[4]", EL1, id="a gap in the positions of a name"),
        pytest.param("root/el3[2]", EL3, id="second of a new name"),
        pytest.param("root/*[5]", EL3, id="a gap in the positions of all"),
        pytest.param("root/el1[0]", EL1, id="no place"),
        pytest.param("other", b"<other/>", id="another root element"),
        pytest.param('root[@a="b"]', b'<root a="b"/>', id="a second root element"),
        pytest.param("root", b"<other/>", id="another name of the root element"),
        pytest.param("*[2]", b"<other/>", id="a root element in the second place"),
    ],
)
def test_what_a_get_would_not_return_cannot_be_inserted(selector: str, body: bytes) -> None:
    """RFC 4825 §8.2.3, §8.2.4 and §7.4: GET(PUT(x)) = x."""
    with pytest.raises(CannotInsert):
        put(EXAMPLE, selector, body)


def test_a_second_element_with_the_same_value_cannot_be_inserted() -> None:
    """RFC 4825 §8.2.3: with a position it would go in, but select another one."""
    document = b'<r><a i="1"/><b i="1"/></r>'
    with pytest.raises(CannotInsert):
        put(document, 'r/*[@i="1"]', b'<a i="1"/>')


@pytest.mark.parametrize(
    ("selector", "ancestor"),
    [
        ("root/none/a", "root"),
        ('root/el2/none[@a="%"]/a', "root/el2"),
        ('root/el1[@att="first"]/x/y/z', "root/el1%5B@att=%22first%22%5D"),
        ("root/el1/a", "root"),
        ("other/a", None),
        ("root/el2/none/@a", "root/el2"),
        ("other/@a", None),
        ("p:root/*/a/b", None),
    ],
)
def test_without_a_parent_the_closest_ancestor_is_told(selector: str, ancestor: str | None) -> None:
    """RFC 4825 §8.2.1 and §11.1, also when there are several parents."""
    with pytest.raises(NoParent) as conflict:
        put(EXAMPLE, selector, b"<a/>" if "@a" not in selector else b'"a"', "xmlns(p=urn:p)")
    assert conflict.value.ancestor == ancestor


@pytest.mark.parametrize(
    ("body", "conflict"),
    [
        pytest.param(b"", NotXmlFragment, id="nothing"),
        pytest.param(b"text", NotXmlFragment, id="text"),
        pytest.param(b"<el3>", NotXmlFragment, id="not balanced"),
        pytest.param(b"<el3/><el3/>", NotXmlFragment, id="two elements"),
        pytest.param(b"<el3/></root><root>", NotXmlFragment, id="out of the parent"),
        pytest.param(b"<el3/><!-- c -->", NotXmlFragment, id="a comment beside it"),
        pytest.param(b"<?xml version='1.0'?><el3/>", NotXmlFragment, id="an XML declaration"),
        pytest.param(b"<!DOCTYPE el3><el3/>", NotXmlFragment, id="a document type declaration"),
        pytest.param(b"<p:el3/>", NotXmlFragment, id="a prefix that is not in scope"),
        pytest.param(b"<el3>&nbsp;</el3>", NotXmlFragment, id="an unknown entity"),
        pytest.param("<el3>\u00e9</el3>".encode("latin-1"), NotUtf8, id="not UTF-8"),
        pytest.param("<el3/>".encode("utf-16"), NotUtf8, id="UTF-16"),
        pytest.param(b"<el3>" + b"<a>" * 5000, ConstraintFailure, id="too deep"),
    ],
)
def test_a_body_that_is_no_fragment(body: bytes, conflict: type[Conflict]) -> None:
    """RFC 4825 §8.2.2."""
    with pytest.raises(conflict):
        put(EXAMPLE, "root/el3", body)


def test_a_document_declared_ascii_stays_so() -> None:
    """RFC 4825 §8.2.2: what comes out is in the encoding that it declares."""
    document = b'<?xml version="1.0" encoding="US-ASCII"?><a/>'
    with pytest.raises(NotUtf8):
        put(document, "a/b", "<b>\u00e9</b>".encode())
    assert put(document, "a/b", b"<b>&#xe9;</b>")[1]


def test_white_space_around_the_element_is_no_part_of_it() -> None:
    """RFC 4825 §7.4: the content is from the first bracket of the element to its last."""
    assert put(EMPTY, "root/list/a", b"\xef\xbb\xbf\r\n <a/>\n")[0].endswith(b" <a/></list></root>")


def test_bindings_of_ancestors_are_in_scope_of_a_fragment() -> None:
    """RFC 4825 §8.2.3 and §7.10: what the document declares need not be declared again."""
    document = b'<r xmlns="urn:d" xmlns:p="urn:p"><p:l xmlns:q="urn:q"/></r>'
    query = "xmlns(d=urn:d)xmlns(x=urn:p)xmlns(y=urn:q)"
    outcome, created = put(document, "d:r/x:l/d:a", b'<a p:b="" q:c=""/>', query)
    assert created
    assert b'<a p:b="" q:c=""/></p:l>' in outcome
    with pytest.raises(NotXmlFragment):
        put(document, "d:r/d:a", b'<a q:c=""/>', query)


def test_declarations_in_a_fragment_stay() -> None:
    """RFC 4825 §8.2.3: redundant ones too."""
    document = b'<r xmlns:p="urn:p"></r>'
    body = b'<p:a xmlns:p="urn:p"><b xmlns=""/></p:a>'
    assert put(document, "r/x:a", body, "xmlns(x=urn:p)")[0] == b'<r xmlns:p="urn:p">%s</r>' % body


def test_an_attribute_test_in_a_namespace() -> None:
    """RFC 4825 §6.3 and §8.2.3: the prefixes are those of the query."""
    document = b'<r xmlns:p="urn:p"><a p:i="1"/></r>'
    outcome, created = put(document, 'r/a[@x:i="2"]', b'<a p:i="2"/>', "xmlns(x=urn:p)")
    assert (outcome, created) == (b'<r xmlns:p="urn:p"><a p:i="1"/><a p:i="2"/></r>', True)
    assert get(outcome, 'r/a[@x:i="1"]', "xmlns(x=urn:p)") == b'<a p:i="1"/>'


@pytest.mark.parametrize(
    ("selector", "outcome"),
    [
        pytest.param(
            'root/el1[@att="first"]', EXAMPLE.replace(b'<el1 att="first"/>', b""), id="attribute"
        ),
        pytest.param("root/el2", EXAMPLE.replace(LAST, b""), id="name"),
        pytest.param("root/*[3]", EXAMPLE.replace(LAST, b""), id="last of all"),
        pytest.param(
            "root/el1[2]", EXAMPLE.replace(b'<el1 att="second"/>', b""), id="last of its name"
        ),
        pytest.param(
            'root/*[1][@att="first"]',
            EXAMPLE.replace(b'<el1 att="first"/>', b""),
            id="position and attribute",
        ),
    ],
)
def test_white_space_around_a_deleted_element_stays(selector: str, outcome: bytes) -> None:
    """RFC 4825 §8.4 and §7.5."""
    assert delete(EXAMPLE, selector) == outcome


@pytest.mark.parametrize("selector", ["root/*[1]", "root/*[2]", "root/el1[1]"])
def test_a_deletion_that_is_not_idempotent_is_refused(selector: str) -> None:
    """RFC 4825 §8.4 and §7.5: the next one would have its place."""
    with pytest.raises(CannotDelete):
        delete(EXAMPLE, selector)


@pytest.mark.parametrize("selector", ["root/el3", "root/el1", "root/*", "root/el2/a", "other"])
def test_what_selects_nothing_or_several_is_not_found(selector: str) -> None:
    """RFC 4825 §8.3 and §8.4."""
    with pytest.raises(NotFound):
        delete(EXAMPLE, selector)
    with pytest.raises(NotFound):
        get(EXAMPLE, selector)


def test_the_root_element_cannot_be_deleted() -> None:
    """RFC 4825 §8.4: what is left would not be valid."""
    with pytest.raises(SchemaValidationError):
        delete(EXAMPLE, "root")


def test_no_binding_is_added_to_an_element() -> None:
    """RFC 4825 §8.3."""
    document = b'<r xmlns="urn:d" xmlns:p="urn:p"><p:a ><!-- c --><b/>&#65;</p:a ></r>'
    body = get(document, "d:r/p:a", "xmlns(d=urn:d)xmlns(p=urn:p)")
    assert body == b"<p:a ><!-- c --><b/>&#65;</p:a >"
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(body)


def test_a_byte_order_mark_stays() -> None:
    """RFC 4825 §8.2.3: octets that are not concerned stay."""
    assert put(b"\xef\xbb\xbf<a/>", "a/b", b"<b/>") == (b"\xef\xbb\xbf<a><b/></a>", True)
