"""RFC 4660 §5.2, §5.2.1, §5.2.2: filters over the life of a subscription."""

import pytest

from presence.filters.errors import BadFilter
from presence.filters.filter_set import FilterSet
from presence.filters.keeping import NOTHING, updated, wanted
from presence.filters.reading import MAX_FILTERS, known_filters, read_filters
from sip.uri import AoR
from tests.presence.filters.filter_documents import PRESENTITY, filter_set, kept

BASIC = "<what><include>//pidf:basic</include></what>"
NOTE = "<what><include>//pidf:note</include></what>"
TRIGGER = "<trigger><added>//pidf:tuple</added></trigger>"


def one(content: str, more: str = "", id: str = "1") -> str:
    return f'<filter id="{id}"{more}>{content}</filter>'


def after(*bodies: bytes) -> FilterSet:
    """What is kept after SUBSCRIBEs with these bodies, each time read back from its text."""
    filters = FilterSet()
    for body in bodies:
        filters = updated(known_filters(str(filters)), read_filters(body, "presence"), PRESENTITY)
    return filters


def seen(*bodies: bytes, resource: AoR = PRESENTITY) -> str:
    """The content that is then delivered, as text."""
    return wanted(str(after(*bodies)), resource).what


BASICS, NOTES = seen(filter_set(one(BASIC))), seen(filter_set(one(NOTE)))


@pytest.mark.parametrize(
    ("bodies", "left"),
    [
        pytest.param([one(BASIC)], BASICS, id="first"),
        pytest.param([one(BASIC), one(NOTE)], NOTES, id="same-id-replaces"),
        pytest.param([one(BASIC), one("", ' remove="true"')], "", id="removed"),
        pytest.param([one(BASIC), one("", ' remove="1"', "2")], BASICS, id="another-removed"),
        pytest.param([one(BASIC), one("", ' enabled="false"')], "", id="disabled"),
        pytest.param(
            [one(BASIC), one("", ' enabled="false"'), one("")], BASICS, id="enabled-again"
        ),
        pytest.param([one(BASIC, ' enabled="false"'), one("")], BASICS, id="enabled-later"),
        pytest.param([one("", ' enabled="false"'), one(NOTE)], NOTES, id="disabled-and-empty"),
        pytest.param([one("<what/>")], "", id="empty"),
        pytest.param([one(TRIGGER)], "", id="trigger-alone-delivers-all"),
        pytest.param([one(BASIC, ' uri="sip:presentity@example.com"')], BASICS, id="uri"),
        pytest.param(
            [one(BASIC, ' uri="sip:presentity@EXAMPLE.com:5060;x=y"')],
            BASICS,
            id="uris-are-compared-as-uris",
        ),
        pytest.param([one(BASIC, ' uri="sip:other@example.com"')], "", id="uri-of-another"),
        pytest.param([one(BASIC, ' uri="urn:x"')], "", id="uri-of-nobody"),
        pytest.param([one(BASIC, ' domain="Example.COM"')], BASICS, id="domain"),
        pytest.param([one(BASIC, ' domain="example.org"')], "", id="domain-of-others"),
        pytest.param(
            [one(BASIC, ' domain="example.com"') + one(NOTE, id="2")],
            NOTES,
            id="resource-before-domain",
        ),
    ],
)
def test_filters_change_with_each_subscribe(bodies: list[str], left: str) -> None:
    assert seen(*(filter_set(body) for body in bodies)) == left


@pytest.mark.parametrize(
    "bodies",
    [
        pytest.param([one(BASIC) + one(NOTE, id="2")], id="two-without-uri"),
        pytest.param(
            [one(BASIC) + one(NOTE, ' uri="sip:presentity@example.com"', "2")], id="the-same-uri"
        ),
        pytest.param([one(BASIC), one(NOTE, id="2")], id="the-id-changed"),
        pytest.param(
            [one(BASIC, ' domain="a.b"') + one(NOTE, ' domain="A.B"', "2")], id="the-same-domain"
        ),
        pytest.param([one(BASIC) + one(NOTE, ' uri="sip:x@y"')], id="the-same-id"),
        pytest.param([one("")], id="nothing-said-the-first-time"),
        pytest.param([one("", ' enabled="false"'), one("")], id="nothing-ever-said"),
        pytest.param(
            [
                "".join(one(BASIC, f' uri="sip:{n}@x"', str(n)) for n in range(start, start + 20))
                for start in range(0, 2 * MAX_FILTERS, 20)
            ],
            id="too-many-in-the-end",
        ),
    ],
)
def test_what_cannot_be_is_refused(bodies: list[str]) -> None:
    with pytest.raises(BadFilter):
        after(*(filter_set(body) for body in bodies))


def test_a_filter_for_another_resource_is_kept_for_it() -> None:
    """RFC 4660 §4.1: a list server will apply it to that member."""
    text = kept(filter_set(one(BASIC) + one(NOTE, ' uri="sip:bob@example.com"', "2")))
    assert wanted(text, PRESENTITY).what == BASICS
    assert wanted(text, AoR("sip:bob@example.com")).what == NOTES
    assert wanted(text, AoR("sip:carol@example.com")) == wanted(text, PRESENTITY)


def test_no_filter_wants_everything() -> None:
    assert wanted("", PRESENTITY) is NOTHING
    assert str(after(filter_set(one(BASIC)), filter_set(one("", ' remove="true"')))) == ""
