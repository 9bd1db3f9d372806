"""RFC 5025 §4 and §3.3 for any document and any permissions."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from presence.document.composition import composer
from presence.package import PackageState
from presence.packages.presence import check_body
from presence.rules.names import GOVERNED
from presence.rules.permissions import (
    ALL,
    EVERYTHING,
    NOTHING,
    Member,
    MemberKind,
    Permissions,
    UserInput,
    union,
)
from presence.rules.transform import transform
from store.values import Publication
from tests.presence.document.presence_inputs import publications
from tests.presence.fakes import ALICE
from tests.presence.rules.shown_documents import paths, presence, shown
from xmldoc.parse import parse

CLASSES = ["biz", "home"]
URIS = ["sip:a@example.com", "sip:a@example.com;gr=1", "mailto:a@example.com", "urn:device:1"]
EXTENSIONS = [
    "<r:activities><r:away/></r:activities>",
    "<r:mood><r:note>n</r:note></r:mood>",
    "<r:class>biz</r:class>",
    "<r:class>home</r:class>",
    "<r:privacy><r:audio/></r:privacy>",
    "<r:service-class><r:postal/></r:service-class>",
    '<r:user-input idle-threshold="60" last-input="2026-01-01T00:00:00Z">idle</r:user-input>',
    "<r:sphere><r:work/></r:sphere>",
    "<x:foo>1</x:foo>",
    "<c:card>http://example.com</c:card>",
    "<op:willingness/>",
    "<gp:geopriv><gp:location-info/></gp:geopriv>",
    "<op:service-description><op:service-id>biz</op:service-id></op:service-description>",
]
extensions = st.lists(st.sampled_from(EXTENSIONS), max_size=4).map("".join)
notes = st.sampled_from(["", "<note>n</note>", "<note>n</note><note xml:lang='de'>m</note>"])
timestamps = st.sampled_from(["", "<timestamp>2026-01-01T00:00:00Z</timestamp>"])


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """Valid documents of up to six children."""
    children = []
    for number in range(draw(st.integers(0, 6))):
        note, timestamp, body = draw(notes), draw(timestamps), draw(extensions)
        of_model = (note + timestamp).replace("<", "<d:").replace("<d:/", "</d:")
        match draw(st.integers(0, 4)):
            case 0:
                basic = draw(st.sampled_from(["<basic>open</basic>", ""]))
                said = basic + draw(
                    st.sampled_from(["<x:foo/>", "<x:bar/>" if basic else "<x:b/>"])
                )
                contact = draw(st.sampled_from(["", *(f"<contact>{u}</contact>" for u in URIS)]))
                foreign = draw(st.sampled_from(["", " x:at='home'"]))
                children.append(
                    f'<tuple id="i{number}"{foreign}><status>{said}</status>{body}{contact}{note}'
                    f"{timestamp}</tuple>"
                )
            case 1:
                children.append(f'<d:person id="i{number}">{body}{of_model}</d:person>')
            case 2:
                device = f"<d:deviceID>{draw(st.sampled_from(URIS))}</d:deviceID>"
                children.append(f'<d:device id="i{number}">{body}{device}{of_model}</d:device>')
            case 3:
                children.append("<x:weather>rain</x:weather><!-- really -->")
            case 4:
                children.append(note)
    return presence(*children)


MEMBERS = [
    ALL,
    *(Member(MemberKind.CLASS, name) for name in CLASSES),
    *(Member(MemberKind.OCCURRENCE_ID, f"i{number}") for number in range(3)),
    Member(MemberKind.SERVICE_URI_SCHEME, "sip"),
    Member(MemberKind.SERVICE_URI, "mailto:a@example.com"),
    Member(MemberKind.DEVICE_ID, "urn:device:1"),
    Member(MemberKind.SERVICE_ID, "biz"),
]
members = st.frozensets(st.sampled_from(MEMBERS), max_size=3)
names = sorted(
    {*frozenset[str]().union(*GOVERNED.values()), "{urn:vendor-specific:foo-namespace}foo"}
)
permissions = st.builds(
    Permissions,
    services=members,
    persons=members,
    devices=members,
    attributes=st.frozensets(st.sampled_from(names), max_size=6),
    user_input=st.sampled_from(UserInput),
    all_attributes=st.sampled_from([False, False, False, True]),
).map(Permissions.normal)


@settings(deadline=None)
@given(documents(), permissions)
def test_what_is_left_is_valid_and_part_of_what_was(document: bytes, granted: Permissions) -> None:
    """`shown` checks against the schema."""
    left, all_of_it = Counter(shown(document, granted)), Counter(shown(document, EVERYTHING))
    assert left <= all_of_it
    assert Counter(shown(document, NOTHING)) <= left


@settings(deadline=None)
@given(documents(), permissions, permissions)
def test_more_permissions_never_show_less(
    document: bytes, some: Permissions, others: Permissions
) -> None:
    """RFC 4745 §6: a permission is a piece of information that may be seen."""
    both = Counter(shown(document, union([some, others])))
    assert Counter(shown(document, some)) | Counter(shown(document, others)) <= both


@settings(deadline=None)
@given(documents(), permissions)
def test_filtering_again_changes_nothing(document: bytes, granted: Permissions) -> None:
    """RFC 5025 §4, but where services are chosen by what is not shown itself (see transform)."""
    hidden = {MemberKind.CLASS, MemberKind.SERVICE_ID}
    chosen_by = {member.kind for member in granted.services | granted.persons | granted.devices}
    if not granted.all_attributes and hidden & chosen_by:
        classes = [f"{{urn:ietf:params:xml:ns:pidf:rpid}}{name}" for name in ("class",)]
        described = "{urn:oma:xml:prs:pidf:oma-pres}service-description"
        granted = union([granted, Permissions(attributes=frozenset({*classes, described}))])
    left = transform(document, granted)
    assert transform(left, granted) is left


@settings(deadline=None)
@given(documents(), permissions)
def test_same_object_means_same_content(document: bytes, granted: Permissions) -> None:
    left = transform(document, granted)
    assert (left is document) is (
        paths(parse(left)) == paths(parse(document)) and b"<!--" not in document
    ) or granted.everything


@settings(deadline=None)
@given(publications(), permissions)
def test_what_several_devices_published(
    published: tuple[Publication, ...], granted: Permissions
) -> None:
    """RFC 3863 §4.4: what is composed is still valid when less of it is shown."""
    document = composer()(ALICE, PackageState(published))
    left = transform(document, granted)
    check_body(left, "application/pidf+xml", ALICE)
    assert len(parse(transform(document, NOTHING))) == 0
