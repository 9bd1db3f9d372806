"""PRS-06, PRS-07, PRS-08: what stands beside publications, and what it yields to."""

import pytest
from lxml import etree

from presence.document.composition import Inputs, by_domain, composer, latest, union
from presence.document.pidf import DATA_MODEL, PIDF, RPID
from presence.package import PackageState
from presence.packages.presence import check_body
from presence.sources.registrations import last_active, registered
from presence.sources.state import Sources
from store.values import Publication
from tests.presence.document.presence_inputs import SECRET, binding
from tests.presence.fakes import ALICE, NOON, pidf

P, D, R = f"{{{PIDF}}}", f"{{{DATA_MODEL}}}", f"{{{RPID}}}"
AWAY = '<dm:person id="{}"><rpid:activities{}><rpid:away/></rpid:activities></dm:person>'
MOOD = '<dm:person id="m"><rpid:mood><rpid:happy/></rpid:mood></dm:person>'
BUSY = '<dm:person id="b"><rpid:activities><rpid:busy/></rpid:activities></dm:person>'
URN = "urn:uuid:00000000-0000-1000-8000-000a95a0e128"
ELSEWHERE = "sip:alice@192.0.2.77"


def publication(body: bytes, id: str = "aa", at: float = NOON) -> Publication:
    return Publication(id, f"{id}.tag", NOON * 2, "application/pidf+xml", body, at)


def composed(*publications: Publication, **beside: object) -> etree._Element:
    """The document of these, valid and of alice."""
    sources = Sources(**beside)  # type: ignore[arg-type]  # a table of tests
    whole = composer()(ALICE, PackageState(publications, sources))
    check_body(whole, "application/pidf+xml", ALICE)
    return etree.fromstring(whole)


def notes(root: etree._Element) -> list[str]:
    return [str(one.text) for one in root.iterfind(f"{P}tuple/{P}note")]


def contact(uri: str) -> bytes:
    """A closed tuple at `uri`; without a contact when it is ""."""
    at = f"<contact>{uri}</contact><note>" if uri else "<note>"
    return pidf().replace(b"<note>", at.encode()).replace(b"open", b"closed")


def basics(root: etree._Element) -> list[str]:
    return [str(one.text) for one in root.iter(f"{P}basic")]


def test_hard_state_alone_is_of_the_presentity_whatever_it_says() -> None:
    """RFC 4827 §7 sets no bounds to its entity; what watchers get names whom they watch."""
    root = composed(hard=pidf("hard", entity="sip:eve@example.com"))
    assert (root.get("entity"), notes(root)) == (ALICE, ["hard"])


def test_hard_state_stands_after_what_is_published() -> None:
    root = composed(publication(pidf("soft", tuple_id="s"), at=1.0), hard=pidf("hard"))
    assert notes(root) == ["soft", "hard"]


def test_hard_state_gives_way_where_it_conflicts() -> None:
    """However old the publication is, and whatever timestamp hard state claims."""
    claimed = BUSY.replace(
        "</dm:person>", "<dm:timestamp>2040-01-01T00:00:00Z</dm:timestamp></dm:person>"
    )
    root = composed(publication(pidf(more=AWAY.format("p", "")), at=1.0), hard=pidf(more=claimed))
    assert root.find(f".//{R}away") is not None
    assert root.find(f".//{R}busy") is None


def test_hard_state_joins_in_where_nobody_disputes_it() -> None:
    root = composed(publication(pidf(more=AWAY.format("p", ""))), hard=pidf("2", more=MOOD))
    (person,) = root.findall(f"{D}person")
    assert {etree.QName(one).localname for one in person} == {"activities", "mood"}
    assert person.get("id") == "p"


def test_publications_keep_their_ids_before_hard_state() -> None:
    root = composed(publication(pidf("soft"), "zz"), hard=pidf("hard"))
    ids = {str(one.findtext(f"{P}note")): one.get("id") for one in root.iterfind(f"{P}tuple")}
    assert ids == {"soft": "t1", "hard": "t1.hard-state"}


def test_a_registration_is_an_open_tuple_that_tells_no_address() -> None:
    """RFC 3856 §7.2: the contact is the AoR; neither address nor user agent is told."""
    devices = registered(ALICE, [binding(4, 'audio;methods="INVITE,!BYE"')], SECRET)
    whole = composer()(ALICE, PackageState((), Sources(registered=devices)))
    root = composed(registered=devices)
    (one,) = root.findall(f"{P}tuple")
    assert (basics(root), one.findtext(f"{P}contact")) == (["open"], ALICE)
    caps = "{urn:ietf:params:xml:ns:pidf:caps}"
    assert one.findtext(f"{caps}servcaps/{caps}audio") == "true"
    for secret in (b"192.0.2.4", b"Phone/1"):
        assert secret not in whole


def test_a_registration_has_one_id_for_its_life() -> None:
    """A refresh changes nothing, so that nobody is told (PRS-09)."""
    now = registered(ALICE, [binding(4)], SECRET)
    refreshed = binding(4)._replace(cseq=9, updated_at=NOON + 60, expires_at=NOON * 2)
    assert registered(ALICE, [refreshed], SECRET) == now
    assert registered(ALICE, [binding(4)], b"other")[0].tuple.id != now[0].tuple.id
    assert registered(ALICE, [binding(5)], SECRET)[0].tuple.id != now[0].tuple.id


def test_flows_of_one_device_are_one_tuple() -> None:
    """RFC 5626 §4.2.1: one instance registers over several flows."""
    flows = [binding(4, instance=URN, flow=1), binding(5, instance=URN, flow=2)]
    assert len(registered(ALICE, flows, SECRET)) == 1


@pytest.mark.parametrize(
    ("body", "basic"),
    [
        pytest.param(contact(""), ["closed"], id="no-contact-is-for-all"),
        pytest.param(contact(ALICE), ["closed"], id="aor-is-for-all"),
        pytest.param(contact("pres:alice@EXAMPLE.com"), ["closed"], id="aor-by-another-scheme"),
        pytest.param(contact("sip:alice@192.0.2.4"), ["closed"], id="contact-is-the-device"),
        pytest.param(contact("sip:alice@192.0.2.4;ob"), ["closed"], id="with-other-parameters"),
        pytest.param(contact("sip:alice@192.0.2.4:5080"), ["closed", "open"], id="another-port"),
        pytest.param(contact(ELSEWHERE), ["closed", "open"], id="another-device"),
        pytest.param(contact(f"{ALICE};gr=x"), ["closed", "open"], id="gruu-of-another-device"),
        pytest.param(
            contact(ELSEWHERE).replace(
                b"</status>", f"</status><dm:deviceID>{URN}</dm:deviceID>".encode()
            ),
            ["closed"],
            id="device-id-is-the-instance",
        ),
    ],
)
def test_what_a_device_publishes_stands_for_its_registration(body: bytes, basic: list[str]) -> None:
    """To publish "closed" is to be unseen, though every device stays registered (RFC 4479 §3.4)."""
    devices = registered(ALICE, [binding(4, instance=URN)], SECRET)
    assert basics(composed(publication(body), registered=devices)) == basic


@pytest.mark.parametrize(
    ("person", "activities"),
    [
        pytest.param("", [["on-the-phone"]], id="nobody-yet"),
        pytest.param(MOOD, [["on-the-phone"]], id="no-activities"),
        pytest.param(AWAY.format("p", ""), [["away", "on-the-phone"]], id="among-others"),
        pytest.param(
            AWAY.format("p", ' until="2040-01-01T00:00:00Z"'),
            [["on-the-phone"], ["away"]],
            id="not-into-those-that-end",
        ),
        pytest.param(
            '<dm:person id="p"><rpid:activities/></dm:person>', [["on-the-phone"]], id="empty-tag"
        ),
        pytest.param(
            AWAY.format("p", "").replace("away", "unknown"), [["on-the-phone"]], id="not-unknown"
        ),
        pytest.param(
            AWAY.format("p", "").replace("away", "on-the-phone"), [["on-the-phone"]], id="said"
        ),
    ],
)
def test_a_call_is_an_activity_of_the_person(person: str, activities: list[list[str]]) -> None:
    """RFC 4480 §3.2."""
    root = composed(publication(pidf(more=person)), calling=True)
    found = [[etree.QName(one).localname for one in each] for each in root.iter(f"{R}activities")]
    assert found == activities


def test_persons_of_different_classes_stay_apart() -> None:
    """RFC 4480 §3.3: rules show one to colleagues and the other to friends."""
    classed = '<dm:person id="{0}"><rpid:class>{0}</rpid:class><rpid:mood/></dm:person>'
    bodies = [pidf(name, tuple_id=name, more=classed.format(name + "1")) for name in ("w", "h")]
    root = composed(publication(bodies[0], "aa"), publication(bodies[1], "bb"))
    assert len(root.findall(f"{D}person")) == 2


def test_a_person_may_say_two_things_in_one_language() -> None:
    """Notes of one person do not conflict with each other (RFC 4479 §5)."""
    twice = '<dm:person id="p"><dm:note>a</dm:note><dm:note>b</dm:note></dm:person>'
    root = composed(
        publication(pidf(more=twice), "aa"), publication(pidf("2", more=MOOD), "bb", NOON - 1)
    )
    (person,) = root.findall(f"{D}person")
    assert [str(one.text) for one in person.iterfind(f"{D}note")] == ["a", "b"]
    assert person.find(f"{R}mood") is not None


def test_publications_stand_in_the_order_of_their_priority() -> None:
    """RFC 3863 §4.1.5, PRS-04: then the newer."""
    low = contact(ELSEWHERE).replace(b"<contact>", b'<contact priority="0.2">')
    high = contact(ELSEWHERE).replace(b"<contact>", b'<contact priority="0.9">')
    root = composed(
        publication(low.replace(b"here", b"low"), "aa", 3),
        publication(high.replace(b"here", b"high"), "bb", 1),
        publication(pidf("none"), "cc", 9),
    )
    assert notes(root) == ["high", "low", "none"]


def test_children_keep_their_octets() -> None:
    """PRS-02, RFC 3863 §4.2.3: comments, references and spellings are as they were published."""
    odd = b"<x:e  xmlns:x='urn:x' a = \"&#65;\"><!-- c --><![CDATA[<]]></x:e >"
    body = pidf("2", tuple_id="t2").replace(b"<note>2", odd + b"<note>2")
    whole = union(ALICE, Inputs((publication(pidf()), publication(body, "bb"))))
    assert odd in whole


@pytest.mark.parametrize(
    ("where", "element"),
    [
        pytest.param(
            b"</status>",
            '<s:timed-status xmlns:s="urn:ietf:params:xml:ns:pidf:timed-status"'
            ' from="2027-01-01T00:00:00Z"><s:basic>closed</s:basic></s:timed-status>',
            id="timed-status",
        ),
        pytest.param(
            b"</status>",
            '<c:servcaps xmlns:c="urn:ietf:params:xml:ns:pidf:caps"><c:audio>true</c:audio>'
            "</c:servcaps>",
            id="servcaps",
        ),
        pytest.param(
            b"</status>",
            '<i:homepage xmlns:i="urn:ietf:params:xml:ns:pidf:cipid">http://a.example</i:homepage>',
            id="cipid",
        ),
        pytest.param(
            b"</status>",
            "<rpid:service-class><rpid:electronic/></rpid:service-class>"
            "<rpid:status-icon>http://a.example/i.png</rpid:status-icon>",
            id="rpid",
        ),
    ],
)
def test_what_other_standards_add_is_kept(where: bytes, element: str) -> None:
    """RFC 4480 §3, RFC 4481, RFC 4482, RFC 5196 §3: valid, and in the octets of its publisher."""
    body = pidf("2", tuple_id="t2").replace(where, where + element.encode())
    check_body(body, "application/pidf+xml", ALICE)
    whole = union(ALICE, Inputs((publication(pidf()), publication(body, "bb"))))
    assert element.encode() in whole
    check_body(whole, "application/pidf+xml", ALICE)


def test_prefixes_of_one_publisher_mean_nothing_to_another() -> None:
    """RFC 3863 §4.2.3: QNames in content too, which no parser knows of."""
    typed = (
        b'<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:x="urn:%b"'
        b' xmlns:i="http://www.w3.org/2001/XMLSchema-instance" entity="sip:alice@example.com">'
        b'<tuple id="%b"><status/><y:e xmlns:y="urn:y" i:type="x:t">x:v</y:e></tuple></presence>'
    )
    root = composed(publication(typed % (b"one", b"a")), publication(typed % (b"two", b"b"), "bb"))
    meant = {str(one.get("id")): one.find("{urn:y}e").nsmap["x"] for one in root}  # type: ignore[union-attr]
    assert meant == {"a": "urn:one", "b": "urn:two"}


def test_namespaces_that_nobody_uses_are_not_repeated() -> None:
    """Many declarations and many children of two publishers do not multiply."""
    many = " ".join(f'xmlns:n{number}="urn:{{0}}"' for number in range(500))
    tuples = "".join(f'<tuple id="{{0}}{number}"><status/></tuple>' for number in range(300))
    text = f'<presence xmlns="{PIDF}" {many} entity="{ALICE}">{tuples}</presence>'
    bodies = [text.format(name).encode() for name in ("a", "b")]
    whole = union(ALICE, Inputs((publication(bodies[0]), publication(bodies[1], "bb"))))
    assert len(whole) < len(bodies[0]) + len(bodies[1])


def test_last_active_is_told_when_nothing_else_is_known() -> None:
    """PRS-12."""
    at = last_active(ALICE, NOON)
    root = composed(last_active=at)
    assert (basics(root), root.findtext(f"{P}tuple/{P}timestamp")) == (
        ["closed"],
        "2027-01-15T08:00:00Z",
    )
    assert basics(composed(publication(pidf()), last_active=at)) == ["open"]


def test_a_policy_may_be_another_for_each_domain() -> None:
    """PRS-04: a policy is a callable."""
    two = Inputs((publication(pidf("1")), publication(pidf("2"), "bb", NOON + 1)))
    policy = by_domain({"example.com": latest})
    assert policy(ALICE, two) == two.publications[1].body
    assert by_domain({"example.org": latest})(ALICE, two) == union(ALICE, two)
