"""RFC 4825 §6.4: prefixes bound in the query of a URI."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xcap.errors import BadRequest
from xcap.nodes.bindings import MAX_NESTING, MAX_QUERY, XML, parse_bindings, print_bindings

QUICK = settings(max_examples=100, deadline=None)


@pytest.mark.parametrize(
    ("query", "bound"),
    [
        pytest.param("", {}, id="none"),
        pytest.param("xmlns(a=urn:x)", {"a": "urn:x"}, id="one"),
        pytest.param("xmlns(a=urn:x)xmlns(b=urn:y)", {"a": "urn:x", "b": "urn:y"}, id="two"),
        pytest.param("xmlns(a=urn:x) xmlns(b=urn:y) ", {"a": "urn:x", "b": "urn:y"}, id="spaces"),
        pytest.param("xmlns(a = urn:x)", {"a": "urn:x"}, id="spaces inside"),
        pytest.param("xmlns(a=urn:x)xmlns(a=urn:y)", {"a": "urn:y"}, id="the later one holds"),
        pytest.param("xmlns(a=)", {"a": ""}, id="no namespace"),
        pytest.param("xmlns(a=u^(r^)n^^)", {"a": "u(r)n^"}, id="circumflex"),
        pytest.param("xmlns(a=f(x)(y))", {"a": "f(x)(y)"}, id="balanced parentheses"),
        pytest.param("xpointer(//a[@b=f()])xmlns(a=urn:x)", {"a": "urn:x"}, id="other scheme"),
        pytest.param("x:y(z)", {}, id="other scheme with a prefix"),
        pytest.param(f"xmlns(xml={XML})", {}, id="what is bound anyway"),
    ],
)
def test_bindings(query: str, bound: dict[str, str]) -> None:
    assert parse_bindings(query) == {"xml": XML, **bound}


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("a=urn:x", id="no pointer"),
        pytest.param("shorthand", id="shorthand pointer"),
        pytest.param("xmlns", id="no data"),
        pytest.param("xmlns(a=urn:x", id="not closed"),
        pytest.param("xmlns(a=urn:x))", id="closed twice"),
        pytest.param("xmlns(a=^x)", id="circumflex before another character"),
        pytest.param("xmlns(a)", id="no namespace"),
        pytest.param("xmlns(=urn:x)", id="no prefix"),
        pytest.param("xmlns(1=urn:x)", id="prefix that is no name"),
        pytest.param("xmlns(a:b=urn:x)", id="prefix with a colon"),
        pytest.param("xmlns(a=urn:\x00)", id="NUL in a namespace"),
        pytest.param("xmlns(a=\ud800)", id="surrogate in a namespace"),
        pytest.param("xmlns(a=u}v)", id="brace in a namespace"),
        pytest.param("xmlns(a=*)", id="namespace that would be any"),
        pytest.param("xmlns(xmlns=urn:x)", id="reserved prefix"),
        pytest.param("xmlns(xml=urn:x)", id="xml for something else"),
        pytest.param(f"xmlns(a={XML})", id="something else for xml"),
        pytest.param("x" + "(" * (MAX_NESTING + 1) + ")" * (MAX_NESTING + 1), id="nested too deep"),
        pytest.param("xmlns(a=" + "x" * MAX_QUERY + ")", id="too long"),
    ],
)
def test_what_is_no_pointer_is_400(query: str) -> None:
    with pytest.raises(BadRequest):
        parse_bindings(query)


@QUICK
@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "é"]), st.text(st.sampled_from("urn:()^=x"), max_size=9)
    )
)
def test_reading_what_is_printed_gives_the_bindings(bindings: dict[str, str]) -> None:
    assert parse_bindings(print_bindings(bindings)) == {"xml": XML, **bindings}


@QUICK
@given(st.text(st.sampled_from("xmlns()=^ :"), max_size=30))
def test_any_text_is_a_query_or_an_error(text: str) -> None:
    try:
        bindings = parse_bindings(text)
    except BadRequest:
        return
    assert bindings["xml"] == XML
    assert "xmlns" not in bindings
