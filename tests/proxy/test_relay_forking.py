"""RFC 3261 §16.6 to §16.10 through the shell: what becomes of one request and its branches."""

import pytest

from proxy.errors import Overloaded
from proxy.relay_service import RelayConfig
from sip.authenticator import Identity
from sip.locate import Target
from sip.message import Response, parse_message
from tests.proxy.proxykit import BOB, FakeFlow, FakeTransaction, request
from tests.proxy.relaykit import BOBS, DIGEST, TRUSTED, World, invite, settle


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


@pytest.mark.parametrize(("event", "status"), [("on_timeout", 408), ("on_transport_error", 500)])
async def test_target_that_does_not_answer(event: str, status: int) -> None:
    """§16.7 step 6, §16.9."""
    world = World()
    tx = await world.send(invite())
    getattr(world.sender.sent[0], event)()
    assert tx.statuses == [100, status]
    assert world.done == [tx]


async def test_503_of_a_phone_is_not_ours() -> None:
    """§16.7 step 6: a 503 would say that this server is overloaded."""
    world = World()
    tx = await world.send(request("MESSAGE", "sip:bob@example.com"))
    world.sender.sent[0].answer(503)
    assert tx.statuses == [500]


async def test_next_hop_that_cannot_be_reached_is_500() -> None:
    """§16.9: as if it had answered 503."""
    world = World()
    world.sender.unreachable = {BOBS}
    tx = await world.send(invite())
    await settle()
    assert tx.statuses == [100, 500]
    assert world.relay.under_way == 0


async def test_forked_to_three_and_one_answers() -> None:
    """§16.6, §16.7 step 10: equal q at once; who lost is told that somebody else answered."""
    world = World()
    world.bind("sip:bob@a", "sip:bob@b", "sip:bob@c")
    tx = await world.send(invite())
    a, b, c = world.sender.calls
    assert len({sent.branch for sent in (a, b, c)}) == 3
    for sent in (a, b, c):
        sent.answer(180)
    b.answer(200)
    assert [cancel.branch for cancel in world.sender.cancels] == [a.branch, c.branch]
    for cancel in world.sender.cancels:
        assert cancel.request.get("reason") == 'SIP;cause=200;text="Call completed elsewhere"'
        cancel.answer(200)
    a.answer(487)
    c.answer(487)
    assert tx.statuses == [100, 180, 180, 180, 200]
    assert world.done == [tx]
    assert world.relay.under_way == 0


async def test_branch_that_has_not_rung_is_cancelled_when_it_does() -> None:
    """§9.1: a CANCEL waits for a provisional response."""
    world = World()
    world.bind("sip:bob@a", "sip:bob@b")
    await world.send(invite())
    a, b = world.sender.calls
    a.answer(200)
    assert world.sender.cancels == []
    b.answer(100)
    assert [cancel.branch for cancel in world.sender.cancels] == [b.branch]
    world.relay.close()


async def test_two_phones_answer_at_once() -> None:
    """§16.7 step 5: every 2xx of an INVITE goes back; the caller ends what it does not want."""
    world = World()
    world.bind("sip:bob@a", "sip:bob@b")
    tx = await world.send(invite())
    a, b = world.sender.calls
    a.answer(200)
    b.answer(200)
    assert tx.statuses == [100, 200, 200]
    assert world.done == [tx]


async def test_lower_q_is_tried_when_the_higher_has_failed() -> None:
    """§16.6: serial forking by descending q, and the best of what came back."""
    world = World()
    world.bind("sip:bob@second|0.5", "sip:bob@first|0.9", "sip:bob@third|0.1")
    tx = await world.send(invite())
    uris = []
    for status in (408, 486, 404):
        uris.append(world.sender.calls[-1].request.uri_text)
        world.sender.calls[-1].answer(status)
    assert uris == ["sip:bob@first", "sip:bob@second", "sip:bob@third"]
    assert tx.statuses == [100, 486]


async def test_no_more_branches_than_are_allowed() -> None:
    world = World(RelayConfig(max_branches=3))
    world.bind("sip:bob@a", "sip:bob@b|0.5", "sip:bob@c|0.5", "sip:bob@d|0.5")
    tx = await world.send(invite())
    while tx.statuses == [100]:
        world.sender.calls[-1].answer(486)
        for sent in world.sender.calls:
            sent.answer(486)
    assert len(world.sender.calls) == 3


async def test_narrow_breadth_makes_a_fork_serial() -> None:
    """RFC 5393 §5.3.3: never more open branches than Max-Breadth, which is shared among them."""
    world = World()
    world.bind("sip:bob@a", "sip:bob@b", "sip:bob@c")
    tx = await world.send(invite("Max-Breadth: 2"))
    assert [sent.request.get("max-breadth") for sent in world.sender.calls] == ["1", "1"]
    world.sender.calls[0].answer(486)
    assert len(world.sender.calls) == 3
    for sent in world.sender.calls[1:]:
        sent.answer(486)
    assert tx.statuses == [100, 486]


async def test_breadth_is_shared_by_what_is_tried_at_once() -> None:
    """RFC 5393 §5.3.3."""
    world = World()
    world.bind("sip:bob@a", "sip:bob@b", "sip:bob@c|0.5")
    await world.send(invite())
    assert [sent.request.get("max-breadth") for sent in world.sender.calls] == ["30", "30"]
    world.relay.close()


async def test_decline_everywhere_ends_the_search() -> None:
    """§16.7 step 5: a 6xx cancels the others and goes back when they have ended."""
    world = World()
    world.bind("sip:bob@a", "sip:bob@b", "sip:bob@c|0.5")
    tx = await world.send(invite())
    a, b = world.sender.calls
    b.answer(180)
    a.answer(603)
    (cancel,) = world.sender.cancels
    assert (cancel.branch, cancel.request.get("reason")) == (
        b.branch, 'SIP;cause=603;text="Decline"',
    )  # fmt: skip
    assert tx.statuses == [100, 180]
    b.answer(487)
    assert tx.statuses == [100, 180, 603]
    assert len(world.sender.calls) == 2


async def test_every_challenge_goes_back() -> None:
    """§16.7 step 7."""
    world = World()
    world.bind("sip:bob@a", "sip:bob@b", "sip:bob@c")
    tx = await world.send(invite())
    a, b, c = world.sender.calls
    a.answer(407, ("Proxy-Authenticate", 'Digest realm="a"'))
    b.answer(401, ("WWW-Authenticate", 'Digest realm="b"'))
    c.answer(404, ("WWW-Authenticate", 'Digest realm="not one"'))
    answer = tx.sent[-1]
    assert answer.status == 407
    assert list(answer.all("proxy-authenticate")) == ['Digest realm="a"']
    assert list(answer.all("www-authenticate")) == ['Digest realm="b"']
    assert len(answer.vias) == 1


async def test_reason_of_the_caller_is_carried() -> None:
    """RFC 3326 §2."""
    world = World()
    tx = await world.send(invite())
    world.sender.sent[0].answer(180)
    tx.cancelled_by = request("CANCEL", "sip:bob@example.com", "Reason: Q.850;cause=16")
    assert tx.on_cancel is not None
    tx.on_cancel()
    assert world.sender.cancels[0].request.get("reason") == "Q.850;cause=16"
    world.relay.close()


async def test_call_cancelled_before_it_was_sent_is_not_sent() -> None:
    """§9.2: the CANCEL came while the callee was being looked up."""
    world = World()
    tx = FakeTransaction(invite())
    tx.cancelled_by = request("CANCEL", "sip:bob@example.com")
    await world.relay.relay(tx, TRUSTED, world.done.append, admitted=False)
    assert (tx.statuses, world.sender.sent) == ([100, 487], [])


async def test_answer_that_comes_after_a_refusal_still_goes_back() -> None:
    """§16.7 step 5: a 2xx is forwarded even after another final response."""
    world = World()
    world.bind("sip:bob@a")
    tx = await world.send(invite())
    sent = world.sender.calls[0]
    sent.answer(486)
    sent.answer(200)
    assert tx.statuses == [100, 486]
    assert isinstance(tx.flow, FakeFlow)
    assert [data[:11] for data in tx.flow.sent] == [b"SIP/2.0 200"]


A, B = Target("udp", "192.0.2.31", 5060, "trunk"), Target("tcp", "192.0.2.32", 5060, "trunk")
TRUNK = "sip:x@trunk.example.org"


@pytest.mark.parametrize("event", ["503", "on_timeout", "on_transport_error"])
async def test_next_server_is_tried(event: str) -> None:
    """RFC 3263 §4.3: on 503, on no response at all, on a transport error."""
    world = World()
    world.sender.located = {TRUNK: (A, B)}
    tx = await world.send(request("INVITE", TRUNK), DIGEST)
    await settle()
    (first,) = world.sender.calls
    if event == "503":
        first.answer(503)
    else:
        getattr(first, event)()
    await settle()
    second = world.sender.calls[1]
    assert (first.flow.remote[0], second.flow.remote[0]) == (A.host, B.host)
    assert first.branch != second.branch
    assert world.sender.failures == [A]
    first.on_transport_error()
    first.answer(183)
    second.answer(200)
    assert tx.statuses == [100, 200]


async def test_other_methods_are_not_tried_again_after_a_time_out() -> None:
    """RFC 4320 §4.2: by then nobody waits any more, and no 408 is sent."""
    world = World()
    world.sender.located = {TRUNK: (A, B)}
    tx = await world.send(request("MESSAGE", TRUNK), DIGEST)
    await settle()
    world.sender.calls[0].on_timeout()
    await settle()
    assert len(world.sender.calls) == 1
    assert tx.statuses == [408]  # which the stack does not send
    assert world.done == [tx]


async def test_server_that_refuses_the_connection_is_passed_over() -> None:
    """RFC 3263 §4.3."""
    world = World()
    world.sender.located = {TRUNK: (B, A)}
    world.sender.refusing = {B}
    await world.send(request("MESSAGE", TRUNK), DIGEST)
    await settle()
    assert [sent.flow.remote[0] for sent in world.sender.calls] == [A.host]
    assert world.sender.failures == [B]


async def test_caller_gives_up_while_a_server_is_looked_up() -> None:
    """§16.10: nothing is sent any more."""
    world = World()
    world.sender.located = {TRUNK: (A, B)}
    tx = await world.send(request("INVITE", TRUNK), DIGEST)
    assert tx.on_cancel is not None
    tx.on_cancel()
    await settle()
    assert (tx.statuses, world.sender.sent) == ([100, 487], [])


async def test_overload_is_503_with_retry_after() -> None:
    """RFC 3261 §21.5.4: branches under way are bounded."""
    world = World(RelayConfig(max_relayed=2))
    world.bind("sip:bob@a", "sip:bob@b")
    tx = await world.send(invite())
    with pytest.raises(Overloaded) as caught:
        await world.send(request("MESSAGE", "sip:bob@example.com"))
    assert (caught.value.status, list(caught.value.headers)) == (503, [("Retry-After", "5")])
    for sent in world.sender.calls:
        sent.answer(486)
    assert tx.statuses == [100, 486]
    await world.send(request("MESSAGE", "sip:bob@example.com"))


async def test_one_user_cannot_use_up_the_relay() -> None:
    """RFC 3261 §21.5.4: of each that we authenticated, so many branches."""
    world = World(RelayConfig(max_of_account=2))
    world.bind("sip:bob@a", "sip:bob@b")
    await world.send(invite(), DIGEST)
    with pytest.raises(Overloaded):
        await world.send(request("MESSAGE", "sip:bob@example.com"), DIGEST)
    bob = Identity(BOB, "digest")
    await world.send(request("MESSAGE", "sip:bob@example.com", sender=BOB), bob)
    await world.send(request("MESSAGE", "sip:bob@example.com"), TRUSTED)
    for sent in world.sender.calls[:2]:
        sent.answer(486)
    await world.send(request("MESSAGE", "sip:bob@example.com"), DIGEST)
    world.relay.close()


async def test_what_strangers_assert_of_themselves_is_not_shown() -> None:
    """RFC 3325 §5: in responses too."""
    world = World()
    tx = await world.send(request("MESSAGE", "sip:bob@example.com"))
    world.sender.calls[0].answer(200, ("P-Asserted-Identity", "<sip:boss@example.com>"))
    assert tx.sent[0].get("p-asserted-identity") is None
    world = World(trusted=True)
    tx = await world.send(request("MESSAGE", "sip:bob@example.com"))
    world.sender.calls[0].answer(200, ("P-Asserted-Identity", "<sip:boss@example.com>"))
    assert tx.sent[0].get("p-asserted-identity") == "<sip:boss@example.com>"


async def test_response_without_any_other_via_goes_nowhere() -> None:
    """§16.7 step 3: it is not forwarded; a final one ends the branch."""
    world = World()
    tx = await world.send(invite())
    sent = world.sender.calls[0]
    top = f"Via: {sent.request.all('via')[0]}\r\n"
    for status in (183, 200):
        message = parse_message(
            f"SIP/2.0 {status} Odd\r\n{top}To: <sip:b@h>;tag=b\r\nCSeq: 1 INVITE\r\n\r\n".encode()
        )
        assert isinstance(message, Response)
        sent.on_response(message)
    assert tx.statuses == [100, 500]


async def test_phone_that_rings_too_long_is_cancelled() -> None:
    """§16.8: timer C runs anew with each 18x, then CANCEL; in the end 408 upstream."""
    world = World(RelayConfig(timer_c=181))
    world.bind("sip:bob@a", "sip:bob@b")
    tx = await world.send(invite())
    a, b = world.sender.calls
    a.answer(180)
    b.answer(180)
    world.timers.run_for(180)
    b.answer(183)
    world.timers.run_for(2)
    (cancel,) = world.sender.cancels
    assert (cancel.branch, cancel.request.get("reason")) == (
        a.branch, 'SIP;cause=408;text="Request Timeout"',
    )  # fmt: skip
    a.answer(487)
    world.timers.run_for(180)
    assert [sent.branch for sent in world.sender.cancels] == [a.branch, b.branch]
    world.timers.run_for(33)
    assert b.ended
    assert tx.statuses == [100, 180, 180, 183, 408]
    assert world.relay.under_way == 0
