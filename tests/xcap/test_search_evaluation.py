"""OMA XDM Core, searches: what a query finds, and what it may cost."""

import contextlib
import gc
from collections.abc import Iterator
from itertools import count

import pytest
from elementpath import XPathNode
from hypothesis import given, settings
from hypothesis import strategies as st

from xcap.errors import AnswerTooLarge, ConstraintFailure
from xcap.search.errors import TooExpensive
from xcap.search.evaluate import MAX_ANSWER, Budget, Search
from xcap.search.exchange import answer
from xcap.search.grammar import parse_query
from xmldoc.parse import parse

PROLOG = 'declare default element namespace "urn:p"; declare namespace q = "urn:q";'
FOR = 'for $u in collection("up/users/")/ps/p '

NS = 'xmlns="urn:p" xmlns:q="urn:q"'

PEOPLE = """<ps xmlns="urn:p" xmlns:q="urn:q">
<p uri="sip:ann@x" xml:lang="en"><name>Ann &amp; Co</name><age>17</age>
  <hobby>chess</hobby><hobby>go <b>well</b></hobby></p>
<p uri="sip:Bob@x" q:kind="vip"><name>Bob "B" </name><age>forty</age><q:note/></p>
<p uri="sip:zoë@x"><name>Zoë</name><age>80</age><hobby>chess</hobby><b>tail</b> after</p>
</ps>""".encode()
ALL = ["ann", "Bob", "zoë"]


def run(
    tail: str, *bodies: bytes, limit: int = 100, clock: Iterator[float] | None = None
) -> Search:
    ticks = clock or iter(lambda: 0.0, None)
    search = Search(
        parse_query(PROLOG + FOR + tail), Budget(lambda: next(ticks), deadline=1.0), limit
    )
    search.look_at(bodies or [PEOPLE])
    return search


def found(tail: str) -> list[str]:
    """The people whom the condition finds."""
    shown = run(f'where {tail} return <r u="{{$u/@uri}}"/>').found
    return [one.decode().partition("sip:")[2].partition("@")[0] for one in shown]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        pytest.param('$u/name = "Zoë"', ["zoë"], id="equal"),
        pytest.param('$u/name = "Ann &amp; Co"', ["ann"], id="escapes"),
        pytest.param('$u/name = "Bob ""B"" "', ["Bob"], id="quotes, white space counts"),
        pytest.param('$u/hobby = "chess"', ["ann", "zoë"], id="any of several values"),
        pytest.param('$u/hobby != "chess"', ["ann"], id="some other value"),
        pytest.param('not($u/hobby = "chess")', ["Bob"], id="none of the values"),
        pytest.param('$u/hobby = "go well"', ["ann"], id="text of an element with elements"),
        pytest.param('$u/hobby[2]/b = "well"', ["ann"], id="by position"),
        pytest.param('$u/hobby/text() = "go "', ["ann"], id="a text node"),
        pytest.param("$u/age < 18", ["ann"], id="a number"),
        pytest.param("$u/age >= 18", ["zoë"], id="what is no number compares with none"),
        pytest.param("18 > $u/age", ["ann"], id="literal first"),
        pytest.param('$u/age > "2"', ["Bob", "zoë"], id="strings by code points"),
        pytest.param('contains($u/name, "o")', ["ann", "Bob", "zoë"], id="contains"),
        pytest.param('contains($u/hobby, "well")', ["ann"], id="contains, of several values"),
        pytest.param('contains($u/name, "")', ALL, id="the empty string is everywhere"),
        pytest.param('contains($u/missing, "")', [], id="but not in nothing"),
        pytest.param('starts-with($u/@uri, "sip:B")', ["Bob"], id="starts-with"),
        pytest.param('starts-with(lower-case($u/@uri), "sip:b")', ["Bob"], id="lower-case"),
        pytest.param('upper-case($u/name) = "ZOË"', ["zoë"], id="upper-case"),
        pytest.param('ends-with($u/name, "Co")', ["ann"], id="ends-with"),
        pytest.param("$u/@q:kind", ["Bob"], id="an attribute of a namespace"),
        pytest.param("$u/@kind", [], id="and not without it"),
        pytest.param('$u/@xml:lang = "en"', ["ann"], id="xml:lang"),
        pytest.param("exists($u/q:note)", ["Bob"], id="an element of another namespace"),
        pytest.param("empty($u/hobby)", ["Bob"], id="empty"),
        pytest.param('$u/*[4] = "chess"', [], id="the fourth child of all"),
        pytest.param('$u/*[4] = "tail"', ["zoë"], id="a child of any name"),
        pytest.param('$u = "Zoë80chesstail after"', ["zoë"], id="the element itself"),
        pytest.param('$u/hobby[. = "chess"]', ["ann", "zoë"], id="a predicate"),
        pytest.param('$u/hobby[b = "well" or . = "x"]', ["ann"], id="a condition in it"),
        pytest.param('$u/age = 80 or $u/age = 17 and $u/name = "x"', ["zoë"], id="precedence"),
        pytest.param('$u/name = """] | //*[name()="', [], id="a literal stays a literal"),
    ],
)
def test_conditions_hold(condition: str, expected: list[str]) -> None:
    assert found(condition) == expected


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("a\u1680to\u16802999999999", id="white space to the library, not to XML"),
        pytest.param("a\u02c2", id="no letter to the library"),
        pytest.param("\u0378", id="no character yet"),
    ],
)
@pytest.mark.parametrize(
    "tail",
    [
        "where $u/{} return <r/>",
        "where $u/q:{} return <r/>",
        'where $u/a[@{} = "1"] return <r/>',
        "return <r>{{$u/{}}}</r>",
    ],
)
def test_names_that_the_library_reads_as_something_else_are_refused(name: str, tail: str) -> None:
    """Namespaces in XML 1.0 §3: they are names, but nothing of them may become an operator."""
    with pytest.raises(ConstraintFailure, match="no searching for the name"):
        run(tail.format(name))


@pytest.mark.parametrize(
    "name", ["ni\u00f1o", "nin\u0303o", "col\u00b7legi", "\u540d", "and", "if"]
)
def test_other_names_are_found(name: str) -> None:
    body = f'<ps xmlns="urn:p"><p><{name} {name}="1"/></p></ps>'.encode()
    assert len(run(f'where $u/{name}/@{name} = "1" return <r/>', body).found) == 1


@pytest.mark.parametrize(
    "condition",
    [
        '$u/a = "12345.5"',
        "$u/a = 12345.5",
        'starts-with($u/a, "123")',
        'contains(lower-case($u/a), "345.5")',
        '$u/a[. = "12345.5"]',
    ],
)
def test_the_value_of_an_element_is_its_text_in_document_order(condition: str) -> None:
    """XPath 2.0 data model §6.2.3: what is inside an element comes before what follows it."""
    body = b'<ps xmlns="urn:p"><p><a>1<b>2<c>3</c>4</b>5<c/>.5</a></p></ps>'
    assert run(f'where {condition} return <r v="{{$u/a}}"/>', body).found == [
        b'<r xmlns="urn:p" v="12345.5"/>'
    ]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        pytest.param(
            "$u/hobby",
            f"<hobby {NS}>chess</hobby><hobby {NS}>go <b>well</b></hobby>",
            id="elements, without what follows them",
        ),
        pytest.param("$u/missing", "", id="nothing"),
        pytest.param("$u/name/text()", "Ann &amp; Co", id="text"),
        pytest.param(
            '<r a="{$u/@uri}/{$u/hobby}">{$u/@uri, $u/age}<s/>x{$u/name/text()}</r>',
            f'<r xmlns="urn:p" a="sip:ann@x/chess go well" uri="sip:ann@x"><age {NS}>17</age>'
            '<s xmlns="urn:p"/>xAnn &amp; Co</r>',
            id="an element of its own",
        ),
        pytest.param(
            '<q:r q:a="&lt;&quot;" xml:lang="{$u/@xml:lang}"/>',
            '<r xmlns="urn:q" xmlns:a0="urn:q" a0:a=\'&lt;"\' xml:lang="en"/>',
            id="prefixes",
        ),
    ],
)
def test_what_is_shown(result: str, expected: str) -> None:
    assert run(f'where $u/age = "17" return {result}').found == [expected.encode()]


def test_what_has_no_namespace_says_so() -> None:
    """Namespaces in XML 1.0 §6.2: it is put into an answer that has a default namespace."""
    search = Search(
        parse_query('for $u in collection("up/users/")/a return <r>{$u/b}</r>'),
        Budget(lambda: 0.0, 1.0),
        9,
    )
    search.look_at([b"<a><b c='1'>x<d/></b></a>", b'<a><b xmlns:q="urn:q" q:c="1"/></a>'])
    assert search.found == [
        b'<r xmlns=""><b xmlns="" c="1">x<d/></b></r>',
        b'<r xmlns=""><b xmlns="" xmlns:q="urn:q" q:c="1"/></r>',
    ]
    answered = parse(answer([("1", search.found)]))
    assert [element.tag for element in answered.iter()][3:] == ["r", "b", "d", "r", "b"]


def test_no_more_is_found_than_is_wanted() -> None:
    search = run("return $u/name", PEOPLE, PEOPLE, PEOPLE, limit=4)
    assert len(search.found) == 4
    assert not search.wants_more


def test_no_result_is_wanted() -> None:
    assert run("return $u", limit=0).found == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"no XML", id="a picture"),
        pytest.param(b"<ps/>", id="another namespace"),
        pytest.param(b'<x xmlns="urn:p"><p/></x>', id="another root"),
    ],
)
def test_documents_of_another_kind_are_passed_over(body: bytes) -> None:
    assert len(run("return $u/name", body, PEOPLE).found) == 3


def large(child: str, times: int) -> bytes:
    return f'<ps xmlns="urn:p"><p>{child * times}</p></ps>'.encode()


@pytest.mark.parametrize(
    "tail",
    [
        pytest.param(
            "where " + " and ".join(f'not($u/a = "{n}")' for n in range(40)) + " return <r/>",
            id="many conditions over many elements",
        ),
        pytest.param('where $u/a[b[c[d or e] or f] or "x" = g] return <r/>', id="predicates"),
        pytest.param('where $u/b[@c = "x"] return <r/>', id="names that do not match"),
        pytest.param("return <r>" + "{$u/a}" * 40 + "</r>", id="copies"),
    ],
)
def test_a_search_stops_soon_after_its_time(tail: str) -> None:
    """Each look at the clock is a tenth of a second here: ten looks and it is over."""
    with pytest.raises(TooExpensive):
        run(tail, *[large("<a/>", 19_000)] * 10, clock=(n / 10 for n in count()))


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param('$u/a[. = "y" or contains(lower-case(.), "z")]', id="many elements"),
        pytest.param('$u = "y"', id="the text of an element with many in it"),
    ],
)
def test_the_clock_is_looked_at_while_one_document_is_searched(condition: str) -> None:
    """A condition on each of many elements is not one long step."""
    with pytest.raises(TooExpensive):
        run(
            f"where {condition} return <r/>",
            large("<a/>", 19_000),
            clock=(n / 100 for n in count()),
        )


@pytest.mark.parametrize(
    ("tail", "ticks"),
    [
        pytest.param('where $u/a/@b = "x" and $u/a/text() = "y" return $u', 0, id="nothing found"),
        pytest.param("return <r>{$u/a/@b, $u/a}</r>", 0, id="all found"),
        pytest.param("where $u/a return <r/>", 1, id="no time left"),
    ],
)
def test_a_document_is_let_go_when_it_has_been_searched(tail: str, ticks: int) -> None:
    """Nothing of it waits for the collector of garbage."""
    body = large('<a b="c">d</a>', 2_000)
    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(TooExpensive):
            run(tail, body, body, clock=(n * ticks / 10 for n in count()))
        left = [one for one in gc.get_objects() if isinstance(one, XPathNode)]
    finally:
        gc.enable()
    assert left == []


def test_an_answer_is_not_larger_than_its_bound() -> None:
    people = b'<ps xmlns="urn:p">' + b"<p>" + b"x" * 100_000 + b"</p></ps>"
    assert len(run("return $u", *[people] * 9).found) == 9
    with pytest.raises(AnswerTooLarge):
        run("return $u", *[people] * (MAX_ANSWER // 100_000 + 1))


def test_one_result_is_not_larger_than_the_bound_either() -> None:
    """Copies are counted as they are made, not when all of them are there."""
    people = b'<ps xmlns="urn:p"><p>' + b"x" * 200_000 + b"</p></ps>"
    with pytest.raises(AnswerTooLarge):
        run("return <r>" + "{$u}" * 100 + "</r>", people)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=20))
@settings(max_examples=100, deadline=None)
def test_every_text_is_found_as_it_was_written(text: str) -> None:
    """Whatever is in a literal is data, for us and for the library."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    body = f'<ps xmlns="urn:p"><p><a>{escaped}</a></p></ps>'.encode()
    literal = text.replace("&", "&amp;").replace('"', '""')
    assert len(run(f'where $u/a = "{literal}" return <r/>', body).found) == 1
    assert len(run(f'where $u/a = "{literal}!" return <r/>', body).found) == 0
