"""RFC 5264: publications that carry the whole, or what has changed of it."""

import asyncio
from collections.abc import Sequence

import pytest
from lxml import etree

from presence.config import PresenceConfig
from presence.packages.presence import presence_package
from presence.partial.package import with_partial
from store.values import ResourceState
from tests.presence.fakes import (
    PRESENCE,
    FakeStore,
    FakeTransaction,
    House,
    pidf,
    publish_request,
)
from tests.presence.partial.partial_watcher import canonical

PIDF = "urn:ietf:params:xml:ns:pidf"
DIFF = "urn:ietf:params:xml:ns:pidf-diff"
ERRORS = "{urn:ietf:params:xml:ns:patch-ops-error}"
TYPE = "Content-Type: application/pidf-diff+xml"
CONFIG = PresenceConfig(max_body=32_768)
FULL = (
    f'<p:pidf-full xmlns="{PIDF}" xmlns:p="{DIFF}" xmlns:x="urn:x" version="8"\n'
    ' entity="pres:alice@example.com"><tuple id="t1"><status><basic>open</basic></status>'
    '<x:keep x:a = "1" /> <note>here</note></tuple></p:pidf-full>'
).encode()


def diff(*operations: str, attributes: str = 'entity="pres:alice@example.com"') -> bytes:
    return (
        f'<?xml version="1.0"?><p:pidf-diff xmlns="{PIDF}" xmlns:p="{DIFF}" {attributes}>'
        f"{''.join(operations)}</p:pidf-diff>"
    ).encode()


CLOSED = '<p:replace sel="presence/tuple/status/basic/text()">closed</p:replace>'
NOTE = '<p:add sel="*"><note>later</note></p:add>'
NO_NOTE = "<p:remove sel=\"*/tuple[@id='t1']/note\"/>"


def partial_house(store: FakeStore | None = None) -> House:
    package = with_partial(presence_package(min_interval=0))
    return House(packages={"presence": package}, config=CONFIG, store=store)


def stored(house: House) -> bytes:
    (publication,) = house.store.state(PRESENCE).publications
    assert publication.content_type == "application/pidf+xml"
    return publication.body


async def first(house: House, body: bytes = FULL) -> str:
    """The entity-tag of an initial publication."""
    tx = await house.publish(publish_request(body, TYPE))
    assert tx.status == 200, tx.headers
    return tx.headers["SIP-ETag"]


async def modify(house: House, tag: str, body: bytes, *more: str) -> FakeTransaction:
    return await house.publish(publish_request(body, TYPE, f"SIP-If-Match: {tag}", *more))


async def test_the_whole_becomes_the_presence_document() -> None:
    """RFC 5264 §4.3.1: initial and modifying; what is inside stays as it is written."""
    house = partial_house()
    tag = await first(house)
    inside = FULL[FULL.index(b"<tuple") : FULL.index(b"</p:pidf-full")]
    assert (
        stored(house)
        == (
            f'<presence xmlns="{PIDF}" xmlns:x="urn:x"\n'
            f' entity="pres:alice@example.com">{inside.decode()}</presence>'
        ).encode()
    )
    tx = await modify(house, tag, FULL.replace(b"here", b"there"))
    assert tx.status == 200
    assert b"there" in stored(house)


async def test_changes_are_applied_in_order_and_told() -> None:
    """RFC 5264 §4.3.2: against what is stored under the entity-tag; a new one is given."""
    house = partial_house()
    tag = await first(house)
    await house.watching()
    rename = '<p:replace sel="*/note/text()">last</p:replace>'
    tx = await modify(house, tag, diff(CLOSED, NO_NOTE, NOTE, rename), "Expires: 600")
    assert (tx.status, tx.headers["Expires"]) == (200, "600")
    assert tx.headers["SIP-ETag"] not in ("", tag)
    wanted = FULL.replace(b"p:pidf-full", b"presence").replace(b' version="8"', b"")
    wanted = wanted.replace(f' xmlns:p="{DIFF}"'.encode(), b"")
    wanted = wanted.replace(b"open", b"closed").replace(b"<note>here</note>", b"")
    wanted = wanted.replace(b"</presence>", b"<note>last</note></presence>")
    assert canonical(stored(house)) == canonical(wanted)
    (notify,) = house.endpoint.take()
    assert notify.body == stored(house)


async def test_a_document_published_as_pidf_is_changed_too() -> None:
    """RFC 5264 §4.2: modifications may carry either."""
    house = partial_house()
    tag = await house.published(pidf())
    assert (await modify(house, tag, diff(CLOSED))).status == 200
    assert b"closed" in stored(house)


async def test_a_selector_may_name_the_root_element_that_was_published() -> None:
    """RFC 5264 §6 names `presence`; RFC 5262 §6 keeps a `pidf-full`."""
    house = partial_house()
    tag = await first(house)
    selectors = ("presence", "*", "p:pidf-full", "/p:pidf-full", "/presence")
    for number, root in enumerate(selectors):
        change = f'<p:replace sel="{root}/tuple/note/text()">{number}</p:replace>'
        tx = await modify(house, tag, diff(change))
        assert tx.status == 200, (root, tx.headers)
        tag = tx.headers["SIP-ETag"]
        assert f"<note>{number}</note>".encode() in stored(house)


async def test_versions_order_nothing() -> None:
    """RFC 5264 §3.2: entity-tags do."""
    house = partial_house()
    tag = await first(house)
    for version in ("7", "7", "4294967295", "0"):
        tx = await modify(
            house, tag, diff(CLOSED.replace("closed", "open"), attributes=f'version="{version}"')
        )
        assert tx.status == 200
        tag = tx.headers["SIP-ETag"]


async def test_the_first_publication_is_whole() -> None:
    """RFC 5264 §4.3.2: 400 (Invalid Partial Publication)."""
    house = partial_house()
    tx = await house.publish(publish_request(diff(CLOSED), TYPE))
    assert (tx.status, tx.reason) == (400, "Invalid Partial Publication")
    assert house.store.writes == 0


async def test_a_change_of_what_is_not_there_is_412() -> None:
    """RFC 3903 §6 step 3: also when it goes between the look and the write."""
    house = partial_house()
    tag = await first(house)
    assert (await modify(house, "00.11", diff(CLOSED))).status == 412
    house.store.gate = asyncio.Event()
    slow = asyncio.create_task(modify(house, tag, diff(CLOSED)))
    await asyncio.sleep(0)
    state = house.store.state(PRESENCE)
    newer = state.publications[0]._replace(entity_tag="another")
    house.store.states[PRESENCE] = ResourceState(state.version, (newer,))
    house.store.gate.set()
    assert (await slow).status == 412
    assert b"open" in stored(house)


@pytest.mark.parametrize(
    ("body", "element"),
    [
        pytest.param(diff('<p:remove sel="*/tuple[9]"/>'), "unlocated-node", id="not-there"),
        pytest.param(diff(CLOSED, "<p:remove/>"), "invalid-diff-format", id="no-selector"),
        pytest.param(diff("<p:move sel='*'/>"), "invalid-patch-directive", id="no-directive"),
        pytest.param(
            diff('<p:remove sel="q:a"/>'), "invalid-namespace-prefix", id="unknown-prefix"
        ),
        pytest.param(diff('<p:remove sel="*"/>'), "invalid-root-element-operation", id="root"),
        pytest.param(
            diff("<p:remove sel=\"id('t1')\"/>"), "unsupported-id-function", id="id-function"
        ),
        pytest.param(
            diff(CLOSED, attributes='version="-1"'), "invalid-attribute-value", id="version"
        ),
        pytest.param(
            diff(CLOSED, attributes=f'version="{2**32}"'), "invalid-attribute-value", id="overflow"
        ),
        pytest.param(
            diff(CLOSED, attributes='entity="sip:eve@example.com"'),
            "invalid-attribute-value",
            id="other-entity",
        ),
        pytest.param(
            diff(CLOSED, attributes='entity="nobody"'), "invalid-attribute-value", id="no-entity"
        ),
        pytest.param(
            diff(*['<p:remove sel="*/*[1][1]"/>'] * 700), "invalid-diff-format", id="too-much-work"
        ),
    ],
)
async def test_what_cannot_be_applied_is_400_with_its_reason(body: bytes, element: str) -> None:
    """RFC 5264 §4.3.2, RFC 5262 §11, RFC 5261 §5.1; the state is unchanged, nobody is told."""
    house = partial_house()
    tag = await first(house)
    await house.watching()
    before = house.store.state(PRESENCE)
    tx = await modify(house, tag, body)
    assert (tx.status, tx.headers["Content-Type"]) == (400, "application/patch-ops-error+xml")
    assert "Warning" in tx.headers
    assert [child.tag for child in etree.fromstring(tx.body)] == [ERRORS + element]
    assert house.store.state(PRESENCE) == before
    assert house.endpoint.take() == []


async def test_quadratic_selectors_are_refused() -> None:
    """BND-02: what is looked through, and how often, is bounded before it is done."""
    house = partial_house()
    wide = "<x:a/>" * 4000
    tag = await first(house, FULL.replace(b"<x:keep", f"{wide}<x:keep".encode()))
    sel = "*/tuple/*" + "[.='']" * 3000 + "[1]"
    tx = await modify(house, tag, diff(f'<p:remove sel="{sel}"/>'))
    assert tx.status == 400
    assert b"invalid-diff-format" in tx.body


def many(count: int, inside: str) -> Sequence[str]:
    return [f'<p:add sel="*">{inside}</p:add>'] * count


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"<!DOCTYPE a []>" + diff(CLOSED), 400, id="document-type"),
        pytest.param(diff(CLOSED)[:-3], 400, id="not-well-formed"),
        pytest.param(f'<p:presence xmlns:p="{PIDF}"/>'.encode(), 400, id="presence-as-root"),
        pytest.param(diff(CLOSED.replace("closed", "ajar")), 400, id="invalid-result"),
        pytest.param(diff(*many(1, '<tuple id="t1"><status/></tuple>')), 400, id="two-of-one-id"),
        pytest.param(diff('<p:remove sel="*/@entity"/>'), 400, id="entity-gone"),
        pytest.param(
            diff('<p:replace sel="*/@entity">sip:eve@example.com</p:replace>'), 403, id="robbed"
        ),
        pytest.param(FULL.replace(b"alice", b"eve"), 403, id="whole-of-another"),
        pytest.param(FULL.replace(b"<basic>open", b"<basic>ajar"), 400, id="whole-invalid"),
        pytest.param(diff(NOTE.replace("later", "x" * 32_768)), 413, id="huge"),
        pytest.param(diff(*many(1, "<a>" * 80 + "</a>" * 80)), 400, id="deep"),
    ],
)
async def test_refusals(body: bytes, status: int) -> None:
    """RFC 3903 §6 step 5: the result is checked as any body is; nothing is stored of it."""
    house = partial_house()
    tag = await first(house)
    before = house.store.state(PRESENCE)
    assert (await modify(house, tag, body)).status == status
    assert house.store.state(PRESENCE) == before


async def test_a_publication_does_not_grow_beyond_what_one_may_have() -> None:
    """RFC 3261 §21.4.11: a little at a time either."""
    house = partial_house()
    tag = await first(house)
    tx = await modify(house, tag, diff(NOTE.replace("later", "x" * 20_000)))
    assert tx.status == 200
    more = diff(NOTE.replace("later", "y" * 20_000))
    assert (await modify(house, tx.headers["SIP-ETag"], more)).status == 413
    assert len(stored(house)) < CONFIG.max_body


async def test_other_types_are_415_with_all_that_are_taken() -> None:
    """RFC 5264 §4.1: Accept shows that partial publication is understood."""
    tx = await partial_house().publish(publish_request(pidf(), "Content-Type: text/plain"))
    assert (tx.status, tx.headers["Accept"]) == (
        415,
        "application/pidf+xml, application/pidf-diff+xml",
    )
    tx = await House().publish(publish_request(FULL, TYPE))
    assert (tx.status, tx.headers["Accept"]) == (415, "application/pidf+xml")


async def test_what_expires_is_gone_as_a_whole() -> None:
    """RFC 5264 §4.3.2: no roll back to an earlier version."""
    house = partial_house()
    tag = await first(house)
    await modify(house, tag, diff(CLOSED), "Expires: 60")
    house.clock.now += 60
    await house.service.sweep()
    assert house.store.state(PRESENCE).publications == ()
