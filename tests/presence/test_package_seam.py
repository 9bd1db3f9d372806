"""RFC 6665 §5.4: what later packages do through their record, without the engine knowing."""

from collections.abc import Sequence
from dataclasses import replace

from presence.package import (
    EventPackage,
    PackageState,
    Provided,
    Telling,
    Told,
)
from presence.policy.policy import ALLOW, BLOCK, Decision, SubHandling, default_policy
from presence.view import View
from sip.authenticator import Identity
from sip.uri import AoR
from store.values import Change, Kind, Resource
from tests.presence.fakes import (
    ALICE,
    AS_ALICE,
    AS_BOB,
    House,
    pidf,
    publish_request,
    settle,
    subscribe_request,
)

CHANGED = Change(Kind.BINDING, ALICE, 2)


class Bindings:
    """State that nobody publishes: a list of names with a version."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.version = 0

    def add(self, name: str) -> None:
        self.names.append(name)
        self.version += 1

    async def provide(self, resource: Resource) -> Provided:
        return Provided(self.version, tuple(self.names))

    def affected(self, change: Change) -> Sequence[Resource]:
        return [Resource(change.key, "reg")] if change.kind is Kind.BINDING else []


def joined(aor: AoR, state: PackageState) -> bytes:
    assert isinstance(state.provided, tuple)
    return ",".join(state.provided).encode()


def counted(telling: Telling) -> Told | None:
    """A document with a version, that says only what is new unless it must say all."""
    assert isinstance(telling.state.provided, tuple)
    known = telling.memory if isinstance(telling.memory, int) else 0
    names = telling.state.provided[known:]
    if not names and not telling.full:
        return None
    kind = "full" if telling.full else "partial"
    body = f"{telling.version} {kind} {','.join(names)}".encode()
    return Told(body, "text/counted", len(telling.state.provided))


def reg(bindings: Bindings, counting: bool = False) -> EventPackage:
    return EventPackage(
        name="reg",
        content_types=("text/plain",),
        compose=joined,
        provide=bindings.provide,
        affected=bindings.affected,
        tell=counted if counting else None,
    )


async def test_provided_state_is_told_and_its_changes_too() -> None:
    bindings = Bindings()
    bindings.add("desk")
    house = House(packages={"reg": reg(bindings)})
    await house.subscribe(subscribe_request(event="reg"))
    assert house.endpoint.take()[0].body == b"desk"
    bindings.add("cell")
    house.service.on_change(CHANGED)
    await settle()
    (notify,) = house.endpoint.take()
    assert (notify.body, notify.request.content_type) == (b"desk,cell", "text/plain")
    house.service.state_changed(Resource(ALICE, "reg"))
    await settle()
    assert house.endpoint.take() == []


async def test_nobody_publishes_to_a_package_without_publish_types() -> None:
    house = House(packages={"reg": reg(Bindings())})
    tx = await house.publish(publish_request(pidf(), event="reg"))
    assert tx.status == 489


async def test_documents_may_be_counted_and_partial() -> None:
    """Full after each SUBSCRIBE, only what is new after an answered NOTIFY, in between."""
    bindings = Bindings()
    bindings.add("desk")
    house = House(packages={"reg": reg(bindings, counting=True)})
    tx = await house.subscribe(subscribe_request(event="reg"))
    bindings.add("cell")
    house.service.on_change(CHANGED)
    await settle()
    again = subscribe_request(event="reg", cseq=2, to_tag=tx.to_tag)
    await house.subscribe(again)
    assert [notify.body for notify in house.endpoint.take()] == [
        b"0 full desk",
        b"1 partial cell",
        b"2 full desk,cell",
    ]


async def test_partial_document_that_failed_is_followed_by_a_full_one() -> None:
    bindings = Bindings()
    bindings.add("desk")
    house = House(packages={"reg": reg(bindings, counting=True)}, answering=False)
    await house.subscribe(subscribe_request(event="reg"))
    house.endpoint.take()[0].answer()
    bindings.add("cell")
    house.service.on_change(CHANGED)
    await settle()
    house.endpoint.take()[0].answer(500)
    bindings.add("lap")
    house.service.on_change(CHANGED)
    await settle()
    assert [notify.body for notify in house.endpoint.take()] == [b"2 full desk,cell,lap"]


async def test_nothing_to_tell_is_no_notify() -> None:
    bindings = Bindings()
    house = House(packages={"reg": reg(bindings, counting=True)})
    await house.subscribe(subscribe_request(event="reg"))
    house.endpoint.take()
    bindings.version += 1
    house.service.on_change(CHANGED)
    await settle()
    assert house.endpoint.take() == []


async def test_package_has_its_own_policy() -> None:
    async def nobody(aor: AoR, watcher: Identity, package: str) -> Decision:
        return ALLOW if watcher.aor == aor else BLOCK

    bindings = Bindings()
    package = EventPackage(
        name="reg",
        content_types=("text/plain",),
        compose=joined,
        provide=bindings.provide,
        authorize=nobody,
    )
    house = House(packages={"reg": package})
    assert (await house.subscribe(subscribe_request(event="reg"), AS_BOB)).status == 403
    assert (await house.subscribe(subscribe_request(event="reg"), AS_ALICE)).status == 200


async def test_watchers_with_one_view_share_its_bytes() -> None:
    """Fan-out renders once per view."""
    rendered: list[View] = []

    def render(aor: AoR, state: PackageState, document: bytes, view: View) -> bytes:
        rendered.append(view)
        return f"{view.grant}: ".encode() + document

    async def by_name(aor: AoR, watcher: Identity, package: str) -> Decision:
        return Decision(SubHandling.ALLOW, "friends" if watcher == AS_BOB else "family")

    package = EventPackage(
        name="presence",
        content_types=("text/plain",),
        compose=lambda aor, state: b"".join(p.body for p in state.publications),
        publish_types=("application/pidf+xml",),
        render=render,
    )
    house = House(packages={"presence": package}, authorize=by_name)
    for n in range(6):
        who = AS_BOB if n % 2 else AS_ALICE
        await house.subscribe(subscribe_request(call_id=f"c{n}"), who)
    rendered.clear()
    house.endpoint.take()
    await house.published(b"state")
    assert [view.grant for view in rendered] == ["family", "friends"]
    assert {notify.body for notify in house.endpoint.take()} == {
        b"family: state",
        b"friends: state",
    }


async def test_same_domain_is_decided_by_the_identity() -> None:
    """AUT-09."""
    allow = default_policy("allow-same-domain")
    stranger = Identity(AoR("sip:bob@example.net"), "asserted")
    for watcher, handling in (
        (AS_BOB, SubHandling.ALLOW),
        (stranger, SubHandling.CONFIRM),
        (Identity(None, "none"), SubHandling.CONFIRM),
    ):
        assert (await allow(ALICE, watcher, "presence")).handling is handling


async def test_a_document_that_cannot_be_made_for_one_watcher_costs_no_other_its_own() -> None:
    """The watcher it could not be made for is let go, here and in the store."""
    broken: list[str] = []

    def breaking(telling: Telling) -> Told:
        if telling.watcher in broken:
            raise ZeroDivisionError
        return Told(b"%d" % telling.version, "text/plain")

    package = replace(reg(Bindings()), tell=breaking)
    house = House(packages={"reg": package})
    await house.subscribe(subscribe_request(event="reg"), AS_ALICE)
    await house.subscribe(subscribe_request(event="reg", call_id="b"), AS_BOB)
    house.endpoint.take()
    broken.append(ALICE)
    watched = house.service.engine.index.resource(Resource(ALICE, "reg"))
    assert watched is not None
    house.service.engine.provided(watched.resource, Provided(9, ("cell",)))
    await settle()
    assert [notify.body for notify in house.endpoint.take()] == [b"1"]
    assert [live.watcher for live in house.service.engine.index] == [AS_BOB.aor]
    assert [row.watcher for row in house.store.rows.values()] == [AS_BOB.aor]
