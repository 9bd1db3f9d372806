"""RFC 3261 §21.5.4: the server ends, and nobody whose request it relayed is left in the dark."""

import asyncio

import pytest

from proxy.errors import Overloaded
from proxy.fork import STOPPED
from tests.proxy.proxykit import FakeFlow, request
from tests.proxy.relaykit import World, invite, settle


async def test_requests_under_way_are_waited_for() -> None:
    world = World()
    first, second = await world.send(invite()), await world.send(invite())
    settled = asyncio.create_task(world.relay.settle())
    world.sender.calls[0].answer(200)
    await settle()
    assert not settled.done()
    world.sender.calls[1].answer(486)
    await settled
    assert (first.statuses[-1], second.statuses[-1]) == (200, 486)


async def test_with_nothing_under_way_there_is_no_wait() -> None:
    async with asyncio.timeout(1):
        await World().relay.settle()


async def test_a_call_that_rings_is_refused_and_cancelled() -> None:
    """§16.10, §21.5.4, RFC 3326 §2: 503 with Retry-After to the caller, CANCEL to the callees."""
    world = World()
    world.bind("sip:bob@a", "sip:bob@b", "sip:bob@c|0.5")
    tx = await world.send(invite())
    world.sender.calls[0].answer(180)
    world.relay.close()
    assert tx.statuses == [100, 180, 503]
    assert tx.sent[-1].get("retry-after") == "5"
    (cancel,) = world.sender.cancels
    assert cancel.request.uri_text == "sip:bob@a"
    assert cancel.request.get("reason") == STOPPED
    assert world.done == [tx]
    assert world.relay.under_way == 0


async def test_a_callee_who_answers_just_then_is_heard() -> None:
    """§16.7 step 5."""
    world = World()
    tx = await world.send(invite())
    world.sender.calls[0].answer(180)
    world.relay.close()
    world.sender.calls[0].answer(200)
    assert tx.statuses[-1] == 503
    assert isinstance(tx.flow, FakeFlow)
    assert tx.flow.sent[-1].startswith(b"SIP/2.0 200 ")


async def test_other_requests_are_not_to_be_sent_again() -> None:
    """§21.5.1: 500 without Retry-After."""
    world = World()
    tx = await world.send(request("MESSAGE", "sip:bob@example.com"))
    world.relay.close()
    assert tx.statuses == [500]
    assert tx.sent[0].get("retry-after") is None
    assert [sent.method for sent in world.sender.sent] == ["MESSAGE"]


async def test_a_caller_who_gave_up_gets_487() -> None:
    """§16.10."""
    world = World()
    tx = await world.send(invite())
    world.sender.calls[0].answer(180)
    tx.cancelled_by = request("CANCEL", "sip:bob@example.com")
    assert tx.on_cancel is not None
    tx.on_cancel()
    world.relay.close()
    assert tx.statuses == [100, 180, 487]
    assert len(world.sender.cancels) == 1


async def test_what_is_answered_is_left_alone() -> None:
    world = World()
    tx = await world.send(invite())
    world.sender.calls[0].answer(200)
    world.relay.close()
    assert tx.statuses == [100, 200]
    assert world.done == [tx]


async def test_nothing_is_relayed_after_the_end() -> None:
    """§21.5.4."""
    world = World()
    world.relay.close()
    with pytest.raises(Overloaded):
        await world.send(invite())
    assert world.sender.sent == []
