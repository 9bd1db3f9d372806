"""RFC 5025 §3.3: what is left of a presence document under every permission there is."""

import pytest

from presence.rules.permissions import ALL_MEMBERS, EVERYTHING, NOTHING, Permissions
from presence.rules.transform import transform
from tests.presence.rules.rule_documents import granted
from tests.presence.rules.shown_documents import OPEN, presence, shown

COMPONENTS = (
    "<pr:provide-services><pr:all-services/></pr:provide-services>"
    "<pr:provide-persons><pr:all-persons/></pr:provide-persons>"
    "<pr:provide-devices><pr:all-devices/></pr:provide-devices>"
)
FULL = presence(
    '<tuple id="t1"><status><basic>open</basic><x:mode>loud</x:mode></status>'
    "<r:class>biz</r:class><d:deviceID>urn:device:1</d:deviceID>"
    "<r:privacy><r:audio/></r:privacy><r:relationship><r:self/></r:relationship>"
    "<r:service-class><r:electronic/></r:service-class>"
    "<r:status-icon>http://example.com/i.png</r:status-icon>"
    '<r:user-input id="u1" idle-threshold="600" last-input="2026-01-01T00:00:00Z">idle'
    "</r:user-input><x:foo>1</x:foo><x:bar>2</x:bar><c:card>http://example.com/c</c:card>"
    "<op:willingness><op:basic>open</op:basic></op:willingness>"
    '<contact priority="0.8">sip:alice@example.com</contact><note>at my desk</note>'
    "<timestamp>2026-01-01T00:00:00Z</timestamp></tuple>",
    '<d:person id="p1"><r:activities><r:note>busy</r:note><r:away/></r:activities>'
    "<r:class>biz</r:class><r:mood><r:note>why</r:note><r:happy/></r:mood>"
    "<r:place-is><r:audio><r:noisy/></r:audio></r:place-is>"
    "<r:place-type><r:other>boat</r:other></r:place-type><r:privacy><r:text/></r:privacy>"
    "<r:sphere><r:work/></r:sphere><r:status-icon>http://example.com/i.png</r:status-icon>"
    "<r:time-offset>-300</r:time-offset><r:user-input>active</r:user-input><x:foo>3</x:foo>"
    '<d:note xml:lang="en">out</d:note><d:timestamp>2026-01-01T00:00:00Z</d:timestamp></d:person>',
    '<d:device id="d1"><r:class>biz</r:class><r:user-input last-input="2026-01-01T00:00:00Z">'
    "idle</r:user-input><x:foo>4</x:foo><d:deviceID>urn:device:1</d:deviceID>"
    "<d:note>low battery</d:note><d:timestamp>2026-01-01T00:00:00Z</d:timestamp></d:device>",
    "<note>hello</note>",
    "<x:weather>rain</x:weather>",
)
"""One of everything."""
ALWAYS = {
    "tuple",
    "tuple/status",
    "tuple/status/basic",
    "tuple/service-class",
    "tuple/service-class/electronic",
    "tuple/contact",
    "tuple/contact@priority",
    "tuple/timestamp",
    "person",
    "person/timestamp",
    "device",
    "device/deviceID",
    "device/timestamp",
}
"""RFC 5025 §3.3.2: always reported of what is shown."""


def test_components_alone() -> None:
    assert set(shown(FULL, granted(COMPONENTS))) == ALWAYS


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        pytest.param(
            "<pr:provide-activities>true</pr:provide-activities>",
            {"person/activities", "person/activities/note", "person/activities/away"},
            id="3.3.2.1-activities-with-their-notes",
        ),
        pytest.param(
            "<pr:provide-class>1</pr:provide-class>",
            {"tuple/class", "person/class", "device/class"},
            id="3.3.2.2-class",
        ),
        pytest.param(
            "<pr:provide-deviceID>true</pr:provide-deviceID>",
            {"tuple/deviceID"},
            id="3.3.2.3-deviceID",
        ),
        pytest.param(
            "<pr:provide-mood>true</pr:provide-mood>",
            {"person/mood", "person/mood/note", "person/mood/happy"},
            id="3.3.2.4-mood",
        ),
        pytest.param(
            "<pr:provide-place-is> true </pr:provide-place-is>",
            {"person/place-is", "person/place-is/audio", "person/place-is/audio/noisy"},
            id="3.3.2.5-place-is",
        ),
        pytest.param(
            "<pr:provide-place-type>true</pr:provide-place-type>",
            {"person/place-type", "person/place-type/other"},
            id="3.3.2.6-place-type",
        ),
        pytest.param(
            "<pr:provide-privacy>true</pr:provide-privacy>",
            {"tuple/privacy", "tuple/privacy/audio", "person/privacy", "person/privacy/text"},
            id="3.3.2.7-privacy",
        ),
        pytest.param(
            "<pr:provide-relationship>true</pr:provide-relationship>",
            {"tuple/relationship", "tuple/relationship/self"},
            id="3.3.2.8-relationship",
        ),
        pytest.param(
            "<pr:provide-sphere>true</pr:provide-sphere>",
            {"person/sphere", "person/sphere/work"},
            id="3.3.2.9-sphere",
        ),
        pytest.param(
            "<pr:provide-status-icon>true</pr:provide-status-icon>",
            {"tuple/status-icon", "person/status-icon"},
            id="3.3.2.10-status-icon",
        ),
        pytest.param(
            "<pr:provide-time-offset>true</pr:provide-time-offset>",
            {"person/time-offset"},
            id="3.3.2.11-time-offset",
        ),
        pytest.param(
            "<pr:provide-user-input>bare</pr:provide-user-input>",
            {"tuple/user-input", "person/user-input", "device/user-input"},
            id="3.3.2.12-bare",
        ),
        pytest.param(
            "<pr:provide-user-input>thresholds</pr:provide-user-input>",
            {
                "tuple/user-input",
                "tuple/user-input@idle-threshold",
                "person/user-input",
                "device/user-input",
            },
            id="3.3.2.12-thresholds",
        ),
        pytest.param(
            "<pr:provide-user-input>full</pr:provide-user-input>",
            {
                "tuple/user-input",
                "tuple/user-input@idle-threshold",
                "tuple/user-input@last-input",
                "person/user-input",
                "device/user-input",
                "device/user-input@last-input",
            },
            id="3.3.2.12-full",
        ),
        pytest.param(
            "<pr:provide-note>true</pr:provide-note>",
            {"tuple/note", "person/note", "person/note@lang", "device/note", "note"},
            id="3.3.2.13-note-but-not-those-that-are-values",
        ),
        pytest.param(
            '<pr:provide-unknown-attribute name="foo" ns="urn:vendor-specific:foo-namespace">true'
            "</pr:provide-unknown-attribute>",
            {"tuple/foo", "person/foo", "device/foo"},
            id="3.3.2.14-unknown",
        ),
        pytest.param(
            '<pr:provide-unknown-attribute name="mode" ns="urn:vendor-specific:foo-namespace">true'
            "</pr:provide-unknown-attribute>",
            {"tuple/status/mode"},
            id="3.3.2.14-unknown-in-status",
        ),
        pytest.param(
            '<pr:provide-unknown-attribute name="card" ns="urn:ietf:params:xml:ns:pidf:cipid">true'
            "</pr:provide-unknown-attribute>",
            {"tuple/card"},
            id="3.3.2.14-valid-by-schema-but-without-policy",
        ),
        pytest.param(
            '<pr:provide-unknown-attribute name="weather" ns="urn:vendor-specific:foo-namespace">'
            "true</pr:provide-unknown-attribute>",
            set(),
            id="3.3.2.14-not-a-child-of-a-component",
        ),
        pytest.param(
            '<pr:provide-unknown-attribute name="x:foo" ns="urn:vendor-specific:foo-namespace">'
            "true</pr:provide-unknown-attribute>",
            set(),
            id="3.3.2.14-name-with-prefix",
        ),
        pytest.param(
            '<pr:provide-unknown-attribute name="mood" ns="urn:ietf:params:xml:ns:pidf:rpid">true'
            "</pr:provide-unknown-attribute>"
            '<pr:provide-unknown-attribute name="user-input" ns="urn:ietf:params:xml:ns:pidf:rpid">'
            "true</pr:provide-unknown-attribute>"
            '<pr:provide-unknown-attribute name="willingness" ns="urn:oma:xml:prs:pidf:oma-pres">'
            "true</pr:provide-unknown-attribute>",
            set(),
            id="3.3.2.14-known-ones-are-not-unknown",
        ),
        pytest.param(
            '<pr:provide-unknown-attribute name="foo" ns="urn:vendor-specific:foo-namespace">false'
            "</pr:provide-unknown-attribute><pr:provide-mood>false</pr:provide-mood>"
            "<pr:provide-user-input>false</pr:provide-user-input>",
            set(),
            id="false-grants-nothing",
        ),
        pytest.param(
            "<opr:provide-willingness>true</opr:provide-willingness>",
            {"tuple/willingness", "tuple/willingness/basic"},
            id="oma-willingness",
        ),
        pytest.param("<x:provide-mood>true</x:provide-mood>", set(), id="nobody-knows-it"),
    ],
)
def test_attribute(permission: str, expected: set[str]) -> None:
    """RFC 5025 §3.3.2: one permission, and what it adds to what is always shown."""
    assert set(shown(FULL, granted(COMPONENTS + permission))) == ALWAYS | expected


@pytest.mark.parametrize(
    "name",
    [
        "willingness",
        "network-availability",
        "session-participation",
        "registration-state",
        "barring-state",
    ],
)
def test_attributes_of_oma(name: str) -> None:
    """OMA Presence XDM: a permission for each element of its own."""
    document = presence(
        f'<tuple id="t"><status><basic>open</basic></status><op:{name}/><op:other/></tuple>'
    )
    permission = f"<opr:provide-{name}>true</opr:provide-{name}>"
    assert f"tuple/{name}" in shown(document, granted(COMPONENTS + permission))
    assert f"tuple/{name}" not in shown(document, granted(COMPONENTS))
    assert "tuple/other" not in shown(document, granted(COMPONENTS + permission))


@pytest.mark.parametrize(
    ("value", "expected"), [("full", True), ("true", True), ("false", False), ("city", False)]
)
def test_location(value: str, expected: bool) -> None:
    """OMA Presence XDM; what we cannot make coarser is not shown. RFC 4119: it is in status."""
    document = presence(
        '<tuple id="t"><status><basic>open</basic><gp:geopriv/></status></tuple>',
        '<d:person id="p"><gp:geopriv/></d:person>',
    )
    permission = f"<opr:provide-geopriv>{value}</opr:provide-geopriv>"
    left = shown(document, granted(COMPONENTS + permission))
    assert ("person/geopriv" in left) is expected
    assert ("tuple/status/geopriv" in left) is expected


def test_all_attributes_of_all_components() -> None:
    """RFC 5025 §3.3.2.15; what is in no component is for those who see everything."""
    every = granted(COMPONENTS + "<pr:provide-all-attributes/>")
    assert every == EVERYTHING
    assert transform(FULL, every) is FULL
    without_devices = granted(
        COMPONENTS.replace("<pr:all-devices/>", "") + "<pr:provide-all-attributes/>"
    )
    left = shown(FULL, without_devices)
    assert "person/foo" in left
    assert "tuple/user-input@last-input" in left
    assert "tuple/status/mode" in left
    assert "note" in left
    assert "device" not in left
    assert "weather" not in left


def test_nothing_granted_is_an_empty_document() -> None:
    """RFC 3863 §4.1.1; a closed tuple would say what nobody published."""
    left = transform(FULL, NOTHING)
    assert shown(FULL, NOTHING) == []
    assert b'entity="pres:alice@example.com"' in left


def test_attributes_without_components_are_nothing() -> None:
    """RFC 5025 §3.3.2: they are of components that are shown."""
    assert shown(FULL, granted("<pr:provide-mood>true</pr:provide-mood>")) == []


def chosen(permission: str, document: bytes) -> set[str]:
    """The ids of the components that are left."""
    left = transform(document, granted(permission))
    return {name for name in ("a", "b", "c") if f'id="{name}"'.encode() in left}


def service(name: str, contact: str, more: str = "") -> str:
    uri = f"<contact>{contact}</contact>" if contact else ""
    return f'<tuple id="{name}"><status><basic>open</basic></status>{more}{uri}</tuple>'


SERVICES = presence(
    service("a", "sip:alice@192.0.2.1:5060;ob", "<r:class>biz</r:class>"),
    service("b", "mailto:alice@example.com", "<r:class>Biz</r:class>"),
    service("c", "", "<op:service-description><op:service-id>poc</op:service-id>"
            "<op:version>1.0</op:version></op:service-description>"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        pytest.param("<pr:all-services/>", "abc", id="all"),
        pytest.param("", "", id="none"),
        pytest.param("<pr:class>biz</pr:class>", "a", id="class-with-case"),
        pytest.param("<pr:occurrence-id>b</pr:occurrence-id>", "b", id="occurrence"),
        pytest.param("<pr:occurrence-id>B</pr:occurrence-id>", "", id="occurrence-with-case"),
        pytest.param("<pr:service-uri-scheme>sip</pr:service-uri-scheme>", "a", id="scheme"),
        pytest.param("<pr:service-uri-scheme>SIP</pr:service-uri-scheme>", "", id="scheme-case"),
        pytest.param("<pr:service-uri-scheme>mail</pr:service-uri-scheme>", "", id="scheme-part"),
        pytest.param("<pr:service-uri>mailto:alice@EXAMPLE.com</pr:service-uri>", "b", id="uri"),
        pytest.param("<opr:service-id>poc</opr:service-id>", "c", id="oma-service"),
        pytest.param("<x:service>poc</x:service>", "", id="extension"),
        pytest.param(
            "<pr:occurrence-id>c</pr:occurrence-id><pr:class> biz </pr:class>", "ac", id="union"
        ),
    ],
)
def test_services(members: str, expected: str) -> None:
    """RFC 5025 §3.3.1.3."""
    permission = f"<pr:provide-services>{members}</pr:provide-services>"
    assert chosen(permission, SERVICES) == set(expected)


@pytest.mark.parametrize(
    ("permission", "contact", "expected"),
    [
        ("sip:alice@example.com", "sip:alice@EXAMPLE.com", True),
        ("sip:alice@example.com", "sip:%61lice@example.com", True),
        ("sip:alice@example.com", "sips:alice@example.com", False),
        ("sip:alice@example.com", "sip:Alice@example.com", False),
        ("sip:alice@example.com", "sip:alice@example.com:5060", False),
        ("sip:alice@example.com", "sip:alice@example.com;transport=tcp", False),
        ("sip:alice@example.com;transport=TCP", "sip:alice@example.com;transport=tcp", True),
        ("sip:alice@example.com", "sip:alice@example.com;gr=1", True),
        ("sip:alice@example.com;gr=1", "sip:alice@example.com", True),
        ("sip:alice@example.com;gr=1", "sip:alice@example.com;gr=2", False),
        ("sip:alice@example.com;a;b", "sip:alice@example.com;b;a", True),
        ("sip:alice@example.com?subject=x", "sip:alice@example.com", False),
        ("sip:alice:1@example.com", "sip:alice@example.com", False),
        ("tel:+1-212-555-1234", "tel:+12125551234", True),
        ("tel:+12125551234", "sip:+12125551234@example.com;user=phone", False),
        ("urn:uuid:F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6",
         "URN:UUID:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", True),
        ("urn:service:Sos", "urn:service:sos", False),
        ("not a uri", "not a uri", True),
        ("not a uri", "no uri", False),
    ],
)  # fmt: skip
def test_equivalence_of_service_uris(permission: str, contact: str, expected: bool) -> None:
    """RFC 5025 §3.3.1.3: by URI equivalence, which is the scheme's (RFC 3261 §19.1.4)."""
    document = presence(service("a", contact))
    members = f"<pr:service-uri>{permission}</pr:service-uri>"
    services = f"<pr:provide-services>{members}</pr:provide-services>"
    assert chosen(services, document) == ({"a"} if expected else set())


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ("<pr:all-persons/>", "ab"),
        ("<pr:class>biz</pr:class>", "a"),
        ("<pr:occurrence-id>b</pr:occurrence-id>", "b"),
        ("", ""),
    ],
)
def test_persons(members: str, expected: str) -> None:
    """RFC 5025 §3.3.1.2."""
    document = presence('<d:person id="a"><r:class>biz</r:class></d:person>', '<d:person id="b"/>')
    permission = f"<pr:provide-persons>{members}</pr:provide-persons>"
    assert chosen(permission, document) == set(expected)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ("<pr:all-devices/>", "ab"),
        ("<pr:class>biz</pr:class>", "a"),
        ("<pr:occurrence-id>b</pr:occurrence-id>", "b"),
        ("<pr:deviceID>URN:device:2</pr:deviceID>", "b"),
        ("<pr:deviceID>urn:device:3</pr:deviceID>", ""),
    ],
)
def test_devices(members: str, expected: str) -> None:
    """RFC 5025 §3.3.1.1."""
    document = presence(
        '<d:device id="a"><r:class>biz</r:class><d:deviceID>urn:device:1</d:deviceID></d:device>',
        '<d:device id="b"><d:deviceID>urn:device:2</d:deviceID></d:device>',
    )
    permission = f"<pr:provide-devices>{members}</pr:provide-devices>"
    assert chosen(permission, document) == set(expected)


def test_example_of_presence_rules() -> None:
    """RFC 5025 §6: services by scheme, persons, activities, bare user input and foo."""
    permissions = granted(
        "<pr:provide-services><pr:service-uri-scheme>sip</pr:service-uri-scheme>"
        "<pr:service-uri-scheme>mailto</pr:service-uri-scheme></pr:provide-services>"
        "<pr:provide-persons><pr:all-persons/></pr:provide-persons>"
        "<pr:provide-activities>true</pr:provide-activities>"
        "<pr:provide-user-input>bare</pr:provide-user-input>"
        '<pr:provide-unknown-attribute ns="urn:vendor-specific:foo-namespace" name="foo">true'
        "</pr:provide-unknown-attribute>"
    )
    assert set(shown(FULL, permissions)) == {
        *(path for path in ALWAYS if not path.startswith("device")),
        "tuple/user-input",
        "tuple/foo",
        "person/activities",
        "person/activities/note",
        "person/activities/away",
        "person/user-input",
        "person/foo",
    }


def test_a_class_chooses_though_it_is_not_shown() -> None:
    """RFC 5025 §3.3.1.3 and §3.3.2.2."""
    permissions = granted("<pr:provide-services><pr:class>biz</pr:class></pr:provide-services>")
    left = shown(SERVICES, permissions)
    assert "tuple" in left
    assert "tuple/class" not in left


def test_a_status_that_says_nothing_any_more_takes_its_tuple_with_it() -> None:
    """RFC 3863 §4.1.3: a status has a child."""
    document = presence('<tuple id="a"><status><x:mode>loud</x:mode></status></tuple>')
    assert shown(document, granted(COMPONENTS)) == []
    unknown = (
        '<pr:provide-unknown-attribute name="mode" ns="urn:vendor-specific:foo-namespace">true'
        "</pr:provide-unknown-attribute>"
    )
    assert transform(document, granted(COMPONENTS + unknown)) is document


def test_a_status_that_never_said_anything_stays() -> None:
    """Our schema takes it, and nothing was taken away."""
    document = f'{OPEN}<tuple id="a"><status/></tuple></presence>'.encode()
    assert transform(document, granted(COMPONENTS)) is document


def test_foreign_attributes_are_attributes_too() -> None:
    """RFC 4745 §6: what no permission shows is not shown; what says nothing of Alice may stay."""
    document = presence(
        '<tuple id="a" x:where="home"><status><basic>open</basic></status></tuple>'
    ).replace(
        b"<presence ",
        b'<presence xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" x:mood="sad"'
        b' xml:lang="en" xsi:schemaLocation="urn:ietf:params:xml:ns:pidf pidf.xsd" ',
    )
    left = transform(document, granted(COMPONENTS))
    assert b"where" not in left
    assert b"mood" not in left
    assert b'xml:lang="en"' in left
    assert b"schemaLocation" in left
    assert b"where" in transform(document, Permissions(ALL_MEMBERS, all_attributes=True))


@pytest.mark.parametrize("remark", [b"<!-- at home -->", b"<?where home?>"])
def test_remarks_go(remark: bytes) -> None:
    """Nothing permits them, and they may say anything."""
    document = presence(service("a", "")).replace(b"<tuple", remark + b"<tuple")
    left = transform(document, granted(COMPONENTS))
    assert b"home" not in left
    assert b"<tuple" in left
    assert transform(left, granted(COMPONENTS)) is left


def test_what_loses_nothing_is_the_same_object() -> None:
    document = b'<?xml version="1.0" encoding="UTF-8"?>\n' + presence(service("a", "sip:a@b.c"))
    assert transform(document, granted(COMPONENTS)) is document
    assert transform(b"", NOTHING) == b""


def test_text_is_kept_as_it_was() -> None:
    document = presence(service("a", ""), "<note>Grüße &amp; 你好 &lt;b&gt;</note>", "<x:w/>")
    left = transform(document, granted(COMPONENTS + "<pr:provide-note>true</pr:provide-note>"))
    assert "Grüße &amp; 你好 &lt;b&gt;".encode() in left


def test_what_is_hidden_leaves_no_trace() -> None:
    """RFC 5025 §3.3: who may not see devices is not told that there is one, nor when it changes."""
    model = "urn:ietf:params:xml:ns:pidf:data-model"
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<presence xmlns="urn:ietf:params:xml:ns:pidf"{0} entity="sip:alice@example.com">\n'
        '<tuple id="a"><status><basic>open</basic></status></tuple>\n{1}</presence>\n'
    )
    device = '<d:device id="d"><d:deviceID>urn:device:{0}</d:deviceID></d:device>\n'
    alone = document.format("", "").encode()
    one = document.format(f' xmlns:d="{model}"', device.format(1)).encode()
    other = document.format(f' xmlns:d="{model}"', device.format(2)).encode()
    services = granted("<pr:provide-services><pr:all-services/></pr:provide-services>")
    assert transform(alone, services) is alone
    assert transform(one, services) == alone
    assert transform(other, services) == alone


def test_names_in_values_keep_their_prefixes() -> None:
    """XML Schema part 1 §2.6.1: the value of xsi:type is a name."""
    xsi = "http://www.w3.org/2001/XMLSchema-instance"
    foreign = '<x:foo xsi:type="y:kind"/>'
    document = (
        f'{OPEN}<tuple id="a"><status><basic>open</basic></status>{foreign}</tuple><x:w/>'
        "</presence>"
    ).replace("<presence ", f'<presence xmlns:xsi="{xsi}" xmlns:y="urn:example:y" ')
    permission = (
        '<pr:provide-unknown-attribute name="foo" ns="urn:vendor-specific:foo-namespace">true'
        "</pr:provide-unknown-attribute>"
    )
    left = transform(document.encode(), granted(COMPONENTS + permission))
    assert b"<x:w" not in left
    assert b'xmlns:y="urn:example:y"' in left
