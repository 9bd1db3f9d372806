"""Two stacks back to back over a link that loses datagrams (RFC 3261 §17).

Whatever is lost, a request takes effect once, and its sender learns one outcome.
"""

import random
from itertools import product
from pathlib import Path

import pytest

from sip.message import Response
from sip.transport.client_transaction import ClientTransaction
from sip.transport.server_transaction import ServerTransaction
from tests.dialogues.lossy_link import Link
from tests.sip.wires import request

LONG_ENOUGH = 80.0
"""Seconds after which every transaction of a dialogue has ended."""


class Exchange:
    """One request of Alice's over a link, with the outcomes she was told."""

    def __init__(self, link: Link, method: str) -> None:
        self.outcomes: list[int | str] = []
        self.link = link
        branch = link.alice.ids.new_branch()
        via = f"SIP/2.0/{link.to_server.transport} 192.0.2.1:5060;branch={branch}"
        self.transaction: ClientTransaction = link.alice.layer.client_transaction(
            request(method, via=via),
            method,
            branch,
            link.to_server,
            on_response=self._told,
            on_timeout=lambda: self.outcomes.append("timeout"),
            on_transport_error=lambda: self.outcomes.append("error"),
        )

    def _told(self, response: Response) -> None:
        if response.status >= 200:
            self.outcomes.append(response.status)


@pytest.mark.parametrize("lost", list(product((False, True), repeat=4)), ids=str)
def test_a_message_takes_effect_once_whatever_is_lost(lost: tuple[bool, ...]) -> None:
    """RFC 3261 §17.1.2, §17.2.2: each pattern of losses of the first four datagrams."""
    link = Link(lose=lambda number: number < len(lost) and lost[number])
    link.server.handle = lambda transaction: transaction.respond(202)
    exchange = Exchange(link, "MESSAGE")
    link.timers.run_for(LONG_ENOUGH)
    assert len(link.server.requests) == 1
    assert exchange.outcomes == [202]


@pytest.mark.parametrize("lost", list(product((False, True), repeat=4)), ids=str)
def test_a_refused_invite_ends_on_both_sides_whatever_is_lost(lost: tuple[bool, ...]) -> None:
    """RFC 3261 §17.1.1, §17.2.1: INVITE, 486 and ACK."""
    link = Link(lose=lambda number: number < len(lost) and lost[number])
    failures: list[str] = []

    def refuse(transaction: ServerTransaction) -> None:
        transaction.on_failure = lambda: failures.append("no-ack")
        transaction.respond(486)

    link.server.handle = refuse
    exchange = Exchange(link, "INVITE")
    link.timers.run_for(LONG_ENOUGH)
    assert len(link.server.requests) == 1
    assert exchange.outcomes == [486]
    assert failures == []
    assert link.server.layer.pending == 0


@pytest.mark.parametrize("seed", range(20))
def test_a_link_that_loses_a_third_of_everything(seed: int) -> None:
    """Ten requests at once; all come through within timer F, each once."""
    chance = random.Random(seed)
    link = Link(lose=lambda number: chance.random() < 1 / 3)
    link.server.handle = lambda transaction: transaction.respond(200)
    exchanges = [Exchange(link, "PUBLISH") for _ in range(10)]
    link.timers.run_for(LONG_ENOUGH)
    assert [exchange.outcomes for exchange in exchanges] == [[200]] * 10
    assert len(link.server.requests) == 10


def test_a_dead_link_is_a_timeout() -> None:
    """RFC 3261 §17.1.2.2, timer F."""
    link = Link(lose=lambda number: True)
    exchange = Exchange(link, "PUBLISH")
    link.timers.run_for(LONG_ENOUGH)
    assert exchange.outcomes == ["timeout"]


def test_a_slow_server_quenches_with_100_and_is_still_heard() -> None:
    """RFC 4320 §4.1: 100 when timer E has reached T2, the final response later."""
    link = Link()

    def answer_later(transaction: ServerTransaction) -> None:
        link.timers.schedule(link.timers.now() + 10.0, lambda: transaction.respond(200))

    link.server.handle = answer_later
    exchange = Exchange(link, "SUBSCRIBE")
    link.timers.run_for(LONG_ENOUGH)
    assert exchange.outcomes == [200]
    assert len(link.server.requests) == 1


DIALOGUES = sorted((Path(__file__).parent / "texts").glob("*.txt"))


@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_dialogue(path: Path) -> None:
    """The file says what is lost (x), and so what must be sent; `status` is how the server answers.

    First line: RFC section. Second: method and status. Then one line for each message.
    """
    _, setting, *lines = path.read_text().splitlines()
    method, status = setting.split()
    lost = [line.split()[1] == "x" for line in lines]
    link = Link(lose=lambda number: number < len(lost) and lost[number])
    link.server.handle = lambda transaction: transaction.respond(int(status))
    exchange = Exchange(link, method)
    link.timers.run_for(LONG_ENOUGH)
    assert list(link.transcript()) == lines
    assert exchange.outcomes == [int(status)]
    assert len(link.server.requests) == 1
