"""Responses wait for the operator's routing file: none is lost that somebody waits for."""

import asyncio

import pytest

from proxy.reply_service import MAX_PROVISIONAL, MAX_SUCCESSES
from proxy.routing import Answer, Plan, Reject
from sip.authenticator import Identity
from sip.message import Request, Response
from sip.transport.flow import Flow
from tests.proxy.proxykit import FakeTransaction
from tests.proxy.relaykit import World, invite, settle

FLOOD = 2 * MAX_SUCCESSES


class Slow:
    """A routing file that looks at a reply until it is told to go on."""

    wants_requests = wants_registers = False
    wants_replies = True

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.asked: list[int] = []

    async def on_request(
        self, request: Request, identity: Identity, flow: Flow
    ) -> Plan | Answer | Reject | None: ...

    async def on_register(
        self, request: Request, identity: Identity, flow: Flow
    ) -> Request | Answer | Reject | None: ...

    async def on_reply(self, response: Response, request: Request) -> Response | None:
        self.asked.append(response.status)
        await self.go_on.wait()
        return None


async def flooded(*statuses: int) -> tuple[World, Slow, FakeTransaction]:
    """A call whose callee said all of `statuses` while the file looks at the first."""
    file = Slow()
    world = World(router=file)
    tx = await world.send(invite())
    for status in statuses:
        world.sender.calls[0].answer(status)
    return world, file, tx


@pytest.mark.parametrize("final", [200, 302, 486, 603])
async def test_a_final_response_gets_through_a_flood_of_others(final: int) -> None:
    """RFC 3261 §16.7 step 5, §17.2.1: without one the caller's transaction would never end."""
    world, file, tx = await flooded(*[183] * FLOOD, final)
    file.go_on.set()
    await settle()
    assert tx.statuses == [100, *[183] * MAX_PROVISIONAL, final]
    assert file.asked == tx.statuses[1:]
    assert world.done == [tx]
    assert world.relay.under_way == 0


async def test_an_answer_of_our_own_gets_through_as_well() -> None:
    """RFC 3261 §16.9: the callee says much, and then its connection breaks."""
    world, file, tx = await flooded(*[183] * FLOOD)
    world.sender.calls[0].on_transport_error()
    file.go_on.set()
    await settle()
    assert tx.statuses[-1] == 500
    assert world.done == [tx]


async def test_a_response_waits_for_those_before_it_whatever_the_file_wants_by_now() -> None:
    """RFC 3261 §16.7: in order, also when a new file without `on_reply` was taken meanwhile."""
    world, file, tx = await flooded(183)
    file.wants_replies = False
    world.sender.calls[0].answer(486)
    assert tx.statuses == [100]
    file.go_on.set()
    await settle()
    assert tx.statuses == [100, 183, 486]


async def test_repeated_successes_are_bounded() -> None:
    """RFC 3261 §13.3.1.4: the callee sends its 2xx again until it hears an ACK."""
    world, file, tx = await flooded(*[200] * FLOOD)
    file.go_on.set()
    await settle()
    assert tx.statuses == [100, *[200] * MAX_SUCCESSES]
    assert world.done == [tx]


async def test_what_cannot_be_sent_keeps_nothing_else_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, file, tx = await flooded(183, 486)
    real = tx.respond_bytes

    def respond(status: int, data: bytes) -> None:
        if status == 183:
            raise RuntimeError("not today")
        real(status, data)

    monkeypatch.setattr(tx, "respond_bytes", respond)
    file.go_on.set()
    await settle()
    assert tx.statuses == [100, 486]
    assert world.done == [tx]


async def test_a_request_is_under_way_while_its_responses_are_looked_at() -> None:
    world, file, _ = await flooded(486)
    settled = asyncio.create_task(world.relay.settle())
    await settle()
    assert world.relay.under_way == 1
    assert not settled.done()
    file.go_on.set()
    await settled
    assert world.relay.under_way == 0


@pytest.mark.parametrize(
    ("waiting", "sent"),
    [
        pytest.param([183], [100, 183, 503], id="ringing"),
        pytest.param([183, 486], [100, 183, 486], id="over"),
    ],
)
async def test_the_end_of_the_server_sends_what_waits(waiting: list[int], sent: list[int]) -> None:
    """RFC 3261 §16.7: in order, and before our own answer."""
    world, _, tx = await flooded(*waiting)
    world.relay.close()
    assert tx.statuses == sent
    assert world.done == [tx]
    assert world.relay.under_way == 0
    await settle()
    assert tx.statuses == sent
