"""OMA XDM Core, searches: laws of the query language over random queries and documents."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from xcap.errors import ConstraintFailure
from xcap.search.evaluate import Budget, Search
from xcap.search.grammar import parse_query
from xcap.search.query import (
    And,
    Compare,
    Condition,
    Exists,
    Fold,
    Function,
    Holds,
    Not,
    Operand,
    Operator,
    Or,
    Path,
)

EXAMPLES = settings(max_examples=100, deadline=None)
FOR = 'for $u in collection("up/users/")/r/* '
NAMES = st.sampled_from(["a", "b", "c"])
WORDS = ["", "x", "X", "xy", "1", "2", "10", "-1.5", 'x"', "é"]
QUOTED = st.sampled_from([f"'{word}'" for word in WORDS])
LITERALS = QUOTED | st.sampled_from(["1", "2.0", "-1.5"])
OPERATORS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])


def trees() -> st.SearchStrategy[etree._Element]:
    """Documents of few names and few values, so that conditions often hold."""

    def build(
        name: str,
        value: str,
        attribute: str | None,
        text: str,
        children: Sequence[etree._Element],
    ) -> etree._Element:
        element = etree.Element(name)
        element.text = value
        if attribute is not None:
            element.set("i", attribute)
        element.extend(children)
        for child in children:
            child.tail = text
        return element

    words = st.sampled_from(WORDS)
    leaves = st.builds(build, NAMES, words, st.none() | words, words, st.just([]))
    return st.recursive(
        leaves,
        lambda inner: st.builds(
            build, NAMES, words, st.none() | words, words, st.lists(inner, max_size=3)
        ),
        max_leaves=8,
    )


@st.composite
def paths(draw: st.DrawFn, start: str, conditions: st.SearchStrategy[str] | None) -> str:
    """A path from `start`: the variable, or "" inside a predicate."""
    steps = draw(st.lists(NAMES | st.just("*"), min_size=0 if start else 1, max_size=2))
    for number, step in enumerate(steps):
        predicate = draw(st.none() | st.integers(1, 3))
        steps[number] = step if predicate is None else f"{step}[{predicate}]"
    if steps and conditions is not None:
        steps[-1] += f"[{draw(conditions)}]"
    end = draw(st.sampled_from(["", "@i", "text()"]))
    return "/".join([*([start] if start else []), *steps, *([end] if end else [])])


def conditions_on(path: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Conditions on a path."""
    folded = path | path.map("lower-case({})".format) | path.map("upper-case({})".format)
    return st.one_of(
        st.builds("{} {} {}".format, folded, OPERATORS, LITERALS),
        st.builds("{} {} {}".format, LITERALS, OPERATORS, folded),
        st.builds("{}({}, {})".format, st.sampled_from(list(Function)), folded, QUOTED),
        st.builds("{}({})".format, st.sampled_from(["exists", "empty"]), path),
        path,
    )


INNER = conditions_on(paths("", None))
CONDITIONS = st.recursive(
    conditions_on(paths("$u", None) | paths("$u", INNER)),
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("{} or {}".format, inner, inner),
        inner.map("not({})".format),
    ),
    max_leaves=4,
)


@given(CONDITIONS, st.lists(trees(), max_size=4))
@EXAMPLES
def test_a_search_finds_what_the_condition_says(
    text: str, children: Sequence[etree._Element]
) -> None:
    """Against an evaluation of the same values that does without XPath."""
    root = etree.Element("r")
    root.extend(children)
    query = parse_query(f'{FOR}where {text} return <f n="{{$u/@n}}"/>')
    for number, child in enumerate(root):
        child.set("n", str(number))
    assert query.where is not None
    expected = [
        f'<f xmlns="" n="{child.get("n")}"/>'.encode()
        for child in root
        if holds(query.where, child)
    ]
    search = Search(query, Budget(lambda: 0.0, 1.0), 100)
    search.look_at([etree.tostring(root, encoding="utf-8")])
    assert search.found == expected


COMPARISONS: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQUAL: eq,
    Operator.UNEQUAL: ne,
    Operator.LESS: lt,
    Operator.AT_MOST: le,
    Operator.GREATER: gt,
    Operator.AT_LEAST: ge,
}
PIECES = ["for", "$u", "in", "collection(", '"up/users/"', ")", "/", "a", "where", "=", "'x'", "["]
PIECES += ["]", "(", "and", "or", "not(", "return", "<", ">", "{", "}", "@", ",", "&", "(:", '"']


@given(st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join) | st.text(max_size=50))
@EXAMPLES
def test_any_text_is_understood_or_refused(text: str) -> None:
    for start in ("", FOR, FOR + "where "):
        try:
            parse_query(start + text)
        except ConstraintFailure:
            continue


def holds(condition: Condition, context: etree._Element) -> bool:
    """What XQuery 1.0 §3.5 and §3.6 say."""
    match condition:
        case Compare(operand, operator, literal):
            return any(compares(value, operator, literal) for value in values(operand, context))
        case Holds(Function.CONTAINS, operand, literal):
            return any(literal in value for value in values(operand, context))
        case Holds(Function.STARTS_WITH, operand, literal):
            return any(value.startswith(literal) for value in values(operand, context))
        case Holds(_, operand, literal):
            return any(value.endswith(literal) for value in values(operand, context))
        case Exists(path):
            return any(True for _ in nodes(path, context))
        case Not(part):
            return not holds(part, context)
        case And(parts):
            return all(holds(part, context) for part in parts)
        case Or(parts):
            return any(holds(part, context) for part in parts)


def compares(value: str, operator: Operator, literal: str | float) -> bool:
    left: str | float = value
    if isinstance(literal, float):
        try:
            left = float(value)
        except ValueError:
            return operator is Operator.UNEQUAL
    return COMPARISONS[operator](left, literal)


def values(operand: Operand, context: etree._Element) -> Iterator[str]:
    for value in nodes(operand.path, context):
        match operand.fold:
            case Fold.LOWER:
                yield value.lower()
            case Fold.UPPER:
                yield value.upper()
            case None:
                yield value


def nodes(path: Path, context: etree._Element) -> Iterator[str]:
    """The string values of what `path` leads to."""
    elements = [context]
    for step in path.steps:
        reached: list[etree._Element] = []
        for element in elements:
            children = [child for child in element if step.tag in (None, child.tag)]
            for predicate in step.predicates:
                children = [
                    child
                    for position, child in enumerate(children, start=1)
                    if (
                        predicate == position
                        if isinstance(predicate, int)
                        else holds(predicate, child)
                    )
                ]
            reached += children
        elements = reached
    for element in elements:
        if path.attribute is not None:
            if path.attribute in element.attrib:
                yield str(element.attrib[path.attribute])
        elif path.text:
            yield from text_nodes(element)
        else:
            yield "".join(map(str, element.itertext()))


def text_nodes(element: etree._Element) -> Iterator[str]:
    yield from filter(None, [element.text, *(child.tail for child in element)])
