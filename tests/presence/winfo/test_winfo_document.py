"""RFC 3858 §3 and RFC 3857 §4: what a watcher information document says, and to whom."""

import re

import pytest
from lxml import etree

from presence.package import Asking, PackageState, Telling, Told
from presence.packages.presence import presence_package
from presence.policy.policy import ALLOW, BLOCK, CONFIRM, Decision, SubHandling
from presence.subscriptions.subscription import Cause, State
from presence.view import View
from presence.winfo.document import ANONYMOUS, MAX_NAME, entity, token_of, write
from presence.winfo.events import ENDINGS, Event, ends_wait, settled
from presence.winfo.package import (
    Seen,
    owner_and_watcher,
    owner_only,
    tell,
    winfo_package,
    with_watcher_information,
)
from sip.authenticator import Identity
from sip.uri import AoR
from store.values import Resource, WatcherRow
from xmldoc.schema import schema

NS = "{urn:ietf:params:xml:ns:watcherinfo}"
NOW = 1_800_000_000.0
ALICE, BOB = AoR("sip:alice@example.com"), AoR("sip:bob@example.com")
RESOURCE = Resource(ALICE, "presence")
TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")


def row(
    name: str = "s1", status: str = "active", event: str = "subscribe", **more: object
) -> WatcherRow:
    one = WatcherRow(
        name, RESOURCE, BOB, status, event, NOW + 600.9, '"Bob" <sip:bob@x>;tag=1', NOW - 30.5
    )
    return one._replace(**more)  # type: ignore[arg-type]  # fields by name


def parsed(body: bytes) -> etree._Element:
    root = etree.fromstring(body)
    assert schema("watcherinfo").check(root) is None
    return root


def shown(body: bytes) -> list[tuple[str | None, str | None]]:
    return [(one.get("status"), one.get("event")) for one in parsed(body).iter(f"{NS}watcher")]


def said(told: Told | None) -> tuple[str | None, list[tuple[str | None, str | None]]]:
    assert told is not None
    return parsed(told.body).get("state"), shown(told.body)


def test_a_watcher_is_shown_with_all_that_is_known() -> None:
    """RFC 3858 §3: mandatory and optional attributes, whole seconds."""
    root = parsed(write(RESOURCE, [row()], version=7, full=True, now=NOW))
    assert dict(root.items()) == {"version": "7", "state": "full"}
    (watchers,) = root
    assert dict(watchers.items()) == {"resource": ALICE, "package": "presence"}
    (watcher,) = watchers
    assert watcher.text == BOB
    assert dict(watcher.items()) == {
        "id": token_of("s1"),
        "status": "active",
        "event": "subscribe",
        "display-name": "Bob",
        "expiration": "600",
        "duration-subscribed": "30",
    }


@pytest.mark.parametrize("status", ["waiting", "terminated"])
def test_what_is_over_has_no_end(status: str) -> None:
    body = write(RESOURCE, [row(status=status, event="timeout")], version=0, full=True, now=NOW)
    assert parsed(body)[0][0].get("expiration") is None


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("<sip:bob@x>;tag=1", None),
        ('"A \\"B\\" & <C>" <sip:bob@x>', 'A "B" & <C>'),
        ('"\udce9\x01\x0b" <sip:bob@x>', None),
        (f'"{"x" * 5000}" <sip:bob@x>', "x" * MAX_NAME),
        ("no address at all", None),
    ],
)
def test_a_display_name_of_any_kind_makes_a_valid_document(address: str, name: str | None) -> None:
    """RFC 3857 §6: whoever subscribes chooses it."""
    body = write(RESOURCE, [row(address=address)], version=0, full=True, now=NOW)
    assert parsed(body)[0][0].get("display-name") == name


def test_who_has_no_identity_is_anonymous() -> None:
    body = write(RESOURCE, [row(watcher="")], version=0, full=True, now=NOW)
    assert parsed(body)[0][0].text == ANONYMOUS


def test_times_never_run_backwards() -> None:
    """A clock of another process may be ahead."""
    early = row(created_at=NOW + 5, expires_at=NOW - 5)
    watcher = parsed(write(RESOURCE, [early], version=0, full=True, now=NOW))[0][0]
    assert (watcher.get("expiration"), watcher.get("duration-subscribed")) == ("0", "0")


def test_the_id_is_a_token_that_is_not_the_tag() -> None:
    """RFC 3858 §3, RFC 3261 §25.1."""
    assert TOKEN.fullmatch(token_of("w\udce9 <>"))
    assert token_of("s1") == token_of("s1") != token_of("s2")
    assert "s1" not in token_of("s1")


def test_the_entity_is_of_the_state_and_not_of_the_time() -> None:
    """RFC 5839 §6.4."""
    one, two = row(), row("s2", "pending")
    assert entity([one, two]) == entity([two, one._replace(expires_at=0.0)])
    assert entity([one, two]) != entity([one, two._replace(status="active")])


def telling(
    *rows: WatcherRow, memory: object = None, full: bool = False, version: int = 1
) -> Telling:
    return Telling(
        ALICE,
        ALICE,
        "",
        PackageState(),
        View("application/watcherinfo+xml"),
        version,
        full,
        memory,
        loaded=Seen(NOW, rows),
    )


def after(*rows: WatcherRow) -> object:
    told = tell("presence", telling(*rows, full=True))
    assert told is not None
    return told.memory


def test_a_subscribe_brings_everybody() -> None:
    """RFC 3857 §4.3: full state, without those that are over."""
    told = tell(
        "presence", telling(row(), row("s2", "waiting"), row("s3", "terminated"), full=True)
    )
    assert said(told) == ("full", [("active", "subscribe"), ("waiting", "subscribe")])


def test_a_change_brings_who_changed() -> None:
    """RFC 3857 §4.7.2."""
    memory = after(row(), row("s2", "pending"))
    told = tell(
        "presence", telling(row(), row("s2", "active", "approved"), row("s3"), memory=memory)
    )
    assert said(told) == ("partial", [("active", "approved"), ("active", "subscribe")])


def test_an_end_is_told_once() -> None:
    ended = row("s2", "terminated", "rejected")
    told = tell("presence", telling(row(), ended, memory=after(row(), row("s2"))))
    assert said(told) == ("partial", [("terminated", "rejected")])
    assert told is not None
    assert tell("presence", telling(row(), ended, memory=told.memory)) is None


def test_who_came_and_went_between_two_documents_is_not_told() -> None:
    """RFC 3857 §4.7.2: no notifications for transient states."""
    ended = row("s2", "terminated", "timeout")
    assert tell("presence", telling(row(), ended, memory=after(row()))) is None


def test_an_end_without_a_reason_makes_the_document_full() -> None:
    told = tell("presence", telling(row(), memory=after(row(), row("s2"))))
    assert said(told) == ("full", [("active", "subscribe")])


def test_a_refresh_of_a_watcher_is_no_change() -> None:
    memory = after(row())
    assert tell("presence", telling(row(expires_at=NOW + 9000), memory=memory)) is None


def test_nobody_watches() -> None:
    assert said(tell("presence", telling(full=True))) == ("full", [])


POLITE = Decision(SubHandling.POLITE_BLOCK)


@pytest.mark.parametrize(
    ("watcher", "inner", "handling", "grant"),
    [
        (ALICE, BLOCK, SubHandling.ALLOW, None),
        (BOB, ALLOW, SubHandling.ALLOW, BOB),
        (BOB, Decision(SubHandling.ALLOW, "some"), SubHandling.ALLOW, BOB),
        (BOB, POLITE, SubHandling.ALLOW, BOB),
        (BOB, CONFIRM, SubHandling.BLOCK, None),
        (BOB, BLOCK, SubHandling.BLOCK, None),
        (None, ALLOW, SubHandling.BLOCK, None),
    ],
)
def test_who_may_watch_the_watchers(
    watcher: AoR | None, inner: Decision, handling: SubHandling, grant: object
) -> None:
    """RFC 3857 §4.6; one that is blocked politely cannot tell (RFC 5025 §3.2.1)."""
    identity = Identity(watcher, "digest" if watcher else "none")
    assert owner_and_watcher(ALICE, identity, inner) == Decision(handling, grant)


@pytest.mark.parametrize(("watcher", "decision"), [(ALICE, ALLOW), (BOB, BLOCK)])
def test_who_may_watch_those(watcher: AoR, decision: Decision) -> None:
    """RFC 3857 §4.6: presence.winfo.winfo is the owner's."""
    assert owner_only(ALICE, Identity(watcher, "digest"), ALLOW) == decision


class NoStore:
    async def watching(self, resource: Resource, watcher: str | None) -> list[WatcherRow]:
        return []


def test_every_package_has_two_templates_and_no_third() -> None:
    """RFC 3857 §4.6: nothing deeper."""
    packages = with_watcher_information(
        {"presence": presence_package()}, store=NoStore(), clock=lambda: NOW
    )
    assert sorted(packages) == ["presence", "presence.winfo", "presence.winfo.winfo"]
    winfo = packages["presence.winfo"]
    assert (winfo.default_expires, winfo.min_interval) == (3600, 5.0)
    assert (winfo.inner, packages["presence.winfo.winfo"].inner) == ("presence", "presence.winfo")
    assert shown(winfo.compose(ALICE, PackageState())) == []


async def test_a_watcher_reads_itself_and_no_wait() -> None:
    """RFC 3857 §4.7.2: nothing that Subscription-State would not say."""
    asked: list[str | None] = []

    class Store:
        async def watching(self, resource: Resource, watcher: str | None) -> list[WatcherRow]:
            asked.append(watcher)
            return [row(), row("s2", "waiting", "timeout")]

    package = winfo_package(presence_package(), store=Store(), clock=lambda: NOW)
    assert package.load is not None
    own = await package.load(Asking(ALICE, BOB, "", None, 0))
    everybody = await package.load(Asking(ALICE, ALICE, "", None, 0))
    assert asked == [BOB, None]
    assert isinstance(own, Seen)
    assert isinstance(everybody, Seen)
    assert (len(own.rows), len(everybody.rows)) == (1, 2)


def test_every_end_has_its_event() -> None:
    """RFC 3857 §4.7.1."""
    assert ENDINGS == {
        Cause.DENIED: Event.REJECTED,
        Cause.LAPSED: Event.TIMEOUT,
        Cause.MIGRATED: Event.DEACTIVATED,
        Cause.VANISHED: Event.NORESOURCE,
        Cause.FAILED: Event.TIMEOUT,
    }
    assert (settled(State.ACTIVE), settled(State.PENDING)) == (Event.APPROVED, Event.SUBSCRIBE)


@pytest.mark.parametrize(
    ("decision", "event"),
    [(ALLOW, "approved"), (POLITE, "approved"), (BLOCK, "rejected"), (CONFIRM, None)],
)
def test_a_decision_about_who_waits(decision: Decision, event: str | None) -> None:
    """RFC 5025 §3.2.1."""
    assert ends_wait(decision) == event
