"""RFC 5262 §3: what application/pidf-diff+xml is made of, and made into."""

import pytest
from lxml import etree

from presence.partial.document import (
    MAX_OCTETS,
    NOTHING,
    Numbered,
    difference,
    full,
    presence_of,
)
from presence.partial.kept_differences import KeptDifferences
from tests.presence.fakes import pidf
from tests.presence.partial.partial_watcher import PartialWatcher, canonical
from xmldoc.parse import MAX_OCTETS as PARSED_OCTETS
from xmldoc.parse import parse
from xmldoc.schema import schema

PIDF = "urn:ietf:params:xml:ns:pidf"
DIFF = "urn:ietf:params:xml:ns:pidf-diff"
TUPLES = "".join(
    f'<tuple id="t{n}"><status><basic>open</basic></status><contact>sip:d{n}@example.com</contact>'
    "</tuple>"
    for n in range(2, 5)
)
EMPTY = f'<presence xmlns="{PIDF}" entity="sip:alice@example.com"/>'.encode()
ODD = (
    b'<?xml version="1.0"?><!-- </p> --><p:presence xmlns:p="urn:ietf:params:xml:ns:pidf"\n'
    b' entity = "sip:alice@example.com" xmlns:pd="urn:x" pd:a="&lt;b>">'
    b'<p:tuple id="a"><p:status/><pd:q>x:y</pd:q></p:tuple> </p:presence><?z </p> ?>\n'
)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(pidf(), id="plain"),
        pytest.param(pidf(more=TUPLES), id="tuples"),
        pytest.param(ODD, id="prefixed-root-comments-and-our-prefix-in-use"),
        pytest.param(EMPTY, id="empty-tag"),
        pytest.param(f'<presence xmlns="{PIDF}" entity="sip:a@b"></presence>'.encode(), id="empty"),
    ],
)
def test_full_is_the_presence_document_with_another_root(document: bytes) -> None:
    """RFC 5262 §3: all else is exactly what application/pidf+xml has; a version is added."""
    body = full(document).numbered(7)
    root = parse(body)
    assert (root.tag, root.get("version")) == (f"{{{DIFF}}}pidf-full", "7")
    assert schema("pidf-diff").check(root) is None
    back = parse(presence_of(body))
    assert [written(child) for child in back] == [written(child) for child in parse(document)]
    assert back.items() == parse(document).items()
    assert back.tag == f"{{{PIDF}}}presence"


def written(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_tail=True)


@pytest.mark.parametrize(
    ("root", "name"),
    [
        pytest.param(f'<pidf-full xmlns="{DIFF}" xmlns:p="{PIDF}"', "p:presence", id="prefix"),
        pytest.param(f'<pidf-full xmlns="{DIFF}" xmlns:pd="urn:x"', "pd0:presence", id="no-prefix"),
        pytest.param(f'<d:pidf-full xmlns="{PIDF}" xmlns:d="{DIFF}"', "presence", id="default"),
    ],
)
def test_a_presence_document_is_made_of_any_full_one(root: str, name: str) -> None:
    """RFC 5264 §4.3.1: whatever prefixes the publisher has chosen."""
    tag = root[1:].partition(" ")[0]
    body = f"{root} version='3' entity='sip:alice@example.com'></{tag}>".encode()
    document = presence_of(body)
    assert document.startswith(f"<{name} ".encode())
    assert schema("pidf").check(parse(document)) is None


def test_the_namespace_of_the_full_one_stays_where_it_is_used() -> None:
    """RFC 3863 §4.2.3: an extension may use it."""
    start = f'<p:pidf-full xmlns="{PIDF}" xmlns:p="{DIFF}" entity="sip:alice@example.com">'
    used = f"{start}<p:x/></p:pidf-full>".encode()
    unused = f"{start}<note>sip:x</note></p:pidf-full>".encode()
    assert DIFF.encode() in presence_of(used)
    assert DIFF.encode() not in presence_of(unused)


def test_a_change_is_told_as_little() -> None:
    """RFC 5262 §4: only what has changed."""
    old = pidf(more=TUPLES)
    diff = difference(old, old.replace(b"open", b"closed", 1))
    assert diff is not None
    assert diff.numbered(2) == (
        b'<d:pidf-diff xmlns:d="urn:ietf:params:xml:ns:pidf-diff"'
        b' xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@example.com" version="2">'
        b'<d:replace sel="*/tuple[1]/status[1]/basic[1]/text()[1]">closed</d:replace>'
        b"</d:pidf-diff>"
    )


def test_namespaces_that_come_are_declared() -> None:
    """RFC 5261 §4.3.3: on the root element of the copy that the watcher has."""
    old = pidf(more=TUPLES)
    new = old.replace(b"<presence ", b'<presence xmlns:x="urn:x" ').replace(
        b"<note>here</note>", b"<x:y>z</x:y><note>here</note>"
    )
    watcher = PartialWatcher()
    watcher.receive(full(old).numbered(1))
    diff = difference(old, new)
    assert diff is not None
    watcher.receive(diff.numbered(2))
    assert canonical(watcher.document) == canonical(new)


def test_documents_that_differ_in_writing_only_are_the_same() -> None:
    old = pidf()
    assert difference(old, old.replace(b'<?xml version="1.0"?>\n', b"")) is NOTHING


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(EMPTY, EMPTY.replace(b"/>", f">{TUPLES}</presence>".encode()), id="all-new"),
        pytest.param(ODD, ODD.replace(b"x:y", b"x:z"), id="our-prefix-in-use"),
        pytest.param(pidf(more=TUPLES), ODD, id="another-root"),
        pytest.param(pidf("x" * MAX_OCTETS), pidf("y" * MAX_OCTETS), id="large"),
        pytest.param(
            pidf(more="<a:b xmlns:a='urn:a'/>" * 1400),
            pidf(more="<a:c xmlns:a='urn:a'/>" * 1400),
            id="much-work",
        ),
    ],
)
def test_the_whole_is_told_when_that_is_better(old: bytes, new: bytes) -> None:
    """RFC 5262 §4, BND-01: the difference is not shorter, or too much work."""
    assert difference(old, new) is None


def test_one_difference_is_made_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """BND-01: a fan-out to a thousand watchers makes one; the memory is bounded."""
    made = []

    def counted(old: bytes, new: bytes) -> Numbered | None:
        made.append((old, new))
        return difference(old, new)

    monkeypatch.setattr("presence.partial.kept_differences.difference", counted)
    kept = KeptDifferences(limit=20_000)
    states = [pidf(note, more=TUPLES) for note in ("here", "away", "gone")]
    results = {kept.difference(states[0], bytes(bytearray(states[1]))) for _ in range(1000)}
    assert (len(made), len(results)) == (1, 1)
    for number in range(50):
        kept.difference(states[0], pidf(f"note {number}", more=TUPLES))
        assert kept.octets <= 20_000


def test_what_many_have_published_together_is_told_however_large_it_is() -> None:
    """RFC 6665 §4.2.1.2: a NOTIFY must follow, also of more than one publication may have."""
    note = "a" * 1000
    tuples = "".join(
        f'<tuple id="t{number}"><status/><note>{note}</note></tuple>' for number in range(400)
    )
    document = f'<presence xmlns="{PIDF}" entity="sip:alice@example.com">{tuples}</presence>'
    assert len(document) > PARSED_OCTETS
    told = full(document.encode()).numbered(1)
    assert told.startswith(b"<pd:pidf-full ")
    assert told.count(note.encode()) == 400
