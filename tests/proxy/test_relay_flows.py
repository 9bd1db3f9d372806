"""RFC 5626 §5.3: requests to clients that only their own flow leads to, and their dialogs."""

import pytest

from proxy.errors import DialogFlowGone, FlowFailed, Forbidden
from proxy.flow_token import mint
from proxy.relay_service import RelayConfig
from sip.authenticator import Identity
from sip.message import Request, Response
from tests.proxy.proxykit import ALICE, BOB, KEY, FakeFlow, FakeTransaction, binding, request
from tests.proxy.relaykit import BOBS, BOBS_MARK, DIGEST, NOBODY, TO_BOB, World, invite, settle

ALICES = FakeFlow("TCP", remote=("192.0.2.10", 40001))
"""The connection that Alice called on."""
BOBS_FLOW = "tcp:192.0.2.20:40002"
HERE = "192.0.2.1:5060"
INVALID = "sip:bob@x.invalid;transport=ws"


def path(worker: str = "w1", flow: str = BOBS_FLOW) -> str:
    return f"<sip:{mint(flow, worker, KEY)}@{HERE};lr;ob>"


def edge_world() -> World:
    """Bob is registered on a connection that this process holds."""
    world = World()
    world.sender.flows[BOBS_FLOW] = FakeFlow("TCP", remote=("192.0.2.20", 40002))
    world.bindings[BOB] = (binding(INVALID, path=(path(),), flow=BOBS_FLOW, worker="w1"),)
    return world


async def begin(world: World, flow: FakeFlow, *lines: str) -> tuple[Request, list[str]]:
    """Relay an INVITE that came on `flow`: the copy that left, and its Record-Route values."""
    await world.send(invite(*lines), DIGEST, flow=flow)
    sent = world.sender.calls[-1].request
    return sent, list(sent.values("record-route"))


def within(method: str, uri: str, routes: list[str]) -> Request:
    """A request of Alice within the dialog."""
    return request(method, uri, *(f"Route: {route}" for route in routes), to=f"{TO_BOB};tag=bob")


def by_bob(method: str, uri: str, routes: list[str]) -> Request:
    """A request of Bob within the dialog."""
    lines = [f"Route: {route}" for route in routes]
    return request(method, uri, *lines, sender=BOB, to=f"<{ALICE}>;tag=from-1")


async def test_own_token_in_a_path_is_taken_off_and_names_the_flow() -> None:
    """§5.3.1: no Route goes to the client, and nothing is looked up."""
    world = edge_world()
    sent, _ = await begin(world, FakeFlow())
    assert world.sender.calls[0].flow is world.sender.flows[BOBS_FLOW]
    assert (sent.uri_text, sent.get("route"), world.sender.asked) == (INVALID, None, [])
    world.relay.close()


async def test_path_of_another_process_is_followed() -> None:
    """RFC 3327 §5.4: SIP itself is the wire between processes."""
    world = World()
    away = path("w2")
    world.bindings[BOB] = (binding(INVALID, path=(away,), flow=BOBS_FLOW, worker="w2"),)
    sent, _ = await begin(world, FakeFlow())
    assert world.sender.asked == [away[1:-1]]
    assert list(sent.values("route")) == [away]
    assert sent.get("p-asserted-identity") is not None
    world.relay.close()


async def test_what_is_withheld_from_phones_is_told_to_another_process() -> None:
    """RFC 3325 §7: within the trust domain the identity goes on, with the Privacy it has."""
    world = World()
    world.bindings[BOB] = (binding(INVALID, path=(path("w2"),), flow=BOBS_FLOW, worker="w2"),)
    sent, _ = await begin(world, FakeFlow(), "Privacy: id")
    assert (sent.get("p-asserted-identity"), sent.get("privacy")) == (f"<{ALICE}>", "id")
    world.relay.close()


async def test_request_of_another_process_needs_no_credentials() -> None:
    """§5.3.1: the token proves that a process of ours let it through."""
    world = edge_world()
    asserted = "P-Asserted-Identity: <sip:alice@example.com>"
    message = request("INVITE", INVALID, f"Route: {path()}", asserted, to=TO_BOB)
    assert await world.relay.admits(message, FakeFlow())
    await world.send(message, NOBODY)
    sent = world.sender.calls[0]
    assert sent.flow is world.sender.flows[BOBS_FLOW]
    assert sent.request.get("route") is None
    assert sent.request.get("p-asserted-identity") == "<sip:alice@example.com>"
    assert len(sent.request.values("record-route")) == 2
    world.relay.close()


@pytest.mark.parametrize("worker", ["w1", "w2"])
async def test_flow_that_is_gone_is_430(worker: str) -> None:
    """§5.3.1: so is one of another process."""
    world = World()
    message = request("INVITE", INVALID, f"Route: {path(worker)}", to=TO_BOB)
    with pytest.raises(FlowFailed) as caught:
        await world.send(message, NOBODY)
    assert caught.value.status == 430


async def test_forged_token_is_nobodys() -> None:
    """§5.2: only a process of the deployment can make one."""
    world = edge_world()
    forged = f"<sip:{mint(BOBS_FLOW, 'w1', b'guess')}@{HERE};lr;ob>"
    message = request("INVITE", INVALID, f"Route: {forged}", to=TO_BOB)
    assert not await world.relay.admits(message, FakeFlow())
    with pytest.raises(Forbidden):
        await world.send(message, NOBODY)


async def test_token_of_a_dialog_begins_no_other() -> None:
    """A caller is shown a token of the callee's flow; it must not open that flow to strangers."""
    world = edge_world()
    _, recorded = await begin(world, FakeFlow())
    token = recorded[0].partition("@")[0].partition(".")[2]
    assert token
    message = request("INVITE", INVALID, f"Route: <sip:{token}@{HERE};lr>", to=TO_BOB)
    assert not await world.relay.admits(message, FakeFlow())
    world.relay.close()


async def test_lost_flow_is_told_to_the_registrar_and_the_next_one_tried() -> None:
    """§5.3, §7: another flow of the same instance, before the branch counts as failed."""
    world = World()
    newer = "tcp:192.0.2.20:40003"
    world.sender.flows[newer] = FakeFlow("TCP", remote=("192.0.2.20", 40003))
    world.bindings[BOB] = tuple(
        binding(
            INVALID, path=(path(flow=flow),), flow=flow, worker="w1", instance="<urn:i>",
            reg_id=number, updated_at=at,
        )
        for number, (flow, at) in enumerate([(BOBS_FLOW, 2000.0), (newer, 1000.0)], start=1)
    )  # fmt: skip
    await begin(world, FakeFlow())
    assert [sent.flow for sent in world.sender.calls] == [world.sender.flows[newer]]
    assert world.lost == [(BOB, INVALID)]
    world.sender.calls[0].answer(486)


async def test_430_from_an_edge_moves_on_to_the_next_flow() -> None:
    """§5.3: an edge of another process lost the connection."""
    world = World()
    world.bindings[BOB] = tuple(
        binding(
            INVALID, path=(path("w2", flow),), flow=flow, worker="w2", instance="<urn:i>",
            reg_id=number,
        )
        for number, flow in enumerate(["tcp:a", "tcp:b"], start=1)
    )  # fmt: skip
    tx = await world.send(invite())
    world.sender.calls[0].answer(430)
    assert len(world.sender.calls) == 2
    world.sender.calls[1].answer(430)
    assert tx.statuses == [100, 480]
    assert world.lost == [(BOB, INVALID), (BOB, INVALID)]


async def test_client_without_any_flow_is_480() -> None:
    """RFC 5626 §11.6: an endpoint never receives 430."""
    world = edge_world()
    world.sender.flows.clear()
    tx = await world.send(invite())
    assert tx.statuses == [100, 480]


async def test_dialog_between_two_connections_stays_on_them() -> None:
    """§5.3: each side's Record-Route names the flow to it, and BYE goes by it either way."""
    world = edge_world()
    world.sender.flows[ALICES.name] = ALICES
    _, recorded = await begin(world, ALICES)
    assert len(recorded) == 2
    bobs = world.sender.flows[BOBS_FLOW]
    routes = world.answered(200, INVALID)

    await world.send(within("BYE", INVALID, routes), NOBODY, flow=ALICES)
    assert world.sender.calls[-1].flow is bobs

    bye = by_bob("BYE", "sip:alice@y.invalid;transport=ws", recorded)
    await world.send(bye, NOBODY, flow=bobs)
    assert world.sender.calls[-1].flow is ALICES
    assert world.sender.calls[-1].request.get("route") is None

    world.relay.ack(within("ACK", INVALID, routes), ALICES)
    assert [data[:4] for data in bobs.sent] == [b"ACK "]
    world.relay.close()


async def test_token_of_the_senders_own_flow_is_no_way_to_the_other_side() -> None:
    """§5.3: as a client shows it that takes over one of our two Record-Route values only."""
    world = edge_world()
    _, recorded = await begin(world, FakeFlow(), NEAR)
    bobs = world.sender.flows[BOBS_FLOW]
    alices = "sip:alice@192.0.2.10:5070"
    await world.send(by_bob("BYE", alices, recorded[:1]), NOBODY, flow=bobs)
    assert (world.sender.asked, world.sender.calls[-1].flow) == ([alices], world.sender.out)
    world.relay.close()


async def test_token_of_a_dialog_is_of_no_use_outside_of_it() -> None:
    """§5.3: the user who called goes by what the callee has registered since."""
    world = edge_world()
    await begin(world, FakeFlow())
    routes = world.answered(200, INVALID)
    lines = [f"Route: {route}" for route in routes]
    outside = request("MESSAGE", "sip:bob@example.com", *lines, to=TO_BOB)
    world.bind(BOBS)
    await world.send(outside, DIGEST)
    assert world.sender.calls[-1].request.uri_text == BOBS
    world.relay.close()


async def test_dialog_whose_connection_is_gone() -> None:
    """§5.3.1: an error when only the connection led to the client, else by its contact; §11.6:
    480, since no endpoint may get 430."""
    contact = "sip:bob@192.0.2.20:5070;transport=tcp"
    for uri, reached in [(INVALID, []), ("sip:bob@192.0.2.20;ob", []), (contact, [contact])]:
        world = edge_world()
        await begin(world, FakeFlow())
        routes = world.answered(200, uri)
        world.sender.flows.clear()
        world.relay.ack(within("ACK", uri, routes), FakeFlow())
        await settle()
        assert world.sender.asked == reached
        if reached:
            await world.send(within("BYE", uri, routes), NOBODY)
        else:
            with pytest.raises(DialogFlowGone) as caught:
                await world.send(within("BYE", uri, routes), NOBODY)
            assert caught.value.status == 480
        assert world.sender.asked == reached * 2
        world.relay.close()


NEAR = "Contact: <sip:alice@192.0.2.10:5070>"
ELSEWHERE = "Contact: <sip:alice@10.0.0.7:5070>"


@pytest.mark.parametrize(
    ("lines", "trusted", "named"),
    [
        pytest.param([NEAR], False, False, id="where-it-says-it-is"),
        pytest.param([ELSEWHERE], False, True, id="behind-a-nat"),
        pytest.param([ELSEWHERE], True, False, id="a-peer-knows-its-own-address"),
        pytest.param(["Contact: <sip:alice@192.0.2.10:5070;ob>"], False, True, id="asks-for-it"),
        pytest.param(
            [ELSEWHERE, "Via: SIP/2.0/UDP 10.0.0.7:5070;branch=z9hG4bK0"], False, False,
            id="a-proxy-is-between",
        ),
        pytest.param([], False, False, id="says-nothing"),
    ],
)  # fmt: skip
async def test_which_callers_on_udp_are_reached_by_their_flow(
    lines: list[str], named: bool, trusted: bool
) -> None:
    """§5.3.2."""
    world = World(trusted=trusted)
    _, recorded = await begin(world, FakeFlow(), *lines)
    assert (len(recorded) == 2) is named
    assert ("." in recorded[-1].partition("@")[0]) is named
    world.relay.close()


async def test_callee_behind_a_nat_keeps_its_flow() -> None:
    """§5.3: it was reached where it was heard from, and so is its dialog."""
    world = World()
    world.bindings[BOB] = (binding(BOBS, received="sip:203.0.113.9:4000"),)
    world.sender.out.remote = ("203.0.113.9", 4000)
    world.sender.flows[world.sender.out.name] = world.sender.out
    await begin(world, FakeFlow())
    routes = world.answered(200, "sip:bob@10.0.0.8:5070")
    await world.send(within("BYE", "sip:bob@10.0.0.8:5070", routes), NOBODY)
    assert world.sender.calls[-1].flow is world.sender.out
    assert world.sender.asked == ["sip:203.0.113.9:4000"]
    world.relay.close()


async def test_path_is_only_recorded_where_it_must_be() -> None:
    """§16.6 step 4 of RFC 3261 leaves it to us: record_route = false."""
    world = World(RelayConfig(record_route=False))
    _, recorded = await begin(world, FakeFlow(), NEAR)
    assert recorded == []
    _, recorded = await begin(world, ALICES, NEAR)
    assert len(recorded) == 2
    world.relay.close()


async def test_contact_that_is_a_gruu_is_looked_up() -> None:
    """RFC 5627 §6.1: our registrar says where the instance is, not the flow of before."""
    world = edge_world()
    await begin(world, FakeFlow())
    gruu = "sip:bob@example.com;gr=urn:uuid:1"
    routes = world.answered(200, gruu)
    await world.send(within("BYE", gruu, routes), NOBODY)
    assert world.sender.calls[-1].request.uri_text == INVALID
    world.relay.ack(within("ACK", gruu, routes), FakeFlow())
    await settle()
    bobs = world.sender.flows[BOBS_FLOW]
    assert [data.split(b"\r\n")[0] for data in bobs.sent] == [f"ACK {INVALID} SIP/2.0".encode()]
    world.relay.close()


async def test_sips_stays_sips() -> None:
    """RFC 3261 §16.6 step 4, §26.2.2: recorded as SIPS, and sent to no other contact."""
    world = World()
    world.bind("sip:bob@plain", "sips:bob@secure|0.5")
    world.sender.out.secure = True
    tx = FakeTransaction(request("INVITE", "sips:bob@example.com", to=TO_BOB))
    await world.relay.relay(tx, DIGEST, world.done.append, admitted=False)
    (sent,) = world.sender.calls
    assert sent.request.uri_text == "sips:bob@secure"
    assert sent.request.get("record-route") == f"<sips:{BOBS_MARK}@{HERE};lr>"
    world.relay.close()


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize("transport", ["TLS", "TCP"])
async def test_sips_contact_is_reached_by_no_flow_in_the_clear(
    transport: str, secure: bool
) -> None:
    """RFC 3261 §26.2.2: whatever it was registered by."""
    world = edge_world()
    bobs = FakeFlow(transport, remote=("192.0.2.20", 40002), secure=secure)
    world.sender.flows[BOBS_FLOW] = bobs
    contact = "sips:bob@192.0.2.20:40002"
    world.bindings[BOB] = (binding(contact, path=(path(),), flow=BOBS_FLOW, worker="w1"),)
    tx = await world.send(request("MESSAGE", "sips:bob@example.com", to=TO_BOB))
    assert [sent.request.uri_text for sent in world.sender.calls] == [contact] * secure
    assert tx.statuses == ([] if secure else [480])
    assert world.lost == []


async def test_sips_goes_on_to_another_process_in_the_clear() -> None:
    """Deviation of RFC 3261 §26.2.2: `sip.internal` is a network of the deployment's own."""
    world = World()
    contact = "sips:bob@192.0.2.20:40002"
    world.bindings[BOB] = (binding(contact, path=(path("w2"),), flow=BOBS_FLOW, worker="w2"),)
    await world.send(request("MESSAGE", "sips:bob@example.com", to=TO_BOB))
    assert world.sender.calls[0].request.uri_text == contact


class Censor:
    """A routing file that changes what comes back, slowly."""

    wants_requests = wants_registers = False
    wants_replies = True

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def on_request(self, request: Request, identity: Identity, flow: object) -> None: ...
    async def on_register(self, request: Request, identity: Identity, flow: object) -> None: ...

    async def on_reply(self, response: Response, request: Request) -> Response | None:
        self.asked.append(response.status)
        await settle()
        if response.status == 180:
            response.reason = "Patience"
            return response
        return None


async def test_routing_file_sees_the_responses_in_order() -> None:
    """Every response but 100, each sent when the file is done with it."""
    censor = Censor()
    world = World(router=censor)
    tx = await world.send(invite())
    for status in (100, 180, 183, 200):
        world.sender.calls[0].answer(status)
    assert tx.statuses == [100]
    for _ in range(5):
        await settle()
    assert censor.asked == [180, 183, 200]
    assert tx.statuses == [100, 180, 183, 200]
    assert tx.sent[1].reason == "Patience"
    assert world.done == [tx]


async def test_own_answer_waits_for_what_the_file_is_looking_at() -> None:
    world = World(router=Censor())
    tx = await world.send(invite())
    world.sender.calls[0].answer(183)
    world.sender.calls[0].on_transport_error()
    assert tx.statuses == [100]
    for _ in range(3):
        await settle()
    assert tx.statuses == [100, 183, 500]
    assert world.done == [tx]
