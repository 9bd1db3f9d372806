"""RFC 3856 §6.11.1 and PRS-04: how several publications become one document."""

import pytest
from lxml import etree

from presence.document.composition import composer
from presence.document.pidf import DATA_MODEL, PIDF
from presence.package import PackageState
from presence.packages.presence import check_body
from store.values import Publication
from tests.presence.fakes import ALICE, pidf

DM = f"{{{DATA_MODEL}}}"
TUPLE = f"{{{PIDF}}}tuple"
EXTENDED = b"""<?xml version="1.0"?>
<p:presence xmlns:p="urn:ietf:params:xml:ns:pidf" xmlns:x="urn:example:x"
 entity="pres:alice@example.com">
<p:tuple id="e1"><p:status><p:basic>open</p:basic>
<x:mood kind="x:fine">sunny &amp; warm</x:mood></p:status>
<x:extra xmlns:y="urn:example:y" y:a="1"><y:deep/></x:extra><p:contact>sip:a@b</p:contact></p:tuple>
<x:top>kept</x:top>
</p:presence>"""

compose = composer("closed")


def publication(body: bytes, id: str = "aa", at: float = 100.0) -> Publication:
    return Publication(id, f"{id}.tag", 1e10, "application/pidf+xml", body, at)


def composed(*publications: Publication) -> etree._Element:
    """The document of these, which must itself be one that could be published."""
    whole = compose(ALICE, PackageState(publications))
    check_body(whole, "application/pidf+xml", ALICE)
    return etree.fromstring(whole)


def person(content: str, id: str = "p1", when: str = "") -> str:
    stamp = f"<dm:timestamp>{when}</dm:timestamp>" if when else ""
    return f'<dm:person id="{id}">{content}{stamp}</dm:person>'


def device(id: str, device_id: str, note: str) -> str:
    return (
        f'<dm:device id="{id}"><dm:deviceID>{device_id}</dm:deviceID>'
        f"<dm:note>{note}</dm:note></dm:device>"
    )


AWAY = "<rpid:activities><rpid:away/></rpid:activities>"
BUSY = "<rpid:activities><rpid:busy/></rpid:activities>"
HOME = "<rpid:place-type><rpid:other>home</rpid:other></rpid:place-type>"


def test_single_publication_is_sent_as_written() -> None:
    assert compose(ALICE, PackageState((publication(EXTENDED),))) == EXTENDED


def test_nothing_published_is_one_closed_tuple_with_a_contact() -> None:
    """PRS-05."""
    root = composed()
    assert root.get("entity") == ALICE
    assert root.findtext(f"{TUPLE}/{{{PIDF}}}status/{{{PIDF}}}basic") == "closed"
    assert root.findtext(f"{TUPLE}/{{{PIDF}}}contact") == ALICE


def test_nothing_published_may_be_no_body() -> None:
    assert composer("empty")(ALICE, PackageState()) == b""


def test_unknown_extensions_survive_with_their_bindings() -> None:
    """RFC 3863 §4.2.3, PRS-02: elements, attributes and prefixes used in content."""
    root = composed(publication(EXTENDED), publication(pidf(), "bb"))
    kept = next(one for one in root if one.get("id") == "e1")
    alone = etree.fromstring(EXTENDED)[0]
    assert etree.tostring(kept, method="c14n", exclusive=True, with_tail=False) == etree.tostring(
        alone, method="c14n", exclusive=True, with_tail=False
    )
    mood = kept.find("*/{urn:example:x}mood")
    assert mood is not None
    assert mood.nsmap["x"] == "urn:example:x"
    assert root.findtext("{urn:example:x}top") == "kept"


def test_all_tuples_are_kept_newest_publication_first() -> None:
    old, new = (
        publication(pidf("old"), "aa", 100),
        publication(pidf("new", tuple_id="t2"), "bb", 200),
    )
    assert [one.get("id") for one in composed(old, new)] == ["t2", "t1"]


@pytest.mark.parametrize("newest", ["aa", "bb"])
def test_clashing_id_is_rewritten_the_same_way_every_time(newest: str) -> None:
    """Whoever publishes last, watchers see the same ids."""
    parts = [publication(pidf(name), name, 200 if name == newest else 100) for name in ("aa", "bb")]
    ids = {one.findtext(f"{{{PIDF}}}note"): one.get("id") for one in composed(*parts)}
    assert ids == {"aa": "t1", "bb": "t1.bb"}


def test_rewritten_id_evades_one_that_is_taken() -> None:
    parts = [
        publication(pidf("1"), "aa"),
        publication(pidf("2"), "bb"),
        publication(pidf("3", tuple_id="t1.bb"), "ab"),
    ]
    assert sorted(one.get("id") or "" for one in composed(*parts)) == ["t1", "t1.bb", "t1.bb."]


def test_identical_children_are_told_once() -> None:
    """A client that publishes the same document twice, as baresip does at start."""
    assert len(composed(publication(pidf(), "aa"), publication(pidf(), "bb"))) == 1


@pytest.mark.parametrize(
    ("first", "second", "children"),
    [
        pytest.param(person(AWAY), person(HOME), {"activities", "place-type"}, id="merge"),
        pytest.param(person(AWAY), person(AWAY + HOME), {"activities", "place-type"}, id="agree"),
        pytest.param(person(AWAY + HOME), person(BUSY), {"activities"}, id="conflict-newest-alone"),
    ],
)
def test_persons_become_one(first: str, second: str, children: set[str]) -> None:
    """RFC 4479 §3.1: one presentity is one person."""
    root = composed(
        publication(pidf(more=first), "aa", 100), publication(pidf("2", more=second), "bb", 200)
    )
    (one,) = root.findall(f"{DM}person")
    assert {etree.QName(child).localname for child in one} == children


def test_newest_person_goes_by_its_own_timestamp() -> None:
    fresh = person(BUSY, when="2026-05-01T12:00:00Z")
    stale = person(AWAY, when="2026-05-01T11:00:00+00:00")
    root = composed(
        publication(pidf(more=fresh), "aa", 100), publication(pidf("2", more=stale), "bb", 200)
    )
    assert root.find(".//{urn:ietf:params:xml:ns:pidf:rpid}busy") is not None
    assert root.find(".//{urn:ietf:params:xml:ns:pidf:rpid}away") is None


def test_merged_person_keeps_the_order_of_the_schema() -> None:
    """RFC 4479 §5: extensions, notes, timestamp."""
    first = person("<dm:note>out</dm:note>", when="2026-05-01T12:00:00Z")
    root = composed(
        publication(pidf(more=first), "aa", 200), publication(pidf("2", more=person(AWAY)), "bb")
    )
    (one,) = root.findall(f"{DM}person")
    assert [etree.QName(c).localname for c in one] == ["activities", "note", "timestamp"]


def test_device_is_the_newest_of_its_device_id() -> None:
    root = composed(
        publication(pidf(more=device("d1", "urn:x:1", "old")), "aa", 100),
        publication(
            pidf("2", more=device("d2", "urn:x:1", "new") + device("d3", "urn:x:2", "other")),
            "bb",
            200,
        ),
    )
    notes = [one.findtext(f"{DM}note") for one in root.findall(f"{DM}device")]
    assert notes == ["new", "other"]


def test_order_of_publications_given_does_not_matter() -> None:
    parts = (publication(pidf("1"), "aa", 1), publication(pidf("2"), "bb", 2))
    assert compose(ALICE, PackageState(parts)) == compose(ALICE, PackageState(parts[::-1]))


def test_same_instant_is_decided_by_id() -> None:
    parts = [publication(pidf("1"), "bb"), publication(pidf("2", tuple_id="t2"), "aa")]
    assert [one.get("id") for one in composed(*parts)] == ["t2", "t1"]
    assert composed(*(one._replace() for one in parts)).get("entity") == ALICE
