"""RFC 5874 §3: the document, prefixes and bounds."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from lxml import etree

from store.values import DocumentKey, DocumentVersion
from tests.xcap.diff.diffkit import ROOT_URL, Told
from xcap.diff.chain import NAMESPACE, Allowance, links, patched
from xcap.diff.component import component, digest, part
from xcap.diff.document import write
from xcap.diff.request import Mode, Wanted
from xcap.diff.snapshot import (
    Address,
    DocumentEntry,
    Element,
    Found,
    Mark,
    Memory,
    Part,
    Snapshot,
)
from xcap.diff.view import (
    MAX_ELEMENTS,
    MAX_PATCHES,
    ComponentEntry,
    View,
    bounded_patches,
    changes,
    everything,
)
from xcap.nodes.evaluate import resolve
from xmldoc.parse import parse

KEY = DocumentKey("resource-lists", "sip:alice@example.com", "index")
ADDRESS = Address(*KEY)
SEL = "resource-lists/users/sip:alice@example.com/index"
WANTED = Wanted(Mode.XCAP_PATCHING, (SEL,))
BIG = b"<a>" + b"".join(b"<b>%d</b>" % n for n in range(40)) + b"</a>"


def found(etag: str, version: int = 9) -> Found:
    return Found(ADDRESS, KEY, etag, version, 50.0)


def version(number: int, etag: str, body: bytes | None) -> DocumentVersion:
    return DocumentVersion(number, etag, "text/xml", body, "", "", float(number))


def chain(
    mark: Mark, there: Found | None, history: Sequence[DocumentVersion], mode: Mode
) -> tuple[DocumentEntry, ...]:
    """The entries of one document, with all patches that can be had."""
    left, entries = Allowance(), []
    for before, after in pairwise(links(mark, there, history, mode)):
        entry, left = patched(before, after, left)
        entries.append(entry)
    return tuple(entries)


def big(text: bytes) -> bytes:
    return BIG.replace(b">7<", b">%b<" % text)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    ("history", "now", "in_full"),
    [
        pytest.param([], "z", [("a", "z")], id="none-kept"),
        pytest.param(
            [(2, "b", BIG), (3, "z", BIG)], "z", [("a", "b"), ("b", "z")], id="told-one-is-pruned"
        ),
        pytest.param(
            [(1, "a", BIG), (2, "z", BIG), (3, "later", BIG)], "z", [("a", "z")], id="goes-beyond"
        ),
        pytest.param([(1, "a", BIG), (2, "b", BIG)], "z", [("a", "b"), ("b", "z")], id="behind"),
        pytest.param(
            [(1, "a", BIG), (2, "x", None), (3, "z", BIG)],
            "z",
            [("a", None), (None, "z")],
            id="deleted-and-made-again",
        ),
        pytest.param([(1, "a", BIG), (2, "x", None)], None, [("a", None)], id="deleted"),
        pytest.param(
            [(1, "a", BIG), (2, "x", None), (3, "later", BIG)],
            None,
            [("a", None)],
            id="deleted-and-made-again-later",
        ),
        pytest.param([(1, "a", BIG)], None, [("a", None)], id="deletion-not-kept-yet"),
        pytest.param(
            [(1, "a", BIG), (2, "x", None), (3, "y", None)], None, [("a", None)], id="purged-twice"
        ),
    ],
)
def test_the_chain_has_no_gap(
    mode: Mode,
    history: list[tuple[int, str, bytes | None]],
    now: str | None,
    in_full: list[tuple[str | None, str | None]],
) -> None:
    """RFC 5874 §6: from the entity-tag told to the present one, whatever is kept."""
    mark = Mark(ADDRESS, KEY, "a", 1)
    there = None if now is None else found(now)
    entries = chain(mark, there, [version(*one) for one in history], mode)
    expected = in_full if mode is Mode.XCAP_PATCHING else [("a", now)]
    assert [(entry.previous, entry.new) for entry in entries] == expected
    if mode is Mode.NO_PATCHING:
        assert not any(entry.patch or entry.unchanged for entry in entries)


def test_patches_too_large_leave_entity_tags() -> None:
    """RFC 5875 §4.7: diffs may be left out when the body would be impractically large."""
    entries = [DocumentEntry(str(n), "a", "b", (b"x" * (MAX_PATCHES // 2),)) for n in range(3)]
    bounded = bounded_patches(entries)
    assert [bool(entry.patch) for entry in bounded] == [True, True, False]
    assert {(entry.previous, entry.new) for entry in bounded} == {("a", "b")}


def test_elements_too_large_are_empty() -> None:
    """RFC 5874 §3: without child nodes, but there."""
    half = Part(b"1", Element(b"<a>" + b"x" * (MAX_ELEMENTS // 2) + b"</a>", {}))
    small, large = Part(b"2", Element(b"<b/>", {})), Part(b"3", None)
    snapshot = Snapshot(WANTED, components={"1": half, "2": half, "3": small, "4": large})
    view = everything(snapshot, None, first=True)
    told = Told.read(write(view, ROOT_URL))
    assert [bool(content) for content in told.components.values()] == [True, False, True, False]
    assert all(content is not None for content in told.components.values())


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(b'<a xmlns="urn:a"><b/></a>', "{urn:a}b", id="default"),
        pytest.param(b'<a xmlns="urn:a" xmlns:d="urn:d"><d:b/></a>', "{urn:d}b", id="our-prefix"),
        pytest.param(
            b'<a xmlns="urn:a" xmlns:d="urn:d" xmlns:d0="urn:0"><d0:b><d:c/></d0:b></a>',
            "{urn:0}b",
            id="our-next-prefix",
        ),
        pytest.param(b'<a xmlns="urn:a"><b xml:lang="en"/></a>', "{urn:a}b", id="xml-prefix"),
        pytest.param(b"<a><b>&lt;&#38;</b></a>", "b", id="no-namespace"),
    ],
)
def test_prefixes_mean_what_they_meant(document: bytes, expected: str) -> None:
    """RFC 5874 §3: declarations come from around the element, which stays as it is."""
    content = component(document, parse(document), resolve("*/*", "", ""))
    assert isinstance(content, Element)
    body = write(View((), (ComponentEntry("x", False, content),), Memory()), ROOT_URL)
    root = parse(body)
    (wrapper,) = root
    assert wrapper.tag == f"{{{NAMESPACE}}}element"
    assert wrapper[0].tag == expected
    assert content.content in body
    source = etree.tostring(parse(document)[0], method="c14n", exclusive=True)
    assert etree.tostring(wrapper[0], method="c14n", exclusive=True) == source


@pytest.mark.parametrize("value", ["", "a b", "<&>\"'", "line\nbreak", "\ttab", "ü"])
def test_values_of_attributes(value: str) -> None:
    entry = ComponentEntry("x/~~/a/@b", True, value)
    told = Told.read(write(View((), (entry,), Memory()), ROOT_URL))
    assert told.components == {"x/~~/a/@b": value}


@pytest.mark.parametrize(
    ("document", "selector", "content"),
    [
        (b"<a><b/><b/></a>", "a/b", None),
        (b"<a><b/></a>", "a/c", None),
        (b"<a/>", "a/@b", None),
        (b'<a b="&lt;"/>', "a/@b", "<"),
        (b"<a><b/></a>", "a/b", Element(b"<b/>", {})),
    ],
)
def test_a_component_is_there_when_exactly_one_node_is(
    document: bytes, selector: str, content: object
) -> None:
    """RFC 5874 §3."""
    node = resolve(selector, "", "")
    assert component(document, parse(document), node) == content
    found = part(document, parse(document), node)
    assert (found and found.content) == content


def test_an_element_too_large_is_not_kept() -> None:
    """RFC 5874 §3: its digest still tells when it changes."""
    document = b"<a><b>" + b"x" * MAX_ELEMENTS + b"</b></a>"
    content = component(document, parse(document), resolve("a/b", "", ""))
    assert content is not None
    assert part(document, parse(document), resolve("a/b", "", "")) == Part(digest(content), None)


def test_documents_follow_each_other_in_the_order_of_their_changes() -> None:
    """RFC 5875 §4.7: and those of one document in its own, whatever the clocks say."""
    marks = {sel: Mark(ADDRESS, KEY, f"{sel}1", 1) for sel in ("p", "q")}
    snapshot = Snapshot(
        WANTED,
        {"p": found("p3"), "q": found("q2")},
        chains={
            "p": (
                DocumentEntry("", "p1", "p2", at=8.0),
                DocumentEntry("", "p2", "p3", at=3.0),
            ),
            "q": (DocumentEntry("", "q1", "q2", at=5.0),),
        },
    )
    view = changes(snapshot, Memory(WANTED.uris, marks))
    assert [entry.new for entry in view.documents] == ["q2", "p2", "p3"]


def test_all_that_was_told_before_the_process_died_is_told_again() -> None:
    """ADR 3: and of what is named and not there, that it is not."""
    snapshot = Snapshot(WANTED, components={"x": None}, removed={SEL: "last"})
    again = everything(snapshot, None, first=False)
    assert again.documents == (DocumentEntry(SEL, "last", None),)
    assert again.components == (ComponentEntry("x", False, None),)
    assert not everything(snapshot, None, first=True).tells
