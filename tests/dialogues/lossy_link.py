"""Two SIP stacks joined by a link that loses, repeats and delays what it is told to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.sip.wires import FakeFlow, FakeTimers, Stack

DELAY = 0.02
"""Seconds a datagram is under way."""


@dataclass
class Line:
    """One line of the record of who sent what."""

    sender: str
    first_line: str
    lost: bool

    def __str__(self) -> str:
        return f"{self.sender} {'x' if self.lost else '>'} {self.first_line}"


class Link:
    """Alice at 192.0.2.1 and a server at 192.0.2.9, over UDP unless said otherwise."""

    def __init__(
        self, *, lose: Callable[[int], bool] = lambda number: False, transport: str = "UDP"
    ) -> None:
        """`lose` is asked for each message by its number, from 0."""
        self.timers = FakeTimers()
        self.alice, self.server = Stack(self.timers), Stack(self.timers)
        self.record: list[Line] = []
        self._lose = lose
        self.to_server = FakeFlow(
            ("192.0.2.9", 5060), transport=transport, deliver=self._carry("alice")
        )
        self.to_alice = FakeFlow(
            ("192.0.2.1", 5060), transport=transport, deliver=self._carry("server")
        )

    def _carry(self, sender: str) -> Callable[[bytes], None]:
        def carry(data: bytes) -> None:
            lost = self._lose(len(self.record))
            self.record.append(Line(sender, data.split(b"\r\n", 1)[0].decode(), lost))
            if not lost:
                self.timers.schedule(self.timers.now() + DELAY, lambda: self._arrive(sender, data))

        return carry

    def _arrive(self, sender: str, data: bytes) -> None:
        if sender == "alice":
            self.server.layer.receive(data, self.to_alice)
        else:
            self.alice.layer.receive(data, self.to_server)

    def transcript(self) -> Sequence[str]:
        """The record as lines: "alice > OPTIONS …" arrived, "alice x OPTIONS …" did not."""
        return [str(line) for line in self.record]
