"""RFC 5263: which documents a watcher of application/pidf-diff+xml is sent, and their versions."""

import gzip
from dataclasses import replace

import pytest

from presence.config import PresenceConfig
from presence.package import EventPackage
from presence.packages.presence import presence_package
from presence.partial.document import MEDIA_TYPE, Numbered, difference
from presence.partial.package import with_partial
from presence.partial.publish import DIFF, FULL
from presence.policy.policy import Decision, SubHandling
from sip.authenticator import Identity
from sip.uri import AoR
from store.values import Publication, ResourceState
from tests.presence.fakes import (
    ALICE,
    NOON,
    PRESENCE,
    FakeStore,
    House,
    Sent,
    pidf,
    publish_request,
    settle,
    subscribe_request,
)
from tests.presence.filters.filter_documents import include, what
from tests.presence.partial.partial_watcher import PartialWatcher, canonical
from tests.presence.test_filtered import subscribe
from xmldoc.parse import parse

ACCEPT = "Accept: application/pidf+xml;q=0.3, application/pidf-diff+xml;q=1"
MORE = "".join(
    f'<tuple id="d{n}"><status><basic>open</basic></status>'
    f"<contact>sip:device-{n}@example.com</contact></tuple>"
    for n in range(3)
)


def document(note: str = "here") -> bytes:
    """A state of alice that is mostly like her others."""
    return pidf(note, more=MORE)


def partial_house(**more: object) -> House:
    package = with_partial(presence_package(min_interval=0))
    return House(packages={"presence": package}, **more)  # type: ignore[arg-type] # any of its own


def shape(sent: Sent) -> tuple[str, str]:
    """Root element and version of a NOTIFY."""
    assert sent.request.get("content-type") == MEDIA_TYPE
    root = parse(sent.body)
    return {FULL: "full", DIFF: "diff"}[str(root.tag)], root.get("version") or ""


async def watching(house: House, *more: str, n: int = 1) -> str:
    return await house.watching(ACCEPT, *more, n=n)


async def test_first_the_whole_as_version_1_then_what_changes() -> None:
    """RFC 5263 §4.4: one more each."""
    house = partial_house()
    tag = await house.published(document())
    await house.subscribe(subscribe_request(ACCEPT))
    for note in ("away", "gone"):
        tag = await house.published(document(note), tag)
    sent = house.endpoint.take()
    assert [shape(one) for one in sent] == [("full", "1"), ("diff", "2"), ("diff", "3")]
    watcher = PartialWatcher()
    for one in sent:
        watcher.receive(one.body)
    assert canonical(watcher.document) == canonical(document("gone"))


async def test_a_refresh_brings_the_whole_and_the_count_goes_on() -> None:
    """RFC 5263 §4.4: SHOULD send the full presence document; the version is not reset."""
    house = partial_house()
    tag = await house.published(document())
    to_tag = await watching(house)
    await house.published(document("away"), tag)
    await house.subscribe(subscribe_request(ACCEPT, cseq=2, to_tag=to_tag))
    await house.subscribe(subscribe_request(ACCEPT, "Expires: 0", cseq=3, to_tag=to_tag))
    sent = [shape(one) for one in house.endpoint.take()]
    assert sent == [("diff", "2"), ("full", "3"), ("full", "4")]


async def test_one_notify_at_a_time_and_the_next_builds_on_what_was_answered() -> None:
    """RFC 5263 §4.4: not until the final response; changes meanwhile make one difference."""
    house = partial_house(answering=False)
    tag = await house.published(document())
    await house.subscribe(subscribe_request(ACCEPT))
    (first,) = house.endpoint.take()
    for note in ("one", "two", "three"):
        tag = await house.published(document(note), tag)
    assert house.endpoint.take() == []
    first.answer()
    (second,) = house.endpoint.take()
    assert shape(second) == ("diff", "2")
    assert b"three" in second.body


async def test_after_a_failure_the_whole_with_a_version_of_its_own() -> None:
    """RFC 5263 §4.5: what may have arrived would be thrown away under the same version."""
    house = partial_house(answering=False)
    tag = await house.published(document())
    await house.subscribe(subscribe_request(ACCEPT))
    house.endpoint.take()[0].answer()
    tag = await house.published(document("away"), tag)
    house.endpoint.take()[0].answer(500)
    await house.published(document("gone"), tag)
    (sent,) = house.endpoint.take()
    assert shape(sent) == ("full", "3")


async def test_a_change_in_writing_only_is_not_told() -> None:
    """PRS-09: a difference that changes nothing."""
    house = partial_house()
    tag = await house.published(document())
    await watching(house)
    tag = await house.published(document().replace(b'<?xml version="1.0"?>\n', b""), tag)
    assert house.endpoint.take() == []
    await house.published(document("away"), tag)
    assert shape(house.endpoint.take()[0]) == ("diff", "2")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        pytest.param(("Accept: application/pidf-diff+xml",), MEDIA_TYPE, id="alone"),
        pytest.param((ACCEPT,), MEDIA_TYPE, id="preferred"),
        pytest.param((), "application/pidf+xml", id="no-accept"),
        pytest.param(("Accept: */*",), "application/pidf+xml", id="anything"),
        pytest.param(
            ("Accept: application/pidf+xml, application/pidf-diff+xml;q=0.5",),
            "application/pidf+xml",
            id="liked-less",
        ),
    ],
)
async def test_partial_documents_are_for_those_who_prefer_them(
    accept: tuple[str, ...], chosen: str
) -> None:
    """RFC 5263 §4.3."""
    house = partial_house()
    await house.subscribe(subscribe_request(*accept))
    assert house.endpoint.take()[0].request.get("content-type") == chosen


async def test_a_pending_watcher_gets_version_1_once_it_is_approved() -> None:
    """RFC 5263 §4.4: the first partial notification; NOTIFYs without document do not count."""
    decision = [Decision(SubHandling.CONFIRM)]

    async def authorize(aor: AoR, watcher: Identity, package: str) -> Decision:
        return decision[0]

    house = partial_house(authorize=authorize)
    await house.published(document())
    await house.subscribe(subscribe_request(ACCEPT))
    assert house.endpoint.take()[0].body == b""
    decision[0] = Decision(SubHandling.ALLOW)
    await house.service.reauthorize(ALICE)
    await settle()
    assert shape(house.endpoint.take()[-1]) == ("full", "1")


async def test_polite_block_is_told_as_somebody_offline_is() -> None:
    """RFC 5025 §3.2.1: nothing differs, and changes are not told."""

    async def authorize(aor: AoR, watcher: Identity, package: str) -> Decision:
        return Decision(SubHandling.POLITE_BLOCK)

    offline, blocked = partial_house(), partial_house(authorize=authorize)
    tag = await blocked.published(document())
    told = []
    for house in (offline, blocked):
        await house.subscribe(subscribe_request(ACCEPT))
        told.append(house.endpoint.take()[0])
    assert told[0].body == told[1].body
    assert told[0].request.get("sip-etag") == told[1].request.get("sip-etag")
    await blocked.published(document("away"), tag)
    assert blocked.endpoint.take() == []


async def test_nothing_published_and_nothing_to_say_is_an_empty_document() -> None:
    """PRS-05: where the neutral document is no document, a watcher hears that the rest is gone."""
    package = with_partial(presence_package(min_interval=0, neutral="empty"))
    house = House(packages={"presence": package})
    tag = await house.published(document())
    await watching(house)
    await house.publish(publish_request(b"", "Expires: 0", f"SIP-If-Match: {tag}"))
    (sent,) = house.endpoint.take()
    assert (shape(sent), len(parse(sent.body))) == (("full", "2"), 0)


async def test_the_entity_tag_is_that_of_the_state() -> None:
    """RFC 5839 §6.4: whatever the body tells of it."""
    house = partial_house()
    tag = await house.published(document())
    await watching(house, n=1)
    await house.published(document("away"), tag)
    (changed,) = house.endpoint.take()
    await house.subscribe(subscribe_request(ACCEPT, call_id="other@b", from_tag="w2"))
    (whole,) = house.endpoint.take()
    assert shape(changed)[0] != shape(whole)[0]
    assert changed.request.get("sip-etag") == whole.request.get("sip-etag")


async def test_a_watcher_that_has_the_state_goes_on_with_its_version() -> None:
    """RFC 5839 §6.3: a 204 counts as no document."""
    house = partial_house()
    tag = await house.published(document())
    tx = await house.subscribe(subscribe_request(ACCEPT))
    etag = house.endpoint.take()[0].request.get("sip-etag")
    again = subscribe_request(ACCEPT, f"Suppress-If-Match: {etag}", cseq=2, to_tag=tx.to_tag)
    assert (await house.subscribe(again)).status == 204
    await house.published(document("away"), tag)
    assert [shape(one) for one in house.endpoint.take()] == [("diff", "2")]


async def test_a_new_subscription_of_who_has_the_state_begins_with_the_whole() -> None:
    """RFC 5839 §6.2, RFC 5263 §4.4: its counter begins with the first document."""
    house = partial_house()
    tag = await house.published(document())
    await house.subscribe(subscribe_request(ACCEPT))
    etag = house.endpoint.take()[0].request.get("sip-etag")
    await house.subscribe(
        subscribe_request(ACCEPT, f"Suppress-If-Match: {etag}", call_id="b@b", from_tag="w2")
    )
    assert house.endpoint.take()[0].body == b""
    await house.published(document("away"), tag)
    first, second = house.endpoint.take()
    assert (shape(first), shape(second)) == (("diff", "2"), ("full", "1"))


async def test_a_filter_leaves_what_changes_are_told_of() -> None:
    """RFC 4660 §5.3: what it hides is neither shown nor told."""
    house = partial_house()
    tag = await house.published(document())
    await house.subscribe(subscribe(what(include("//pidf:basic")), ACCEPT))
    (first,) = house.endpoint.take()
    tag = await house.published(document("away"), tag)
    assert house.endpoint.take() == []
    await house.published(document("away").replace(b">open<", b">closed<", 1), tag)
    (changed,) = house.endpoint.take()
    watcher = PartialWatcher()
    for sent in (first, changed):
        watcher.receive(sent.body)
    assert shape(changed) == ("diff", "2")
    assert (watcher.document.count(b"<basic>closed"), watcher.document.count(b"<note")) == (1, 0)


async def test_parts_are_compressed_as_wholes_are() -> None:
    """RFC 3261 §20.12: for who accepts it, and where it pays."""
    house = partial_house(config=PresenceConfig(compress=400))
    tag = await house.published(document())
    await house.subscribe(subscribe_request(ACCEPT, "Accept-Encoding: gzip"))
    await house.published(document("away"), tag)
    first, changed = house.endpoint.take()
    assert first.request.get("content-encoding") == "gzip"
    assert changed.request.get("content-encoding") is None
    watcher = PartialWatcher()
    for body in (gzip.decompress(first.body), changed.body):
        watcher.receive(body)
    assert canonical(watcher.document) == canonical(document("away"))


async def test_after_an_adoption_the_whole_with_a_higher_version() -> None:
    """RFC 5263 §4.4: versions never run backwards, whichever process counts."""
    store = FakeStore()
    before = partial_house(store=store)
    tag = await before.published(document())
    await watching(before)
    await before.published(document("away"), tag)
    (last,) = before.endpoint.take()
    await before.service.sweep()
    await settle()
    (row,) = store.rows.values()
    state = store.state(PRESENCE)
    body = Publication("p", "p.1", NOON + 60, "application/pidf+xml", document("gone"), NOON)
    store.states[PRESENCE] = ResourceState(state.version + 1, (body,))
    store.orphans.append(row.id)
    after = partial_house(store=store)
    after.service._recovery.adopt_soon()
    (sent,) = await after.endpoint.next()
    assert shape(sent)[0] == "full"
    assert int(shape(sent)[1]) > int(shape(last)[1])


async def test_a_thousand_watchers_cost_one_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """BND-01: whatever their versions are."""
    made = []

    def counted(old: bytes, new: bytes) -> Numbered | None:
        made.append(old)
        return difference(old, new)

    monkeypatch.setattr("presence.partial.kept_differences.difference", counted)
    house = partial_house(config=PresenceConfig(max_subscriptions_per_watcher=5000))
    tag = await house.published(document())
    for number in range(1000):
        await watching(house, n=number)
        if number == 500:
            tag = await house.published(document("away"), tag)
            house.endpoint.take()
    made.clear()
    await house.published(document("gone"), tag)
    assert {shape(one) for one in house.endpoint.take()} == {("diff", "2"), ("diff", "3")}
    assert len(made) == 1


def test_a_package_that_nobody_publishes_is_not_patched() -> None:
    base: EventPackage = replace(presence_package(), publish_types=())
    package = with_partial(base)
    assert (package.patch_types, package.patch) == ((), None)
    assert package.content_types == ("application/pidf+xml", MEDIA_TYPE)
