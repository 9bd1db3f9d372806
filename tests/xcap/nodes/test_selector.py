"""RFC 4825 §6.3: what a node selector is made of, and what is none."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xcap.errors import BadRequest, NotFound
from xcap.nodes.selector import (
    MAX_SELECTOR,
    MAX_STEPS,
    AttributeTest,
    Name,
    NodeSelector,
    Step,
    Terminal,
    encode_selector,
    parse_selector,
)

QUICK = settings(max_examples=100, deadline=None)

A, B = Name("", "a"), Name("p", "b")
SLASH = AttributeTest(A, "x/y")
P_B = AttributeTest(B, "v")
A_V = AttributeTest(A, "v")

NAMES = st.builds(
    Name,
    st.sampled_from(["", "p", "xml", "p-1"]),
    st.sampled_from(["a", "_", "entry-ref", "é", "名"]),
)
VALUES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), max_size=9
).filter(lambda text: not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", text))
STEPS = st.builds(
    Step,
    st.none() | NAMES,
    st.none() | st.integers(0, 10**9 - 1),
    st.none() | st.builds(AttributeTest, NAMES, VALUES),
)
SELECTORS = st.builds(
    NodeSelector,
    st.lists(STEPS, min_size=1, max_size=6).map(tuple),
    st.none() | NAMES | st.just(Terminal.NAMESPACES),
)


@pytest.mark.parametrize(
    ("text", "steps", "terminal"),
    [
        pytest.param("a", [Step(A)], None, id="by name"),
        pytest.param("*", [Step(None)], None, id="any"),
        pytest.param("a/p:b", [Step(A), Step(B)], None, id="by prefixed name"),
        pytest.param("a[3]", [Step(A, 3)], None, id="by position"),
        pytest.param("*[12]", [Step(None, 12)], None, id="any by position"),
        pytest.param("a[0]", [Step(A, 0)], None, id="no position, yet a number"),
        pytest.param('a[@p:b="v"]', [Step(A, None, P_B)], None, id="by attribute"),
        pytest.param('*[2][@a="v"]', [Step(None, 2, A_V)], None, id="by both"),
        pytest.param('a[@a="x/y"]/a', [Step(A, None, SLASH), Step(A)], None, id="slash in a value"),
        pytest.param("a/@b", [Step(A)], Name("", "b"), id="attribute"),
        pytest.param("a/@p:b", [Step(A)], B, id="prefixed attribute"),
        pytest.param("a/namespace::*", [Step(A)], Terminal.NAMESPACES, id="namespaces"),
    ],
)
def test_selectors(text: str, steps: list[Step], terminal: Name | Terminal | None) -> None:
    assert parse_selector(text) == NodeSelector(tuple(steps), terminal)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("a[@a='v']", "v", id="in apostrophes"),
        pytest.param('a[@a="[1]"]', "[1]", id="brackets in a value"),
        pytest.param("a[@a='\"']", '"', id="quote in apostrophes"),
        pytest.param('a[@a="it\'s"]', "it's", id="apostrophe in quotes"),
        pytest.param('a[@a=""]', "", id="empty value"),
        pytest.param('a[@a="&lt;&amp;&quot;&apos;&gt;"]', "<&\"'>", id="entities"),
        pytest.param('a[@a="&#65;&#x42;&amp;lt;"]', "AB&lt;", id="references are read once"),
        pytest.param('a[@a="x\ty\n"]', "x y ", id="white space becomes spaces"),
        pytest.param('a[@a="&#10;"]', "\n", id="but not when referred to"),
    ],
)
def test_values(text: str, value: str) -> None:
    """RFC 4825 §6.3: an AttValue of XML, in either quotes, with its references."""
    assert parse_selector(text).steps == (Step(A, None, AttributeTest(A, value)),)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('a[@a="v"][1]', id="predicates in the other order"),
        pytest.param("a[1][2]", id="two positions"),
        pytest.param('a[@a="v"][@b="w"]', id="two tests"),
        pytest.param("a[-1]", id="negative"),
        pytest.param("a[1000000000]", id="more than there can be"),
        pytest.param("a[last()]", id="function"),
        pytest.param("a[b]", id="child"),
        pytest.param("a[@b]", id="without a value"),
        pytest.param("a[@b=v]", id="without quotes"),
        pytest.param("a[@b=\"v']", id="quotes that differ"),
        pytest.param('a[@b = "v"]', id="spaces"),
        pytest.param('a[@b="v"', id="not closed"),
        pytest.param('a[@b="<"]', id="less-than in a value"),
        pytest.param('a[@b="R&D"]', id="ampersand in a value"),
        pytest.param('a[@b="&nbsp;"]', id="unknown entity"),
        pytest.param('a[@b="&#0;"]', id="reference to NUL"),
        pytest.param('a[@b="&#xD800;"]', id="reference to a surrogate"),
        pytest.param('a[@b="&#x110000;"]', id="reference beyond Unicode"),
        pytest.param("a:b:c", id="two colons"),
        pytest.param("1a", id="name that starts with a digit"),
        pytest.param("..", id="parent"),
        pytest.param("a/text()", id="text"),
        pytest.param("descendant::a", id="axis"),
        pytest.param("@a", id="attribute of nothing"),
        pytest.param("namespace::*", id="namespaces of nothing"),
        pytest.param("a/@b/c", id="below an attribute"),
        pytest.param("a/namespace::*/c", id="below namespaces"),
        pytest.param("a/namespace::p", id="one namespace"),
        pytest.param("a/@*", id="any attribute"),
    ],
)
def test_an_extension_that_is_not_understood_is_404(text: str) -> None:
    """RFC 4825 §8: and everything without a slash is an extension by the grammar."""
    with pytest.raises(NotFound):
        parse_selector(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("/a", id="slash at the start"),
        pytest.param("a/", id="slash at the end"),
        pytest.param("a//b", id="doubled slash"),
        pytest.param("a\x00", id="NUL"),
        pytest.param('a[@b="\x1f"]', id="control character"),
        pytest.param("a/" * MAX_STEPS + "a", id="too many steps"),
        pytest.param("a/" * 999 + "a", id="a thousand steps"),
        pytest.param("a" * (MAX_SELECTOR + 1), id="too long"),
    ],
)
def test_what_cannot_be_a_selector_at_all_is_400(text: str) -> None:
    """RFC 4825 §6.3: an extension has at least one character."""
    with pytest.raises(BadRequest):
        parse_selector(text)


def test_as_many_steps_as_a_document_has_levels_are_read() -> None:
    assert len(parse_selector("/".join(["a"] * MAX_STEPS)).steps) == MAX_STEPS


@QUICK
@given(SELECTORS)
def test_reading_what_is_printed_gives_the_selector(selector: NodeSelector) -> None:
    assert parse_selector(str(selector)) == selector


@QUICK
@given(SELECTORS)
def test_reading_what_is_encoded_gives_the_selector(selector: NodeSelector) -> None:
    encoded = encode_selector(selector)
    assert re.fullmatch(r"[A-Za-z0-9\-._~!$&'()*+,;=:@%/]+", encoded)
    assert encoded.count("/") == len(selector.parts()) - 1
    assert parse_selector(unquote(encoded)) == selector


@QUICK
@given(st.text(st.sampled_from("a:*/[]@='\"1&lt;#~n"), max_size=30))
def test_any_text_is_a_selector_or_an_error(text: str) -> None:
    try:
        selector = parse_selector(text)
    except (BadRequest, NotFound):
        return
    assert parse_selector(str(selector)) == selector


def test_a_selector_that_is_hard_to_match_is_refused_at_once() -> None:
    """Time in proportion to the length: nothing is tried twice."""
    with pytest.raises(NotFound):
        parse_selector('a[@b="' + "&amp;x" * 600)
