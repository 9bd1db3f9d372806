"""The schemas: what the standards allow passes, what they do not has a reason."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from xmldoc.parse import parse
from xmldoc.schema import MAX_REASON, SCHEMAS, schema, source, target_namespace

NS = "urn:ietf:params:xml:ns"
PIDF = (
    f'<presence xmlns="{NS}:pidf" xmlns:dm="{NS}:pidf:data-model" xmlns:r="{NS}:pidf:rpid"'
    f' xmlns:ts="{NS}:pidf:timed-status" xmlns:ci="{NS}:pidf:cipid" xmlns:c="{NS}:pidf:caps"'
    ' entity="sip:a@example.com">{}</presence>'
)
TUPLE = '<tuple id="t"><status><basic>open</basic></status>{}</tuple>'
PERSON = '<dm:person id="p">{}</dm:person>'
POLICY = (
    f'<ruleset xmlns="{NS}:common-policy" xmlns:pr="{NS}:pres-rules"'
    ' xmlns:ocp="urn:oma:xml:xdm:common-policy">{}</ruleset>'
)
RULE = '<rule id="a">{}</rule>'
IF = RULE.format("<conditions>{}</conditions>")
DO = RULE.format("<actions>{}</actions>")
SHOW = RULE.format("<transformations>{}</transformations>")


def pidf(inner: str) -> str:
    return PIDF.format(inner)


def in_tuple(inner: str) -> str:
    return pidf(TUPLE.format(inner))


def in_person(inner: str) -> str:
    return pidf(PERSON.format(inner))


def check(name: str, document: str) -> str | None:
    return schema(name).check(parse(document.encode()))


PIDF_VALID = [
    pytest.param(pidf(""), id="RFC 3863 §4.1.1: no tuple at all"),
    pytest.param(in_tuple(""), id="the least tuple"),
    pytest.param(pidf('<tuple id="t"><status/></tuple>'), id="an empty status"),
    pytest.param(
        in_tuple(
            '<x:y xmlns:x="urn:x" z="1"><x:w/></x:y><contact priority="0.8">sip:a@b</contact>'
            '<note xml:lang="en">n</note><note>m</note><timestamp>2026-01-01T00:00:00Z</timestamp>'
        ),
        id="RFC 3863 §4.1.2: a whole tuple with an extension",
    ),
    pytest.param(
        pidf('<tuple id="t"><status><basic>closed</basic><x xmlns="urn:x"/></status></tuple>'),
        id="RFC 3863 §4.2: an extension of the status",
    ),
    *(
        pytest.param(in_tuple(f'<contact priority="{q}">sip:a@b</contact>'), id=f"priority {q}")
        for q in ("0", "0.", "0.123", "1", "1.000")
    ),
    pytest.param(
        pidf(PERSON.format("") + "<note>after</note>" + TUPLE.format("")),
        id="any order below the root: what clients send",
    ),
    pytest.param(in_person("<dm:note>n</dm:note>"), id="RFC 4479: a person with a note"),
    pytest.param(
        pidf('<dm:device id="d"><dm:deviceID>urn:x:1</dm:deviceID></dm:device>'),
        id="RFC 4479: a device",
    ),
    pytest.param(in_tuple("<dm:deviceID>urn:x:1</dm:deviceID>"), id="RFC 4479: of a tuple"),
    pytest.param(
        in_person(
            '<r:activities from="2026-01-01T00:00:00Z" until="2026-01-02T00:00:00Z" id="i">'
            "<r:note>n</r:note><r:away/><r:other>o</r:other><x xmlns='urn:x'/></r:activities>"
            "<r:mood><r:happy/><r:in_love/></r:mood>"
            "<r:place-is><r:audio><r:noisy/></r:audio><r:text><r:ok/></r:text></r:place-is>"
            "<r:place-type><x xmlns='urn:x'/></r:place-type><r:sphere><r:work/></r:sphere>"
            "<r:time-offset description='d'>-120</r:time-offset>"
        ),
        id="RFC 4480: of a person",
    ),
    pytest.param(in_person("<r:activities/>"), id="RFC 4480: no activity, as baresip says it"),
    pytest.param(in_person("<r:activities><r:unknown/></r:activities>"), id="RFC 4480: unknown"),
    pytest.param(
        in_tuple(
            "<r:class>work</r:class><r:privacy><r:audio/><r:video/></r:privacy>"
            "<r:relationship><r:self/></r:relationship>"
            "<r:service-class><r:electronic/></r:service-class>"
            "<r:status-icon>http://x/y.png</r:status-icon>"
            '<r:user-input idle-threshold="9" last-input="2026-01-01T00:00:00Z">idle</r:user-input>'
        ),
        id="RFC 4480: of a service",
    ),
    pytest.param(
        in_tuple(
            '<ts:timed-status from="2026-01-01T00:00:00Z" until="2026-01-02T00:00:00Z">'
            "<ts:basic>open</ts:basic></ts:timed-status>"
        ),
        id="RFC 4481",
    ),
    pytest.param(
        in_person("<ci:card>http://x/c</ci:card><ci:display-name>A</ci:display-name>"),
        id="RFC 4482",
    ),
    pytest.param(
        in_tuple(
            "<c:servcaps><c:audio>true</c:audio><c:methods><c:supported><c:INVITE/><c:ACK/>"
            "</c:supported></c:methods><c:priority><c:supported><c:lowerthan maxvalue='5'/>"
            "</c:supported></c:priority><c:video>false</c:video></c:servcaps>"
        ),
        id="RFC 5196",
    ),
    pytest.param(
        in_person('<r:x-new xmlns:r="urn:x"/>'), id="elements of an unknown namespace"
    ),
]  # fmt: skip

PIDF_INVALID = [
    pytest.param('<presence xmlns="urn:ietf:params:xml:ns:pidf"/>', "entity", id="no entity"),
    pytest.param(pidf("<tuple><status/></tuple>"), "id", id="no id"),
    pytest.param(pidf('<tuple id="t"/>'), "status", id="no status"),
    pytest.param(pidf(TUPLE.format("") * 2), "'t'", id="an id twice"),
    pytest.param(pidf('<tuple id="1"><status/></tuple>'), "'1'", id="an id that is no name"),
    pytest.param(in_tuple("").replace("open", "ajar"), "ajar", id="basic"),
    pytest.param(in_tuple('<contact priority="1.1">x</contact>'), "1.1", id="priority"),
    pytest.param(in_tuple('<contact priority="0.1234">x</contact>'), "0.1234", id="long priority"),
    pytest.param(in_tuple("<timestamp>now</timestamp>"), "now", id="timestamp"),
    pytest.param(in_tuple("<x/>"), "x", id="an element of our own namespace"),
    pytest.param(in_tuple("<note/><contact>x</contact>"), "contact", id="order in a tuple"),
    pytest.param(in_person("").replace(' id="p"', ""), "id", id="a person without id"),
    pytest.param(in_person("<r:mood><r:fine/></r:mood>"), "fine", id="no such mood"),
    pytest.param(in_person("<r:mood><r:sad>x</r:sad></r:mood>"), "sad", id="text in a mood"),
    pytest.param(in_tuple("<r:user-input>busy</r:user-input>"), "busy", id="user-input"),
    pytest.param(in_tuple("<ts:timed-status/>"), "from", id="timed-status without from"),
    pytest.param(in_tuple("<c:servcaps><c:audio>x</c:audio></c:servcaps>"), "audio", id="caps"),
]


@pytest.mark.parametrize("document", PIDF_VALID)
def test_presence_documents(document: str) -> None:
    assert check("pidf", document) is None


@pytest.mark.parametrize(("document", "names"), PIDF_INVALID)
def test_what_is_no_presence_document(document: str, names: str) -> None:
    assert names in (check("pidf", document) or "")


@pytest.mark.parametrize(
    "inner",
    [
        "",
        '<rule id="a"/>',
        IF.format(""),
        IF.format('<identity><one id="sip:a@b"/><many><except domain="c"/></many></identity>'),
        IF.format('<sphere value="work"/><validity><from>2026-01-01T00:00:00Z</from>'
                  "<until>2026-01-02T00:00:00Z</until></validity>"),
        IF.format('<ocp:other-identity/><x:y xmlns:x="urn:x"/>'),
        IF.format('<ocp:external-list><ocp:entry anc="http://x"/></ocp:external-list>'),
        *(DO.format(f"<pr:sub-handling>{how}</pr:sub-handling>")
          for how in ("block", "confirm", "polite-block", "allow")),
        SHOW.format("<pr:provide-services><pr:all-services/></pr:provide-services>"
                    "<pr:provide-persons><pr:class>x</pr:class></pr:provide-persons>"
                    "<pr:provide-devices><pr:deviceID>urn:x</pr:deviceID></pr:provide-devices>"
                    "<pr:provide-mood>1</pr:provide-mood>"
                    "<pr:provide-user-input>bare</pr:provide-user-input>"
                    '<pr:provide-unknown-attribute ns="urn:x" name="y">true'
                    "</pr:provide-unknown-attribute><pr:provide-all-attributes/>"),
    ],
)  # fmt: skip
def test_policies(inner: str) -> None:
    """RFC 4745 §7 to §10, RFC 5025 §3, and OMA's conditions."""
    assert check("pres-rules", POLICY.format(inner)) is None


@pytest.mark.parametrize(
    ("inner", "names"),
    [
        ("<rule/>", "id"),
        (RULE.format("<actions/><conditions/>"), "conditions"),
        (IF.format("<identity/>"), "identity"),
        (IF.format("<identity><one/></identity>"), "id"),
        (IF.format("<sphere/>"), "value"),
        (IF.format("<validity><until>2026-01-01T00:00:00Z</until></validity>"), "until"),
        (IF.format("<ocp:other-identity>x</ocp:other-identity>"), "other-identity"),
        (DO.format("<pr:sub-handling>perhaps</pr:sub-handling>"), "perhaps"),
        (SHOW.format("<pr:provide-mood>some</pr:provide-mood>"), "some"),
        (SHOW.format("<pr:provide-services><pr:all/></pr:provide-services>"), "all"),
    ],
)  # fmt: skip
def test_what_is_no_policy(inner: str, names: str) -> None:
    assert names in (check("pres-rules", POLICY.format(inner)) or "")


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_file_defines_one_namespace(name: str) -> None:
    namespaces = schema(name).namespaces
    assert namespaces == tuple(target_namespace(file) for file in SCHEMAS[name])
    assert len(set(namespaces)) == len(namespaces)


def test_an_unknown_schema_and_an_unknown_file_are_errors() -> None:
    with pytest.raises(KeyError):
        schema("no-such")
    with pytest.raises(FileNotFoundError):
        source("no-such.xsd")


def test_a_reason_is_one_short_line() -> None:
    reason = check("pidf", in_tuple("<timestamp>" + "x\n" * 5000 + "</timestamp>"))
    assert reason is not None
    assert "\n" not in reason
    assert len(reason) <= MAX_REASON
    assert reason.startswith("line ")


def test_types_of_other_namespaces_are_not_looked_for() -> None:
    """RFC 3863 §4.2.3: what is unknown is let through, an xsi:type on it too."""
    typed = '<x:a xmlns:x="urn:x" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"{}>1</x:a>'
    assert check("pidf", in_tuple(typed.format(' i:type="x:b"'))) is None
    bad = in_tuple(typed.format(' i:type="x:b"')).replace("open", "ajar")
    assert "ajar" in str(check("pidf", bad))
    known = '<contact xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="x">a:b</contact>'
    assert check("pidf", in_tuple(known)) is not None


def test_one_schema_serves_several_threads() -> None:
    """Also while it is compiled for the first time."""
    schema.cache_clear()
    barrier = threading.Barrier(4)

    def work(number: int) -> set[str | None]:
        barrier.wait()
        document = in_tuple(f"<timestamp>{number}</timestamp>")
        return {check("pidf", document) for _ in range(200)}

    with ThreadPoolExecutor(4) as pool:
        for number, reasons in enumerate(pool.map(work, range(4))):
            assert len(reasons) == 1
            assert f"'{number}'" in str(reasons)
