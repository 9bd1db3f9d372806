"""RFC 4660 §5: a watcher with a filter, from its SUBSCRIBE to the end."""

import gzip
import zlib
from dataclasses import replace

import pytest

from presence.config import PresenceConfig
from presence.filters import content as filter_content
from presence.filters.filter_set import What
from presence.notifier.failure import RETRY_AFTER
from presence.packages.presence import presence_package
from presence.partial.package import with_partial
from presence.policy.policy import CONFIRM, Decision, SubHandling
from sip.authenticator import Identity
from sip.message import Request
from sip.uri import AoR
from tests.presence.fakes import ALICE, BOB, House, compose, pidf, settle
from tests.presence.filters.filter_documents import filter_set, include, one_filter, what

BASICS = what(include("//pidf:basic"))
OPENED = one_filter('<trigger><changed from="closed" to="open">//pidf:basic</changed></trigger>')
SIMPLE_FILTER = "application/simple-filter+xml"
PIDF_DIFF = "application/pidf-diff+xml"
HERE, AWAY = pidf("here"), pidf("away")
SHUT = pidf().replace(b">open<", b">closed<")


def subscribe(
    body: bytes,
    *more: str,
    cseq: int = 1,
    to_tag: str | None = None,
    n: int = 1,
    content_type: str = SIMPLE_FILTER,
) -> Request:
    return compose(
        "SUBSCRIBE",
        ALICE,
        [
            f"From: <{BOB}>;tag=w{n}",
            f"To: <{ALICE}>" + (f";tag={to_tag}" if to_tag else ""),
            f"Call-ID: sub{n}@192.0.2.9",
            f"CSeq: {cseq} SUBSCRIBE",
            "Contact: <sip:bob@192.0.2.9:5060>",
            "Event: presence",
            *([f"Content-Type: {content_type}"] if body else []),
            *more,
        ],
        body,
    )


async def watching(house: House, body: bytes, *more: str, n: int = 1) -> tuple[str, bytes]:
    """Our tag, and what the first NOTIFY shows."""
    tx = await house.subscribe(subscribe(body, *more, n=n))
    assert tx.status == 200, tx.headers
    assert tx.to_tag is not None
    (first,) = house.endpoint.take()
    return tx.to_tag, first.body


def bodies(house: House) -> list[bytes]:
    return [sent.body for sent in house.endpoint.take()]


async def test_notifies_show_what_the_filter_leaves() -> None:
    """§5.3.1: the first one too."""
    house = House()
    tag = await house.published(HERE)
    _, first = await watching(house, BASICS)
    assert b"<basic>open" in first
    assert b"<note" not in first
    await house.published(SHUT, tag)
    (later,) = bodies(house)
    assert b"<basic>closed" in later
    assert b"<note" not in later


async def test_a_change_that_the_filter_hides_is_not_told() -> None:
    house = House()
    tag = await house.published(HERE)
    await watching(house, BASICS)
    await house.published(AWAY, tag)
    assert bodies(house) == []


async def test_nothing_selected_is_a_notify_without_a_body() -> None:
    """§5.3.1."""
    house = House()
    await house.published(HERE)
    tx = await house.subscribe(subscribe(what(include("//pidf:timestamp"))))
    (first,) = house.endpoint.take()
    assert (tx.status, first.body, first.request.content_type) == (200, b"", None)


async def test_watchers_with_the_same_filter_share_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House()
    tag = await house.published(HERE)
    for n in range(1, 21):
        await watching(house, BASICS if n % 2 else b"", n=n)
    runs: list[bytes] = []
    whole = filter_content._filtered

    def counted(document: bytes, rules: What) -> bytes:
        runs.append(document)
        return whole(document, rules)

    monkeypatch.setattr(filter_content, "_filtered", counted)
    await house.published(SHUT, tag)
    sent = house.endpoint.take()
    assert len(sent) == 20
    assert len({one.body for one in sent}) == 2
    assert len(runs) == 1


@pytest.mark.parametrize(
    ("body", "content_type", "status", "header"),
    [
        pytest.param(b"<filter-set/>", SIMPLE_FILTER, 488, "Warning", id="invalid"),
        pytest.param(b"<", SIMPLE_FILTER, 488, "Warning", id="not-well-formed"),
        pytest.param(what(include("//a[")), SIMPLE_FILTER, 488, "Warning", id="no-expression"),
        pytest.param(b'{"a":1}', "application/json", 415, "Accept", id="another-type"),
        pytest.param(
            b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', SIMPLE_FILTER, 488, "Warning", id="dtd"
        ),
    ],
)
async def test_a_body_that_is_no_filter_is_refused(
    body: bytes, content_type: str, status: int, header: str
) -> None:
    """§5.2, §5.4."""
    house = House()
    tx = await house.subscribe(subscribe(body, content_type=content_type))
    assert tx.status == status
    assert header in tx.headers
    assert not house.store.rows


async def test_a_refresh_without_a_body_keeps_the_filter() -> None:
    """§5.2.2: and one with remove takes it away."""
    house = House()
    await house.published(HERE)
    tag, _ = await watching(house, BASICS)
    await house.subscribe(subscribe(b"", cseq=2, to_tag=tag))
    (kept,) = bodies(house)
    assert b"<note" not in kept
    removing = filter_set('<filter id="1" remove="true"/>')
    await house.subscribe(subscribe(removing, cseq=3, to_tag=tag))
    (whole,) = bodies(house)
    assert b"<note" in whole


async def test_a_filter_is_switched_off_and_on() -> None:
    """§5.3: a disabled one is as good as none; enabled again it acts at once."""
    house = House()
    await house.published(HERE)
    tag, _ = await watching(house, BASICS)
    seen = []
    for cseq, enabled in ((2, "false"), (3, "true")):
        switch = filter_set(f'<filter id="1" enabled="{enabled}"/>')
        await house.subscribe(subscribe(switch, cseq=cseq, to_tag=tag))
        seen += [b"<note" in body for body in bodies(house)]
    assert seen == [True, False]


async def test_a_refused_filter_leaves_the_subscription_as_it_was() -> None:
    house = House()
    await house.published(HERE)
    tag, _ = await watching(house, BASICS)
    tx = await house.subscribe(subscribe(b"<bad", cseq=2, to_tag=tag))
    assert tx.status == 488
    assert bodies(house) == []
    await house.subscribe(subscribe(b"", cseq=3, to_tag=tag))
    (kept,) = bodies(house)
    assert b"<note" not in kept


async def test_a_trigger_lets_only_its_change_through() -> None:
    """§5.3.2, §7.1.3: the first NOTIFY is sent whatever the trigger says (§5.3.1)."""
    house = House()
    tag = await house.published(SHUT)
    _, first = await watching(house, OPENED)
    assert b"closed" in first
    tag = await house.published(SHUT.replace(b"here", b"soon"), tag)
    assert bodies(house) == []
    tag = await house.published(HERE, tag)
    (opened,) = bodies(house)
    assert b"<basic>open" in opened
    assert b"<note" in opened
    tag = await house.published(SHUT, tag)
    assert bodies(house) == []


async def test_a_trigger_compares_with_what_was_told_last() -> None:
    """RFC 4661 §3.6.1: what was not told is not forgotten."""
    house = House()
    tag = await house.published(HERE)
    note = one_filter('<trigger><changed by="2">//pidf:note</changed></trigger>')
    tag = await house.published(pidf("6"), tag)
    await watching(house, note)
    told = []
    for value in ("7", "8", "9", "10", "9"):
        tag = await house.published(pidf(value), tag)
        told += [value for body in bodies(house)]
    assert told == ["8", "10"]


async def test_a_trigger_sees_what_the_filter_hides() -> None:
    """RFC 4661 §3.6.1: it is about the document before the content filter."""
    house = House()
    tag = await house.published(HERE)
    body = one_filter(
        "<what><include>//pidf:basic</include></what><trigger><added>//pidf:note</added></trigger>"
    )
    await watching(house, body)
    tag = await house.published(SHUT, tag)
    assert bodies(house) == []
    await house.published(SHUT.replace(b"</tuple>", b"<note>two</note></tuple>"), tag)
    (told,) = bodies(house)
    assert b"<note" not in told
    assert b"closed" in told


async def test_a_trigger_whose_notify_failed_is_told_again() -> None:
    """What the watcher has missed does not count as told."""
    house = House()
    tag = await house.published(SHUT)
    await watching(house, OPENED)
    house.endpoint.answering = False
    await house.published(HERE, tag)
    house.endpoint.take()[0].answer(500)
    house.endpoint.answering = True
    house.clock.now += RETRY_AFTER + 1
    house.service._alarm._ring()
    (again,) = bodies(house)
    assert b"<basic>open" in again


async def test_partial_documents_are_of_what_the_filter_leaves() -> None:
    """RFC 5263 §4: and a watcher of them is told only what its triggers let through."""
    house = House(packages={"presence": with_partial(presence_package(min_interval=0.0))})
    tag = await house.published(SHUT)
    accept = f"Accept: {PIDF_DIFF};q=1, application/pidf+xml;q=0.5"
    await house.subscribe(subscribe(BASICS, accept))
    await house.subscribe(subscribe(OPENED, accept, n=2))
    first, whole = house.endpoint.take()
    assert {one.request.content_type for one in (first, whole)} == {PIDF_DIFF}
    assert (b"<note" in first.body, b"<note" in whole.body) == (False, True)
    tag = await house.published(SHUT.replace(b"here", b"soon"), tag)
    assert bodies(house) == []
    await house.published(HERE, tag)
    for one in house.endpoint.take():
        assert b">open<" in one.body
        assert one.request.content_type == PIDF_DIFF


async def test_who_is_approved_is_told_whatever_the_trigger_says() -> None:
    decision = [CONFIRM]

    async def authorize(presentity: AoR, watcher: Identity, package: str) -> Decision:
        return decision[0]

    house = House(authorize=authorize)
    await house.published(HERE)
    _, first = await watching(house, OPENED)
    assert first == b""
    decision[0] = Decision(SubHandling.ALLOW)
    await house.service.reauthorize(AoR(ALICE))
    (approved,) = bodies(house)
    assert b"<note" in approved


async def test_the_politely_blocked_see_the_neutral_document_filtered() -> None:
    """§5.3.1: bogus information first, the filter afterwards."""

    async def authorize(presentity: AoR, watcher: Identity, package: str) -> Decision:
        return Decision(SubHandling.POLITE_BLOCK)

    blocked, offline = House(authorize=authorize), House()
    await blocked.published(HERE)
    assert (await watching(blocked, BASICS))[1] == (await watching(offline, BASICS))[1]


async def test_what_a_watcher_wants_survives_the_process() -> None:
    """Filter, coding and rates are in the row that another process takes over."""
    house = House(config=COMPRESSING)
    tag = await house.published(HERE)
    rate = subscribe(BASICS, "Accept-Encoding: gzip")
    rate = compose("SUBSCRIBE", ALICE, [
        line if not line.startswith("Event") else "Event: presence;max-rate=0.1"
        for line in rate.lines if not line.startswith(("Content-Length", "Via", "Max-Forwards"))
    ], BASICS)  # fmt: skip
    await house.subscribe(rate)
    (first,) = house.endpoint.take()
    config = replace(COMPRESSING, adopt_interval=0.0)
    after = House(store=house.store, config=config)
    house.store.orphans = list(house.store.rows)
    await after.service.sweep()
    await settle()
    after.clock.now += 11
    await after.published(SHUT, tag)
    (told,) = after.endpoint.take()
    assert told.request.get("content-encoding") == "gzip"
    assert b"<basic>closed" in gzip.decompress(told.body)
    assert b"<note" not in gzip.decompress(told.body)
    assert first.state == "active;expires=3600;max-rate=0.1"
    assert told.state == "active;expires=3589;max-rate=0.1"


async def test_a_fetch_is_filtered() -> None:
    house = House()
    await house.published(HERE)
    tx = await house.subscribe(subscribe(BASICS, "Expires: 0"))
    (only,) = house.endpoint.take()
    assert tx.status == 200
    assert only.state.startswith("terminated")
    assert b"<note" not in only.body


async def test_conditional_notification_is_about_the_filtered_state() -> None:
    """RFC 5839 §6: the entity-tag is that of what the filter leaves."""
    house = House()
    tag = await house.published(HERE)
    tx = await house.subscribe(subscribe(BASICS))
    (first,) = house.endpoint.take()
    etag = first.request.get("sip-etag")
    await house.published(AWAY, tag)
    refresh = subscribe(b"", f"Suppress-If-Match: {etag}", cseq=2, to_tag=tx.to_tag)
    assert (await house.subscribe(refresh)).status == 204
    assert bodies(house) == []


COMPRESSING = PresenceConfig(domains=frozenset({"example.com"}), compress=100)


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("deflate, gzip;q=0.5", "deflate"),
        ("br", None),
        ("gzip;q=0", None),
    ],
)
async def test_bodies_are_compressed_for_who_takes_it(accepted: str, coding: str | None) -> None:
    """RFC 3261 §20.2, §20.12; the first NOTIFY and those after changes."""
    house = House(config=COMPRESSING)
    tag = await house.published(HERE)
    await house.subscribe(subscribe(b"", f"Accept-Encoding: {accepted}"))
    await house.subscribe(subscribe(b"", n=2))
    packed, plain = house.endpoint.take()
    await house.published(AWAY, tag)
    for one, other in ((packed, plain), tuple(house.endpoint.take())):
        assert one.request.get("content-encoding") == coding
        assert other.request.get("content-encoding") is None
        assert one.request.get("sip-etag") == other.request.get("sip-etag")
        assert one.request.content_type == "application/pidf+xml"
        match coding:
            case "gzip":
                assert gzip.decompress(one.body) == other.body
            case "deflate":
                assert zlib.decompress(one.body) == other.body
            case _:
                assert one.body == other.body


async def test_short_bodies_and_empty_ones_are_not_compressed() -> None:
    house = House(config=replace(COMPRESSING, compress=1024))
    await house.published(HERE)
    await house.subscribe(subscribe(b"", "Accept-Encoding: gzip"))
    (one,) = house.endpoint.take()
    assert one.request.get("content-encoding") is None


async def test_compression_can_be_switched_off() -> None:
    house = House(config=replace(COMPRESSING, compress=0))
    await house.published(HERE)
    await house.subscribe(subscribe(b"", "Accept-Encoding: gzip"))
    (one,) = house.endpoint.take()
    assert one.request.get("content-encoding") is None


async def test_a_refresh_may_take_compression_back() -> None:
    house = House(config=COMPRESSING)
    await house.published(HERE)
    tag, _ = await watching(house, b"", "Accept-Encoding: gzip")
    await house.subscribe(subscribe(b"", cseq=2, to_tag=tag))
    (later,) = house.endpoint.take()
    assert later.request.get("content-encoding") is None


async def test_filter_and_compression_together() -> None:
    house = House(config=COMPRESSING)
    await house.published(HERE)
    _, body = await watching(house, BASICS, "Accept-Encoding: gzip")
    assert b"<note" not in gzip.decompress(body)


async def test_a_filter_may_come_compressed() -> None:
    """RFC 3261 §20.12, as linphone sends its bodies."""
    house = House()
    await house.published(HERE)
    tx = await house.subscribe(subscribe(zlib.compress(BASICS), "Content-Encoding: deflate"))
    (first,) = house.endpoint.take()
    assert tx.status == 200
    assert b"<note" not in first.body


@pytest.mark.parametrize(
    ("body", "coding", "status"),
    [
        pytest.param(BASICS, "compress", 415, id="unknown"),
        pytest.param(BASICS, "gzip", 400, id="not-so"),
        pytest.param(gzip.compress(bytes(10**7)), "gzip", 413, id="bomb"),
    ],
)
async def test_a_body_in_a_coding_that_is_not_read(body: bytes, coding: str, status: int) -> None:
    """RFC 3261 §21.4.13."""
    house = House()
    tx = await house.subscribe(subscribe(body, f"Content-Encoding: {coding}"))
    assert tx.status == status
    if status == 415:
        assert tx.headers["Accept-Encoding"] == "gzip, deflate"
