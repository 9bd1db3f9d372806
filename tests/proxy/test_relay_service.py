"""RFC 3261 §16 through the shell: who may send where, and how the copy that leaves looks."""

import pytest

from proxy.errors import Forbidden, NoBinding, NotFound, ProxyError
from proxy.routing import Plan
from sip.authenticator import Identity
from sip.uri import AoR
from tests.proxy.proxykit import ALICE, BOB, FakeFlow, binding, request
from tests.proxy.relaykit import (
    BOBS,
    BOBS_MARK,
    DIGEST,
    MARK,
    NOBODY,
    TO_BOB,
    TRUSTED,
    World,
    invite,
    settle,
)


async def test_request_goes_to_the_best_binding() -> None:
    """§16.5, §16.6."""
    world = World()
    world.bind("sip:bob@second|0.5", f"{BOBS}|0.9")
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
    await settle()
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
    assert await world.relay.admits(bye, FakeFlow())
    await world.send(bye, NOBODY)
    assert world.sender.sent[0].request.uri_text == BOBS
    assert world.sender.sent[0].request.get("route") is None


async def test_mark_admits_nothing_outside_a_dialog() -> None:
    world = World()
    message = request("INVITE", BOBS, f"Route: <sip:{MARK}@192.0.2.1:5060;lr>", to=TO_BOB)
    assert not await world.relay.admits(message, FakeFlow())


@pytest.mark.parametrize(
    ("method", "recorded"), [("INVITE", True), ("SUBSCRIBE", True), ("MESSAGE", False)]
)
async def test_record_route_for_what_makes_dialogs(method: str, recorded: bool) -> None:
    """§16.6 step 4, RFC 6665 §4.3."""
    world = World()
    await world.send(request(method, "sip:bob@example.com", to=TO_BOB))
    expected = f"<sip:{BOBS_MARK}@192.0.2.1:5060;lr>" if recorded else None
    assert world.sender.sent[0].request.get("record-route") == expected
    world.relay.close()


@pytest.mark.parametrize(
    ("identity", "asserted"),
    [
        pytest.param(TRUSTED, "<sip:root@example.com>", id="trusted"),
        pytest.param(DIGEST, f"<{ALICE}>", id="digest"),
        pytest.param(Identity(ALICE, "none"), None, id="not-known"),
    ],
)
async def test_what_the_next_hop_is_told_of_the_sender(
    identity: Identity, asserted: str | None
) -> None:
    """RFC 3325 §5, §6: our own word or a trusted peer's; RFC 3261 §22.3: no credentials for us."""
    world = World()
    await world.send(
        request(
            "MESSAGE", "sip:bob@example.com", "P-Asserted-Identity: <sip:root@example.com>",
            'Proxy-Authorization: Digest username="a", realm="example.com", nonce="n", uri="u", '
            'response="00000000000000000000000000000000"',
        ),
        identity,
    )  # fmt: skip
    sent = world.sender.sent[0].request
    assert sent.get("p-asserted-identity") == asserted
    assert sent.get("proxy-authorization") is None


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


FOREIGN = Identity(AoR("sip:y@example.org"), "asserted")
CAROL = AoR("sip:carol@example.com")


async def test_routing_file_names_the_targets() -> None:
    """RFC 3261 §16.5: several at once; a user of ours stands for all that it has registered."""
    world = World()
    world.bind("sip:bob@a", "sip:bob@b|0.5")
    plan = Plan(invite(), ("sip:bob@example.com", "sip:x@trunk.example.org"))
    tx = await world.send(invite(), plan=plan)
    first = [sent.request.uri_text for sent in world.sender.calls]
    assert first == ["sip:bob@a", "sip:x@trunk.example.org"]
    for sent in world.sender.calls:
        sent.answer(486)
    assert world.sender.calls[2].request.uri_text == "sip:bob@b"
    world.sender.calls[2].answer(480)
    assert tx.statuses == [100, 486]


async def test_routing_file_wants_them_one_after_the_other() -> None:
    """RFC 3261 §16.6: serially, in the order it gave."""
    world = World()
    plan = Plan(invite(), ("sip:x@trunk.example.org", "sip:bob@example.com"), serial=True)
    await world.send(invite(), plan=plan)
    assert [sent.request.uri_text for sent in world.sender.calls] == ["sip:x@trunk.example.org"]
    world.sender.calls[0].answer(404)
    assert world.sender.calls[1].request.uri_text == BOBS
    world.relay.close()


@pytest.mark.parametrize(
    ("uris", "error"),
    [
        pytest.param((CAROL,), NoBinding, id="not-registered"),
        pytest.param(("sip:nobody@example.com",), NotFound, id="unknown"),
        pytest.param(("sip:example.com",), NotFound, id="the-server-itself"),
    ],
)
async def test_routing_file_names_nobody(uris: tuple[str, ...], error: type[ProxyError]) -> None:
    """RFC 3261 §21.4.5, §21.4.18: as without the file; who can be reached is."""
    world = World()
    with pytest.raises(error):
        await world.send(invite(), plan=Plan(invite(), uris))
    await world.send(invite(), plan=Plan(invite(), (*uris, BOBS)))
    assert [sent.request.uri_text for sent in world.sender.calls] == [BOBS]
    world.relay.close()


@pytest.mark.parametrize(
    ("identity", "uri", "allowed"),
    [
        pytest.param(FOREIGN, "sip:z@example.net", True, id="a-peer-by-the-file's-word"),
        pytest.param(NOBODY, "sip:bob@example.com", True, id="inbound"),
        pytest.param(NOBODY, "sip:z@example.net", False, id="a-stranger-to-anywhere"),
    ],
)
async def test_the_file_does_not_make_an_open_relay(
    identity: Identity, uri: str, *, allowed: bool
) -> None:
    """RFC 3261 §26.3.2.1: its targets are for those we know, and for calls to our users."""
    world = World()
    message = request("MESSAGE", uri, sender="sip:y@example.org")
    plan = Plan(message, ("sip:elsewhere@example.net",))
    if allowed:
        await world.send(message, identity, plan=plan)
    else:
        with pytest.raises(Forbidden):
            await world.send(message, identity, plan=plan)
    assert bool(world.sender.sent) is allowed


async def test_what_the_file_asserted_goes_out_as_it_is() -> None:
    """RFC 3325 §5 is then the operator's affair."""
    world = World()
    message = request("MESSAGE", "sip:bob@example.com", "P-Asserted-Identity: <tel:+15551234>")
    await world.send(message, DIGEST, plan=Plan(message, asserted=True))
    assert world.sender.calls[0].request.get("p-asserted-identity") == "<tel:+15551234>"
