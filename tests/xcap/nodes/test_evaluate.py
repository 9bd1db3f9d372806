"""RFC 4825 §6.3, §6.4: what a node selector selects."""

import tracemalloc
from timeit import timeit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from xcap.errors import BadRequest
from xcap.nodes.evaluate import Resolved, closest, element_at, resolve
from xmldoc.parse import parse

QUICK = settings(max_examples=100, deadline=None)

WATCHERS = "urn:ietf:params:xml:ns:watcherinfo"
LIST = parse(
    b"""<r xmlns="urn:d" xmlns:x="urn:x" x:k="1">
      <a n="1"/><a n="2"/><b n="2"/><x:a n="3"/><a n="2" x:n="7"/>
      <c xmlns="" n="1"><d/></c><e xml:lang="en"><f/><f/><g xmlns:h="urn:h"/></e>
      <a n="&lt;&amp;/&quot;"/>
    </r>"""
)


def at(selector: str, query: str = "") -> etree._Element | None:
    return element_at(LIST, resolve(selector, query, "urn:d").steps)


@pytest.mark.parametrize(
    ("selector", "query", "index"),
    [
        pytest.param("r/a[1]", "", 0, id="position"),
        pytest.param("r/a[3]", "", 4, id="position among those of the name"),
        pytest.param("r/*[3]", "", 2, id="position among all"),
        pytest.param("r/b", "", 2, id="the only one of its name"),
        pytest.param('r/a[@n="1"]', "", 0, id="attribute"),
        pytest.param('r/*[@n="3"]', "", 3, id="attribute of any"),
        pytest.param('r/a[2][@n="2"]', "", 1, id="position, then attribute"),
        pytest.param('r/a[@y:n="7"]', "xmlns(y=urn:x)", 4, id="attribute in a namespace"),
        pytest.param("r/y:a", "xmlns(y=urn:x)", 3, id="a prefix of the query's"),
        pytest.param("y:r/y:b", "xmlns(y=urn:d)", 2, id="a prefix for the default namespace"),
        pytest.param("r/y:c", "xmlns(y=)", 5, id="no namespace"),
        pytest.param('r/e[@xml:lang="en"]', "", 6, id="the prefix xml"),
        pytest.param('r/a[@n="&lt;&amp;/&quot;"]', "", 7, id="references and a slash"),
        pytest.param("*/*[8][@n='&lt;&amp;/\"']", "", 7, id="in apostrophes"),
    ],
)
def test_what_is_selected(selector: str, query: str, index: int) -> None:
    assert at(selector, query) is LIST[index]


@pytest.mark.parametrize(
    ("selector", "query"),
    [
        pytest.param("r/z", "", id="no such name"),
        pytest.param("r/a", "", id="several of the name"),
        pytest.param('r/a[@n="2"]', "", id="several with the attribute"),
        pytest.param("r/*", "", id="several of any name"),
        pytest.param("r/a[5]", "", id="fewer than the position"),
        pytest.param("r/a[0]", "", id="positions start at one"),
        pytest.param('r/a[1][@n="2"]', "", id="the position has another value"),
        pytest.param('r/b[2][@n="2"]', "", id="fewer, whatever the value"),
        pytest.param('r/a[@n="x"]', "", id="no such value"),
        pytest.param('r/a[@x="1"]', "", id="no such attribute"),
        pytest.param("r/c", "", id="in no namespace is not in the default one"),
        pytest.param('r/a[@y:n="2"]', "xmlns(y=urn:d)", id="attributes have no default namespace"),
        pytest.param('r[@xmlns="urn:d"]', "", id="a declaration is no attribute"),
        pytest.param("a[1]", "", id="another root"),
        pytest.param("r[2]", "", id="there is one root"),
        pytest.param('r[@k="1"]/b', "", id="the root has no such attribute"),
        pytest.param("r/a/f", "", id="a step in between selects several"),
        pytest.param("r/z/z/z", "", id="a step in between selects none"),
        pytest.param("r/R", "", id="names have case"),
    ],
)
def test_none_and_several_are_no_match(selector: str, query: str) -> None:
    assert at(selector, query) is None


@pytest.mark.parametrize(
    ("selector", "query", "steps"),
    [
        ("r/e/g", "", 3),
        ("r/e/f", "", 2),
        ("r/e/f/g", "", 2),
        ("r/z/f", "", 1),
        ("r/e/@z", "", 2),
        ("z/e", "", 0),
        ('r[1][@y:k="1"]', "xmlns(y=urn:x)", 1),
    ],
)
def test_how_far_a_selector_leads(selector: str, query: str, steps: int) -> None:
    """RFC 4825 §11.1: the closest ancestor that is there."""
    assert closest(LIST, resolve(selector, query, "urn:d")) == steps


@pytest.mark.parametrize(
    ("selector", "attribute", "namespaces"),
    [
        ("r/@a", "a", False),
        ("r/@y:a", "{urn:y}a", False),
        ("r/@xml:id", "{http://www.w3.org/XML/1998/namespace}id", False),
        ("r/namespace::*", None, True),
        ("r", None, False),
    ],
)
def test_what_the_last_step_names(selector: str, attribute: str | None, namespaces: bool) -> None:
    resolved = resolve(selector, "xmlns(y=urn:y)", "urn:d")
    assert (resolved.attribute, resolved.namespaces) == (attribute, namespaces)


@pytest.mark.parametrize(
    ("selector", "query"),
    [
        pytest.param("y:r", "", id="element"),
        pytest.param("r/y:a", "xmlns(x=urn:x)", id="not the first element"),
        pytest.param('r[@y:a="1"]', "", id="attribute that is tested"),
        pytest.param("r/@y:a", "", id="attribute that is selected"),
        pytest.param("xmlns:r", "", id="xmlns is never bound"),
        pytest.param("r", "xmlns(y", id="query that cannot be read"),
    ],
)
def test_a_prefix_that_is_not_defined_is_400(selector: str, query: str) -> None:
    """RFC 4825 §8: before the document is looked at."""
    with pytest.raises(BadRequest):
        resolve(selector, query, "urn:d")


def test_long_selectors_are_not_remembered() -> None:
    """Each of their names repeats its namespace, so that a short query makes much of itself."""
    selector, namespace = "/".join(["p:a"] * 64), "u" * 3600
    tracemalloc.start()
    try:
        for number in range(100):
            resolve(selector, f"xmlns(p={namespace}{number})", "")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000
    assert resolve("r/a", "", "urn:d") is resolve("r/a", "", "urn:d")


def test_the_example_of_the_standard_with_bindings() -> None:
    """RFC 4825 §6.4."""
    root = parse(
        b"""<foo xmlns="urn:test:default-namespace">
          <ns1:bar xmlns:ns1="urn:test:namespace1-uri" xmlns="urn:test:namespace1-uri">
            <baz/><ns2:baz xmlns:ns2="urn:test:namespace2-uri"/>
          </ns1:bar>
          <ns3:hi xmlns:ns3="urn:test:namespace3-uri"><there/></ns3:hi></foo>"""
    )
    default, one = "urn:test:default-namespace", "xmlns(a=urn:test:namespace1-uri)"

    def steps(selector: str, query: str) -> Resolved:
        return resolve(selector, query, default)

    first = steps("foo/a:bar/b:baz", one + "xmlns(b=urn:test:namespace1-uri)")
    second = steps("foo/a:bar/b:baz", one + "xmlns(b=urn:test:namespace2-uri)")
    third = steps(
        "d:foo/a:bar/b:baz",
        one + "xmlns(b=urn:test:namespace2-uri)xmlns(d=urn:test:default-namespace)",
    )
    assert element_at(root, first.steps) is root[0][0]
    assert element_at(root, second.steps) is element_at(root, third.steps) is root[0][1]


def test_the_example_of_the_standard_with_an_attribute() -> None:
    """RFC 4825 §6.3."""
    root = parse(
        f"""<watcherinfo xmlns="{WATCHERS}" version="0" state="full">
          <watcher-list resource="sip:professor@example.net" package="presence">
            <watcher status="active" id="8ajksjda7s">sip:userA@example.net</watcher>
            <watcher status="pending" id="hh8juja87s997-ass7">sip:userB@example.org</watcher>
          </watcher-list></watcherinfo>""".encode()
    )
    selector = 'watcherinfo/watcher-list/watcher[@id="8ajksjda7s"]'
    assert element_at(root, resolve(selector, "", WATCHERS).steps) is root[0][0]


@QUICK
@given(st.data())
def test_the_position_of_any_element_selects_it(data: st.DataObject) -> None:
    element = data.draw(st.sampled_from(list(LIST.iter())))
    steps = []
    node: etree._Element | None = element
    while node is not None:
        parent = node.getparent()
        steps.append(f"*[{1 if parent is None else parent.index(node) + 1}]")
        node = parent
    assert at("/".join(reversed(steps))) is element


def test_the_time_grows_with_the_document_and_no_faster() -> None:
    """Ten times the children cost at most some thirty times the time, not a hundred."""

    def seconds(children: int) -> float:
        root = parse(b"<r>" + b'<a n="1"/>' * children + b'<a n="2"/></r>')
        steps = resolve('r/a[@n="2"]', "", "").steps
        assert element_at(root, steps) is root[-1]
        return min(timeit(lambda: element_at(root, steps), number=20) for _ in range(5))

    assert seconds(5000) < 30 * seconds(500)
