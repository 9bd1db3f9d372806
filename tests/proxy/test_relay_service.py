"""RFC 3261 §16 through the shell: who may send where, and what becomes of one request."""

import asyncio

import pytest

from proxy.addresses import OurAddresses
from proxy.errors import Forbidden, NextHopFailed, NoBinding, NotFound, ProxyError
from proxy.ports import Transaction
from proxy.relay import dialog_mark
from proxy.relay_service import RelayService
from sip.authenticator import Identity
from sip.message import Request
from sip.uri import AoR
from store.values import Binding
from tests.proxy.proxykit import (
    ALICE,
    BOB,
    KEY,
    FakeFlow,
    FakeSender,
    FakeTransaction,
    binding,
    request,
)

TRUSTED = Identity(ALICE, "asserted")
DIGEST = Identity(ALICE, "digest")
NOBODY = Identity(None, "none")
BOBS = "sip:bob@192.0.2.20:5070"
TO_BOB = "<sip:bob@example.com>"
MARK = dialog_mark("call-1", KEY)


class World:
    """One relay with fakes around it."""

    def __init__(self) -> None:
        self.bindings: dict[AoR, tuple[Binding, ...]] = {BOB: (binding(BOBS),)}
        self.users = {ALICE, BOB, AoR("sip:carol@example.com")}
        self.sender = FakeSender()
        self.done: list[Transaction] = []
        self.relay = RelayService(
            endpoint=self.sender,
            ours=OurAddresses(["example.com"]),
            lookup=self.lookup,
            exists=self.exists,
            secret=KEY,
        )

    async def lookup(self, aor: AoR) -> tuple[Binding, ...]:
        return self.bindings.get(aor, ())

    async def exists(self, aor: AoR, identity: Identity) -> bool:
        return aor in self.users

    async def send(self, message: Request, identity: Identity = TRUSTED) -> FakeTransaction:
        tx = FakeTransaction(message)
        await self.relay.relay(tx, identity, self.done.append)
        return tx


def invite(*lines: str, to: str = TO_BOB, sender: str = ALICE) -> Request:
    return request("INVITE", "sip:bob@example.com", *lines, to=to, sender=sender)


async def test_request_goes_to_the_best_binding() -> None:
    """§16.5, §16.6."""
    world = World()
    world.bindings[BOB] = (binding(BOBS), binding("sip:bob@second"))
    await world.send(request("MESSAGE", "sip:bob@example.com", to=TO_BOB))
    sent = world.sender.sent[0]
    assert sent.request.uri_text == BOBS
    assert sent.request.via.branch == sent.branch
    assert sent.branch.startswith("z9hG4bKours1-")
    assert world.sender.asked == [BOBS]


async def test_nat_and_path_lead_to_the_client() -> None:
    """RFC 3327 §5.4; a client behind a NAT is sent to where it was heard from."""
    world = World()
    world.bindings[BOB] = (binding(BOBS, received="sip:203.0.113.9:4000"),)
    await world.send(invite())
    world.bindings[BOB] = (binding(BOBS, path=("<sip:edge;lr>",)),)
    await world.send(invite())
    assert world.sender.asked == ["sip:203.0.113.9:4000", "sip:edge;lr"]
    assert list(world.sender.sent[1].request.values("route")) == ["<sip:edge;lr>"]
    world.relay.close()


async def test_closed_connection_leaves_the_contact_to_try() -> None:
    """A client that was last heard from on a connection may listen as its contact says."""
    world = World()
    gone = "sip:192.0.2.20:40000;transport=tcp"
    world.bindings[BOB] = (binding(BOBS, received=gone),)
    world.sender.unreachable = {gone}
    await world.send(request("MESSAGE", "sip:bob@example.com"))
    assert world.sender.asked == [gone, BOBS]
    assert world.sender.sent[0].request.uri_text == BOBS


async def test_binding_that_no_request_can_reach_is_passed_over() -> None:
    world = World()
    world.bindings[BOB] = (binding("tel:+1555"), binding(BOBS))
    await world.send(invite())
    assert world.sender.sent[0].request.uri_text == BOBS
    world.relay.close()


@pytest.mark.parametrize(
    ("user", "error"),
    [
        pytest.param("carol", NoBinding, id="registered-nowhere-is-480"),
        pytest.param("nobody", NotFound, id="unknown-is-404"),
    ],
)
async def test_user_without_binding(user: str, error: type[ProxyError]) -> None:
    """RFC 3261 §21.4.18, §21.4.5."""
    with pytest.raises(error):
        await World().send(request("MESSAGE", f"sip:{user}@example.com"))


@pytest.mark.parametrize(
    ("uri", "route", "identity", "sender", "allowed"),
    [
        pytest.param("sip:bob@example.com", "", DIGEST, ALICE, True, id="ours-to-ours"),
        pytest.param("sip:x@example.org", "", DIGEST, ALICE, True, id="ours-to-anywhere"),
        pytest.param("sip:x@example.org", "", NOBODY, "sip:y@example.org", False, id="open-relay"),
        pytest.param(
            "sip:x@example.org", "", Identity(AoR("sip:y@example.org"), "asserted"),
            "sip:y@example.org", False, id="open-relay-for-a-trusted-peer",
        ),
        pytest.param(
            "sip:bob@example.com", "", Identity(AoR("sip:y@example.org"), "asserted"),
            "sip:y@example.org", True, id="inbound-from-a-trusted-peer",
        ),
        pytest.param("sip:bob@example.com", "", DIGEST, BOB, False, id="under-anothers-name"),
        pytest.param(
            "sip:bob@example.com", "", DIGEST, "sip:anonymous@anonymous.invalid", True,
            id="anonymous-but-authenticated",
        ),
        pytest.param(
            "sip:bob@example.com", "<sip:evil.example.org;lr>",
            Identity(AoR("sip:y@example.org"), "asserted"), "sip:y@example.org", False,
            id="open-relay-by-route",
        ),
    ],
)  # fmt: skip
async def test_never_an_open_relay(
    uri: str, route: str, identity: Identity, sender: str, allowed: bool
) -> None:
    """RFC 3261 §16.3 step 6, §26.3.2.1: only to or from our domains."""
    world = World()
    message = request("MESSAGE", uri, *([f"Route: {route}"] if route else []), sender=sender)
    if not allowed:
        with pytest.raises(Forbidden):
            await world.send(message, identity)
    else:
        await world.send(message, identity)
    assert bool(world.sender.sent) is allowed


async def test_dialog_that_was_let_through_needs_no_credentials() -> None:
    """§16.6 step 4: the Record-Route of the INVITE is shown by its BYE."""
    world = World()
    bye = request("BYE", BOBS, f"Route: <sip:{MARK}@192.0.2.1:5060;lr>", to=f"{TO_BOB};tag=b")
    assert world.relay.admits(bye, world.relay.preprocess(bye, FakeFlow()))
    await world.send(bye, NOBODY)
    assert world.sender.sent[0].request.uri_text == BOBS
    assert world.sender.sent[0].request.get("route") is None


async def test_mark_admits_nothing_outside_a_dialog() -> None:
    world = World()
    message = request("INVITE", BOBS, f"Route: <sip:{MARK}@192.0.2.1:5060;lr>", to=TO_BOB)
    assert not world.relay.admits(message, world.relay.preprocess(message, FakeFlow()))


async def test_dialog_reaches_a_client_behind_a_nat() -> None:
    world = World()
    world.bindings[BOB] = (binding(BOBS, received="sip:203.0.113.9:4000"),)
    await world.send(
        request("BYE", BOBS, f"Route: <sip:{MARK}@192.0.2.1:5060;lr>", to=f"{TO_BOB};tag=b")
    )
    assert world.sender.asked == ["sip:203.0.113.9:4000"]


@pytest.mark.parametrize(
    ("method", "recorded"), [("INVITE", True), ("SUBSCRIBE", True), ("MESSAGE", False)]
)
async def test_record_route_for_what_makes_dialogs(method: str, recorded: bool) -> None:
    """§16.6 step 4, RFC 6665 §4.3."""
    world = World()
    await world.send(request(method, "sip:bob@example.com"))
    expected = f"<sip:{MARK}@192.0.2.1:5060;lr>" if recorded else None
    assert world.sender.sent[0].request.get("record-route") == expected
    world.relay.close()


@pytest.mark.parametrize(
    ("identity", "kept"),
    [
        pytest.param(TRUSTED, {"p-asserted-identity", "proxy-authorization"}, id="trusted"),
        pytest.param(DIGEST, set(), id="digest"),
    ],
)
async def test_what_the_next_hop_need_not_see(identity: Identity, kept: set[str]) -> None:
    """RFC 3325 §5: no assertion of a peer that is not trusted; RFC 3261 §22.3: used credentials."""
    world = World()
    await world.send(
        request(
            "MESSAGE", "sip:bob@example.com", "P-Asserted-Identity: <sip:root@example.com>",
            "Proxy-Authorization: Digest x=y",
        ),
        identity,
    )  # fmt: skip
    sent = world.sender.sent[0].request
    names = ("p-asserted-identity", "proxy-authorization")
    assert {name for name in names if sent.get(name) is not None} == kept


async def test_invite_from_ringing_to_answer() -> None:
    """§16.2, §16.7: 100 at once, provisionals and the final as they are, without our Via."""
    world = World()
    tx = await world.send(invite())
    sent = world.sender.sent[0]
    assert tx.statuses == [100]
    sent.answer(100)
    sent.answer(180, ("X-Phone", "rings"))
    sent.answer(200, ("Contact", f"<{BOBS}>"), reason="Yes")
    assert tx.statuses == [100, 180, 200]
    assert [len(response.vias) for response in tx.sent[1:]] == [1, 1]
    assert (tx.sent[1].get("x-phone"), tx.sent[2].reason) == ("rings", "Yes")
    assert world.done == [tx]


async def test_repeated_200_goes_back_each_time() -> None:
    """§16.7 step 5: the callee repeats it until it is acknowledged."""
    world = World()
    tx = await world.send(invite())
    world.sender.sent[0].answer(200)
    world.sender.sent[0].answer(200)
    assert tx.statuses == [100, 200, 200]
    assert world.done == [tx]


async def test_no_100_for_other_requests() -> None:
    """§16.2."""
    world = World()
    tx = await world.send(request("MESSAGE", "sip:bob@example.com"))
    assert tx.statuses == []


async def test_cancel_follows_the_invite() -> None:
    """§16.10, §9.1: on the same branch, and after a provisional response."""
    world = World()
    tx = await world.send(invite())
    assert tx.on_cancel is not None
    tx.on_cancel()
    assert [sent.method for sent in world.sender.sent] == ["INVITE"]
    world.sender.sent[0].answer(180)
    cancel = world.sender.sent[1]
    assert (cancel.method, cancel.branch) == ("CANCEL", world.sender.sent[0].branch)
    cancel.answer(200)
    world.sender.sent[0].answer(487)
    assert tx.statuses == [100, 180, 487]


@pytest.mark.parametrize(("event", "status"), [("on_timeout", 408), ("on_transport_error", 502)])
async def test_target_that_does_not_answer(event: str, status: int) -> None:
    """§16.7 step 6, §16.9."""
    world = World()
    tx = await world.send(invite())
    getattr(world.sender.sent[0], event)()
    assert tx.statuses == [100, status]
    assert world.done == [tx]


async def test_503_of_a_phone_is_not_ours() -> None:
    """§16.7 step 6."""
    world = World()
    tx = await world.send(request("MESSAGE", "sip:bob@example.com"))
    world.sender.sent[0].answer(503)
    assert tx.statuses == [502]


async def test_next_hop_that_cannot_be_reached_is_502() -> None:
    """§16.9."""
    world = World()
    world.sender.unreachable = {BOBS}
    with pytest.raises(NextHopFailed) as caught:
        await world.send(invite())
    assert caught.value.status == 502


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_ack_of_a_200_follows_the_dialog() -> None:
    """RFC 3261 §13.2.2.4, §16.11: statelessly, to the contact of the 200."""
    world = World()
    world.relay.ack(
        request("ACK", BOBS, f"Route: <sip:{MARK}@192.0.2.1:5060;lr>", to=f"{TO_BOB};tag=b"),
        FakeFlow(),
    )
    await settle()
    assert len(world.sender.out.sent) == 1
    assert world.sender.out.sent[0].startswith(f"ACK {BOBS} SIP/2.0".encode())


@pytest.mark.parametrize(
    ("route", "tag"),
    [
        pytest.param("<sip:192.0.2.1:5060;lr>", ";tag=b", id="no-mark"),
        pytest.param(f"<sip:{MARK}@192.0.2.1:5060;lr>", "", id="no-dialog"),
    ],
)
async def test_ack_of_no_dialog_of_ours_goes_nowhere(route: str, tag: str) -> None:
    """An ACK cannot be challenged, so only known dialogs may send one."""
    world = World()
    world.relay.ack(request("ACK", BOBS, f"Route: {route}", to=f"{TO_BOB}{tag}"), FakeFlow())
    await settle()
    assert world.sender.out.sent == []


async def test_timer_c_is_stopped_with_the_service() -> None:
    world = World()
    tx = await world.send(invite())
    world.relay.close()
    assert world.done == [tx]
