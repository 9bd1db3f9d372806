"""Laws of node operations over random documents (RFC 4825 §8.2 to §8.4, XCP-08).

GET after PUT returns what was put, DELETE after a creating PUT gives back the octets
that were there, a PUT is idempotent, and octets that are not concerned stay.
"""

from dataclasses import dataclass

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.xmldoc.random_documents import BINDINGS, Place, Written, documents
from xcap.errors import CannotDelete
from xcap.nodes.evaluate import Resolved, resolve
from xcap.nodes.node import check_deleted, check_put, delete_node, put_node, read_node
from xcap.nodes.splice import Edited
from xmldoc.parse import parse

QUICK = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])

FRAGMENTS = st.sampled_from(
    (
        "<{0} {1}/>",
        "<{0} {1}></{0}>",
        "<{0} {1}\n  > <!-- <x> --><b c='>'/> text </{0} >",
        '<{0} xmlns="urn:other" {1}><![CDATA[</{0}>]]><b xmlns=""/></{0}>',
        "<z:{0} xmlns:z='urn:z' {1}>&lt;\u00e9&#10;<?pi {0}?></z:{0}>",
    )
)
VALUES = st.sampled_from(('"v"', "''", '"a > b"', "'\"/>'", '"&lt;&#10;&apos;"', '"\u00e9"'))
MARK = 'new="one"'
QUERY = "".join(f"xmlns({prefix}={uri})" for prefix, uri in BINDINGS.items() if prefix)


@dataclass(frozen=True)
class Put:
    """A document after a PUT that was accepted."""

    edited: Edited
    root: etree._Element


def select(steps: str) -> Resolved:
    return resolve(steps, QUERY, BINDINGS[""])


def steps_to(path: tuple[int, ...]) -> str:
    """A selector by positions alone."""
    return "/".join(["*", *(f"*[{position + 1}]" for position in path)])


def put(document: bytes, resolved: Resolved, body: bytes) -> Put:
    edited = put_node(document, parse(document), resolved, body)
    root = parse(edited.body)
    check_put(edited, root, resolved)
    return Put(edited, root)


@st.composite
def elements(draw: st.DrawFn) -> tuple[bytes, Place]:
    """A document, and one of its elements."""
    written: Written = draw(documents())
    return written.octets, draw(st.sampled_from(written.elements))


@QUICK
@given(documents())
def test_an_element_is_read_as_it_was_written(written: Written) -> None:
    root = parse(written.octets)
    for place in written.elements:
        body = read_node(written.octets, root, select(steps_to(place.path))).body
        assert body == written.octets[place.start : place.end]


@QUICK
@given(elements(), FRAGMENTS)
def test_a_replaced_element(chosen: tuple[bytes, Place], fragment: str) -> None:
    document, place = chosen
    resolved = select(steps_to(place.path))
    body = fragment.format("n", MARK).encode()
    once = put(document, resolved, body)
    assert once.edited.body == document[: place.start] + body + document[place.end :]
    assert not once.edited.created
    assert read_node(once.edited.body, once.root, resolved).body == body
    assert put(once.edited.body, resolved, body).edited == once.edited
    back = put(once.edited.body, resolved, document[place.start : place.end])
    assert back.edited.body == document


@QUICK
@given(elements(), FRAGMENTS, st.data())
def test_a_created_element(chosen: tuple[bytes, Place], fragment: str, data: st.DataObject) -> None:
    document, place = chosen
    count = children(document, place)
    wanted = data.draw(st.sampled_from([f"*[{n + 1}]" for n in range(count + 1)] + ["*"]))
    resolved = select(f"{steps_to(place.path)}/{wanted}[@{MARK}]")
    body = fragment.format("n", MARK).encode()
    once = put(document, resolved, body)
    assert once.edited.created
    assert read_node(once.edited.body, once.root, resolved).body == body
    before, after = once.edited.body.split(body)
    if place.content < place.end:
        assert before + after == document
    again = put(once.edited.body, resolved, body)
    assert again.edited == once.edited._replace(created=False)
    deleted = delete_node(once.edited.body, once.root, resolved)
    check_deleted(parse(deleted), resolved)
    assert deleted == before + after
    assert canonical(deleted) == canonical(document)


@QUICK
@given(elements())
def test_a_deleted_element_takes_nothing_else_along(chosen: tuple[bytes, Place]) -> None:
    document, place = chosen
    assume(place.path)
    resolved = select(steps_to(place.path))
    root = parse(document)
    deleted = delete_node(document, root, resolved)
    assert deleted == document[: place.start] + document[place.end :]
    following = siblings(document, place) > place.path[-1] + 1
    try:
        check_deleted(parse(deleted), resolved)
    except CannotDelete:
        assert following, "the next one moved up"
    else:
        assert not following


@QUICK
@given(elements(), VALUES, st.sampled_from(("new", "p:new", "q:new", "xml:new")))
def test_a_created_attribute(chosen: tuple[bytes, Place], value: str, name: str) -> None:
    document, place = chosen
    resolved = select(f"{steps_to(place.path)}/@{name}")
    once = put(document, resolved, value.encode())
    assert once.edited.created
    assert read_node(once.edited.body, once.root, resolved).body == value.encode()
    assert put(once.edited.body, resolved, value.encode()).edited.body == once.edited.body
    assert once.edited.body[: place.start] == document[: place.start]
    assert once.edited.body.endswith(document[place.content :])
    deleted = delete_node(once.edited.body, once.root, resolved)
    check_deleted(parse(deleted), resolved)
    if once.edited.body.count(b"xmlns") == document.count(b"xmlns"):
        assert deleted == document, "a declaration that was needed stays"


@QUICK
@given(documents(), VALUES, st.data())
def test_a_replaced_attribute(written: Written, value: str, data: st.DataObject) -> None:
    document, root = written.octets, parse(written.octets)
    attributes = [
        f"{steps_to(place.path)}/@{name}"
        for place in written.elements
        for name in map(str, at(root, place).attrib)
        if "{" not in name
    ]
    assume(attributes)
    resolved = select(data.draw(st.sampled_from(attributes)))
    old = read_node(document, root, resolved).body
    once = put(document, resolved, value.encode())
    assert not once.edited.created
    assert read_node(once.edited.body, once.root, resolved).body == value.encode()
    assert put(once.edited.body, resolved, old).edited.body == document


def at(root: etree._Element, place: Place) -> etree._Element:
    for position in place.path:
        root = root[position]
    return root


def children(document: bytes, place: Place) -> int:
    return len(at(parse(document), place))


def siblings(document: bytes, place: Place) -> int:
    parent = at(parse(document), place).getparent()
    assert parent is not None
    return len(parent)


def canonical(document: bytes) -> bytes:
    """Without the difference between an empty-element tag and two tags."""
    return bytes(etree.tostring(parse(document), method="c14n"))
