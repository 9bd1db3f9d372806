"""RFC 5261 §6, §7: the operations between two documents are few, and say what changed."""

from time import process_time

import pytest
from lxml import etree

from xmldoc.diff import SHORT, make_patch
from xmldoc.effort import Effort
from xmldoc.patch import apply

LISTS = "urn:ietf:params:xml:ns:resource-lists"
START = f'<?xml version="1.0"?>\n<resource-lists xmlns="{LISTS}">\n <list name="f">\n'
STOP = " </list>\n</resource-lists>\n"
ENTRIES = [
    f'  <entry uri="sip:user{number:04d}@example.com">\n'
    f"    <display-name>User {number}</display-name>\n  </entry>\n"
    for number in range(1000)
]
NEW = '  <entry uri="sip:new@example.com"/>\n'


def lists(entries: list[str]) -> bytes:
    return (START + "".join(entries) + STOP).encode()


def canonical(document: bytes) -> bytes:
    return etree.tostring(etree.fromstring(document).getroottree(), method="c14n")


def operations(old: bytes, new: bytes) -> list[tuple[str, dict[str, str], str]]:
    """Name, attributes and content of each operation, which must make `new` of `old`."""
    patch = make_patch(old, new)
    assert patch is not None
    assert canonical(apply(old, patch)) == canonical(new)
    roots = [etree.fromstring(operation) for operation in patch]
    return [
        (
            etree.QName(root).localname,
            {str(name): str(value) for name, value in root.attrib.items()},
            "".join(str(text) for text in root.itertext()).strip(),
        )
        for root in roots
    ]


LIST = "resource-lists/list[1]"
OLD = lists(ENTRIES)


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        pytest.param(lists([*ENTRIES, NEW]), ("add", {"sel": LIST}, ""), id="at the end"),
        pytest.param(
            lists([NEW, *ENTRIES]),
            ("add", {"sel": f"{LIST}/entry[1]", "pos": "before"}, ""),
            id="at the start",
        ),
        pytest.param(
            lists([*ENTRIES[:500], NEW, *ENTRIES[500:]]),
            ("add", {"sel": f"{LIST}/entry[500]", "pos": "after"}, ""),
            id="in the middle",
        ),
        pytest.param(
            OLD.replace(b"</entry>\n </list>", b'</entry><entry uri="sip:x@y"/>\n </list>'),
            ("add", {"sel": f"{LIST}/entry[1000]", "pos": "after"}, ""),
            id="as XCAP inserts, without white space",
        ),
        pytest.param(
            lists(ENTRIES[:500] + ENTRIES[501:]),
            ("remove", {"sel": f"{LIST}/entry[501]", "ws": "after"}, ""),
            id="removed with its line",
        ),
        pytest.param(
            OLD.replace(ENTRIES[500].strip().encode(), b""),
            ("remove", {"sel": f"{LIST}/entry[501]"}, ""),
            id="removed as XCAP removes, leaving white space",
        ),
        pytest.param(
            OLD.replace(b">User 700<", b">Bob<"),
            ("replace", {"sel": f"{LIST}/entry[701]/display-name[1]/text()[1]"}, "Bob"),
            id="a text",
        ),
        pytest.param(
            OLD.replace(b'name="f"', b'name="g"'),
            ("replace", {"sel": f"{LIST}/@name"}, "g"),
            id="an attribute",
        ),
        pytest.param(
            OLD.replace(b' name="f"', b""), ("remove", {"sel": f"{LIST}/@name"}, ""), id="no name"
        ),
        pytest.param(
            OLD.replace(b'"f"', b'"f" xml:lang="en"'),
            ("add", {"sel": LIST, "type": "@xml:lang"}, "en"),
            id="a new attribute",
        ),
        pytest.param(
            OLD.replace(b'"f"', b'"f" xmlns:p="urn:p"'),
            ("add", {"sel": LIST, "type": "namespace::p"}, "urn:p"),
            id="a declaration",
        ),
        pytest.param(
            OLD.replace(b"?>\n", b"?>\n<!--c-->"),
            ("add", {"sel": "resource-lists", "pos": "before"}, ""),
            id="a comment before the root",
        ),
        pytest.param(
            OLD.replace(b"</list>", b"</list><!--c-->"),
            ("add", {"sel": LIST, "pos": "after"}, ""),
            id="a comment inside",
        ),
    ],
)
def test_one_change_is_one_operation(new: bytes, expected: tuple[str, dict[str, str], str]) -> None:
    """RFC 5261 §6: only what has been modified, in a list of 1,000 entries."""
    assert operations(OLD, new) == [expected]


def test_a_moved_entry_is_added_and_removed() -> None:
    new = lists([*ENTRIES[:100], *ENTRIES[101:900], ENTRIES[100], *ENTRIES[900:]])
    assert [name for name, _, _ in operations(OLD, new)] == ["add", "remove"]


def test_changes_far_apart_are_operations_of_their_own() -> None:
    new = OLD.replace(b">User 7<", b">Bob<").replace(b">User 900<", b">Eve<")
    assert [text for _, _, text in operations(OLD, new)] == ["Eve", "Bob"]


def test_documents_that_are_written_differently_have_nothing_to_patch() -> None:
    """RFC 5261 §3: quotes, order of attributes, CDATA, empty tags and what is outside."""
    old = b'<?xml version="1.0"?><a b="1" c="2"><d></d>x&lt;</a>'
    assert make_patch(old, b"<a   c='2' b='1' ><d/><![CDATA[x<]]></a >\n") == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b"<a/>", b"<a", id="new is not well-formed"),
        pytest.param(b"<!DOCTYPE a><a/>", b"<a/>", id="old has a document type"),
        pytest.param(OLD, b"<a>\xff</a>", id="not UTF-8"),
        pytest.param(
            lists(ENTRIES), lists([e.replace("user", "who") for e in ENTRIES]), id="all is new"
        ),
        pytest.param(b"<a>" + b"x" * SHORT + b"</a>", b"<b>" + b"y" * SHORT + b"</b>", id="root"),
    ],
)
def test_what_is_not_worth_a_patch_has_none(old: bytes, new: bytes) -> None:
    """RFC 5261 §6: when much has changed, the whole document is the better answer."""
    assert make_patch(old, new) is None


def many(*numbers: int) -> bytes:
    """A list of these entries."""
    return lists([f'<entry uri="sip:u{n}@example.com"/>' for n in numbers])


@pytest.mark.parametrize(
    ("new", "found"),
    [
        pytest.param(many(*range(2000), 9), True, id="an-entry-more"),
        pytest.param(many(*range(1000), *range(1001, 2000)), True, id="one-less"),
        pytest.param(many(*reversed(range(2000))), False, id="reversed"),
        pytest.param(many(*range(1, 2000, 2), *range(0, 2000, 2)), False, id="shuffled"),
        pytest.param(many(*range(5000, 7000)), False, id="all-others"),
        pytest.param(many(*range(6000)), False, id="too-large-to-read"),
    ],
)
def test_who_has_little_time_gets_what_is_found_in_it(new: bytes, found: bool) -> None:
    """RFC 5261 §6: nobody waits long for a difference that is hard to find."""
    old = many(*range(2000))
    patch = make_patch(old, new, effort=Effort(24_000))
    assert (patch is not None) is found
    if patch is not None:
        assert canonical(apply(old, patch)) == canonical(new)
        assert patch == make_patch(old, new)


@pytest.mark.parametrize(
    ("old", "new", "directive"),
    [
        pytest.param(
            '<r><a xmlns="urn:u"/></r>', '<r><a xmlns="urn:v"/></r>', "replace", id="default"
        ),
        pytest.param(
            '<r><a xmlns:p="urn:u"><p:b/></a></r>',
            '<r><a xmlns:p="urn:v"><p:b/></a></r>',
            "replace",
            id="prefix for another namespace",
        ),
        pytest.param(
            '<r><a xmlns:p="urn:u"/></r>', "<r><a/></r>", "remove", id="prefix that is used nowhere"
        ),
        pytest.param(
            '<r xmlns:p="urn:u"><a><p:b/></a></r>',
            '<r xmlns:p="urn:u"><a xmlns:p="urn:v"><p:b/></a></r>',
            "replace",
            id="prefix that comes to mean something else",
        ),
    ],
)
def test_declarations_change_with_their_element_where_they_must(
    old: str, new: str, directive: str
) -> None:
    """RFC 5261 §4.2.3: a default namespace can only come with a new element."""
    assert [name for name, _, _ in operations(old.encode(), new.encode())] == [directive]


def test_an_operation_declares_all_that_it_uses() -> None:
    """RFC 5261 §4.2: so it means the same wherever it is put."""
    old = b'<r xmlns="urn:d" xmlns:p="urn:p" xmlns:d="urn:q"><p:a/></r>'
    new = old.replace(b"<p:a/>", b'<p:a><b xmlns=""/><d:c/></p:a>')
    (operation,) = make_patch(old, new, "urn:diff") or [b""]
    root = etree.fromstring(operation)
    assert root.tag == "{urn:diff}add"
    assert {"p": "urn:p", "d": "urn:q", None: "urn:d"}.items() <= root.nsmap.items()
    around = b'<x xmlns="urn:other" xmlns:p="urn:other">' + operation + b"</x>"
    assert [child.tag for child in etree.fromstring(around)[0]] == ["b", "{urn:q}c"]


def test_names_without_a_namespace_are_kept_from_a_default_around_them() -> None:
    """RFC 5261 §4.2.1: a name without prefix is in the default namespace of the difference."""
    (operation,) = make_patch(b"<r><a/></r>", b"<r><a/><b/></r>") or [b""]
    (root,) = etree.fromstring(b'<x xmlns="urn:other">' + operation + b"</x>")
    assert root.nsmap[None] in (None, "")
    assert root[0].tag == "b"


def test_a_step_whose_prefix_means_something_else_goes_by_position() -> None:
    old = b'<r xmlns="urn:a"><b xmlns="urn:b"><c/></b></r>'
    new = old.replace(b"<c/>", b"<c/><c/>")
    assert [attributes["sel"] for _, attributes, _ in operations(old, new)] == ["*/b[1]"]


def test_positions_count_the_names_that_differ_in_the_prefix_alone() -> None:
    old = b'<r xmlns="urn:u" xmlns:p="urn:u"><a/><p:a>x</p:a></r>'
    new = old.replace(b">x<", b">y<")
    assert [attributes["sel"] for _, attributes, _ in operations(old, new)] == [
        "r/p:a[2]/text()[1]"
    ]


def test_the_time_for_a_large_list_is_short() -> None:
    """100 kB; some 8 ms of processor time on the machine of the benchmarks."""
    new = lists([*ENTRIES[:500], NEW, *ENTRIES[500:]])
    seconds = []
    for _ in range(5):
        start = process_time()
        make_patch(OLD, new)
        seconds.append(process_time() - start)
    assert min(seconds) < 0.05


def test_what_is_inserted_where_something_went_is_not_placed_by_what_follows() -> None:
    """§4.1: operations are applied in turn, so what follows a removal has another position."""
    kept = "<t>" + "a long text that nobody would send again " * 20 + "</t>"
    old = f"<r><t>1</t><t>2</t><t>3</t>{kept}</r>".encode()
    new = f"<r><n/>{kept}</r>".encode()
    names = [name for name, *_ in operations(old, new)]
    assert names == ["remove", "remove", "remove", "add"]
