"""RFC 4661 §3.6, RFC 4660 §5.3.2: after which changes a watcher is told."""

import pytest

from presence.filters.triggers import fires
from tests.presence.filters.filter_documents import DATA_MODEL, PIDF, RPID, WATCHERINFO, triggers

BASIC = "/pidf:presence/pidf:tuple/pidf:status/pidf:basic"
CLASS = "//rpid:class"
PRIORITY = "//pidf:contact/@priority"
STATUS = "/wi:watcherinfo/wi:watcher-list/wi:watcher/@status"


def pidf(*tuples: str, more: str = "") -> bytes:
    return (
        f'<presence xmlns="{PIDF}" xmlns:rpid="{RPID}" xmlns:dm="{DATA_MODEL}" entity="sip:a@b">'
        f"{''.join(tuples)}{more}</presence>"
    ).encode()


def one(basic: str, id: str = "t1", inside: str = "", priority: str = "") -> str:
    contact = f'<contact priority="{priority}">sip:x</contact>' if priority else ""
    return f'<tuple id="{id}"><status><basic>{basic}</basic></status>{inside}{contact}</tuple>'


def watchers(**statuses: str) -> bytes:
    inside = "".join(
        f'<watcher id="{id}" status="{status}" event="subscribe">sip:{id}</watcher>'
        for id, status in statuses.items()
    )
    return (
        f'<watcherinfo xmlns="{WATCHERINFO}" version="0" state="full">'
        f'<watcher-list resource="sip:a@b" package="presence">{inside}</watcher-list></watcherinfo>'
    ).encode()


def changed(path: str, more: str = "") -> str:
    return f"<changed{more}>{path}</changed>"


OPENED = changed(BASIC, ' from="closed" to="open"')
CLOSED, OPEN = one("closed"), one("open")


@pytest.mark.parametrize(
    ("trigger", "before", "after", "told"),
    [
        pytest.param(OPENED, pidf(CLOSED), pidf(OPEN), True, id="rfc4661-6.2"),
        pytest.param(OPENED, pidf(OPEN), pidf(CLOSED), False, id="the-other-way"),
        pytest.param(
            OPENED,
            pidf(CLOSED, one("closed", "t2")),
            pidf(OPEN, one("closed", "t2")),
            True,
            id="rfc4660-7.1.3",
        ),
        pytest.param(
            OPENED, pidf(CLOSED), pidf(CLOSED, one("closed", "t2")), False, id="one-more-closed"
        ),
        pytest.param(
            OPENED,
            pidf(CLOSED, one("open", "t2")),
            pidf(one("open", "t2"), CLOSED),
            False,
            id="order-is-no-change",
        ),
        pytest.param(
            OPENED,
            pidf(one("closed", "ours")),
            pidf(one("open", "theirs")),
            True,
            id="another-tuple-takes-its-place",
        ),
        pytest.param(changed(BASIC), pidf(OPEN), pidf(CLOSED), True, id="any-change"),
        pytest.param(
            changed(BASIC),
            pidf(OPEN),
            pidf(OPEN, more="<note>x</note>"),
            False,
            id="a-change-elsewhere",
        ),
        pytest.param(
            changed(BASIC),
            pidf(OPEN),
            pidf(OPEN, one("open", "t2")),
            False,
            id="added-is-not-changed",
        ),
        pytest.param(changed(BASIC, ' to="open"'), pidf(), pidf(OPEN), True, id="appears-as"),
        pytest.param(changed(BASIC, ' to="open"'), pidf(), pidf(CLOSED), False, id="appears-else"),
        pytest.param(changed(BASIC, ' from="open"'), pidf(OPEN), pidf(), True, id="goes-as"),
        pytest.param(changed(BASIC, ' from="open"'), pidf(OPEN), pidf(CLOSED), True, id="from"),
        pytest.param(
            changed(BASIC, ' from="closed"'), pidf(OPEN), pidf(CLOSED), False, id="from-another"
        ),
        pytest.param(
            changed(BASIC, ' to=" open "'),
            pidf(CLOSED),
            pidf(OPEN),
            True,
            id="white-space-around-a-value",
        ),
        pytest.param(
            changed(BASIC, ' to="OPEN"'), pidf(CLOSED), pidf(OPEN), False, id="values-have-a-case"
        ),
        pytest.param(
            changed("//pidf:tuple"),
            pidf(OPEN),
            pidf(one("open", inside="<note>x</note>")),
            True,
            id="a-change-inside",
        ),
        pytest.param(
            changed(PRIORITY, ' by="0.2"'),
            pidf(one("open", priority="0.6")),
            pidf(one("open", priority="0.8")),
            True,
            id="by-up",
        ),
        pytest.param(
            changed(PRIORITY, ' by="0.2"'),
            pidf(one("open", priority="0.6")),
            pidf(one("open", priority="0.4")),
            True,
            id="by-down",
        ),
        pytest.param(
            changed(PRIORITY, ' by="0.2"'),
            pidf(one("open", priority="0.6")),
            pidf(one("open", priority="0.79")),
            False,
            id="by-less",
        ),
        pytest.param(changed(BASIC, ' by="1"'), pidf(OPEN), pidf(CLOSED), False, id="by-no-number"),
        pytest.param(
            changed(PRIORITY, ' by="0.1" to="1"'),
            pidf(one("open", priority="0.2")),
            pidf(one("open", priority="1")),
            True,
            id="by-and-to",
        ),
        pytest.param(
            "<added>//pidf:tuple</added>",
            pidf(OPEN),
            pidf(OPEN, one("open", "t2")),
            True,
            id="added",
        ),
        pytest.param(
            "<added>//pidf:tuple</added>",
            pidf(OPEN),
            pidf(CLOSED),
            False,
            id="changed-is-not-added",
        ),
        pytest.param(
            "<added>//pidf:tuple</added>",
            pidf(OPEN, one("open", "t2")),
            pidf(OPEN),
            False,
            id="removed-is-not-added",
        ),
        pytest.param(
            "<removed>//pidf:note</removed>",
            pidf(more="<note>x</note>"),
            pidf(),
            True,
            id="removed",
        ),
        pytest.param(
            "<removed>//pidf:note</removed>",
            pidf(),
            pidf(more="<note>x</note>"),
            False,
            id="added-is-not-removed",
        ),
        pytest.param(
            f"<added>{PRIORITY}</added>",
            pidf(OPEN),
            pidf(one("open", priority="1")),
            True,
            id="an-attribute-added",
        ),
        pytest.param(
            f"<added>{CLASS}</added>{OPENED.replace('<added>', '')}",
            pidf(CLOSED),
            pidf(OPEN),
            False,
            id="all-of-one-trigger",
        ),
        pytest.param(
            changed(STATUS, ' to="pending"'),
            watchers(a="active"),
            watchers(a="active", b="pending"),
            True,
            id="rfc4661-6.3-a-new-watcher",
        ),
        pytest.param(
            changed("//@status", ' from="pending" to="terminated"'),
            watchers(a="pending"),
            watchers(a="terminated"),
            True,
            id="rfc4660-7.2.3",
        ),
        pytest.param(OPENED, pidf(OPEN), pidf(OPEN), False, id="nothing-at-all"),
        pytest.param(changed(BASIC, ' from="open"'), pidf(OPEN), b"", True, id="to-no-document"),
        pytest.param("<added>//pidf:tuple</added>", b"", pidf(OPEN), True, id="from-no-document"),
    ],
)
def test_trigger(trigger: str, before: bytes, after: bytes, told: bool) -> None:
    changes_first = trigger.startswith("<added>") and "<changed" in trigger
    if changes_first:
        added, _, rest = trigger.partition("</added>")
        trigger = f"{rest}{added}</added>"
    assert fires(triggers(trigger), before, after) is told


def test_any_of_several_triggers_is_enough() -> None:
    """RFC 4661 §3.6: within a trigger all events count, of several triggers one does."""
    both = triggers(OPENED, "<added>//pidf:note</added>")
    assert fires(both, pidf(CLOSED), pidf(OPEN))
    assert fires(both, pidf(CLOSED), pidf(CLOSED, more="<note>x</note>"))
    assert not fires(both, pidf(CLOSED), pidf(one("closed", inside="<rpid:class>x</rpid:class>")))


def test_an_empty_trigger_is_as_if_it_were_not_there() -> None:
    """RFC 4660 §5.4."""
    assert triggers("") == ()


def test_a_comparison_that_takes_too_long_tells_rather_too_much() -> None:
    many = pidf(*(one("open", f"t{n}") for n in range(3000)))
    more = pidf(*(one("open", f"t{n}") for n in range(3001)))
    assert fires(triggers(OPENED), many, more)


def test_what_is_no_xml_is_told() -> None:
    assert fires(triggers(OPENED), b"Messages-Waiting: yes", b"Messages-Waiting: no")
