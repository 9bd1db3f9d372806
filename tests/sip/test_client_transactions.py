"""RFC 3261 §17.1: requests that we send, and what comes of them."""

from functools import partial

from sip.message import Request, Response, build_response, parse_message
from sip.transaction.timers import TRANSACTION
from tests.sip.wires import FakeFlow, Stack, request

Outcome = tuple[int, int | None]


def notify(stack: Stack, flow: FakeFlow) -> tuple[bytes, list[Outcome]]:
    """Send a NOTIFY; its bytes, and where its outcome will be."""
    branch = stack.ids.new_branch()
    data = request("NOTIFY", branch=branch)
    outcomes: list[Outcome] = []

    def done(status: int, response: Response | None) -> None:
        outcomes.append((status, response.status if response else None))

    stack.layer.send_notify(data, branch, flow, done)
    return data, outcomes


def reply(data: bytes, status: int) -> bytes:
    message = parse_message(data)
    assert isinstance(message, Request)
    return build_response(message, status)


def test_a_2xx_ends_a_notify_without_being_parsed() -> None:
    stack, flow = Stack(), FakeFlow()
    data, outcomes = notify(stack, flow)
    first_lines = reply(data, 200).split(b"\r\n")[:2]
    stack.layer.receive(b"\r\n".join(first_lines), flow)
    assert outcomes == [(200, None)]
    stack.timers.run_for(TRANSACTION)
    assert flow.sent == [data]


def test_a_2xx_that_speaks_of_rates_comes_with_its_response() -> None:
    """RFC 6446 §9.3; one that cannot be read is a 2xx all the same."""
    for line, parsed in ((b"Event: presence;max-rate=1", 200), (b"-rate", None)):
        stack, flow = Stack(), FakeFlow()
        data, outcomes = notify(stack, flow)
        stack.layer.receive(reply(data, 200).replace(b"\r\n\r\n", b"\r\n%b\r\n\r\n" % line), flow)
        assert outcomes == [(200, parsed)]


def test_a_failure_comes_with_its_response() -> None:
    stack, flow = Stack(), FakeFlow()
    data, outcomes = notify(stack, flow)
    stack.layer.receive(reply(data, 481), flow)
    stack.layer.receive(reply(data, 481), flow)
    assert outcomes == [(481, 481)]


def test_a_notify_is_sent_again_until_it_is_answered() -> None:
    """RFC 3261 §17.1.2.2, timer E."""
    stack, flow = Stack(), FakeFlow()
    data, outcomes = notify(stack, flow)
    stack.timers.run_for(2.0)
    assert flow.sent == [data] * 3
    stack.layer.receive(reply(data, 200), flow)
    stack.timers.run_for(TRANSACTION)
    assert flow.sent == [data] * 3
    assert outcomes == [(200, None)]


def test_a_notify_that_nobody_answers_is_408_after_timer_f() -> None:
    """RFC 3261 §17.1.2.2."""
    stack, flow = Stack(), FakeFlow()
    _, outcomes = notify(stack, flow)
    stack.timers.run_for(TRANSACTION - 1)
    assert outcomes == []
    stack.timers.run_for(2.0)
    assert outcomes == [(408, None)]
    assert len(flow.sent) in (10, 11)  # the last one is due when timer F is


def test_over_a_connection_a_notify_is_sent_once() -> None:
    stack, flow = Stack(), FakeFlow(transport="TCP")
    _, outcomes = notify(stack, flow)
    stack.timers.run_for(TRANSACTION + 1)
    assert len(flow.sent) == 1
    assert outcomes == [(408, None)]


def test_a_flow_that_is_gone_is_503_but_not_within_the_call() -> None:
    """RFC 3261 §17.1.4."""
    stack, flow = Stack(), FakeFlow()
    flow.closed = True
    _, outcomes = notify(stack, flow)
    assert outcomes == []
    stack.timers.run_for(0.1)
    assert outcomes == [(503, None)]


def test_requests_on_a_connection_that_breaks_fail_at_once() -> None:
    """RFC 3261 §17.1.4."""
    stack, flow = Stack(), FakeFlow(transport="TCP")
    _, first = notify(stack, flow)
    _, second = notify(stack, flow)
    _, elsewhere = notify(stack, FakeFlow(("192.0.2.2", 5060), transport="TCP"))
    stack.layer.flow_closed(flow)
    assert (first, second, elsewhere) == ([(503, None)], [(503, None)], [])


def test_a_response_of_somebody_elses_branch_ends_nothing() -> None:
    stack, flow = Stack(), FakeFlow()
    data, outcomes = notify(stack, flow)
    stray = reply(data, 200).replace(b"z9hG4bKw1", b"z9hG4bKw2")
    stack.layer.receive(stray, flow)
    assert outcomes == []


def test_a_branch_written_in_an_unusual_way_is_found() -> None:
    stack, flow = Stack(), FakeFlow()
    data, outcomes = notify(stack, flow)
    stack.layer.receive(reply(data, 200).replace(b";branch=", b" ; BRANCH = "), flow)
    assert outcomes == [(200, None)]


class Call:
    """An INVITE that we sent, with all that was told of it."""

    def __init__(self, transport: str = "UDP", headers: str = "") -> None:
        self.stack, self.flow = Stack(), FakeFlow(transport=transport)
        self.branch = self.stack.ids.new_branch()
        self.data = request("INVITE", branch=self.branch, headers=headers)
        self.told: list[int | str] = []
        self.transaction = self.send(self.data, "INVITE")

    def send(self, data: bytes, method: str) -> object:
        return self.stack.layer.client_transaction(
            data,
            method,
            self.branch,
            self.flow,
            on_response=lambda response: self.told.append(response.status),
            on_timeout=lambda: self.told.append("timeout"),
            on_transport_error=lambda: self.told.append("error"),
        )

    def receive(self, status: int, data: bytes | None = None) -> None:
        message = parse_message(data or self.data)
        assert isinstance(message, Request)
        self.stack.layer.receive(build_response(message, status, to_tag="b1"), self.flow)


def test_a_refused_invite_is_acknowledged_each_time_and_told_once() -> None:
    """RFC 3261 §17.1.1.2, §17.1.1.3."""
    call = Call(headers="Route: <sip:p1;lr>\r\n")
    call.receive(180)
    call.receive(486)
    call.receive(486)
    assert call.told == [180, 486]
    acks = [parse_message(data) for data in call.flow.sent[1:]]
    assert len(acks) == 2
    ack = acks[0]
    assert isinstance(ack, Request)
    assert ack.method == "ACK"
    assert ack.uri_text == "sip:bob@example.com"
    assert ack.via.branch == call.branch
    assert ack.to.tag == "b1"
    assert str(ack.cseq) == "1 ACK"
    assert list(ack.all("route")) == ["<sip:p1;lr>"]


def test_every_2xx_of_an_invite_is_told_and_none_acknowledged() -> None:
    """RFC 6026 §7.2."""
    call = Call()
    call.receive(200)
    call.receive(200)
    assert call.told == [200, 200]
    assert len(call.flow.sent) == 1


def test_an_invite_that_nobody_answers_times_out() -> None:
    """RFC 3261 §17.1.1.2, timer B."""
    call = Call()
    call.stack.timers.run_for(TRANSACTION + 1)
    assert call.told == ["timeout"]
    assert len(call.flow.sent) == 7


def test_a_cancel_shares_the_branch_and_not_the_responses() -> None:
    """RFC 3261 §17.1.3."""
    call = Call()
    cancel = request("CANCEL", branch=call.branch)
    cancelled: list[int] = []
    call.stack.layer.client_transaction(
        cancel,
        "CANCEL",
        call.branch,
        call.flow,
        on_response=lambda response: cancelled.append(response.status),
        on_timeout=lambda: None,
        on_transport_error=lambda: None,
    )
    call.receive(200, cancel)
    call.receive(487)
    assert cancelled == [200]
    assert call.told == [487]


def test_an_invite_on_a_broken_connection_is_told() -> None:
    call = Call(transport="TCP")
    call.stack.layer.flow_closed(call.flow)
    assert call.told == ["error"]


def test_an_error_of_one_who_is_told_keeps_no_other_from_it() -> None:
    """RFC 3261 §17.1.4: every request of a broken connection ends at once."""
    stack, flow = Stack(), FakeFlow(transport="TCP")
    told: list[int] = []

    def tell(number: int) -> None:
        told.append(number)
        raise ValueError(number)

    for number in range(3):
        branch = stack.ids.new_branch()
        stack.layer.client_transaction(
            request(branch=branch),
            "OPTIONS",
            branch,
            flow,
            on_response=lambda response: None,
            on_timeout=lambda: None,
            on_transport_error=partial(tell, number),
        )
    stack.layer.flow_closed(flow)
    assert sorted(told) == [0, 1, 2]
    assert [type(error) for error, _ in stack.errors] == [ValueError] * 3


def test_branches_and_tags_name_their_process_and_differ() -> None:
    """RFC 3261 §8.1.1.7, §19.3."""
    stack = Stack()
    branches = {stack.ids.new_branch() for _ in range(1000)}
    tags = {stack.layer.new_tag() for _ in range(1000)}
    assert len(branches) == len(tags) == 1000
    assert all(branch.startswith("z9hG4bKw1-") for branch in branches)
    assert all(tag.startswith("w1-") for tag in tags)
    assert {len(branch) for branch in branches} == {stack.ids.branch_length}
