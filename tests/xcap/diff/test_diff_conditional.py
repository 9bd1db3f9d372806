"""XDF-05: conditional subscriptions to xcap-diff (RFC 5875 §4.7, RFC 5839)."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from presence.package import Asking
from store.errors import StoreUnavailable
from tests.presence.fakes import FakeTransaction, Sent, settle
from tests.xcap.diff.diffkit import HOME, LIST, OTHER, Desk, Told, friends, uri_list
from tests.xcap.memorystore import ALICE, BOB

ENTRY = f"{LIST}/~~/resource-lists/list%5B1%5D/entry%5B@uri=%22sip:bob@example.com%22%5D"
NAME = f"{LIST}/~~/resource-lists/list%5B1%5D/@name"
LONG_LIST = f"http://xcap.example.com/xcap-root/{LIST}"


@pytest.fixture
async def desk() -> Desk:
    desk = Desk()
    await desk.put(LIST, friends("bob"))
    return desk


def tag_of(sent: Sent) -> str:
    (tag,) = sent.request.all("sip-etag")
    return tag


async def begin(desk: Desk, *uris: str, expires: int = 600) -> tuple[str, str]:
    """Subscribe; our tag, and the entity-tag of the first NOTIFY."""
    tx = await desk.ask(uri_list(*uris), f"Expires: {expires}")
    assert tx.to_tag is not None
    (first,) = await desk.sent()
    return tx.to_tag, tag_of(first)


async def again(
    desk: Desk, to_tag: str | None, condition: str, *uris: str, cseq: int = 2, expires: int = 600
) -> FakeTransaction:
    """SUBSCRIBE with a condition, and with a list if there are URIs."""
    more = (f"Suppress-If-Match: {condition}", f"Expires: {expires}")
    return await desk.ask(uri_list(*uris) if uris else b"", *more, to_tag=to_tag, cseq=cseq)


async def asked(desk: Desk, *uris: str) -> str:
    """The entity-tag that a fetch shows."""
    return (await begin(desk, *uris, expires=0))[1]


@pytest.mark.parametrize("uris", [(), (HOME, ENTRY, NAME), (NAME, HOME, ENTRY)])
async def test_a_refresh_of_the_same_list_is_204(desk: Desk, uris: tuple[str, ...]) -> None:
    """RFC 5875 §4.7: without a body, or with the same URIs in any order."""
    to_tag, etag = await begin(desk, HOME, ENTRY, NAME)
    assert (await again(desk, to_tag, etag, *uris)).status == 204
    assert await desk.quiet()


@pytest.mark.parametrize("uris", [(HOME,), (HOME, ENTRY, NAME, OTHER), (LIST, ENTRY, NAME)])
async def test_another_list_is_another_state(desk: Desk, uris: tuple[str, ...]) -> None:
    """RFC 5875 §4.7: the list is looked at, also where nothing is there."""
    to_tag, etag = await begin(desk, HOME, ENTRY, NAME)
    assert (await again(desk, to_tag, etag, *uris)).status == 200
    (sent,) = await desk.sent()
    assert Told.read(sent.body).documents
    assert tag_of(sent) != etag


async def test_the_order_of_the_list_does_not_matter(desk: Desk) -> None:
    """RFC 5875 §4.7, though overlapping URIs are told by the first of them."""
    lists = [(LIST, LONG_LIST, OTHER), (OTHER, LONG_LIST, LIST), (LIST, OTHER, LONG_LIST, LIST)]
    assert len({await asked(desk, *uris) for uris in lists}) == 1
    assert await asked(desk, LIST, OTHER) != await asked(desk, LIST, LONG_LIST, OTHER)


async def test_a_delta_has_the_tag_of_the_whole(desk: Desk) -> None:
    """RFC 5839 §6.4: what a fetch shows and what the changes led to have one tag."""
    to_tag, etag = await begin(desk, HOME, NAME)
    await desk.put(OTHER, friends())
    (change,) = await desk.sent()
    assert Told.read(change.body).changes[0][0] == OTHER
    assert tag_of(change) not in ("", etag)
    assert tag_of(change) == await asked(desk, NAME, HOME)
    assert (await again(desk, to_tag, tag_of(change))).status == 204
    assert await desk.quiet()


async def test_after_a_change_that_was_not_told_everything_is(desk: Desk) -> None:
    """RFC 5875 §4.7: no match, so the full state."""
    slow = Desk(interval=5.0)
    await slow.put(LIST, friends("bob"))
    to_tag, etag = await begin(slow, HOME)
    await slow.put(OTHER, friends())
    await slow.sent()
    last = await slow.put(LIST, friends("joe"))
    assert (await again(slow, to_tag, etag)).status == 200
    told = await slow.told()
    assert [(sel, new) for sel, _, new in told.changes if sel == LIST] == [(LIST, last)]
    assert len(told.changes) == 2


async def test_changes_after_a_204_go_on_from_there(desk: Desk) -> None:
    """RFC 5875 §4.7: previous-etag is the one that the watcher has."""
    to_tag, _ = await begin(desk, HOME)
    one = await desk.put(LIST, friends("joe"))
    (sent,) = await desk.sent()
    assert (await again(desk, to_tag, tag_of(sent))).status == 204
    two = await desk.put(LIST, friends())
    assert (await desk.told()).changes == [(LIST, one, two)]


async def test_a_reordered_list_is_told_by_its_own_uris(desk: Desk) -> None:
    """RFC 5875 §4.6: after a 204 too."""
    to_tag, etag = await begin(desk, LIST, LONG_LIST)
    assert (await again(desk, to_tag, etag, LONG_LIST, LIST)).status == 204
    await desk.put(LIST, friends())
    (change,) = (await desk.told()).changes
    assert (change[0], change[1] is not None) == (LONG_LIST, True)


async def test_to_resume_and_to_poll(desk: Desk) -> None:
    """RFC 5839 §5.4, §5.5: a NOTIFY without body, then changes as ever."""
    etag = await asked(desk, HOME)
    assert (await again(desk, None, etag, HOME, expires=0)).status == 200
    (polled,) = await desk.sent()
    assert (polled.body, tag_of(polled)) == (b"", etag)
    assert (await again(desk, None, etag, HOME)).status == 200
    (resumed,) = await desk.sent()
    assert (resumed.body, resumed.state[:6]) == (b"", "active")
    new = await desk.put(LIST, friends())
    ((sel, previous, told),) = (await desk.told()).changes
    assert (sel, previous is not None, told) == (LIST, True, new)


async def test_unsubscribing_is_204(desk: Desk) -> None:
    """RFC 5839 §5.7."""
    to_tag, etag = await begin(desk, HOME)
    assert (await again(desk, to_tag, etag, expires=0)).status == 204
    await desk.put(LIST, friends())
    assert await desk.quiet()


async def test_a_star_keeps_quiet_and_the_next_refresh_tells_all(desk: Desk) -> None:
    """RFC 5839 §5.2: the chain of entity-tags goes on from the last one told."""
    to_tag, etag = await begin(desk, HOME)
    assert (await again(desk, to_tag, "*")).status == 204
    await desk.put(LIST, friends())
    last = await desk.put(OTHER, friends())
    await desk.delete(LIST)
    assert await desk.quiet()
    assert (await again(desk, to_tag, etag, cseq=3)).status == 200
    told = await desk.told()
    assert {(sel, new) for sel, _, new in told.changes} == {(OTHER, last), (LIST, None)}


async def test_a_tag_tells_nothing_of_what_may_not_be_read(desk: Desk) -> None:
    """RFC 5875 §4.7: what is hidden and what is not there look the same."""
    bobs = "resource-lists/users/sip:bob@example.com/index"
    node = f"{bobs}/~~/resource-lists/list/@name"
    missing = await asked(desk, bobs, node)
    await desk.put(bobs, friends(), BOB)
    assert await asked(desk, bobs, node) == missing
    desk.grant(BOB, ALICE)
    shown = await asked(desk, bobs, node)
    assert shown != missing
    desk.withdraw(BOB)
    assert await asked(desk, bobs, node) == missing


async def test_a_tag_holds_when_the_process_is_another(desk: Desk) -> None:
    """RFC 5839 §4: of a subscription that another process opened."""
    to_tag, etag = await begin(desk, HOME, ENTRY)
    desk.house.service.engine.forget(next(iter(desk.house.service.engine.index)))
    assert (await again(desk, to_tag, etag)).status == 204
    assert await desk.quiet()
    await desk.put(LIST, friends())
    told = await desk.told()
    assert (told.changes[0][1] is not None, told.components) == (True, {ENTRY: None})


def loading(desk: Desk, before: Callable[[], Awaitable[None]]) -> None:
    """From now on `before` is awaited once the package has read what a NOTIFY is made of."""
    packages = desk.house.service._core.packages
    assert isinstance(packages, dict)
    package = packages["xcap-diff"]

    async def load(asking: Asking) -> object:
        assert package.load is not None
        loaded = await package.load(asking)
        await before()
        return loaded

    packages["xcap-diff"] = replace(package, load=load)


async def test_a_condition_that_cannot_be_looked_at_is_false(desk: Desk) -> None:
    """RFC 5839 §6.3: the refresh holds, its NOTIFY comes when the store is back."""
    away = list[bool]()

    async def fail() -> None:
        if away:
            raise StoreUnavailable("away")

    loading(desk, fail)
    to_tag, etag = await begin(desk, HOME)
    away.append(True)
    assert (await again(desk, to_tag, etag)).status == 200
    assert await desk.quiet()
    away.clear()
    desk.clock.now += 5
    desk.house.service._alarm._ring()
    (sent,) = await desk.sent()
    assert (sent.body, tag_of(sent)) == (b"", etag)


async def test_a_change_while_the_condition_is_looked_at_makes_it_false(desk: Desk) -> None:
    """RFC 5875 §4.7: the chain of entity-tags goes on from what was told last."""
    due, made = list[bool](), list[str]()

    async def put() -> None:
        if due:
            due.clear()
            made.append(await desk.put(LIST, friends("joe")))
            await settle(60)

    loading(desk, put)
    to_tag, etag = await begin(desk, LIST)
    due.append(True)
    assert (await again(desk, to_tag, etag)).status == 200
    (full,) = await desk.sent()
    assert tag_of(full) != etag
    last = await desk.put(LIST, friends())
    assert (await desk.told()).changes == [(LIST, made[0], last)]
