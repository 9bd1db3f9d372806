"""RFC 4661 §3, RFC 4660 §5.4: which filters are taken, and how they are kept."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presence.filters.content import filtered
from presence.filters.errors import BadFilter
from presence.filters.filter_set import FilterSet
from presence.filters.keeping import updated, wanted
from presence.filters.reading import (
    MAX_EXPRESSIONS,
    MAX_FILTERS,
    MAX_VALUE,
    known_filters,
    read_filters,
)
from presence.filters.triggers import fires
from tests.presence.filters.filter_documents import (
    PIDF,
    PRESENTITY,
    TWO_TUPLES,
    filter_set,
    include,
    kept,
    one_filter,
    what,
)

INCLUDED = "<what><include>//pidf:basic</include></what>"
FULL = one_filter(
    '<what><include>//pidf:basic</include><exclude type="namespace">urn:x</exclude></what>'
    '<trigger><changed from="1" to="2.5" by="0.5">//pidf:a/@b</changed>'
    "<added>//pidf:c</added></trigger><trigger><removed>/*</removed></trigger>",
    ' uri="sip:presentity@example.com" enabled="0"',
)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<filter-set", id="not-well-formed"),
        pytest.param(b"<filter-set/>", id="no-namespace"),
        pytest.param(filter_set(), id="no-filter"),
        pytest.param(filter_set(f"<filter>{INCLUDED}</filter>"), id="no-id"),
        pytest.param(one_filter(INCLUDED + INCLUDED), id="what-twice"),
        pytest.param(one_filter(INCLUDED, ' enabled="perhaps"'), id="no-boolean"),
        pytest.param(one_filter(INCLUDED, ' uri="sip:a@b" domain="b"'), id="uri-and-domain"),
        pytest.param(what('<include type="regex">x</include>'), id="unknown-type"),
        pytest.param(what('<include type="namespace"> </include>'), id="no-namespace-named"),
        pytest.param(what(include("//unbound:x")), id="prefix-not-bound"),
        pytest.param(what(include("//pidf:tuple[last()]")), id="more-of-xpath"),
        pytest.param(what(include("/" + "a" * MAX_VALUE)), id="an-expression-too-long"),
        pytest.param(
            one_filter('<trigger><changed by="much">//pidf:x</changed></trigger>'),
            id="by-no-number",
        ),
        pytest.param(
            one_filter('<trigger><changed by="2" to="open">//pidf:x</changed></trigger>'),
            id="by-beside-a-word",
        ),
        pytest.param(
            filter_set(f'<filter id="1">{INCLUDED}</filter>', more=' package="dialog"'),
            id="another-package",
        ),
        pytest.param(b'<!DOCTYPE x [<!ENTITY a "b">]>' + what(include("//pidf:x")), id="dtd"),
        pytest.param(what(include("//pidf:x")) + b" " * 20_000, id="too-large"),
        pytest.param(one_filter("<x xmlns='urn:x'>" * 30 + "</x>" * 30), id="too-deep"),
        pytest.param(
            what(*[include("//pidf:x")] * (MAX_EXPRESSIONS + 1)), id="too-many-expressions"
        ),
        pytest.param(
            filter_set(
                *(
                    f'<filter id="{n}" uri="sip:{n}@x">{INCLUDED}</filter>'
                    for n in range(MAX_FILTERS + 1)
                )
            ),
            id="too-many-filters",
        ),
        pytest.param(one_filter(INCLUDED, f' uri="sip:{"u" * 2000}@x"'), id="a-uri-too-long"),
    ],
)
def test_an_invalid_filter_is_refused(body: bytes) -> None:
    with pytest.raises(BadFilter) as refusal:
        read_filters(body, "presence")
    assert refusal.value.status == 488
    assert refusal.value.headers[0][0] == "Warning"


def test_extensions_are_passed_over() -> None:
    """RFC 4661 §4."""
    extended = one_filter(f"{INCLUDED}<x:more xmlns:x='urn:x'/>", " x:y='1' xmlns:x='urn:x'")
    assert read_filters(extended, "presence") == read_filters(one_filter(INCLUDED), "presence")


def test_the_package_may_be_named() -> None:
    named = filter_set(f'<filter id="1">{INCLUDED}</filter>', more=' package="presence"')
    assert read_filters(named, "presence").filters


def test_what_is_kept_is_read_as_it_was() -> None:
    read = read_filters(FULL, "presence")
    assert known_filters(str(read)) == read
    assert read_filters(str(read).encode(), "presence") == read


def test_equal_filters_are_kept_as_the_same_text() -> None:
    """Whatever prefixes and white space they have: so their watchers share what is sent."""
    other = (
        '<f:filter-set xmlns:f="urn:ietf:params:xml:ns:simple-filter"><f:ns-bindings>'
        f'<f:ns-binding prefix="q" urn="{PIDF}"/></f:ns-bindings><f:filter id="another">'
        '<f:what><f:include type="xpath">\n  //q:basic\n</f:include></f:what>'
        "</f:filter></f:filter-set>"
    ).encode()
    texts = {wanted(kept(body), PRESENTITY).what for body in (other, one_filter(INCLUDED))}
    assert len(texts) == 1
    assert b"<basic>" in filtered(TWO_TUPLES, texts.pop())


@settings(deadline=None, max_examples=300)
@given(
    st.integers(0, len(FULL)),
    st.integers(0, 30),
    st.text(alphabet="<>/=\"'[]@:& axb1é\0\u2028", max_size=12),
)
def test_a_garbled_filter_is_read_or_refused(start: int, length: int, text: str) -> None:
    """Nothing but BadFilter comes out, and what is read can be kept and applied."""
    body = FULL[:start] + text.encode() + FULL[start + length :]
    try:
        read = updated(FilterSet(), read_filters(body, "presence"), PRESENTITY)
    except BadFilter:
        return
    assert known_filters(str(read)) == read
    found = wanted(str(read), PRESENTITY)
    filtered(TWO_TUPLES, found.what)
    fires(found.triggers, TWO_TUPLES, TWO_TUPLES.replace(b"closed", b"open"))


@given(st.binary(max_size=200))
def test_any_octets_are_refused(body: bytes) -> None:
    with pytest.raises(BadFilter):
        read_filters(body, "presence")
