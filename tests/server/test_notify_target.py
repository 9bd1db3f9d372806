"""RFC 5627 §6.1 for NOTIFYs: a Contact that is a GRUU leads to its newest binding's flow."""

import pytest

from presence.ports import Hop
from proxy.errors import NotFound
from proxy.targets import Targets, choose
from server.notify_target import NotifyTargets
from sip.errors import TransportError
from sip.message import Request
from sip.transport.flow import Flow
from sip.uri import Uri
from store.values import Binding
from tests.proxy.proxykit import ALICE, EDGE, FakeFlow, binding

GRUU = f"{ALICE};gr=urn:uuid:1"
FLOW = FakeFlow("WS", ("192.0.2.10", 40000))
EDGE_PROXY = "<sip:edge.example.com;lr>"
ELSEWHERE = "<sip:token@192.0.2.2;lr;ob>"


def targets(*bindings: Binding) -> NotifyTargets:
    async def find(uri: Uri, request: Request | None) -> Targets:
        if not bindings:
            raise NotFound
        return choose(ALICE, bindings, request, known=True)

    def flow_named(name: str) -> Flow | None:
        return FLOW if name == FLOW.name else None

    return NotifyTargets(find, EDGE, flow_named)


def on(flow: FakeFlow, **changes: object) -> Binding:
    path = (EDGE.hop(flow), EDGE_PROXY)
    return binding("sip:a@x.invalid", path=path, flow=flow.name, worker="w1", **changes)


@pytest.mark.parametrize(
    ("bindings", "hop"),
    [
        pytest.param([on(FLOW)], Hop("sip:a@x.invalid", FLOW, (EDGE_PROXY,)), id="flow-of-ours"),
        pytest.param([binding("sip:b@h", path=(ELSEWHERE,))], Hop("sip:b@h", None, (ELSEWHERE,)),
                     id="flow-of-another-process"),
        pytest.param([binding("sip:b@h")], Hop("sip:b@h"), id="contact"),
        pytest.param([on(FakeFlow("WS", ("192.0.2.10", 1))), binding("sip:b@h")], Hop("sip:b@h"),
                     id="flow-is-gone"),
    ],
)  # fmt: skip
async def test_way_to_a_contact_of_ours(bindings: list[Binding], hop: Hop) -> None:
    assert await targets(*bindings).resolve(GRUU) == hop


@pytest.mark.parametrize("bindings", [[], [on(FakeFlow("WS", ("192.0.2.10", 1)))]])
async def test_nobody_there(bindings: list[Binding]) -> None:
    with pytest.raises(TransportError):
        await targets(*bindings).resolve(GRUU)


async def test_other_flow_of_the_instance_is_the_next() -> None:
    """RFC 5626 §7."""
    gone, there = (
        on(flow, instance="<urn:uuid:1>", reg_id=number, updated_at=2000.0 - number)
        for number, flow in enumerate((FakeFlow("WS", ("192.0.2.10", 1)), FLOW), 1)
    )
    assert await targets(gone, there).resolve(GRUU) == Hop("sip:a@x.invalid", FLOW, (EDGE_PROXY,))
