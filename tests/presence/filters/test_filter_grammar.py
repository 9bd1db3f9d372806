"""RFC 4661 §5: the restricted XPath, what it selects, and what is no part of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from presence.filters.errors import BadFilter
from presence.filters.evaluate import Attribute, select, value_of
from presence.filters.grammar import MAX_SIZE, parse_path
from presence.filters.path import AnyOf, Compare, Operator, Path, Start, Step, write
from tests.presence.filters.filter_documents import PIDF, RPID, TWO_TUPLES, WATCHERINFO, WATCHERS
from xmldoc.effort import Effort, TooMuchEffort

PREFIXES = {"pidf": PIDF, "rpid": RPID, "wi": WATCHERINFO}
BACK = {namespace: prefix for prefix, namespace in PREFIXES.items()}


def found(expression: str, document: bytes = TWO_TUPLES) -> list[str]:
    """The values of all that is selected."""
    nodes = select(parse_path(expression, PREFIXES), etree.fromstring(document), Effort())
    return [value_of(node, Effort()) for node in nodes]


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("/pidf:presence/pidf:tuple/pidf:status/pidf:basic", ["closed", "open"]),
        ("//pidf:basic", ["closed", "open"]),
        ("//pidf:presence//pidf:basic", ["closed", "open"]),
        ("/*/pidf:tuple/@id", ["a432sd", "thr76jk"]),
        ("//@id", ["a432sd", "thr76jk", "p1"]),
        ("//@xml:lang", ["en"]),
        ('//*[pidf:status/pidf:basic="open"]/pidf:contact', ["tel:2224055555"]),
        ('/pidf:presence/pidf:tuple[*/pidf:basic="open"]/@id', ["thr76jk"]),
        ("//pidf:tuple/pidf:status[pidf:basic = 'open']/pidf:basic", ["open"]),
        ('//pidf:tuple[rpid:class="IM" or rpid:class="voice"]/rpid:class', ["IM", "voice"]),
        ('//pidf:tuple[rpid:class="IM" and pidf:status/pidf:basic="open"]/@id', []),
        ('//pidf:tuple[@id="x" or @id="a432sd" and rpid:class="IM"]/@id', ["a432sd"]),
        ('//pidf:basic[.="open"]', ["open"]),
        ('//pidf:basic[..="open"]', ["open"]),
        ("//pidf:tuple[pidf:contact/@priority>0.5]/@id", ["a432sd"]),
        ("//pidf:tuple[pidf:contact/@priority < 0.5]/@id", []),
        ("//pidf:tuple[pidf:contact/@priority=0.80]/@id", ["a432sd"]),
        ('//pidf:tuple[rpid:class="IM"][pidf:status/pidf:basic="closed"]/@id', ["a432sd"]),
        ("/pidf:presence/\n  pidf:tuple/ rpid:class", ["IM", "voice"]),
        ("/presence/tuple", []),
        ("/pidf:tuple", []),
    ],
)
def test_expressions_select(expression: str, values: list[str]) -> None:
    """A name without a prefix is in no namespace, so the last but one finds nothing."""
    assert found(expression) == values


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("//wi:watcher[@duration-subscribed>500]", ["sip:a@example.com"]),
        ("//wi:watcher[@duration-subscribed<509]", ["sip:b@example.com"]),
        ('/*/wi:watcher-list/wi:watcher[@event="subscribe"]/@status', ["pending"]),
        ('//wi:watcher[@status="active" and @event="rejected"]', []),
    ],
)
def test_expressions_of_the_examples_for_watchers(expression: str, values: list[str]) -> None:
    assert found(expression, WATCHERS) == values


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "pidf:presence",
        "/",
        "//",
        "/pidf:presence/",
        "/pidf:presence[1]",
        "/pidf:presence[@entity]",
        "/pidf:presence[@entity!='x']",
        "/pidf:presence[@entity='x'",
        "/pidf:presence[(@entity='x')]",
        "/pidf:presence[contains(@entity,'x')]",
        "/pidf:presence/text()",
        "/pidf:presence/child::pidf:tuple",
        "/pidf:presence/..",
        "/pidf:presence/@*",
        "/pidf:presence | //pidf:tuple",
        "/unbound:presence",
        "/pidf:presence[@entity=unquoted]",
        "count(//pidf:tuple)",
        "/$x",
        "/a" * (MAX_SIZE + 1),
    ],
)
def test_what_is_no_such_expression_is_refused(expression: str) -> None:
    """RFC 4660 §5.4."""
    with pytest.raises(BadFilter):
        parse_path(expression, PREFIXES)


def test_steps_lead_to_each_element_once_however_deep() -> None:
    """The effort of "//a//a//a" over nested elements is that of one walk for each step."""
    depth = 60
    document = etree.fromstring("<a>" * depth + "</a>" * depth)
    effort = Effort()
    assert len(select(parse_path("//a" * 30, {}), document, effort)) == depth - 29
    assert effort.spent < 40 * depth


def test_conditions_that_look_at_everything_again_are_cut_short() -> None:
    document = etree.fromstring("<a>" + "<b><c/></b>" * 3000 + "</a>")
    with pytest.raises(TooMuchEffort):
        select(parse_path('//*[*//*="x" or ..="y"]', {}), document, Effort(3000))


NAMES = st.sampled_from([f"{{{PIDF}}}tuple", f"{{{RPID}}}class", "plain"])
LITERALS = st.one_of(
    st.text(alphabet="abc <&'é", max_size=5),
    st.floats(0, 1e12, allow_nan=False),
)
RELATIVE = st.one_of(
    st.builds(Path, st.sampled_from([Start.HERE, Start.PARENT])),
    st.builds(lambda name: Path(Start.CHILDREN, (), name), NAMES),
    st.builds(
        lambda first, rest, attribute: Path(Start.CHILDREN, (first, *rest), attribute),
        st.builds(Step, st.just(False), st.none() | NAMES),
        st.lists(st.builds(Step, st.booleans(), st.none() | NAMES), max_size=2),
        st.none() | NAMES,
    ),
)
CONDITIONS = st.builds(
    lambda rows: AnyOf(tuple(tuple(row) for row in rows)),
    st.lists(
        st.lists(
            st.builds(Compare, RELATIVE, st.sampled_from(Operator), LITERALS),
            min_size=1,
            max_size=2,
        ),
        min_size=1,
        max_size=2,
    ),
)
STEPS = st.builds(
    Step, st.booleans(), st.none() | NAMES, st.lists(CONDITIONS, max_size=1).map(tuple)
)
PATHS = st.builds(
    Path,
    st.just(Start.DOCUMENT),
    st.lists(STEPS, min_size=1, max_size=3).map(tuple),
    st.none() | NAMES,
)


@given(PATHS)
def test_what_is_written_is_read_again(path: Path) -> None:
    assert parse_path(write(path, BACK), PREFIXES) == path


@given(st.text(alphabet="/@[]*.:=<>'\" ab1-", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        path = parse_path(text, {"a": "urn:a", "b": "urn:b"})
    except BadFilter:
        return
    nodes = select(path, etree.fromstring("<a b='1'><b>1</b></a>"), Effort())
    assert all(isinstance(node, etree._Element | Attribute) for node in nodes)
