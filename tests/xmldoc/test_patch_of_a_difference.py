"""RFC 5261: the patch between two documents, applied to the one, is the other."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from xmldoc.diff import XCAP_DIFF, changes, make_patch
from xmldoc.patch import apply
from xmldoc.patch_print import print_change
from xmldoc.tree import parse_tree

SETTINGS = settings(max_examples=100, deadline=None)

TEXTS = st.sampled_from(["", "", " ", "\n  ", "x", "a<&]]>", "\r", "é"])
VALUES = st.sampled_from(["", "1", "2", "a b", "\"'<&\n"])
PREFIXES = ("", "p", "q")
NAMESPACES = ("urn:a", "urn:b")


def canonical(document: bytes) -> bytes:
    """The canonical form with comments, which decides whether documents are equal (§3)."""
    return etree.tostring(etree.fromstring(document).getroottree(), method="c14n")


def patched(old: bytes, new: bytes) -> bytes:
    """`old` after the operations that make `new` of it, however long they are."""
    operations = changes(parse_tree(old), parse_tree(new))
    return apply(old, [print_change(change, XCAP_DIFF).encode() for change in operations])


def quoted(value: str) -> str:
    for character, reference in {
        "&": "&amp;",
        "<": "&lt;",
        '"': "&quot;",
        "\n": "&#10;",
        "\r": "&#13;",
        ">": "&gt;",
    }.items():
        value = value.replace(character, reference)
    return value


@st.composite
def elements(draw: Any, scope: dict[str, str], depth: int) -> str:
    """An element, well-formed where `scope` is in scope."""
    declared = draw(
        st.dictionaries(
            st.sampled_from(PREFIXES), st.sampled_from(NAMESPACES), max_size=1 if depth else 2
        )
    )
    scope = scope | declared
    prefix = draw(st.sampled_from(["", *scope]))
    name = (prefix and prefix + ":") + draw(st.sampled_from("abc"))
    attributes = draw(
        st.dictionaries(
            st.sampled_from(["i", "j", "xml:lang", *(f"{p}:k" for p in scope if p == "p")]),
            VALUES,
            max_size=2,
        )
    )
    inner = "".join(draw(st.lists(nodes(scope, depth + 1), max_size=0 if depth > 2 else 4)))
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
