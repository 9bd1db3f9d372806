"""RFC 3261 §17.2: one request takes effect once and is answered alike each time it comes."""

import pytest

from sip.message import Request, build_response, parse_message
from sip.transaction.answers import GENERATION
from sip.transaction.timers import TRANSACTION, TRYING_INVITE, TRYING_OTHER
from sip.transport.config import EndpointConfig
from sip.transport.flow import Flow
from sip.transport.server_transaction import ServerTransaction
from tests.sip.wires import CLOCK, FakeFlow, Stack, request


def answering(status: int = 200) -> Stack:
    stack = Stack()
    stack.handle = lambda transaction: transaction.respond(status)
    return stack


def test_a_request_sent_again_gets_the_same_answer_and_takes_effect_once() -> None:
    """RFC 3261 §17.2.2."""
    stack, flow = answering(), FakeFlow()
    for _ in range(3):
        stack.layer.receive(request(), flow)
    assert len(stack.requests) == 1
    assert len(flow.sent) == 3
    assert len(set(flow.sent)) == 1


def test_a_request_sent_again_before_its_answer_is_absorbed() -> None:
    """RFC 3261 §17.2.2, Trying."""
    stack, flow = Stack(), FakeFlow()
    stack.layer.receive(request(), flow)
    stack.layer.receive(request(), flow)
    assert len(stack.requests) == 1
    assert flow.sent == []
    stack.requests[0].respond(202)
    assert flow.statuses == [202]


def test_only_the_first_final_response_counts() -> None:
    """RFC 3261 §17.2.2, Completed."""
    stack, flow = Stack(), FakeFlow()
    stack.layer.receive(request(), flow)
    stack.requests[0].respond(200)
    stack.requests[0].respond(500)
    assert flow.statuses == [200]


def test_the_answer_is_kept_for_timer_j_and_costs_no_transaction() -> None:
    stack, flow = answering(), FakeFlow()
    stack.layer.receive(request(), flow)
    assert stack.layer.pending == 0
    stack.timers.run_for(TRANSACTION)
    stack.layer.receive(request(), flow)
    assert len(stack.requests) == 1
    stack.timers.run_for(GENERATION + 1)
    stack.layer.receive(request(), flow)
    assert len(stack.requests) == 2


def test_over_a_connection_nothing_is_kept() -> None:
    """RFC 3261 §17.2.2: timer J is 0 there."""
    stack, flow = answering(), FakeFlow(transport="TCP")
    stack.layer.receive(request(), flow)
    stack.layer.receive(request(), flow)
    assert len(stack.requests) == 2


def test_kept_answers_are_bounded() -> None:
    stack = Stack(config=EndpointConfig(max_answered=2))
    stack.handle = lambda transaction: transaction.respond(200)
    flow = FakeFlow()
    for number in range(4):
        stack.layer.receive(request(branch=f"z9hG4bK{number}"), flow)
        stack.timers.run_for(GENERATION)
    stack.layer.receive(request(branch="z9hG4bK0"), flow)
    assert len(stack.requests) == 5
    stack.layer.receive(request(branch="z9hG4bK3"), flow)
    assert len(stack.requests) == 5


def test_past_the_bound_of_transactions_it_is_503_with_retry_after() -> None:
    stack = Stack(config=EndpointConfig(max_transactions=1, retry_after=7))
    flow = FakeFlow()
    stack.layer.receive(request(branch="z9hG4bK1"), flow)
    stack.layer.receive(request(branch="z9hG4bK2"), flow)
    assert flow.statuses == [503]
    assert b"Retry-After: 7\r\n" in flow.sent[0]
    stack.requests[0].respond(200)
    stack.layer.receive(request(branch="z9hG4bK3"), flow)
    assert len(stack.requests) == 2


def test_a_slow_tu_has_a_100_sent_when_the_client_has_slowed_down() -> None:
    """RFC 4320 §4.1."""
    stack, flow = Stack(), FakeFlow()
    stack.layer.receive(request(), flow)
    stack.timers.run_for(TRYING_OTHER - 0.1)
    assert flow.sent == []
    stack.timers.run_for(0.2)
    assert flow.statuses == [100]


def test_a_request_is_never_answered_408_or_late() -> None:
    """RFC 4320 §4.2."""
    stack, flow = Stack(), FakeFlow()
    stack.layer.receive(request(), flow)
    stack.requests[0].respond(408)
    stack.requests[0].respond(180)
    assert flow.sent == []
    stack.timers.run_for(TRANSACTION + 1)
    flow.sent.clear()
    stack.requests[0].respond(200)
    assert flow.sent == []
    assert stack.layer.pending == 0


def test_the_answer_goes_to_the_sent_by_port_without_rport() -> None:
    """RFC 3261 §18.2.2."""
    stack, flow = answering(), FakeFlow(("192.0.2.1", 40_000))
    stack.layer.receive(request(), flow)
    assert flow.sent == []
    assert flow.siblings[5060].statuses == [200]


def test_the_answer_goes_back_where_the_request_came_from_with_rport() -> None:
    """RFC 3581 §4."""
    stack, flow = answering(), FakeFlow(("192.0.2.1", 40_000))
    stack.layer.receive(request(via="SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bK1"), flow)
    assert flow.statuses == [200]
    assert b";rport=40000;received=192.0.2.1;" in flow.sent[0]


def test_responses_of_a_transaction_bear_one_tag() -> None:
    """RFC 3261 §8.2.6.2."""
    stack, flow = Stack(), FakeFlow()
    stack.layer.receive(request("INVITE"), flow)
    stack.requests[0].respond(180)
    stack.requests[0].respond(486)
    tags = [parse_message(data).to.tag for data in flow.sent]
    assert tags == [stack.requests[0].local_tag] * 2


def test_a_tag_that_is_there_stays() -> None:
    stack, flow = answering(), FakeFlow()
    stack.layer.receive(request(to="<sip:bob@example.com>;tag=b1"), flow)
    assert parse_message(flow.sent[0]).to.tag == "b1"


def test_received_at_is_the_time_of_day() -> None:
    stack = Stack()
    stack.layer.receive(request(), FakeFlow())
    assert stack.requests[0].received_at == CLOCK


def invite(stack: Stack, flow: FakeFlow) -> ServerTransaction:
    stack.layer.receive(request("INVITE"), flow)
    return stack.requests[-1]


def test_a_refused_invite_is_answered_until_its_ack() -> None:
    """RFC 3261 §17.2.1, timer G."""
    stack, flow = Stack(), FakeFlow()
    invite(stack, flow).respond(486)
    stack.timers.run_for(2.0)
    assert flow.statuses == [486] * 3
    stack.layer.receive(request("ACK"), flow)
    stack.timers.run_for(20.0)
    assert flow.statuses == [486] * 3
    assert stack.layer.pending == 0


def test_a_refused_invite_that_is_never_acknowledged_is_told_and_ends() -> None:
    """RFC 3261 §17.2.1, timer H."""
    stack, flow = Stack(), FakeFlow()
    transaction = invite(stack, flow)
    told: list[str] = []
    transaction.on_failure = lambda: told.append("no-ack")
    transaction.respond(486)
    stack.timers.run_for(TRANSACTION + 1)
    assert told == ["no-ack"]
    assert stack.layer.pending == 0


def test_a_challenged_invite_holds_no_transaction_and_is_answered_only_when_asked() -> None:
    """RFC 3261 §26.3.2.4: whoever never shows credentials can neither fill us nor aim us."""
    stack, flow = Stack(), FakeFlow()
    transaction = invite(stack, flow)
    transaction.respond(407)
    assert (stack.layer.pending, transaction.final) == (0, True)
    stack.timers.run_for(20.0)
    assert len(flow.sent) == 1
    stack.layer.receive(request("INVITE"), flow)
    assert flow.sent[1] == flow.sent[0]
    stack.layer.receive(request("ACK"), flow)
    assert len(flow.sent) == 2


def test_an_accepted_invite_passes_acks_up_and_absorbs_retransmissions() -> None:
    """RFC 6026 §7.1."""
    stack, flow = Stack(), FakeFlow()
    transaction = invite(stack, flow)
    acks: list[Request] = []
    transaction.on_ack = acks.append
    transaction.respond(200)
    stack.layer.receive(request("INVITE"), flow)
    assert flow.statuses == [200]
    transaction.respond(200)
    assert flow.statuses == [200, 200]
    stack.layer.receive(request("ACK"), flow)
    assert [ack.method for ack in acks] == ["ACK"]


def test_an_invite_whose_tu_is_slow_is_answered_100() -> None:
    """RFC 3261 §17.2.1."""
    stack, flow = Stack(), FakeFlow()
    invite(stack, flow)
    stack.timers.run_for(TRYING_INVITE + 0.1)
    assert flow.statuses == [100]
    assert parse_message(flow.sent[0]).to.tag is None


def test_cancel_is_answered_and_told_to_its_invite() -> None:
    """RFC 3261 §9.2."""
    stack, flow = Stack(), FakeFlow()
    transaction = invite(stack, flow)
    transaction.on_cancel = lambda: transaction.respond(487)
    stack.layer.receive(request("CANCEL"), flow)
    stack.layer.receive(request("CANCEL"), flow)
    assert flow.statuses == [200, 487, 200]
    assert parse_message(flow.sent[0]).to.tag == transaction.local_tag
    assert [one.request.method for one in stack.requests] == ["INVITE"]


def test_cancel_after_the_final_response_does_nothing() -> None:
    """RFC 3261 §9.2."""
    stack, flow = Stack(), FakeFlow()
    transaction = invite(stack, flow)
    transaction.on_cancel = lambda: pytest.fail("too late")
    transaction.respond(486)
    stack.layer.receive(request("CANCEL"), flow)
    assert flow.statuses == [486, 200]


def test_cancel_of_nothing_is_481() -> None:
    """RFC 3261 §9.2."""
    stack, flow = Stack(), FakeFlow()
    stack.layer.receive(request("CANCEL"), flow)
    assert flow.statuses == [481]


def test_cancel_matches_as_rfc_2543_did() -> None:
    """RFC 3261 §17.2.3."""
    stack, flow = Stack(), FakeFlow()
    old = "SIP/2.0/UDP 192.0.2.1:5060"
    stack.layer.receive(request("INVITE", via=old), flow)
    stack.layer.receive(request("CANCEL", via=old), flow)
    assert flow.statuses == [200]


@pytest.mark.parametrize(("tag", "absorbed"), [("right", True), ("wrong", False)])
def test_an_ack_of_rfc_2543_is_matched_by_the_tag_of_the_response(tag: str, absorbed: bool) -> None:
    """RFC 3261 §17.2.3."""
    stack, flow = Stack(), FakeFlow()
    old = "SIP/2.0/UDP 192.0.2.1:5060"
    stack.layer.receive(request("INVITE", via=old), flow)
    stack.requests[0].respond(486, to_tag="right")
    stack.layer.receive(request("ACK", via=old, to=f"<sip:bob@example.com>;tag={tag}"), flow)
    flow.sent.clear()
    stack.timers.run_for(1.0)
    assert (flow.sent == []) is absorbed


def test_a_relayed_response_goes_out_as_it_is() -> None:
    stack, flow = Stack(), FakeFlow()
    stack.layer.receive(request(), flow)
    data = build_response(stack.requests[0].request, 202, headers=[("X", "y")])
    stack.requests[0].respond_bytes(202, data)
    assert flow.sent == [data]


def test_an_exception_is_told_with_its_call_id_and_answered_500() -> None:
    stack, flow = Stack(), FakeFlow()

    def broken(transaction: ServerTransaction) -> None:
        raise ZeroDivisionError

    stack.handle = broken
    stack.layer.receive(request(), flow)
    assert flow.statuses == [500]
    assert [(type(error), call_id) for error, call_id in stack.errors] == [
        (ZeroDivisionError, "c1@192.0.2.1")
    ]
    assert stack.layer.pending == 0
    stack.layer.receive(request(), flow)
    assert flow.statuses == [500, 500]
    assert len(stack.requests) == 1


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        pytest.param(request().replace(b"Length: 0", b"Length: 99"), [400], id="body-too-short"),
        pytest.param(request().replace(b"SIP/2.0\r\nVia", b"\r\nVia"), [400], id="request-line"),
        pytest.param(request("ACK").replace(b"Length: 0", b"Length: 99"), [], id="ack"),
        pytest.param(request(via="nonsense"), [400], id="via"),
        pytest.param(b"SIP/2.0 200 OK\r\nContent-Length: 9\r\n\r\n", [], id="response"),
        pytest.param(b"\r\n\r\n", [], id="keep-alive"),
        pytest.param(b"\x00\xff", [], id="noise"),
        pytest.param(b"", [], id="empty"),
    ],
)
def test_what_cannot_be_read_is_refused_or_dropped(data: bytes, statuses: list[int]) -> None:
    """RFC 3261 §18.3."""
    stack, flow = Stack(), FakeFlow()
    stack.layer.receive(data, flow)
    assert flow.statuses == statuses
    assert stack.requests == []
    assert stack.errors == []


def test_a_request_behind_line_breaks_is_read() -> None:
    """RFC 3261 §7.5."""
    stack, flow = answering(), FakeFlow()
    stack.layer.receive(b"\r\n\r\n" + request(), flow)
    assert flow.statuses == [200]


def test_a_connection_that_is_gone_is_told_to_the_tu() -> None:
    """RFC 3261 §17.2.4, and RFC 6026 §7.1: the transaction stays."""
    stack, flow = Stack(), FakeFlow(transport="TCP")
    transaction = invite(stack, flow)
    told: list[str] = []
    transaction.on_failure = lambda: told.append("gone")
    flow.closed = True
    transaction.respond(486)
    assert told == ["gone"]
    assert stack.layer.pending == 1


def test_a_stateless_answer_leaves_nothing_behind_and_is_the_same_each_time() -> None:
    """RFC 3261 §8.2.7: no transaction, no timer, and one To tag for one request."""

    def answer(request: Request, flow: Flow, to_tag: str) -> bytes | None:
        return build_response(request, 200, to_tag=to_tag) if request.get("event") is None else None

    stack, flow = Stack(stateless={"OPTIONS": answer}), FakeFlow()
    for _ in range(2):
        stack.layer.receive(request(), flow)
    stack.layer.receive(request(branch="z9hG4bK2"), flow)
    assert flow.statuses == [200, 200, 200]
    assert flow.sent[0] == flow.sent[1] != flow.sent[2]
    assert (stack.requests, stack.layer.pending, stack.timers.waiting) == ([], 0, False)


def test_what_the_stateless_answer_declines_gets_a_transaction() -> None:
    """RFC 3261 §8.2.7 leaves it to the server for each request."""
    stack = Stack(stateless={"OPTIONS": lambda request, flow, to_tag: None})
    stack.layer.receive(request(), FakeFlow())
    stack.layer.receive(request("MESSAGE"), FakeFlow())
    assert [tx.request.method for tx in stack.requests] == ["OPTIONS", "MESSAGE"]
