"""XDF-01 to XDF-04: the road from an HTTP write to a NOTIFY (RFC 5875 §4)."""

from collections.abc import Awaitable, Callable

import pytest
from lxml import etree

from sip.authenticator import Identity
from sip.uri import AoR
from store.errors import StoreUnavailable
from store.values import DocumentKey
from tests.presence.fakes import settle
from tests.xcap.diff.diffkit import (
    CAROL,
    HOME,
    LIST,
    OTHER,
    ROOT_URL,
    SHARED,
    Desk,
    Told,
    chained,
    friends,
    uri_list,
)
from tests.xcap.memorystore import ALICE, BOB
from xcap.diff.request import Mode
from xmldoc.patch import apply

Read = Callable[..., Awaitable[object]]
ENTRY = f"{LIST}/~~/resource-lists/list%5B1%5D/entry%5B@uri=%22sip:bob@example.com%22%5D"
NAME = f"{LIST}/~~/resource-lists/list%5B1%5D/@name"


@pytest.fixture
async def desk() -> Desk:
    return Desk()


async def test_the_first_notify_tells_every_document_that_is_there(desk: Desk) -> None:
    """RFC 5875 §4.7: with its new-etag only; xcap-root is absolute (RFC 5874 §3)."""
    one, two = await desk.put(LIST, friends("bob")), await desk.put(OTHER, friends())
    _, told = await desk.follow(HOME)
    assert told.changes == [(LIST, None, one), (OTHER, None, two)]
    assert told.root.get("xcap-root") == ROOT_URL


async def test_nothing_there_is_an_empty_document(desk: Desk) -> None:
    """RFC 5875 appendix A.5."""
    _, told = await desk.follow(LIST, ENTRY, NAME)
    assert (told.documents, told.components) == ([], {})


async def test_what_is_missing_is_told_when_it_appears(desk: Desk) -> None:
    """RFC 5875 §4.7: a resource that cannot be located is pending, no error."""
    await desk.follow(LIST, ENTRY, NAME)
    etag = await desk.put(LIST, friends("bob"))
    told = await desk.told()
    assert told.changes == [(LIST, None, etag)]
    assert told.components[NAME] == "friends"
    assert "<display-name>bob</display-name>" in (told.components[ENTRY] or "")


async def test_a_change_is_told_with_both_entity_tags_and_a_removal_with_one(desk: Desk) -> None:
    """RFC 5874 §3, figure 1."""
    old = await desk.put(LIST, friends())
    await desk.follow(HOME)
    new = await desk.put(LIST, friends("bob"))
    assert (await desk.told()).documents == [(LIST, old, new, ())]
    await desk.delete(LIST)
    assert (await desk.told()).documents == [(LIST, new, None, ())]


async def test_only_what_changed_is_told(desk: Desk) -> None:
    """RFC 5875 §A.3: a NOTIFY adds to those before."""
    await desk.put(LIST, friends())
    await desk.follow(HOME)
    other = await desk.put(OTHER, friends())
    assert (await desk.told()).changes == [(OTHER, None, other)]


async def test_components_are_told_when_they_change_and_no_others(desk: Desk) -> None:
    """RFC 5875 §4.7, RFC 5874 §3: content, then `exists` once they are gone."""
    await desk.put(LIST, friends("bob"))
    _, first = await desk.follow(ENTRY, NAME)
    assert set(first.components) == {ENTRY, NAME}
    await desk.put(LIST, friends("bob", note="colleagues"))
    assert (await desk.told()).components == {NAME: "colleagues"}
    await desk.put(LIST, friends("joe", note="colleagues"))
    assert (await desk.told()).components == {ENTRY: None}
    await desk.delete(LIST)
    assert (await desk.told()).components == {NAME: None}


async def test_an_element_put_by_itself_is_heard_of(desk: Desk) -> None:
    """RFC 5875 §4.1: a component by its URI, whichever way it changed."""
    await desk.put(LIST, friends())
    await desk.follow(ENTRY)
    await desk.put(ENTRY, b'<entry uri="sip:bob@example.com"/>')
    assert list((await desk.told()).components) == [ENTRY]


async def test_a_document_that_came_and_went_between_two_notifies_is_not_told(desk: Desk) -> None:
    """RFC 5875 §4.7: only one NOTIFY is in flight; the next tells what there is then."""
    desk.endpoint.answering = False
    await desk.ask(uri_list(HOME))
    (first,) = await desk.sent()
    await desk.put(LIST, friends())
    await desk.delete(LIST)
    assert await desk.quiet()
    first.answer()
    assert await desk.quiet()


async def test_sel_is_the_uri_as_it_was_written(desk: Desk) -> None:
    """RFC 5875 §4.6: octet by octet, except in collections, which go on from their own."""
    etag = await desk.put(LIST, friends("bob"))
    odd = LIST.replace("@", "%40")
    absolute = f"http://xcap.example.com/xcap-root/{OTHER}"
    other = await desk.put(OTHER, friends())
    _, told = await desk.follow(odd, absolute)
    assert told.changes == [(odd, None, etag), (absolute, None, other)]


async def test_a_document_in_two_selections_is_told_once(desk: Desk) -> None:
    """RFC 5875 §4.7: no overlapping responses; the name given to it wins over the collection's."""
    etag = await desk.put(LIST, friends())
    odd = LIST.replace("@", "%40")
    _, told = await desk.follow(HOME, odd, LIST)
    assert told.changes == [(odd, None, etag)]


@pytest.mark.parametrize(
    ("collection", "sels"),
    [
        pytest.param("resource-lists/users/sip:alice@example.com/", [LIST], id="home"),
        pytest.param(
            "resource-lists/users/alice/", ["resource-lists/users/alice/index"], id="own-words"
        ),
        pytest.param("resource-lists/users/", [LIST], id="users-are-oneself"),
        pytest.param("resource-lists/global/", [SHARED], id="global"),
        pytest.param("resource-lists/", [LIST, SHARED], id="usage"),
        pytest.param("./", [LIST, SHARED], id="root"),
        pytest.param("http://elsewhere.example.org/other-root/resource-lists/", [], id="elsewhere"),
        pytest.param("no-such-usage/users/sip:alice@example.com/", [], id="unknown-usage"),
        pytest.param("resource-lists/users/sip:bob@example.com/", [], id="of-another"),
    ],
)
async def test_collections(desk: Desk, collection: str, sels: list[str]) -> None:
    """RFC 5875 §4.1, appendix A.2: all documents below that may be read."""
    await desk.put(LIST, friends())
    await desk.put(SHARED, friends(), CAROL)
    await desk.put(LIST.replace("alice", "bob"), friends(), BOB)
    _, told = await desk.follow(collection)
    assert [sel for sel, _, _ in told.changes] == sels


async def test_a_trusted_user_follows_all_directories(desk: Desk) -> None:
    await desk.put(LIST, friends())
    _, told = await desk.follow("resource-lists/users/", who=CAROL)
    assert [sel for sel, _, _ in told.changes] == [LIST]
    bobs = await desk.put(LIST.replace("alice", "bob"), friends(), BOB)
    assert (await desk.told()).changes == [(LIST.replace("alice", "bob"), None, bobs)]


async def test_what_may_not_be_read_is_left_out_until_it_may(desk: Desk) -> None:
    """RFC 5875 §4.7: read privilege decides, at every NOTIFY; withdrawn, nothing is told."""
    etag = await desk.put(LIST, friends("bob"))
    _, told = await desk.follow(LIST, ENTRY, HOME, who=BOB)
    assert (told.documents, told.components) == ([], {})
    desk.grant(ALICE, BOB)
    told = await desk.told()
    assert (told.changes, list(told.components)) == ([(LIST, None, etag)], [ENTRY])
    desk.withdraw(ALICE)
    await desk.put(LIST, friends())
    await desk.delete(LIST)
    assert await desk.quiet()


async def test_changes_made_while_access_was_withdrawn_stay_unknown(desk: Desk) -> None:
    await desk.put(LIST, friends())
    desk.grant(ALICE, BOB)
    await desk.follow(HOME, mode="xcap-patching", who=BOB)
    desk.withdraw(ALICE)
    await desk.sent()
    await desk.put(LIST, friends("secret"))
    last = await desk.put(LIST, friends("bob"))
    desk.grant(ALICE, BOB)
    assert (await desk.told()).documents == [(LIST, None, last, ())]


async def test_what_was_between_two_versions_of_others_documents_is_not_told(desk: Desk) -> None:
    """RFC 5875 §7: the watcher may have had no right to see it, however short that was."""
    body = friends(*(f"friend{number}" for number in range(20)))
    old = await desk.put(LIST, body)
    desk.grant(ALICE, BOB)
    desk.endpoint.answering = False
    await desk.ask(uri_list(LIST), mode="xcap-patching", who=Identity(BOB, "digest"))
    (first,) = await desk.sent()
    desk.withdraw(ALICE)
    await desk.put(LIST, body.replace(b">friend7<", b">secret<"))
    new = await desk.put(LIST, body.replace(b">friend9<", b">known<"))
    desk.grant(ALICE, BOB)
    first.answer()
    told = await desk.told()
    assert [change[1:] for change in told.changes] == [(old, new)]
    assert b"known" in etree.tostring(told.root)
    assert b"secret" not in etree.tostring(told.root)


async def test_nobody_in_particular_may_not_subscribe(desk: Desk) -> None:
    """RFC 5875 §7."""
    tx = await desk.ask(uri_list(SHARED), who=Identity(None, "none"))
    assert tx.status == 403


@pytest.mark.parametrize(
    ("mode", "told_by"),
    [
        (None, [("e1", "e4", 0)]),
        ("no-patching", [("e1", "e4", 0)]),
        ("no-such-mode", [("e1", "e4", 0)]),
        ("xcap-patching", [("e1", "e2", 1), ("e2", "e3", 1), ("e3", "e4", 1)]),
        ("aggregate", [("e1", "e4", 1)]),
    ],
)
async def test_modes(desk: Desk, mode: str | None, told_by: list[tuple[str, str, int]]) -> None:
    """RFC 5875 §4.3: three changes while a NOTIFY is in flight, told by the next one."""
    body = friends(*(f"friend{number}" for number in range(20)))
    await desk.put(LIST, body)
    desk.endpoint.answering = False
    await desk.ask(uri_list(LIST), mode=mode)
    (first,) = await desk.sent()
    for name in (b"one", b"two", b"three"):
        await desk.put(LIST, body.replace(b">friend7<", b">%b<" % name))
    assert await desk.quiet()
    first.answer()
    told = await desk.told()
    assert [(old, new, len(ops)) for old, new, ops in told.patches(LIST)] == told_by
    assert chained(told.changes, LIST)[-1] == "e4"


async def test_a_deletion_is_part_of_the_history(desk: Desk) -> None:
    """RFC 5875 §4.3: with all patches the full history, else the outcome."""
    for mode, told_by in (
        ("xcap-patching", [("e1", None), (None, "e3"), ("e3", "e4")]),
        ("aggregate", [("e1", "e4")]),
    ):
        desk = Desk()
        await desk.put(LIST, friends("bob"))
        desk.endpoint.answering = False
        await desk.ask(uri_list(LIST), mode=mode)
        (first,) = await desk.sent()
        await desk.delete(LIST)
        await desk.put(LIST, friends("joe"))
        await desk.put(LIST, friends("bob"))
        first.answer()
        assert [change[1:] for change in (await desk.told()).changes] == told_by


async def test_a_refresh_tells_everything_and_replaces_the_list(desk: Desk) -> None:
    """RFC 5875 §4.4, §4.7."""
    await desk.put(LIST, friends())
    two = await desk.put(OTHER, friends())
    tag, _ = await desk.follow(LIST)
    await desk.ask(uri_list(OTHER), to_tag=tag, cseq=2)
    assert (await desk.told()).changes == [(OTHER, None, two)]
    await desk.put(LIST, friends("bob"))
    assert await desk.quiet()
    three = await desk.put(OTHER, friends("bob"))
    assert (await desk.told()).changes == [(OTHER, two, three)]


async def test_a_refresh_without_a_body_keeps_the_list_and_takes_the_mode(desk: Desk) -> None:
    """RFC 5875 §4.3: the mode may change with every SUBSCRIBE."""
    await desk.put(LIST, friends("bob"))
    tag, _ = await desk.follow(LIST)
    await desk.ask(b"", to_tag=tag, cseq=2, mode="aggregate")
    assert (await desk.told()).changes == [(LIST, None, "e1")]
    assert desk.house.store.rows[tag].content.startswith(f'["{Mode.AGGREGATE}"')


async def test_a_fetch_tells_what_is_there_and_is_over(desk: Desk) -> None:
    """RFC 5875 appendix A.2: Expires 0 is as a PROPFIND."""
    etag = await desk.put(LIST, friends())
    await desk.ask(uri_list(HOME), "Expires: 0")
    (sent,) = await desk.sent()
    assert Told.read(sent.body).changes == [(LIST, None, etag)]
    assert sent.state.startswith("terminated")


async def test_a_notify_that_timed_out_ends_the_subscription(desk: Desk) -> None:
    """RFC 5875 §4.7."""
    await desk.follow(HOME)
    desk.endpoint.answering = False
    await desk.put(LIST, friends())
    (sent,) = await desk.sent()
    sent.time_out()
    await settle()
    await desk.put(LIST, friends("bob"))
    assert await desk.quiet()
    assert desk.house.store.rows == {}


async def test_after_a_notify_that_failed_everything_is_told_removals_too(desk: Desk) -> None:
    """RFC 5875 §4.7: a removal is told consistently."""
    etag = await desk.put(LIST, friends())
    await desk.follow(HOME)
    desk.endpoint.answering = False
    await desk.delete(LIST)
    (sent,) = await desk.sent()
    sent.answer(500)
    other = await desk.put(OTHER, friends())
    assert (await desk.told()).changes == [(LIST, etag, None), (OTHER, None, other)]


async def test_changes_are_told_at_once_and_then_every_few_seconds() -> None:
    """RFC 5875 §4.10."""
    desk = Desk(interval=5.0)
    await desk.follow(HOME)
    await desk.put(LIST, friends())
    assert len(await desk.sent()) == 1
    await desk.put(LIST, friends("bob"))
    assert await desk.quiet()
    assert [live.timer is not None for live in desk.house.service.engine.index] == [True]


async def test_an_adopted_subscription_goes_on_with_everything(desk: Desk) -> None:
    """EVT-15: what is named and gone is said to be gone (ADR 3)."""
    gone = await desk.put(LIST, friends("bob"))
    there = await desk.put(OTHER, friends())
    tag, _ = await desk.follow(LIST, OTHER, ENTRY, mode="aggregate")
    desk.house.service.engine.forget(next(iter(desk.house.service.engine.index)))
    await desk.delete(LIST)
    desk.house.store.orphans.append(tag)
    await desk.house.service._recovery.adopt()
    told = await desk.told()
    assert told.changes == [(LIST, gone, None), (OTHER, None, there)]
    assert told.components == {ENTRY: None}
    again = await desk.put(OTHER, friends("bob"))
    assert (await desk.told()).changes == [(OTHER, there, again)]


async def test_what_cannot_be_read_is_read_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that is away delays a NOTIFY and loses none."""
    await desk.follow(HOME)
    etag = await desk.put(LIST, friends())
    assert (await desk.told()).changes == [(LIST, None, etag)]
    listing = desk.store.infos_of_usage

    async def away(*asked: object) -> list[object]:
        raise StoreUnavailable("away")

    monkeypatch.setattr(desk.store, "infos_of_usage", away)
    new = await desk.put(LIST, friends("bob"))
    assert await desk.quiet()
    monkeypatch.setattr(desk.store, "infos_of_usage", listing)
    desk.clock.now += 10
    (live,) = desk.house.service.engine.index
    desk.house.service.engine.notifier.pump(live, desk.clock.now)
    assert (await desk.told()).changes == [(LIST, etag, new)]


async def test_computed_documents_are_followed_too(desk: Desk) -> None:
    """RFC 5875 §4.1 makes no difference; they move with what they are made of."""
    directory = "org.openmobilealliance.xcap-directory/users/sip:alice@example.com/directory.xml"
    _, first = await desk.follow(directory)
    await desk.put(LIST, friends())
    ((sel, previous, new),) = (await desk.told()).changes
    assert sel == directory
    assert (previous is None) != bool(first.changes)
    assert new is not None


async def test_patches_lead_from_the_document_told_to_the_present_one(desk: Desk) -> None:
    """RFC 5874 §3, RFC 5261."""
    body = friends(*(f"friend{number}" for number in range(20)))
    await desk.put(LIST, body)
    await desk.follow(LIST, mode="xcap-patching")
    changed = body.replace(b">friend7<", b">seven<")
    await desk.put(LIST, changed)
    told = await desk.told()
    (patch,) = told.patches(LIST)
    assert patch[:2] == ("e1", "e2")
    assert canonical(apply(body, patch[2])) == canonical(changed)


async def test_only_the_entity_tag_changed(desk: Desk) -> None:
    """RFC 5874 §3: body-not-changed."""
    await desk.put(LIST, friends("bob"))
    await desk.follow(LIST, mode="aggregate")
    await desk.put(LIST, friends("bob"))
    assert (await desk.told()).documents == [(LIST, "e1", "e2", ("body-not-changed",))]


async def test_versions_that_are_gone_leave_entity_tags(desk: Desk) -> None:
    """RFC 5875 §4.7: no patch where there is none; the chain goes on."""
    await desk.put(LIST, friends("bob"))
    await desk.follow(LIST, mode="xcap-patching")
    key = DocumentKey("resource-lists", ALICE, "index")
    desk.store.kept[key].clear()
    await desk.put(LIST, friends("joe"))
    assert (await desk.told()).documents == [(LIST, "e1", "e2", ())]


def canonical(document: bytes) -> bytes:
    return etree.tostring(etree.fromstring(document), method="c14n")


async def test_many_watchers_of_one_document_cost_one_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decision 2: nothing talks to the database one row at a time."""
    await desk.put(SHARED, friends("bob"), CAROL)
    for number in range(50):
        who = Identity(AoR(f"sip:user{number}@example.com"), "asserted")
        await desk.ask(uri_list("resource-lists/global/"), mode="xcap-patching", who=who)
    await desk.sent()
    reads: list[str] = []
    for name in ("infos_of_usage", "document_versions"):
        monkeypatch.setattr(desk.store, name, counted(getattr(desk.store, name), reads))
    await desk.put(SHARED, friends("joe"), CAROL)
    assert len(await desk.sent()) == 50
    assert len(reads) <= 4


def counted(read: Read, reads: list[str]) -> Read:
    async def counting(*asked: object, **more: object) -> object:
        reads.append(read.__name__)
        return await read(*asked, **more)

    return counting


@pytest.mark.parametrize("uri", [BOB, "sip:example.com", "sip:xcap@example.com", "sip:192.0.2.1"])
async def test_the_request_uri_is_that_of_the_server(desk: Desk, uri: str) -> None:
    """RFC 5875 §4.4: any that leads here; what is followed is in the body."""
    etag = await desk.put(LIST, friends())
    tx = await desk.ask(uri_list(LIST), uri=uri)
    assert tx.status == 200
    assert (await desk.told()).changes == [(LIST, None, etag)]
    (row,) = desk.house.store.rows.values()
    assert row.resource.aor == ALICE
