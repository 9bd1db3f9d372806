"""A socket that is counted while it is open. Shell."""

import socket

from sip.transport.gate import Gate


class CountedSocket(socket.socket):
    """A connection that the gate let through; leaves it once closed, by whomever and whyever.

    A subclass because closing the socket is the one thing that every road has in common:
    failed handshakes and connects, event loops of either kind, and protocols that are not ours.
    """

    __slots__ = ("_gate", "_source")

    def __init__(self, taken: socket.socket, gate: Gate, source: str) -> None:
        """Takes over from `taken`; `source` is the peer's address, as the gate was told it."""
        family, kind, number = taken.family, taken.type, taken.proto
        super().__init__(family, kind, number, fileno=taken.detach())
        self.setblocking(False)
        self._gate: Gate | None = gate
        self._source = source

    def close(self) -> None:
        """Close, and leave."""
        super().close()
        self._leave()

    def detach(self) -> int:
        """What uvloop does in place of `close`, when it has closed the descriptor itself."""
        self._leave()
        return super().detach()

    def _leave(self) -> None:
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.leave(self._source)
