"""What happened to connections, counted; read by whoever publishes figures. Pure."""

from collections import Counter


class ConnectionStats:
    """Plain counters. A transport is "tcp", "tls", "ws" or "wss"."""

    def __init__(self) -> None:
        self.accepted: Counter[str] = Counter()
        """By transport; with TLS before the handshake."""
        self.refused: Counter[tuple[str, str]] = Counter()
        """By transport and reason: "total", "source", or the error of the host."""
        self.failed_handshakes: Counter[str] = Counter()
        """Accepted connections whose TLS handshake failed or took too long, by transport."""
        self.opened: Counter[str] = Counter()
        """Connections of our own, by transport."""
        self.failed_connects: Counter[str] = Counter()
        """Attempts of our own that failed, by transport."""
        self.stalled: Counter[str] = Counter()
        """Closed by us: idle, half a message for too long, or not reading; by transport."""

    def refuse(self, transport: str, reason: str) -> None:
        """Count a connection that was not let in."""
        self.refused[transport, reason] += 1
