"""A new subscription of a rebooted phone replaces its older one (EVT-13)."""

import pytest

from presence.config import PresenceConfig, ReplaceName
from presence.subscriptions.device import MAX_DEVICE, device_of
from presence.subscriptions.wishes import Wishes, read_wishes
from sip.authenticator import Identity
from store.values import Change, Kind
from tests.presence.fakes import AS_ALICE, AS_BOB, House, pidf, settle, subscribe_request

DESK = "<sip:bob@192.0.2.9:5060>"
OTHER = "<sip:bob@192.0.2.10:5060>"
URN = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
WITH_INSTANCE = f'{DESK};+sip.instance="<{URN}>"'
MOVED = f'<sip:bob@192.0.2.9:7070>;+sip.instance="<{URN}>"'
GRUU = f"<sip:bob@example.com;gr={URN}>"
ANOTHER = f'{DESK};+sip.instance="<urn:uuid:00000000-0000-0000-0000-000000000001>"'
NOBODY = Identity(None, "none")


def house(by: ReplaceName) -> House:
    return House(config=PresenceConfig(domains=frozenset({"example.com"}), replace=by))


async def subscribed(
    one: House,
    contact: str,
    *,
    n: int,
    event: str = "presence",
    identity: Identity = AS_BOB,
    to: str = "sip:alice@example.com",
) -> str:
    """A subscription by a new dialog, and our tag; some time goes by."""
    one.clock.now += 1
    request = subscribe_request(
        contact=contact, call_id=f"sub{n}@192.0.2.9", from_tag=f"w{n}", event=event, uri=to
    )
    tx = await one.subscribe(request, identity)
    assert tx.to_tag is not None
    await settle(30)
    one.endpoint.take()
    return tx.to_tag


@pytest.mark.parametrize(
    ("by", "first", "second", "left"),
    [
        pytest.param("off", DESK, DESK, 2, id="off: both live on"),
        pytest.param("contact", DESK, DESK, 1, id="contact: the same"),
        pytest.param("contact", DESK, OTHER, 2, id="contact: another phone"),
        pytest.param("contact", WITH_INSTANCE, MOVED, 2, id="contact: another port"),
        pytest.param("instance", WITH_INSTANCE, MOVED, 1, id="instance: another port"),
        pytest.param("instance", WITH_INSTANCE, GRUU, 1, id="instance: by its GRUU"),
        pytest.param("instance", WITH_INSTANCE, ANOTHER, 2, id="instance: another one"),
        pytest.param("instance", WITH_INSTANCE, DESK, 2, id="instance: one that names none"),
        pytest.param("instance", DESK, DESK, 1, id="instance: without any, the contact"),
    ],
)
async def test_the_older_one_of_a_device_ends(
    by: ReplaceName, first: str, second: str, left: int
) -> None:
    one = house(by)
    older = await subscribed(one, first, n=1)
    newer = await subscribed(one, second, n=2)
    assert (newer in one.store.rows, len(one.store.rows)) == (True, left)
    assert (older in one.store.rows, one.service.stats.subs_replaced) == (left == 2, 2 - left)
    await one.published(pidf())
    assert len(one.endpoint.take()) == left


async def test_it_ends_without_a_notify() -> None:
    """Whoever has forgotten the dialog would only answer 481."""
    one = house("contact")
    await subscribed(one, DESK, n=1)
    request = subscribe_request(call_id="sub2@192.0.2.9", from_tag="w2")
    one.clock.now += 1
    await one.subscribe(request)
    await settle(30)
    assert [sent.request.call_id for sent in one.endpoint.take()] == ["sub2@192.0.2.9"]


@pytest.mark.parametrize(
    ("event", "identity", "to"),
    [
        pytest.param("presence;id=2", AS_BOB, "sip:alice@example.com", id="another event id"),
        pytest.param("presence", AS_ALICE, "sip:alice@example.com", id="another watcher"),
        pytest.param("presence", AS_BOB, "sip:carol@example.com", id="another resource"),
    ],
)
async def test_others_with_the_contact_live_on(event: str, identity: Identity, to: str) -> None:
    one = house("contact")
    await subscribed(one, DESK, n=1)
    await subscribed(one, DESK, n=2, event=event, identity=identity, to=to)
    assert len(one.store.rows) == 2


async def test_nobody_in_particular_replaces_nothing() -> None:
    """Anybody could say that they have this Contact."""
    one = house("contact")
    await subscribed(one, DESK, n=1, identity=NOBODY)
    await subscribed(one, DESK, n=2, identity=NOBODY)
    assert len(one.store.rows) == 2


async def test_a_refresh_replaces_nothing_and_keeps_the_device() -> None:
    """One that names no instance is of the instance before."""
    one = house("instance")
    tag = await subscribed(one, WITH_INSTANCE, n=1)
    request = subscribe_request(
        contact=DESK, cseq=2, to_tag=tag, call_id="sub1@192.0.2.9", from_tag="w1"
    )
    assert (await one.subscribe(request)).status == 200
    live = one.service.engine.index.get(tag)
    assert live is not None
    assert read_wishes(live.row.accept).device == URN
    await subscribed(one, MOVED, n=2)
    assert tag not in one.store.rows


async def test_one_that_another_process_serves_ends_too() -> None:
    """By its row; the process hears of it by the feed, and tells the watcher nothing."""
    there = house("contact")
    older = await subscribed(there, DESK, n=1)
    here = House(store=there.store, config=PresenceConfig(replace="contact"))
    here.clock.now = there.clock.now
    await subscribed(here, DESK, n=2)
    assert older not in there.store.rows
    there.service.on_change(Change(Kind.SUBSCRIPTION, older, 0))
    await settle(30)
    assert (len(there.service.engine.index), there.endpoint.take()) == (0, [])


@pytest.mark.parametrize(
    ("contact", "device"),
    [
        (WITH_INSTANCE, URN),
        (GRUU, URN),
        ("<sip:bob@example.com;gr=urn%3auuid%3Ax>", "urn:uuid:x"),
        (DESK, ""),
        ("<sip:bob@example.com;gr>", ""),
        (f'{DESK};+sip.instance="<{"x" * (MAX_DEVICE + 1)}>"', ""),
    ],
)
def test_the_instance_of_a_subscribe(contact: str, device: str) -> None:
    """RFC 5626 §4.1; RFC 5627 §3.1."""
    request = subscribe_request(contact=contact)
    assert device_of(request, "instance") == device
    assert device_of(request, "contact") == ""


@pytest.mark.parametrize(
    "wishes",
    [Wishes("a/b"), Wishes("a/b", "gzip"), Wishes("", device=URN), Wishes("a/b", "x", device="y")],
)
def test_the_device_is_kept_with_what_the_watcher_takes(wishes: Wishes) -> None:
    assert read_wishes(str(wishes)) == wishes


def test_what_an_earlier_version_has_kept_names_no_device() -> None:
    assert read_wishes("a/b\ngzip\n") == Wishes("a/b", "gzip")
