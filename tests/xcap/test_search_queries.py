"""OMA XDM Core, searches: which queries are understood, and as what."""

import pytest

from xcap.errors import ConstraintFailure
from xcap.search.grammar import MAX_QUERY, parse_query
from xcap.search.query import (
    And,
    Collection,
    Compare,
    Condition,
    Copy,
    Element,
    Exists,
    Fold,
    Function,
    Holds,
    Not,
    Operand,
    Operator,
    Or,
    Path,
    Step,
    Template,
    Text,
)
from xcap.search.scanner import MAX_DEPTH, MAX_PARTS
from xcap.uri import Tree

PROLOG = 'declare default element namespace "urn:p"; declare namespace q = "urn:q";'
FOR = 'for $u in collection("up/users/")/ps/p '
A = Path((Step("{urn:p}a"),))
B = Path((Step("{urn:p}b"),))
ID = Path(attribute="id")


def where(text: str) -> Condition | None:
    return parse_query(f"{PROLOG}{FOR}where {text} return $u").where


def result(text: str) -> tuple[Template, ...]:
    return parse_query(f"{PROLOG}{FOR}return {text}").result


def is_a(path: Path, value: str | float = "x", operator: Operator = Operator.EQUAL) -> Compare:
    return Compare(Operand(path), operator, value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("up/users/", Collection("up", Tree.USERS, "")),
        ("/up/users", Collection("up", Tree.USERS, "")),
        ("up/users/sip:a@b/", Collection("up", Tree.USERS, "sip:a@b")),
        ("up/global/", Collection("up", Tree.GLOBAL, "")),
    ],
)
def test_collections(name: str, expected: Collection) -> None:
    query = parse_query(f'for $u in collection("{name}")/a return $u')
    assert query.collection == expected
    assert query.path == Path((Step("a"),))


@pytest.mark.parametrize(
    "prolog",
    [
        "",
        'xquery version "1.0";',
        "xquery version '1.0' ;",
        "(: a comment: of any kind :) ",
        'declare namespace a-b.c = "urn:x";',
    ],
)
def test_prologs(prolog: str) -> None:
    """XQuery 1.0 §4."""
    assert parse_query(prolog + 'for $u in collection("up/users")/p return $u').where is None


def test_names_without_prefix_are_in_the_declared_namespace() -> None:
    """XQuery 1.0 §4.14: elements are, attributes are not."""
    query = parse_query(f'{PROLOG}{FOR}where $u/q:a/@q:b = "x" and $u/@id return $u')
    assert query.path == Path((Step("{urn:p}ps"), Step("{urn:p}p")))
    path = Path((Step("{urn:q}a"),), attribute="{urn:q}b")
    assert query.where == And((is_a(path), Exists(ID)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('$u/a = "x"', is_a(A), id="equal"),
        pytest.param("$u/a eq 'x'", is_a(A), id="value comparison"),
        pytest.param('$u/a != "x"', is_a(A, operator=Operator.UNEQUAL), id="unequal"),
        pytest.param("$u/a<5", is_a(A, 5.0, Operator.LESS), id="a number"),
        pytest.param("$u/a >= -1.5", is_a(A, -1.5, Operator.AT_LEAST), id="a fraction"),
        pytest.param('"x" < $u/a', is_a(A, "x", Operator.GREATER), id="literal first"),
        pytest.param("3 le $u/@id", is_a(ID, 3.0, Operator.AT_LEAST), id="number first"),
        pytest.param('$u = "x"', is_a(Path()), id="the element itself"),
        pytest.param('$u/a/text() = "x"', is_a(Path(A.steps, text=True)), id="its text"),
        pytest.param('$u/* = "x"', is_a(Path((Step(None),))), id="any child"),
        pytest.param(
            '$u/a = "a ""b"" &lt;&#65;&#x42;"', is_a(A, 'a "b" <AB'), id="escapes in a literal"
        ),
        pytest.param("$u/a", Exists(A), id="a path alone"),
        pytest.param("exists($u/a)", Exists(A), id="exists"),
        pytest.param("empty($u/a)", Not(Exists(A)), id="empty"),
        pytest.param("not($u/a or $u/b)", Not(Or((Exists(A), Exists(B)))), id="not"),
        pytest.param(
            'contains($u/a, "x")', Holds(Function.CONTAINS, Operand(A), "x"), id="contains"
        ),
        pytest.param(
            'starts-with(lower-case($u/a), "x")',
            Holds(Function.STARTS_WITH, Operand(A, Fold.LOWER), "x"),
            id="starts-with in small letters",
        ),
        pytest.param(
            'ends-with($u/@id,"x")', Holds(Function.ENDS_WITH, Operand(ID), "x"), id="ends-with"
        ),
        pytest.param(
            'upper-case($u/a) = "X"',
            Compare(Operand(A, Fold.UPPER), Operator.EQUAL, "X"),
            id="upper-case",
        ),
        pytest.param(
            "$u/a and $u/b or $u/@id",
            Or((And((Exists(A), Exists(B))), Exists(ID))),
            id="and binds closer than or",
        ),
        pytest.param(
            "$u/a and ($u/b or $u/@id)",
            And((Exists(A), Or((Exists(B), Exists(ID))))),
            id="parentheses",
        ),
        pytest.param(
            '$u/a[@id="x"][2]/b',
            Exists(Path((Step("{urn:p}a", (is_a(ID), 2)), Step("{urn:p}b")))),
            id="predicates",
        ),
        pytest.param(
            '$u/a[b = "x" and . != "y"]',
            Exists(
                Path(
                    (
                        Step(
                            "{urn:p}a",
                            (And((is_a(B), is_a(Path(), "y", Operator.UNEQUAL))),),
                        ),
                    )
                )
            ),
            id="conditions in a predicate",
        ),
        pytest.param("(: one :) $u/a (: two :)", Exists(A), id="comments"),
        pytest.param(
            "$u/and and $u/or",
            And((Exists(Path((Step("{urn:p}and"),))), Exists(Path((Step("{urn:p}or"),))))),
            id="names that are words elsewhere",
        ),
    ],
)
def test_conditions(text: str, expected: Condition) -> None:
    assert where(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("$u", (Copy(Path()),), id="the element"),
        pytest.param("$u/a", (Copy(A),), id="a child"),
        pytest.param("($u/a, $u/b)", (Copy(A), Copy(B)), id="a sequence"),
        pytest.param("<r/>", (Element("{urn:p}r"),), id="an empty element"),
        pytest.param(
            '<q:r id="{$u/@id}-1" n=\'&lt;{{"\'>{$u/a, $u/@id}</q:r>',
            (
                Element(
                    "{urn:q}r",
                    (("id", (Copy(ID), Text("-1"))), ("n", (Text('<{"'),))),
                    (Copy(A), Copy(ID)),
                ),
            ),
            id="attributes and content",
        ),
        pytest.param(
            "<r> {$u/a} and <s>x &amp; y</s>\n</r>",
            (
                Element(
                    "{urn:p}r",
                    (),
                    (Copy(A), Text(" and "), Element("{urn:p}s", (), (Text("x & y"),))),
                ),
            ),
            id="text and elements, boundary white space dropped, XQuery 1.0 §3.7.1.4",
        ),
    ],
)
def test_results(text: str, expected: tuple[Template, ...]) -> None:
    assert result(text) == expected


REFUSED = {
    "nothing": ("", '"for" is wanted'),
    "no XQuery": ("SELECT * FROM users", '"for" is wanted'),
    "a version of the future": (f'xquery version "4.0";{FOR}return $u', "version"),
    "a function declared": (f"declare function local:f() {{ 1 }}; {FOR}return $u", '"namespace"'),
    "a module imported": (f'import module "urn:x"; {FOR}return $u', '"for"'),
    "an option": (f'declare option q:o "x"; {FOR}return $u', '"namespace"'),
    "two variables": (f'{FOR}, $v in collection("up/users")/p return $u', '"return"'),
    "let": (f"{FOR}let $x := $u/a return $u", '"return"'),
    "order by": (f"{FOR}order by $u/a return $u", '"return"'),
    "doc()": ('for $u in doc("http://x.example/")/a return $u', '"collection"'),
    "all collections": ("for $u in collection()/a return $u", "string literal"),
    "no such tree": ('for $u in collection("up")/a return $u', "no such collection"),
    "a file": ('for $u in collection("file:///etc/passwd")/a return $u', "no such collection"),
    "a document": ('for $u in collection("up/users/x/index")/a return $u', "no such collection"),
    "documents as such": ('for $u in collection("up/users/") return $u', "must run over elements"),
    "attributes as such": ('for $u in collection("up/users/")/a/@b return $u', "run over elements"),
    "descendants": ('for $u in collection("up/users/")//a return $u', "name of an element"),
    "descendants below": (f'{FOR}where $u//a = "x" return $u', "name of an element"),
    "the parent": (f"{FOR}where $u/../a return $u", "name of an element"),
    "an axis": (f"{FOR}where $u/ancestor::a return $u", ""),
    "another variable": (f"{FOR}where $v/a return $u", "path from the variable"),
    "a variable like it": (f"{FOR}where $u2/a return $u", "path from the variable"),
    "a path from the root": (f"{FOR}where /a return $u", "path from the variable"),
    "the variable in a predicate": (f"{FOR}where $u/a[$u/b] return $u", "name of an element"),
    "a join": (f"{FOR}where $u/a = $u/b return $u", "not compared with each other"),
    "a pattern": (f'{FOR}where matches($u/a, "(a+)+$") return $u', "matches is not allowed"),
    "replace()": (f'{FOR}where replace($u/a,"x","y")="z" return $u', "replace is not allowed"),
    "doc() in a condition": (f'{FOR}where doc("x") return $u', "doc is not allowed"),
    "a function with a prefix": (f'{FOR}where fn:contains($u/a,"x") return $u', "not allowed"),
    "a function in a function": (f'{FOR}where contains(string($u/a),"x") return $u', "not allowed"),
    "a quantifier": (f"{FOR}where some $x in $u/a satisfies $x return $u", ""),
    "arithmetic": (f"{FOR}where $u/a + 1 = 2 return $u", '"return"'),
    "no literal": (f"{FOR}where $u/a = return $u", "literal is wanted"),
    "an open string": (f'{FOR}where $u/a = "x return $u', "literal is wanted"),
    "no such reference": (f'{FOR}where $u/a = "&x;" return $u', "no reference to a character"),
    "a NUL": (f'{FOR}where $u/a = "&#0;" return $u', "no reference to a character"),
    "beyond Unicode": (f'{FOR}where $u/a = "&#x110000;" return $u', "no reference"),
    "half a character": (f'{FOR}where $u/a = "&#xD800;" return $u', "no reference"),
    "an open parenthesis": (f"{FOR}where ($u/a return $u", ") is wanted"),
    "an undeclared prefix": (f"{FOR}where $u/z:a return $u", "prefix z is not declared"),
    "nothing to show": (FOR, '"return"'),
    "a bare attribute": (f"{FOR}return $u/@id", "within an element"),
    "more after it": (f"{FOR}return $u, $u/a", "end of the query"),
    "an open element": (f"{FOR}return <r>{{$u/a}}", "is wanted"),
    "another end tag": (f"{FOR}return <r></s>", "</r> is wanted"),
    "an attribute twice": (f'{FOR}return <r a="1" a="2"/>', "there twice"),
    "namespaces in a constructor": (f'{FOR}return <r xmlns="urn:x"/>', "before the query"),
    "a comment in a constructor": (f"{FOR}return <r><!-- x --></r>", "is wanted"),
    "a query in braces": (f"{FOR}return <r>{{ {FOR} return $u }}</r>", "path from the variable"),
    "position 0": (f"{FOR}where $u/a[0] return $u", ""),
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(text: str, reason: str) -> None:
    """With the place and what is wanted there; 409."""
    with pytest.raises(ConstraintFailure, match="the query is not understood") as caught:
        parse_query(text)
    assert reason in str(caught.value)


XML = "http://www.w3.org/XML/1998/namespace"


@pytest.mark.parametrize("namespace", ["c}{d", "a}b", "{a", "*", "http://www.w3.org/2000/xmlns/"])
@pytest.mark.parametrize("declared", ["default element namespace", "namespace q ="])
def test_what_no_namespace_is_called_is_not_declared(declared: str, namespace: str) -> None:
    """Namespaces in XML 1.0 §2.1, §3; the library would stop at them."""
    with pytest.raises(ConstraintFailure, match="namespace"):
        parse_query(f'declare {declared} "{namespace}"; {FOR}return $u')


@pytest.mark.parametrize(
    ("prefix", "namespace"), [("xml", "urn:p"), ("q", XML), ("xmlns", "urn:p")]
)
def test_reserved_prefixes_are_not_declared(prefix: str, namespace: str) -> None:
    """Namespaces in XML 1.0 §3."""
    with pytest.raises(ConstraintFailure, match="cannot be bound"):
        parse_query(f'declare namespace {prefix} = "{namespace}"; {FOR}return $u')
    assert parse_query(f'declare namespace xml = "{XML}"; {FOR}return $u').where is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(FOR + "where " + "(" * 1000 + "$u" + ")" * 1000, id="parentheses"),
        pytest.param(FOR + "where " + "not(" * 1000 + "$u", id="functions"),
        pytest.param(FOR + "where $u/" + "a[" * 1000, id="predicates"),
        pytest.param(FOR + "return " + "<a>" * 1000, id="constructors"),
    ],
)
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(ConstraintFailure, match=f"deeper than {MAX_DEPTH} levels"):
        parse_query(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(FOR + "where $u" + " or $u" * 1000 + " return $u", id="conditions"),
        pytest.param(FOR + "where $u" + "/a" * 1000 + " return $u", id="steps"),
        pytest.param(FOR + "return <a>" + "<b/>" * 1000 + "</a>", id="elements"),
        pytest.param('declare namespace a="b";' * 300 + FOR + "return $u", id="declarations"),
    ],
)
def test_long_queries_are_refused(text: str) -> None:
    with pytest.raises(ConstraintFailure, match=f"more than {MAX_PARTS} parts"):
        parse_query(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x" * (MAX_QUERY + 1), id="anything"),
        pytest.param(FOR + 'where $u/a = "' + "y" * 10_000_000 + '" return $u', id="a literal"),
    ],
)
def test_huge_queries_are_not_read(text: str) -> None:
    with pytest.raises(ConstraintFailure, match="longer than"):
        parse_query(text)


@pytest.mark.parametrize("unit", ["(:", '"', "&", "{{", " ", "a-", "(: :)", "''", "]]", "<"])
def test_no_text_of_the_longest_length_takes_long_to_refuse(unit: str) -> None:
    """Patterns of our own that would go back and forth would not end here."""
    for start in ("", FOR + "where $u/a = ", FOR + "return <a>", FOR + 'return <a b="'):
        text = (start + unit * MAX_QUERY)[:MAX_QUERY]
        with pytest.raises(ConstraintFailure):
            parse_query(text)
