"""RFC 4661 §3.5, RFC 4660 §5.3.1: what is left of a document."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from presence.filters.content import filtered
from presence.filters.keeping import wanted
from tests.presence.filters.filter_documents import (
    DATA_MODEL,
    PIDF,
    PRESENTITY,
    RPID,
    TWO_TUPLES,
    WATCHERS,
    exclude,
    include,
    kept,
    shown,
    what,
)
from xmldoc.schema import schema

NAMES = {"p": PIDF, "r": RPID, "d": DATA_MODEL}


def tree(document: bytes) -> etree._Element:
    root = etree.fromstring(document)
    if root.tag == f"{{{PIDF}}}presence":
        assert schema("pidf").check(root) is None
    return root


def outline(document: bytes) -> list[str]:
    """Local names, attributes and texts of all elements, in order."""
    lines = []
    for element in tree(document).iter():
        attributes = "".join(
            f" {etree.QName(name).localname}={value!s}" for name, value in element.attrib.items()
        )
        text = (element.text or "").strip()
        lines.append(f"{etree.QName(element).localname}{attributes} {text}".strip())
    return lines


ROOT = f"presence entity={PRESENTITY}"


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        pytest.param(
            [include("//pidf:basic")],
            [
                ROOT,
                "tuple id=a432sd",
                "status",
                "basic closed",
                "tuple id=thr76jk",
                "status",
                "basic open",
            ],
            id="ancestors-come-along",
        ),
        pytest.param(
            [
                include(
                    '/pidf:presence/pidf:tuple[rpid:class="IM" or rpid:class="SMS"]/'
                    "pidf:status/pidf:basic"
                )
            ],
            [ROOT, "tuple id=a432sd", "status", "basic closed"],
            id="rfc4661-6.1",
        ),
        pytest.param(
            [
                include('//pidf:tuple/pidf:status[pidf:basic="open"]/pidf:basic'),
                include('//pidf:tuple[pidf:status/pidf:basic="open"]/rpid:class'),
                include('//pidf:tuple[pidf:status/pidf:basic="open"]/pidf:contact'),
            ],
            [
                ROOT,
                "tuple id=thr76jk",
                "status",
                "basic open",
                "class voice",
                "contact tel:2224055555",
            ],
            id="rfc4660-7.1.2-includes-add-up",
        ),
        pytest.param(
            [include('//pidf:tuple/rpid:class[.="voice"]')],
            [ROOT, "tuple id=thr76jk", "status", "basic open", "class voice"],
            id="what-the-schema-wants-is-added",
        ),
        pytest.param(
            [include("//pidf:contact/@priority")],
            [
                ROOT,
                "tuple id=a432sd",
                "status",
                "basic closed",
                "contact priority=0.8 im:presentity@example.com",
            ],
            id="an-attribute-brings-its-element",
        ),
        pytest.param(
            [include('//pidf:tuple[@id="thr76jk"]')],
            [
                ROOT,
                "tuple id=thr76jk",
                "status",
                "basic open",
                "class voice",
                "contact tel:2224055555",
                "note lang=en at my desk",
            ],
            id="an-element-is-whole",
        ),
        pytest.param(
            [
                f'<include type="namespace">{PIDF}</include>',
                exclude("/pidf:presence/pidf:tuple/pidf:note"),
            ],
            [
                ROOT,
                "tuple id=a432sd",
                "status",
                "basic closed",
                "contact priority=0.8 im:presentity@example.com",
                "tuple id=thr76jk",
                "status",
                "basic open",
                "contact tel:2224055555",
                "note here",
            ],
            id="rfc4661-6.6-namespace-but-notes",
        ),
        pytest.param(
            [f'<include type="namespace"> {RPID} </include>'],
            [
                ROOT,
                "tuple id=a432sd",
                "status",
                "basic closed",
                "class IM",
                "tuple id=thr76jk",
                "status",
                "basic open",
                "class voice",
                "person id=p1",
                "activities",
                "busy",
            ],
            id="namespace-inside-others",
        ),
        pytest.param(
            [exclude("//pidf:tuple"), exclude("//pidf:note")],
            [ROOT, "person id=p1", "activities", "busy"],
            id="excludes-alone-take-from-everything",
        ),
        pytest.param(
            [
                include('//pidf:tuple[@id="thr76jk"]'),
                exclude("//pidf:note"),
                exclude("//pidf:contact"),
                exclude("//rpid:class"),
            ],
            [ROOT, "tuple id=thr76jk", "status", "basic open"],
            id="include-then-exclude",
        ),
        pytest.param(
            [include("//dm:person"), exclude("//@id"), exclude("//rpid:busy")],
            [ROOT, "person id=p1", "activities"],
            id="an-exclude-that-would-be-invalid-is-taken-back",
        ),
        pytest.param(
            [include("//dm:person"), exclude("/*"), exclude("//rpid:activities")],
            [ROOT, "person id=p1"],
            id="the-root-stays",
        ),
        pytest.param(
            [include("//dm:person"), f'<exclude type="namespace">{RPID}</exclude>'],
            [ROOT, "person id=p1"],
            id="a-namespace-excluded",
        ),
    ],
)
def test_content_of_a_presence_document(rules: list[str], left: list[str]) -> None:
    assert outline(shown(TWO_TUPLES, *rules)) == left


def test_nothing_selected_is_no_content_at_all() -> None:
    """RFC 4660 §5.3.1: the NOTIFY is then empty."""
    assert shown(TWO_TUPLES, include("//pidf:nothing")) == b""


def test_an_empty_what_is_as_if_it_were_not_there() -> None:
    """RFC 4660 §5.4."""
    assert wanted(kept(what()), PRESENTITY).what == ""
    assert shown(TWO_TUPLES) is TWO_TUPLES


def test_a_document_without_a_schema_of_ours_keeps_attributes_around_what_is_selected() -> None:
    """RFC 4660 §7.2.1; watcherinfo is valid only with them."""
    left = outline(shown(WATCHERS, include('//wi:watcher[@status="active"]')))
    assert left[0] == "watcherinfo version=0 state=full"
    assert [line.rpartition(" ")[2] for line in left[2:]] == ["sip:a@example.com"]


def test_a_document_that_is_not_valid_itself_is_filtered_as_well_as_it_can_be() -> None:
    broken = TWO_TUPLES.replace(b'"a432sd"', b'"432sd"')
    left = etree.fromstring(shown(broken, include("//pidf:basic")))
    assert [one.text for one in left.iter(f"{{{PIDF}}}basic")] == ["closed", "open"]
    assert not list(left.iter(f"{{{PIDF}}}contact"))


def test_a_filter_that_takes_too_long_is_passed_over() -> None:
    """RFC 4660 §5.3.1: what the watcher is authorised to see is sent as it is."""
    tuples = b"".join(
        b'<tuple id="t%d"><status><basic>open</basic></status></tuple>' % n for n in range(1500)
    )
    large = TWO_TUPLES.replace(b"<note>here</note>", tuples)
    rule = include('//*[*//pidf:none="x"]')
    assert shown(large, rule, *[include("//pidf:basic[*//*=1]")] * 30) == large


def test_what_is_no_document_is_left_alone() -> None:
    text = wanted(kept(what(include("//pidf:basic"))), PRESENTITY).what
    assert filtered(b"Messages-Waiting: yes\r\n", text) == b"Messages-Waiting: yes\r\n"
    assert filtered(b"", text) == b""


PARTS = st.lists(
    st.sampled_from(
        [
            "<rpid:class>IM</rpid:class>",
            "<rpid:privacy><rpid:audio/></rpid:privacy>",
            "<dm:deviceID>urn:device:1</dm:deviceID>",
        ]
    ),
    max_size=2,
    unique=True,
).map("".join)
CONTACTS = st.sampled_from(
    ["", "<contact>sip:x@y</contact>", '<contact priority="1">tel:1</contact>']
)
NOTES = st.sampled_from(["", "<note>x</note>", '<note xml:lang="de">y</note><note>z</note>'])
BASICS = st.sampled_from(["", "<basic>open</basic>", "<basic>closed</basic>"])
TUPLES = st.lists(
    st.builds(
        lambda basic, part, contact, note: f"<status>{basic}</status>{part}{contact}{note}",
        BASICS,
        PARTS,
        CONTACTS,
        NOTES,
    ),
    max_size=3,
)
PERSONS = st.sampled_from(
    [
        "",
        '<dm:person id="p1"><rpid:activities><rpid:away/></rpid:activities>'
        "<dm:note>busy</dm:note></dm:person>",
        '<dm:device id="d1"><dm:deviceID>urn:x:1</dm:deviceID></dm:device>',
    ]
)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    tuples = "".join(
        f'<tuple id="t{place}">{content}</tuple>' for place, content in enumerate(draw(TUPLES))
    )
    return (
        f'<presence xmlns="{PIDF}" xmlns:dm="{DATA_MODEL}" xmlns:rpid="{RPID}"'
        f' entity="sip:x@y">{tuples}{draw(NOTES)}{draw(PERSONS)}</presence>'
    ).encode()


EXPRESSIONS = st.sampled_from(
    [
        "/pidf:presence",
        "//pidf:tuple",
        "//pidf:basic",
        "//pidf:status",
        "//pidf:contact/@priority",
        "//@id",
        "//@xml:lang",
        "//*",
        "//rpid:class",
        "//pidf:note",
        "//dm:deviceID",
        "//dm:person/rpid:activities",
        '//pidf:tuple[pidf:status/pidf:basic="open"]/pidf:contact',
        '//*[.="x"]',
        "/*/*",
        "/*/@entity",
    ]
)


def rules(name: str) -> st.SearchStrategy[list[str]]:
    paths = EXPRESSIONS.map(lambda text: f"<{name}>{text}</{name}>")
    namespaces = st.sampled_from([PIDF, RPID, DATA_MODEL, "urn:other"]).map(
        lambda urn: f'<{name} type="namespace">{urn}</{name}>'
    )
    return st.lists(paths | namespaces, max_size=3)


@settings(max_examples=300, deadline=None)
@given(documents(), rules("include"), rules("exclude"))
def test_the_result_is_always_valid(
    document: bytes, includes: list[str], excludes: list[str]
) -> None:
    """RFC 4660 §5.3.1, RFC 4661 §3.5.2: whatever is included and excluded."""
    assert schema("pidf").check(etree.fromstring(document)) is None
    left = shown(document, *includes, *excludes)
    if left:
        assert schema("pidf").check(etree.fromstring(left)) is None
    else:
        assert includes


@settings(max_examples=200, deadline=None)
@given(documents(), rules("include"), rules("exclude"))
def test_nothing_is_delivered_that_was_not_there(
    document: bytes, includes: list[str], excludes: list[str]
) -> None:
    """Every element of the result is one of the document, with the same text and attributes."""

    def facts(root: etree._Element) -> list[tuple[str, str, str]]:
        return [
            (str(one.tag), (one.text or "").strip(), f"{name!s}={value!s}")
            for one in root.iter()
            for name, value in [("", ""), *one.attrib.items()]
        ]

    left = shown(document, *includes, *excludes)
    remaining = facts(etree.fromstring(document))
    for fact in facts(etree.fromstring(left)) if left else []:
        assert fact in remaining
        remaining.remove(fact)
