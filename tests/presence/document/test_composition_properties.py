"""PRS-02, PRS-04: whatever devices publish, the whole is valid and nothing is lost unsaid."""

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from presence.document.composition import Inputs, composer, latest, union
from presence.document.persons import meaning
from presence.document.pidf import DEVICE, DEVICE_ID, PERSON, RPID, TUPLE
from presence.package import PackageState
from presence.packages.presence import check_body
from presence.sources.state import NOTHING, Sources
from store.values import Publication
from tests.presence.document.presence_inputs import documents, publications, sources
from tests.presence.fakes import ALICE
from xmldoc.parse import parse

EXAMPLES = 150
CLASS = f"{{{RPID}}}class"
ACTIVITIES = f"{{{RPID}}}activities"


def whole(published: tuple[Publication, ...], beside: Sources = NOTHING) -> bytes:
    """The document of these, which must itself be one that could be published."""
    document = composer()(ALICE, PackageState(published, beside))
    check_body(document, "application/pidf+xml", ALICE)
    return document


def said(element: etree._Element) -> tuple[object, ...]:
    """What `element` says, whatever it is called."""
    for one in element.iter():
        one.attrib.pop("id", "")
    return meaning(element)


def children(body: bytes, *tags: str) -> list[etree._Element]:
    """Those of a document that are called so; all others without `tags`."""
    root = parse(body)
    if tags:
        return [one for one in root if one.tag in tags]
    return [one for one in root if one.tag not in (PERSON, DEVICE)]


@settings(max_examples=EXAMPLES, deadline=None)
@given(publications(), sources())
def test_every_composition_is_valid(published: tuple[Publication, ...], beside: Sources) -> None:
    """RFC 3863 §4.4, RFC 4479 §5: by the schemas, with ids that are there once."""
    whole(published, beside)


@settings(max_examples=EXAMPLES, deadline=None)
@given(publications(), sources(), st.data())
def test_order_of_arrival_says_nothing(
    published: tuple[Publication, ...], beside: Sources, data: st.DataObject
) -> None:
    shuffled = tuple(data.draw(st.permutations(published)))
    assert whole(published, beside) == whole(shuffled, beside)


@settings(max_examples=EXAMPLES, deadline=None)
@given(publications(), sources())
def test_every_tuple_note_and_extension_is_told(
    published: tuple[Publication, ...], beside: Sources
) -> None:
    """PRS-04: all but persons and devices, of publications and of hard state."""
    told = [said(one) for one in children(whole(published, beside))]
    bodies = [one.body for one in published] + ([beside.hard] if beside.hard else [])
    for body in bodies:
        for one in children(body):
            assert said(one) in told


@settings(max_examples=EXAMPLES, deadline=None)
@given(publications())
def test_every_device_is_told_once(published: tuple[Publication, ...]) -> None:
    told = [one.findtext(DEVICE_ID) for one in children(whole(published), DEVICE)]
    asked = {one.findtext(DEVICE_ID) for p in published for one in children(p.body, DEVICE)}
    if len(published) > 1:
        assert sorted(map(str, told)) == sorted(map(str, asked))


@settings(max_examples=EXAMPLES, deadline=None)
@given(publications())
def test_what_no_two_persons_dispute_is_told(published: tuple[Publication, ...]) -> None:
    """PRS-04: one person a class, with all that was said, unless two persons conflict."""
    if len(published) < 2:
        return
    told = children(whole(published), PERSON)
    by_class: dict[str, list[etree._Element]] = defaultdict(list)
    for one in published:
        for person in children(one.body, PERSON):
            by_class[person.findtext(CLASS) or ""].append(person)
    assert sorted(by_class) == sorted(person.findtext(CLASS) or "" for person in told)
    for person in told:
        persons = by_class[person.findtext(CLASS) or ""]
        content = [said(child) for child in person]
        whole_persons = [[said(child) for child in one] for one in persons]
        keeps = [
            all(one in content for one in each if "timestamp" not in str(one[0]))
            for each in whole_persons
        ]
        assert any(keeps)
        disputed = len({str(sorted(map(repr, each))) for each in whole_persons}) > 1
        assert all(keeps) or disputed


@settings(max_examples=EXAMPLES, deadline=None)
@given(publications(), sources())
def test_who_is_in_a_call_is_on_the_phone(
    published: tuple[Publication, ...], beside: Sources
) -> None:
    """PRS-08: every person of the document, and one when there is none."""
    persons = children(whole(published, beside), PERSON)
    if beside.calling:
        assert persons
        assert all(one.find(f"{ACTIVITIES}/{{{RPID}}}on-the-phone") is not None for one in persons)


@settings(max_examples=EXAMPLES, deadline=None)
@given(documents())
def test_one_publication_is_told_as_it_is(body: bytes) -> None:
    """PRS-02: octet by octet, and no copy of it."""
    only = Publication("p1", "p1.t", 1e10, "application/pidf+xml", body, 0.0)
    assert composer()(ALICE, PackageState((only,), NOTHING)) is body


@settings(max_examples=EXAMPLES, deadline=None)
@given(publications())
def test_ids_do_not_change_hands(published: tuple[Publication, ...]) -> None:
    """PRS-04: who publishes last makes no difference to what a tuple is called."""
    swapped = tuple(one._replace(published_at=-one.published_at) for one in published)
    if len(published) < 2:
        return

    def names(document: bytes) -> list[str]:
        return sorted(str(one.get("id")) for one in children(document, TUPLE))

    assert names(whole(published)) == names(whole(swapped))


@settings(max_examples=EXAMPLES, deadline=None)
@given(publications(), sources())
def test_latest_is_the_newest_publication_alone(
    published: tuple[Publication, ...], beside: Sources
) -> None:
    """PRS-04: another policy; without publications it is what `union` says."""
    document = latest(ALICE, Inputs(published, beside))
    if not published:
        assert document == union(ALICE, Inputs(published, beside))
        return
    newest = max(one.published_at for one in published)
    bodies = [one.body for one in published if one.published_at == newest]
    if not beside.calling:
        assert document in bodies
