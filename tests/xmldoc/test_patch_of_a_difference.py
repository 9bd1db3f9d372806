"""RFC 5261: the patch between two documents, applied to the one, is the other."""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from xmldoc.diff import XCAP_DIFF, changes
from xmldoc.effort import Effort
from xmldoc.patch import apply
from xmldoc.patch_print import print_change
from xmldoc.tree import Element, Node, parse_tree, write_declarations, write_tree

SETTINGS = settings(max_examples=60, deadline=None)

TEXTS = st.sampled_from(["", "", " ", "\n  ", "x", "a<&]]>", "\r", "é"])
VALUES = st.sampled_from(["", "1", "2", "a b", "\"'<&\n"])
PREFIXES = ("", "p", "q")
NAMESPACES = ("urn:a", "urn:b")
REFERENCES: dict[str, str | int | None] = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "\n": "&#10;",
    "\r": "&#13;",
}

UNPREFIXED = re.compile(r"(?:(?<=^)|(?<=/))(?=[a-z]+(?:\[|/|$))")


def canonical(document: bytes) -> bytes:
    """The canonical form with comments, which decides whether documents are equal (§3)."""
    return etree.tostring(etree.fromstring(document).getroottree(), method="c14n")


def patched(old: bytes, new: bytes) -> bytes:
    """`old` after the operations that make `new` of it, however long they are."""
    operations = changes(parse_tree(old), parse_tree(new), Effort())
    return apply(old, [print_change(change, XCAP_DIFF).encode() for change in operations])


def quoted(value: str) -> str:
    return value.translate(str.maketrans(REFERENCES))


@st.composite
def elements(draw: Any, scope: dict[str, str], depth: int) -> str:
    """An element, well-formed where `scope` is in scope."""
    prefixes, namespaces = st.sampled_from(PREFIXES), st.sampled_from(NAMESPACES)
    declared = draw(st.dictionaries(prefixes, namespaces, max_size=1 if depth else 2))
    scope = scope | declared
    prefix = draw(st.sampled_from(["", *scope]))
    name = (prefix and prefix + ":") + draw(st.sampled_from("abc"))
    names = st.sampled_from(["i", "j", "xml:lang", *(["p:k"] if "p" in scope else [])])
    attributes = draw(st.dictionaries(names, VALUES, max_size=2))
    inner = "".join(draw(st.lists(nodes(scope, depth + 1), max_size=0 if depth > 2 else 3)))
    tag = name + "".join(f' xmlns{p and ":"}{p}="{uri}"' for p, uri in declared.items())
    tag += "".join(f' {key}="{quoted(value)}"' for key, value in attributes.items())
    return f"<{tag}>{inner}</{name}>"


def nodes(scope: dict[str, str], depth: int) -> st.SearchStrategy[str]:
    return st.one_of(
        elements(scope, depth),
        elements(scope, depth),
        TEXTS.map(quoted),
        st.sampled_from(["<!--c-->", "<!--d-->", "<?x y?>", "<?z?>"]),
    )


@st.composite
def documents(draw: Any) -> bytes:
    beside = st.sampled_from(["", "", "<!--top-->", "<?x y?>", "<?x z?><!--c-->"])
    return f"{draw(beside)}{draw(elements({}, 0))}{draw(beside)}".encode()


@SETTINGS
@given(documents(), documents())
def test_a_patch_makes_one_document_of_any_other(old: bytes, new: bytes) -> None:
    """RFC 5261 §3: equal means the same canonical form with comments."""
    assert canonical(patched(old, new)) == canonical(new)


@st.composite
def edited(draw: Any) -> tuple[bytes, bytes]:
    """A document, and what is left of it after a few random edits."""
    old = draw(documents())
    tree = parse_tree(old)
    for _ in range(draw(st.integers(1, 4))):
        element, scope = draw(st.sampled_from(list(_elements(tree.root, {}))))
        children = element.children
        place = draw(st.integers(0, len(children)))
        match draw(st.sampled_from(["insert", "remove", "swap", "attribute", "declare"])):
            case "insert":
                declarations = write_declarations(scope)
                around = f"<r{declarations}>{draw(nodes(scope, 2))}</r>"
                children[place:place] = parse_tree(around.encode()).root.children
            case "remove":
                del children[place : place + 1]
            case "swap" if children:
                children.insert(0, children.pop(place - 1))
            case "attribute":
                element.attributes["i"] = draw(VALUES)
            case "declare":
                element.declarations.setdefault("n", "urn:n")
            case _:
                continue
        children[:] = _joined(children)
    return old, write_tree(tree)


def _elements(element: Element, scope: dict[str, str]) -> Iterator[tuple[Element, dict[str, str]]]:
    scope = scope | element.declarations
    yield element, scope
    for child in element.children:
        if isinstance(child, Element):
            yield from _elements(child, scope)


def _joined(nodes: list[Node]) -> Iterator[Node]:
    """`nodes` with neighbouring texts as one."""
    for is_text, group in groupby(nodes, lambda node: isinstance(node, str)):
        neighbours = list(group)
        yield from ["".join(map(str, neighbours))] if is_text else neighbours


@SETTINGS
@given(edited())
def test_a_patch_of_an_edited_document_makes_it_the_edited_one(
    documents: tuple[bytes, bytes],
) -> None:
    """RFC 5261 §3, §4: mixed content, comments, instructions, declarations and prefixes."""
    old, new = documents
    assert canonical(patched(old, new)) == canonical(new)


@SETTINGS
@given(documents())
def test_what_is_written_is_read_again(document: bytes) -> None:
    tree = parse_tree(document)
    assert parse_tree(write_tree(tree)) == tree
    assert canonical(write_tree(tree)) == canonical(document)


def selected(document: bytes, operation: bytes) -> int:
    """How many nodes an XPath engine finds for the selector of `operation`.

    Names without prefix get one for the default namespace, which XPath 1.0 has no notion
    of (§4.2.2).
    """
    root = etree.fromstring(operation)
    namespaces = {prefix: uri for prefix, uri in root.nsmap.items() if prefix and uri}
    selector = str(root.get("sel"))
    if root.nsmap.get(None):
        namespaces["default"] = str(root.nsmap[None])
        selector = UNPREFIXED.sub("default:", selector)
    tree = etree.fromstring(document).getroottree()
    found = tree.xpath("/" + selector, namespaces=namespaces)
    assert isinstance(found, list)
    return len(found)


@SETTINGS
@given(edited())
def test_an_engine_for_xpath_finds_what_our_selectors_select(
    documents: tuple[bytes, bytes],
) -> None:
    """RFC 5261 §4.1: one node each, when the operations before have been applied."""
    document, new = documents
    for change in changes(parse_tree(document), parse_tree(new), Effort()):
        operation = print_change(change, XCAP_DIFF).encode()
        assert selected(document, operation) == 1
        document = apply(document, [operation])
