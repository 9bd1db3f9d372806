"""RFC 3261 §8.2, §16.2: every request finds who works on it, and each gets exactly one answer."""

import asyncio
from ipaddress import ip_network

import pytest

from proxy.addresses import OurAddresses
from proxy.answers import Extensions
from proxy.dialog_mark import Dialog, mark_of
from proxy.options import options_headers
from proxy.ports import Transaction
from proxy.registrar_service import RegistrarService
from proxy.registration import Limits
from proxy.relay_service import RelayService
from server.dispatch import Dispatcher
from server.identity_service import IdentityService
from sip.authenticator import Authenticator, Hashes, Identity
from sip.digest import NonceCounts, NonceMint
from sip.errors import TransportError
from sip.message import Request, Response, parse_message
from sip.trust import TrustedPeers
from sip.uri import AoR
from store.errors import StoreFull, StoreUnavailable
from store.values import BindingSet, Credential
from tests.proxy.proxykit import (
    ALICE,
    BOB,
    EDGE,
    KEY,
    FakeFlow,
    FakeSender,
    FakeStore,
    FakeTransaction,
    binding,
    request,
)

PUBLISH = ("PUBLISH", "sip:alice@example.com", "Event: presence")
SUBSCRIBE = ("SUBSCRIBE", "sip:bob@example.com", "Event: presence")
MARK = mark_of(Dialog("call-1", "from-1", ALICE, BOB), "sender", "192.0.2.20", 1000.0, KEY)
"""Of Alice within a call with Bob, who is at 192.0.2.20."""


class FakeEvents:
    """An event server that answers 200, fails, or waits, as it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Identity]] = []
        self.failure: Exception | None = None
        self.silent = False
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def publish(self, tx: Transaction, identity: Identity) -> None:
        self.seen.append((tx.request.method, identity))
        await self.go_on.wait()
        if self.failure is not None:
            raise self.failure
        if not self.silent:
            tx.respond(200)

    subscribe = publish


class World:
    """A dispatcher over the real registrar, relay and identities, with fakes below them."""

    def __init__(self, *, trusted: bool = True, max_in_work: int = 10) -> None:
        ours = OurAddresses(["example.com"])
        self.store = FakeStore()
        self.sender = FakeSender()
        self.events = FakeEvents()
        self.counted: list[tuple[str, int]] = []
        identities = IdentityService(
            authenticator=Authenticator(
                mint=NonceMint(KEY), counts=NonceCounts(), lookup=self.hashes,
                algorithms=["MD5"], domains=["example.com"],
            ),
            trusted=TrustedPeers([ip_network("192.0.2.0/24")] if trusted else []),
            ours=ours, authenticate=True, credential=self.credential, clock=lambda: 1000.0,
        )  # fmt: skip
        registrar = RegistrarService(
            store=self.store, limits=Limits(60, 7200, 10), is_ours=ours.is_domain,
            clock=lambda: 1000.0, edge=EDGE, extensions=Extensions(),
        )  # fmt: skip
        relay = RelayService(
            endpoint=self.sender, ours=ours, targets=registrar.targets, exists=identities.exists,
            secret=KEY, clock=lambda: 1000.0,
        )  # fmt: skip
        self.dispatcher = Dispatcher(
            ours=ours, identities=identities, events=self.events, packages=["presence"],
            registrar=registrar, relay=relay,
            options=options_headers(
                packages=["presence"], content_types=["application/pidf+xml"], supported=["path"]
            ),
            count=lambda method, status: self.counted.append((method, status)),
            max_in_work=max_in_work,
        )  # fmt: skip

    async def hashes(self, aor: AoR) -> Hashes | None:
        return None

    async def credential(self, aor: str) -> Credential | None:
        return None

    def begin(self, message: Request) -> FakeTransaction:
        tx = FakeTransaction(message)
        self.dispatcher.on_request(tx)
        return tx

    async def send(
        self, method: str, uri: str = "sip:example.com", *lines: str, to: str = f"<{ALICE}>"
    ) -> FakeTransaction:
        tx = self.begin(request(method, uri, *lines, to=to))
        await self.idle()
        return tx

    async def idle(self) -> None:
        """Until nothing is in work; the world goes on."""
        async with asyncio.timeout(5):
            while self.dispatcher.in_work:  # noqa: ASYNC110  tasks come and go, with no event
                await asyncio.sleep(0)


async def test_options_says_what_the_server_can() -> None:
    """RFC 3261 §11.2: with no task and no credentials."""
    world = World(trusted=False)
    tx = world.begin(request("OPTIONS"))
    assert tx.statuses == [200]
    assert world.dispatcher.in_work == 0
    for name in ("allow", "accept", "accept-encoding", "accept-language", "supported"):
        assert tx.sent[0].get(name) is not None
    assert tx.sent[0].get("allow-events") == "presence"


def test_a_plain_options_is_answered_without_a_transaction() -> None:
    """RFC 3261 §8.2.7, §11.2: with what the answer by a transaction says, and counted."""
    world = World(trusted=False)
    tx = world.begin(request("OPTIONS"))
    answer = world.dispatcher.options(request("OPTIONS"), tx.flow, "t1")
    assert answer is not None
    response = parse_message(answer)
    assert isinstance(response, Response)
    assert (response.status, response.to.tag) == (200, "t1")
    assert response.get("allow") == tx.sent[0].get("allow")
    assert world.counted == [("OPTIONS", 200), ("OPTIONS", 200)]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(request("OPTIONS", "sip:bob@example.com"), id="for-a-user"),
        pytest.param(request("OPTIONS", "sip:elsewhere.example"), id="for-another-host"),
        pytest.param(request("OPTIONS", "sip:example.com", "Require: foo"), id="requires"),
        pytest.param(
            request("OPTIONS", "sip:example.com", "Route: <sip:a.example;lr>"), id="route"
        ),
        pytest.param(request("OPTIONS", "sip:example.com", "CSeq: 2 OPTIONS"), id="malformed"),
    ],
)
def test_an_options_with_more_to_it_takes_the_long_road(message: Request) -> None:
    """RFC 3261 §8.2.7: nothing is answered without state that is not understood whole."""
    world = World()
    assert world.dispatcher.options(message, FakeTransaction(message).flow, "t1") is None
    assert world.counted == []


@pytest.mark.parametrize(
    ("message", "status"),
    [
        pytest.param(request("INVITE"), 405, id="method-not-for-the-server"),
        pytest.param(request("BYE", to="<sip:example.com>;tag=x"), 481, id="no-such-dialog"),
        pytest.param(request("OPTIONS", "sip:example.com", "Require: foo"), 420, id="options"),
        pytest.param(request(*SUBSCRIBE, "Require: eventlist"), 420, id="event-extension"),
        pytest.param(request("REGISTER", "sip:example.com", "Require: foo"), 420, id="register"),
        pytest.param(request("PUBLISH", "sip:alice@example.com", "Event: x"), 489, id="event"),
        pytest.param(request("SUBSCRIBE", "sip:alice@example.com"), 489, id="no-event"),
        pytest.param(request("INVITE", "tel:+1555"), 416, id="scheme"),
        pytest.param(request("SUBSCRIBE", "tel:+1555", "Event: x"), 489, id="event-of-a-number"),
        pytest.param(request("OPTIONS", "sip:example.com", "CSeq: 2 OPTIONS"), 400, id="doubled"),
        pytest.param(request("INVITE", "sip:x@h", "Route: <sip:@>"), 400, id="malformed-route"),
    ],
)
async def test_refused_at_once(message: Request, status: int) -> None:
    """RFC 3261 §8.2: no task, no look-up, one answer, counted."""
    world = World()
    tx = world.begin(message)
    assert tx.statuses == [status]
    assert world.dispatcher.in_work == 0
    assert world.counted == [(message.method, status)]


@pytest.mark.parametrize("method", ["SUBSCRIBE", "PUBLISH"])
async def test_events_of_a_number_are_served(method: str) -> None:
    """RFC 3856 §5, PRS-11: whom it names is for the event server to find out."""
    tx = await World().send(method, "tel:+1555", "Event: presence")
    assert tx.statuses == [200]


@pytest.mark.parametrize(
    ("method", "uri", "lines", "status"),
    [
        pytest.param("REGISTER", "sip:example.com", [], 401, id="register"),
        pytest.param("PUBLISH", "sip:alice@example.com", ["Event: presence"], 401, id="publish"),
        pytest.param("INVITE", "sip:bob@example.com", [], 407, id="relayed"),
        pytest.param("SUBSCRIBE", "sip:bob@example.com", ["Event: other"], 407, id="event-relayed"),
    ],
)
async def test_stranger_is_challenged_at_once(
    method: str, uri: str, lines: list[str], status: int
) -> None:
    """RFC 3261 §22.2, §22.3: 401 for what we answer, 407 for what we relay."""
    world = World(trusted=False)
    tx = world.begin(request(method, uri, *lines))
    assert tx.statuses == [status]
    assert world.dispatcher.in_work == 0


async def test_bad_credentials_are_challenged() -> None:
    world = World(trusted=False)
    tx = await world.send("REGISTER", "sip:example.com", "Authorization: Digest nonsense")
    assert tx.statuses == [401]
    assert world.counted == [("REGISTER", 401)]


@pytest.mark.parametrize("message", [PUBLISH, SUBSCRIBE], ids=["publish", "subscribe"])
async def test_events_go_to_the_event_server(message: tuple[str, str, str]) -> None:
    world = World()
    tx = await world.send(*message)
    assert world.events.seen == [(message[0], Identity(ALICE, "asserted"))]
    assert tx.statuses == [200]
    assert world.counted == [(message[0], 200)]


async def test_register_goes_to_the_registrar() -> None:
    world = World()
    tx = await world.send("REGISTER", "sip:example.com", "Contact: <sip:alice@192.0.2.10>")
    assert tx.statuses == [200]
    assert ALICE in world.store.sets


@pytest.mark.parametrize(
    ("lines", "to", "status"),
    [
        pytest.param(["Contact: <sip:a@h>;expires=1"], f"<{ALICE}>", 423, id="too-brief"),
        pytest.param(["Contact: *"], f"<{ALICE}>", 400, id="star"),
        pytest.param(["Contact: <sip:a@>"], f"<{ALICE}>", 400, id="malformed"),
        pytest.param(["Contact: <sip:a@h>"], f"<{BOB}>", 403, id="not-owner"),
        pytest.param(["Contact: <sip:a@h>"], "<sip:a@example.org>", 404, id="foreign"),
    ],
)
async def test_registrar_refusals_become_answers(lines: list[str], to: str, status: int) -> None:
    """RFC 3261 §10.3."""
    assert (await World().send("REGISTER", "sip:example.com", *lines, to=to)).statuses == [status]


async def test_relayed_request_is_counted_when_it_is_answered() -> None:
    world = World()
    world.store.sets[BOB] = BindingSet(1, (binding("sip:bob@192.0.2.20"),))
    tx = await world.send("MESSAGE", "sip:bob@example.com")
    assert world.counted == []
    world.sender.sent[0].answer(200)
    assert tx.statuses == [200]
    assert world.counted == [("MESSAGE", 200)]


@pytest.mark.parametrize(
    ("method", "lines", "status"),
    [
        pytest.param("MESSAGE", [], 480, id="message"),
        pytest.param("SUBSCRIBE", ["Event: other"], 489, id="event-nobody-serves"),
        pytest.param("INVITE", ["Max-Forwards: 0"], 483, id="hops"),
        pytest.param("INVITE", ["Proxy-Require: foo"], 420, id="proxy-require"),
    ],
)
async def test_relay_refusals_become_answers(method: str, lines: list[str], status: int) -> None:
    """RFC 3261 §16.3, §21.4.18; RFC 6665 §8.3.2."""
    world = World()
    tx = await world.send(method, "sip:bob@example.com", *lines)
    assert tx.statuses == [status]
    assert world.counted == [(method, status)]


async def test_unserved_event_goes_to_the_users_phone() -> None:
    world = World()
    world.store.sets[BOB] = BindingSet(1, (binding("sip:bob@192.0.2.20"),))
    await world.send("SUBSCRIBE", "sip:bob@example.com", "Event: as-feature-event")
    assert world.sender.sent[0].request.uri_text == "sip:bob@192.0.2.20"


async def test_outbound_proxy_route_of_ours_is_seen_through() -> None:
    """RFC 3261 §16.4: a phone with us as outbound proxy preloads our Route."""
    world = World()
    await world.send(*PUBLISH, "Route: <sip:192.0.2.1;lr>")
    assert [method for method, _ in world.events.seen] == ["PUBLISH"]


async def test_dialog_that_was_relayed_is_not_challenged() -> None:
    """RFC 3261 §16.6 step 4: its Record-Route proves it."""
    world = World(trusted=False)
    route = f"Route: <sip:{MARK}@192.0.2.1:5060;lr>"
    tx = await world.send("BYE", "sip:bob@192.0.2.20", route, to=f"<{BOB}>;tag=b")
    assert tx.statuses == []
    assert world.sender.sent[0].method == "BYE"


@pytest.mark.parametrize("method", ["BYE", "INVITE", "FOO"])
@pytest.mark.parametrize(
    ("registered", "uri", "statuses"),
    [
        pytest.param("192.0.2.77", "sip:bob@192.0.2.77", [], id="where-the-user-is-now"),
        pytest.param("192.0.2.20", "sip:bob@192.0.2.77", [407], id="where-nobody-is"),
        pytest.param("192.0.2.77", "sip:carol@example.com", [407], id="another-user"),
    ],
)
async def test_dialog_whose_other_side_moved(
    method: str, registered: str, uri: str, statuses: list[int]
) -> None:
    """RFC 3261 §26.1: challenged unless the other side is a user of ours, and there by now."""
    world = World(trusted=False)
    world.store.sets[BOB] = BindingSet(1, (binding(f"sip:bob@{registered}"),))
    route = f"Route: <sip:{MARK}@192.0.2.1:5060;lr>"
    tx = await world.send(method, uri, route, to=f"<{BOB}>;tag=b")
    assert [status for status in tx.statuses if status != 100] == statuses
    assert len(world.sender.sent) == (not statuses)


@pytest.mark.parametrize(
    ("method", "event", "road"),
    [
        pytest.param("REGISTER", "", "registrar", id="register"),
        pytest.param("PUBLISH", "Event: presence", "events", id="publish"),
        pytest.param("SUBSCRIBE", "Event: presence", "events", id="subscribe"),
    ],
)
async def test_what_is_for_the_server_itself_is_challenged_in_a_dialog_as_well(
    method: str, event: str, road: str
) -> None:
    """RFC 3261 §10.2, RFC 3903 §6: a mark lets nobody register or publish."""
    world = World(trusted=False)
    route = f"Route: <sip:{MARK}@192.0.2.1:5060;lr>"
    uri = "sip:example.com" if road == "registrar" else BOB
    tx = await world.send(method, uri, route, event or "Subject: x", to=f"<{BOB}>;tag=b")
    assert tx.statuses == [401]


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        pytest.param(RuntimeError("boom"), 500, id="ours"),
        pytest.param(StoreFull("full"), 503, id="store-full"),
        pytest.param(StoreUnavailable("gone"), 503, id="store-gone"),
        pytest.param(TransportError("gone"), 503, id="transport"),
    ],
)
async def test_failure_is_answered_once_and_harms_nobody(failure: Exception, status: int) -> None:
    """RFC 3261 §21.5.1, §21.5.4."""
    world = World()
    world.events.failure = failure
    tx = await world.send(*PUBLISH)
    assert tx.statuses == [status]
    assert (tx.sent[0].get("retry-after") is not None) is isinstance(
        failure, StoreFull | StoreUnavailable
    )
    world.events.failure = None
    assert (await world.send(*PUBLISH)).statuses == [200]


async def test_service_that_forgets_to_answer_is_answered_for() -> None:
    """RFC 3261 §17.2.2: a transaction is not left without its final response."""
    world = World()
    world.events.silent = True
    assert (await world.send(*PUBLISH)).statuses == [500]


async def test_failure_after_the_answer_sends_no_second() -> None:
    world = World()

    class Late(FakeEvents):
        async def publish(self, tx: Transaction, identity: Identity) -> None:
            tx.respond(200)
            raise RuntimeError("too late")

    world.dispatcher._events = Late()
    assert (await world.send(*PUBLISH)).statuses == [200]


async def test_exception_before_the_task_is_answered_too() -> None:
    world = World()
    world.dispatcher._options = (("Bad\r\nName", 1),)  # type: ignore[assignment]  # to make it fail
    tx = world.begin(request("OPTIONS"))
    assert tx.statuses == [500]


async def test_full_server_says_so_at_once() -> None:
    """RFC 3261 §21.5.4."""
    world = World(max_in_work=1)
    world.events.go_on.clear()
    first, second = world.begin(request(*PUBLISH)), world.begin(request(*PUBLISH))
    assert (first.statuses, second.statuses) == ([], [503])
    assert second.sent[0].get("retry-after") == "5"
    world.events.go_on.set()
    assert await world.dispatcher.settle(5)
    assert first.statuses == [200]


@pytest.mark.parametrize(
    ("message", "status"),
    [
        pytest.param(request(*SUBSCRIBE), 503, id="new-dialog"),
        pytest.param(request(*SUBSCRIBE, to="<sip:bob@example.com>;tag=x"), 200, id="in-dialog"),
        pytest.param(request(*PUBLISH), 200, id="no-dialog"),
        pytest.param(request("OPTIONS"), 200, id="options"),
    ],
)
async def test_draining_takes_no_new_dialogs(message: Request, status: int) -> None:
    """RFC 3261 §21.5.4."""
    world = World()
    world.dispatcher.drain()
    tx = world.begin(message)
    await world.dispatcher.settle(5)
    assert tx.statuses == [status]


async def test_settling_takes_nothing_that_it_would_not_answer() -> None:
    """RFC 3261 §21.5.4: what is in work ends, and what comes meanwhile is refused at once."""
    world = World()
    world.events.go_on.clear()
    before = world.begin(request(*PUBLISH))
    settled = asyncio.create_task(world.dispatcher.settle(5))
    await asyncio.sleep(0)
    after = world.begin(request(*PUBLISH))
    assert (before.statuses, after.statuses) == ([], [503])
    world.events.go_on.set()
    assert await settled
    assert before.statuses == [200]


async def test_settling_waits_for_what_is_relayed() -> None:
    """RFC 3261 §16.7: the response of the far side still goes back."""
    world = World()
    world.store.sets[BOB] = BindingSet(1, (binding("sip:bob@192.0.2.20"),))
    tx = await world.send("MESSAGE", "sip:bob@example.com")
    settled = asyncio.create_task(world.dispatcher.settle(5))
    await asyncio.sleep(0)
    assert not settled.done()
    world.sender.sent[0].answer(200)
    assert await settled
    assert tx.statuses == [200]


async def test_settling_gives_up_what_takes_too_long() -> None:
    world = World()
    world.store.sets[BOB] = BindingSet(1, (binding("sip:bob@192.0.2.20"),))
    await world.send("INVITE", "sip:bob@example.com")
    assert not await world.dispatcher.settle(0)


@pytest.mark.parametrize("phone", ["sip:bob@192.0.2.20", "sip:bob@192.0.2.99"])
async def test_settling_lets_calls_end(phone: str) -> None:
    """RFC 3261 §15: a BYE that comes just then is for the two phones, not for us, also when one
    of them has registered from elsewhere since."""
    world = World()
    world.store.sets[BOB] = BindingSet(1, (binding(phone),))
    world.events.go_on.clear()
    world.begin(request(*PUBLISH))
    settled = asyncio.create_task(world.dispatcher.settle(5))
    await asyncio.sleep(0)
    route = f"Route: <sip:{MARK}@192.0.2.1:5060;lr>"
    bye = world.begin(request("BYE", phone, route, to=f"<{BOB}>;tag=b"))
    for _ in range(5):
        await asyncio.sleep(0)
    world.sender.sent[0].answer(200)
    world.events.go_on.set()
    assert await settled
    assert bye.statuses == [200]


async def test_ack_goes_to_the_relay() -> None:
    """RFC 3261 §13.2.2.4."""
    world = World()
    route = f"Route: <sip:{MARK}@192.0.2.1:5060;lr>"
    ack = request("ACK", "sip:bob@192.0.2.20", route, to=f"<{BOB}>;tag=b")
    world.dispatcher.on_ack(ack, FakeFlow())
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(world.sender.out.sent) == 1


async def test_malformed_ack_goes_nowhere() -> None:
    world = World()
    world.dispatcher.on_ack(request("ACK", "sip:bob@h", "CSeq: 2 ACK"), FakeFlow())
    for _ in range(5):
        await asyncio.sleep(0)
    assert world.sender.out.sent == []
