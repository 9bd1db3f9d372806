"""RFC 3261 §16.7 step 8, §26.1: dialogs through the relay, each side by a mark of its own."""

import asyncio
from collections.abc import Sequence

import pytest

from proxy.errors import Forbidden, ProxyError
from sip.locate import Target
from sip.message import Request, parse_message
from sip.uri import SipUri
from tests.proxy.proxykit import ALICE, BOB, FakeFlow, binding, request
from tests.proxy.relaykit import BOBS, BOBS_MARK, DIGEST, MARK, NOBODY, TO_BOB, World, settle

CAROL = "sip:carol@example.org"
CAROLS = "sip:carol@192.0.2.30:5080"
ALICES = "sip:alice@192.0.2.10:5070"
VICTIM = "sip:x@192.0.2.99"
US = "192.0.2.1:5060"
PROXY = "<sip:proxy.example.org;lr>"
TCP = FakeFlow("TCP", remote=("192.0.2.20", 5060))


def by_alice(method: str, uri: str, *lines: str, routes: list[str] | None = None) -> Request:
    """A request of Alice: to begin a dialog with Carol, or within that."""
    to = f"<{CAROL}>" if routes is None else f"<{CAROL}>;tag=bob"
    return request(method, uri, *lines, *(f"Route: {each}" for each in routes or ()), to=to)


def by_carol(method: str, uri: str, *routes: str, sender: str = CAROL, to: str = ALICE) -> Request:
    lines = [f"Route: {each}" for each in routes]
    return request(method, uri, *lines, sender=sender, to=f"<{to}>;tag=from-1")


async def call(world: World, *above: str, contact: str = CAROLS) -> tuple[list[str], list[str]]:
    """Alice calls Carol, who answers: the route sets of Alice and of Carol."""
    await world.send(by_alice("INVITE", CAROLS, f"Contact: <{ALICES}>"), DIGEST)
    theirs = list(world.sender.calls[-1].request.values("record-route"))
    return world.answered(200, contact, *above), [*above, *theirs]


async def admits(world: World, message: Request) -> bool:
    """Whether it goes on without credentials."""
    before = len(world.sender.calls)
    try:
        await world.send(message, NOBODY)
    except Forbidden:
        return False
    assert len(world.sender.calls) == before + 1
    return True


async def test_neither_side_sees_the_others_mark() -> None:
    """§16.7 step 8: in responses we rewrite our own value."""
    world = World()
    alices, carols = await call(world)
    assert len(alices) == len(carols) == 1
    assert alices[0] != carols[0]
    assert alices[0].partition("@")[2] == carols[0].partition("@")[2]
    assert await admits(world, by_alice("BYE", CAROLS, routes=alices))
    assert await admits(world, by_carol("BYE", ALICES, *carols))
    assert not await admits(world, by_alice("BYE", CAROLS, routes=carols))
    assert not await admits(world, by_carol("BYE", ALICES, *alices))
    world.relay.close()


@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE", "PRACK", "INFO", "REFER", "MESSAGE"])
async def test_any_request_of_the_dialog_goes_to_the_other_side(method: str) -> None:
    """§12.2.1.1, RFC 3262 §4, RFC 3311 §5.1: early ones as well."""
    world = World()
    await world.send(by_alice("INVITE", CAROLS, f"Contact: <{ALICES}>"), DIGEST)
    carols = world.sender.calls[-1].request.values("record-route")
    alices = world.answered(183, CAROLS)
    assert await admits(world, by_alice(method, CAROLS, routes=alices))
    assert await admits(world, by_carol(method, ALICES, *carols))
    world.relay.close()


@pytest.mark.parametrize("method", ["MESSAGE", "INVITE", "OPTIONS", "BYE", "FOO"])
@pytest.mark.parametrize(
    ("uri", "routes"),
    [
        pytest.param(VICTIM, (), id="by-uri"),
        pytest.param(ALICES, (f"<{VICTIM};lr>",), id="by-route"),
        pytest.param(ALICES, (f"<{VICTIM}>",), id="by-strict-route"),
        pytest.param("sip:alice@192.0.2.10;maddr=192.0.2.99", (), id="by-maddr"),
    ],
)
async def test_who_was_called_cannot_send_elsewhere(
    method: str, uri: str, routes: tuple[str, ...]
) -> None:
    """§26.1: with the Call-ID, both tags and the mark that it was given."""
    world = World()
    alices, carols = await call(world)
    assert not await admits(world, by_carol(method, uri, *carols, *routes))
    assert not await admits(world, by_carol(method, uri, *alices, *routes))
    world.relay.close()


@pytest.mark.parametrize("user", [BOB, "sip:bob@192.0.2.1", "sip:dave@example.com"])
async def test_a_user_of_ours_is_no_other_side_of_the_same_domain(user: str) -> None:
    """Whoever said that it is at our domain is that user, and no other."""
    world = World()
    contact = "Contact: <sip:carol@example.com;gr=1>"
    await world.send(by_alice("INVITE", CAROLS, contact), DIGEST)
    carols = world.sender.calls[-1].request.values("record-route")
    refused = by_carol("MESSAGE", user, *carols)
    assert not await world.relay.admits(refused, FakeFlow())
    assert await world.relay.admits(
        by_carol("MESSAGE", "sip:carol@example.com;gr=1", *carols), FakeFlow()
    )
    world.relay.close()


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(by_carol("MESSAGE", ALICES, "{}", sender=BOB), id="under-our-users-name"),
        pytest.param(by_carol("MESSAGE", ALICES, "{}", to=BOB), id="to-another-of-ours"),
        pytest.param(by_carol("REGISTER", ALICES, "{}"), id="register"),
        pytest.param(by_carol("PUBLISH", ALICES, "{}"), id="publish"),
        pytest.param(request("INVITE", ALICES, "Route: {}"), id="new-dialog"),
    ],
)
async def test_what_is_not_of_the_dialog_is_judged_anew(message: Request) -> None:
    world = World()
    _, carols = await call(world)
    text = bytes(message).replace(b"{}", carols[0].encode())
    changed = request_of(text)
    assert not await world.relay.admits(changed, FakeFlow())
    world.relay.close()


def request_of(data: bytes) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


async def test_ack_goes_to_the_other_side_only() -> None:
    """§16.11: nobody could challenge an ACK."""
    world = World()
    alices, _ = await call(world)
    for uri in (VICTIM, CAROLS, "sip:carol@192.0.2.30:9"):
        world.relay.ack(by_alice("ACK", uri, routes=alices), FakeFlow())
        await settle()
    started = [data.split()[1].decode() for data in world.sender.out.sent]
    assert started == [CAROLS, "sip:carol@192.0.2.30:9"]
    world.relay.close()


async def test_proxies_on_both_sides() -> None:
    """§16.12: the next hop is a proxy, and what they recorded stays as it is."""
    world = World()
    below = "Record-Route: <sip:edge.example.com;lr>"
    invite = by_alice("INVITE", CAROLS, f"Contact: <{ALICES}>", below)
    await world.send(invite, DIGEST)
    carols = [PROXY, *world.sender.calls[-1].request.values("record-route")]
    alices = world.answered(200, CAROLS, PROXY)
    assert [alices[0], alices[2]] == ["<sip:edge.example.com;lr>", PROXY]
    assert await admits(world, by_alice("BYE", CAROLS, routes=alices[1:]))
    assert world.sender.asked[-1] == PROXY[1:-1]
    assert await admits(world, by_carol("BYE", ALICES, *carols[1:]))
    assert world.sender.asked[-1] == "sip:edge.example.com;lr"
    assert not await admits(world, by_alice("BYE", VICTIM, routes=alices[1:2]))
    assert not await admits(world, by_carol("BYE", ALICES, carols[1]))
    world.relay.close()


async def test_strict_router_behind_us() -> None:
    """§16.6 step 6: it is the next hop all the same."""
    world = World()
    alices, _ = await call(world, "<sip:strict.example.org>")
    assert await admits(world, by_alice("BYE", CAROLS, routes=alices))
    sent = world.sender.calls[-1].request
    assert (sent.uri_text, list(sent.values("route"))) == (
        "sip:strict.example.org",
        [f"<{CAROLS}>"],
    )
    world.relay.close()


async def test_strict_router_before_us() -> None:
    """§16.4: what was our Route comes as the Request-URI."""
    world = World()
    alices, _ = await call(world)
    ours = alices[0].removeprefix("<").removesuffix(">")
    assert await admits(world, by_alice("BYE", ours, routes=[f"<{CAROLS}>"]))
    assert world.sender.calls[-1].request.uri_text == CAROLS
    world.relay.close()


async def test_both_of_two_values_are_rewritten() -> None:
    """RFC 5658 §3.2: we recorded one for each side."""
    world = World()
    world.sender.out = TCP
    alices, carols = await call(world)
    assert len(alices) == len(carols) == 2
    assert not {each.partition("@")[0] for each in alices} & {
        each.partition("@")[0] for each in carols
    }
    assert await admits(world, by_alice("BYE", CAROLS, routes=alices))
    assert await admits(world, by_carol("BYE", ALICES, *carols))
    world.relay.close()


async def test_each_fork_has_a_mark_of_its_own() -> None:
    """§16.7: every 2xx makes a dialog, toward whom it came from."""
    world = World()
    world.bind("sip:bob@192.0.2.20:5070", "sip:bob@192.0.2.21:5070")
    await world.send(request("INVITE", "sip:bob@example.com", to=TO_BOB), DIGEST)
    routes = []
    for sent in world.sender.calls:
        header = ("Record-Route", sent.request.get("record-route") or "")
        sent.answer(200, header, ("Contact", f"<{sent.request.uri_text}>"))
        routes.append(world.heard[-1].sent[-1].get("record-route") or "")
    assert routes[0] != routes[1]
    assert routes[0] == f"<sip:{MARK}@{US};lr>"


@pytest.mark.parametrize("status", [180, 200, 486])
async def test_values_that_are_not_as_we_recorded_them_stay(status: int) -> None:
    """The callee must not have the caller's mark sent to a place of its own choosing."""
    world = World()
    await world.send(by_alice("INVITE", CAROLS, f"Contact: <{ALICES}>"), DIGEST)
    sent = world.sender.calls[-1]
    (recorded,) = sent.request.values("record-route")
    for forged in (
        [recorded.replace(US, "192.0.2.99:5060")],
        [recorded, recorded.replace(US, "192.0.2.99:5060")],
        [recorded, PROXY],
    ):
        sent.answer(180, *(("Record-Route", value) for value in forged))
        assert list(world.heard[-1].sent[-1].values("record-route")) == forged
    sent.answer(status)
    assert world.heard[-1].sent[-1].get("record-route") is None
    world.relay.close()


async def test_values_may_be_written_anew() -> None:
    """§19.1.4: some user agents write a URI as they have read it."""
    world = World()
    await world.send(by_alice("INVITE", CAROLS, f"Contact: <{ALICES}>"), DIGEST)
    sent = world.sender.calls[-1]
    other = (sent.request.get("record-route") or "").replace("<sip:", "<SIP:")
    sent.answer(200, ("Record-Route", other), ("Contact", f"<{CAROLS}>"))
    alices = list(world.heard[-1].sent[-1].values("record-route"))
    assert await admits(world, by_alice("BYE", CAROLS, routes=alices))


async def test_notify_may_come_before_the_200_of_its_subscribe() -> None:
    """RFC 6665 §4.1.4: by the notifier's mark, and the subscriber answers by that dialog."""
    world = World()
    subscribe = by_alice("SUBSCRIBE", CAROLS, f"Contact: <{ALICES}>", "Event: x")
    await world.send(subscribe, DIGEST)
    carols = world.sender.calls[-1].request.values("record-route")
    notify = request(
        "NOTIFY", ALICES, *(f"Route: {each}" for each in carols), "Event: x",
        f"Contact: <{CAROLS}>", sender=CAROL, to=f"<{ALICE}>;tag=from-1",
    )  # fmt: skip
    notify = request_of(bytes(notify).replace(b";tag=from-1\r\nTo", b";tag=bob\r\nTo"))
    assert await admits(world, notify)
    alices = list(world.sender.calls[-1].request.values("record-route"))
    again = by_alice("SUBSCRIBE", CAROLS, "Event: x", routes=alices)
    assert await admits(world, again)


MOVED = "sip:bob@192.0.2.77:5071"


@pytest.mark.parametrize("uri", [MOVED, "sip:bob@example.com;gr=urn:uuid:2"])
async def test_user_of_ours_may_move_within_a_dialog(uri: str) -> None:
    """Deviation's other half: it has registered anew, so we know it is there."""
    world = World()
    route = f"Route: <sip:{MARK}@{US};lr>"
    bye = request("BYE", uri, route, to=f"{TO_BOB};tag=bob")
    ack = request("ACK", uri, route, to=f"{TO_BOB};tag=bob")
    assert await world.relay.admits(bye, FakeFlow()) is uri.startswith("sip:bob@example.com")
    world.bindings[BOB] = (binding(MOVED),)
    assert await admits(world, bye)
    world.relay.ack(ack, FakeFlow())
    await settle()
    assert world.sender.out.sent[-1].startswith(f"ACK {MOVED} SIP/2.0".encode())


@pytest.mark.parametrize(
    ("uri", "routes"),
    [
        pytest.param(VICTIM, (), id="elsewhere"),
        pytest.param("sip:carol@example.com", (), id="another-user"),
        pytest.param("sip:nobody@example.com;gr=x", (), id="nobody"),
        pytest.param(BOBS, (f"<{VICTIM};lr>",), id="by-a-route"),
        pytest.param("tel:+1555", (), id="another-scheme"),
    ],
)
async def test_who_is_no_user_of_the_dialog_is_not_followed(
    uri: str, routes: tuple[str, ...]
) -> None:
    world = World()
    lines = [f"Route: {each}" for each in (f"<sip:{MARK}@{US};lr>", *routes)]
    bye = request("BYE", uri, *lines, to=f"{TO_BOB};tag=bob")
    assert not await world.relay.admits(bye, FakeFlow())
    with pytest.raises(ProxyError):
        await world.send(bye, NOBODY)
    world.relay.ack(request("ACK", uri, *lines, to=f"{TO_BOB};tag=bob"), FakeFlow())
    await settle()
    assert world.sender.out.sent == []


async def test_token_of_another_dialog_is_no_way() -> None:
    """RFC 5626 §5.3: nor under the mark of a dialog of one's own."""
    world = World()
    first = FakeFlow("TCP", remote=("192.0.2.40", 4000))
    world.sender.flows[first.name] = first
    await world.send(
        request("INVITE", CAROLS, "Contact: <sip:a@x.invalid>", call_id="call-2"),
        DIGEST, flow=first,
    )  # fmt: skip
    token = (world.sender.calls[-1].request.values("record-route")[-1]).partition(".")[2]
    token = token.partition("@")[0]
    assert token
    for mark in (MARK, BOBS_MARK):
        route = f"Route: <sip:{mark}.{token}@{US};lr>"
        message = request("MESSAGE", VICTIM, route, to=f"{TO_BOB};tag=bob")
        assert not await world.relay.admits(message, FakeFlow())
    world.relay.close()


async def test_token_of_a_closed_connection_opens_no_other_way() -> None:
    """It admits to its flow, not to wherever the request would go without it."""
    world = World()
    alices = FakeFlow("TCP", remote=("192.0.2.10", 4000))
    world.sender.flows[alices.name] = alices
    await world.send(by_alice("INVITE", CAROLS, "Contact: <sip:a@x.invalid>"), DIGEST, flow=alices)
    carols = world.sender.calls[-1].request.values("record-route")
    assert await world.relay.admits(by_carol("BYE", VICTIM, *carols), FakeFlow())
    await world.send(by_carol("BYE", VICTIM, *carols), NOBODY)
    assert world.sender.calls[-1].flow is alices
    world.sender.flows.clear()
    assert not await admits(world, by_carol("BYE", VICTIM, *carols))
    world.relay.close()


async def test_callee_that_answers_from_another_place_than_it_rang() -> None:
    """§12.1.2: the 2xx says anew by what its dialog goes."""
    world = World()
    await world.send(by_alice("INVITE", CAROLS, f"Contact: <{ALICES}>"), DIGEST)
    early, rung = world.answered(180, CAROLS), world.answered(180, CAROLS)
    late = world.answered(200, "sip:carol@192.0.2.31:5080")
    assert early == rung != late
    assert await admits(world, by_alice("PRACK", CAROLS, routes=early))
    assert await admits(world, by_alice("BYE", "sip:carol@192.0.2.31:5080", routes=late))
    assert not await admits(world, by_alice("BYE", CAROLS, routes=late))


async def test_acks_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """§16.11: those over are dropped; a branch that waits for DNS takes nobody's place."""
    monkeypatch.setattr("proxy.ack_service.MAX_WAITING", 2)
    world = World()
    alices, _ = await call(world)
    gate = asyncio.Event()
    found = world.sender.targets

    async def slow(uri: SipUri, *, size: int = 0) -> Sequence[Target]:
        await gate.wait()
        return await found(uri, size=size)

    monkeypatch.setattr(world.sender, "targets", slow)
    world.sender.unreachable = {BOBS}
    for _ in range(3):
        await world.send(request("MESSAGE", "sip:bob@example.com", to=TO_BOB), DIGEST)
    world.sender.located[CAROLS] = (Target("udp", "192.0.2.30", 5080, "192.0.2.30"),)
    sent: list[str] = []
    monkeypatch.setattr(FakeFlow, "send", lambda flow, data: sent.append(flow.remote[0]))
    for _ in range(3):
        world.relay.ack(by_alice("ACK", CAROLS, routes=alices), FakeFlow())
    await settle()
    gate.set()
    await settle()
    assert sent == ["192.0.2.30"] * 2
    world.relay.close()
