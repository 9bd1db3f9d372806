"""What an endpoint is told when it is built. Plain data; the settings file is read elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from sip.errors import TransportError

TRANSPORTS: Final = ("udp", "tcp", "tls", "ws", "wss")
"""What a listener may be."""
STREAMS: Final = ("tcp", "tls", "ws", "wss")
"""Those whose flows are connections."""
WILDCARDS: Final = ("0.0.0.0", "::")
"""Hosts of listeners that are all addresses of the system, of one family."""
MAX_PORT: Final = 65535

Address = tuple[str, int]
"""Host and port."""


class BadListener(TransportError):
    """A listening address that cannot be read or cannot be bound."""


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """One listener, written "udp:192.0.2.1:5060" or "tls:[2001:db8::1]:5061"."""

    transport: str
    host: str
    """Numeric, without brackets."""
    port: int
    """0 lets the system choose."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The address `text` names; BadListener when it names none."""
        transport, _, rest = text.partition(":")
        host, _, port = rest.rpartition(":")
        if transport not in TRANSPORTS:
            raise BadListener(f"{text!r}: the transport is one of {', '.join(TRANSPORTS)}")
        if not host or not port.isdecimal() or int(port) > MAX_PORT:
            raise BadListener(f"{text!r}: expected {transport}:HOST:PORT")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise BadListener(f"{text!r}: an IPv6 address stands in brackets")
        return cls(transport, host, int(port))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}:{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A certificate with its chain, and its key; PEM."""

    certificate: str
    key: str = ""
    """Empty when the key is in the same file."""


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """Names of PEM files; empty ones are not used."""

    own: CertificateFiles | None = None
    """Shown to those who ask for a name that is not in `hosts`, and to servers that ask."""
    hosts: Mapping[str, CertificateFiles] = field(default_factory=dict)
    """Shown to those who ask for that name, in lower case (SNI, RFC 6066 §3)."""
    client_ca: str = ""
    """Roots of client certificates; these are asked for when it is there."""
    require_client_certificate: bool = False
    server_ca: str = ""
    """Roots for the connections that we open; empty means the system's."""


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """Listeners and bounds of one endpoint. Times are seconds, sizes octets."""

    listen: Sequence[str] = ("udp:127.0.0.1:0",)
    """As `ListenAddress` reads them."""
    advertise: str = ""
    """Host or host:port put into Via and Contact; empty means the listener's own. The port is
    that of UDP and TCP; with the others the listener's own stands."""
    worker_id: str = "0"
    """Goes into every branch and tag made here; letters and digits."""
    reuse_port: bool = False
    """Several processes share the listening ports (SO_REUSEPORT)."""
    receive_buffer: int = 8 * 1024 * 1024
    """SO_RCVBUF asked for on UDP sockets; the system may give less."""
    max_transactions: int = 20_000
    """Server transactions without a final answer; past it requests get 503."""
    max_answered: int = 400_000
    """Answers kept for retransmitted requests; past it the oldest go early."""
    retry_after: int = 5
    """The Retry-After of that 503."""
    max_connections: int = 50_000
    max_connections_per_source: int = 1_000
    """Connections from one address."""
    idle_timeout: float = 7_300.0
    """A connection on which nothing was heard for so long is closed."""
    message_timeout: float = 30.0
    """A message begun on a connection is whole within this time, and what we send is read within
    it, or the connection is closed."""
    websocket_origins: frozenset[str] = frozenset()
    """Web origins whose pages may open WebSockets; empty allows all."""
    websocket_ping: float = 30.0
    """A WebSocket on which nothing was heard for so long is asked whether it is alive, and has
    half of it to answer."""
    source_rate: float = 0.0
    """Requests a second of one source address that is not trusted; 0 sets no limit."""
    source_burst: float = 3_000.0
    """How many of them at once."""
    sweep_interval: float = 5.0
    """How often connections are looked at for these two."""
    connect_timeout: float = 5.0
    """For a connection of our own, TLS handshake included."""
    handshake_timeout: float = 10.0
    """For the TLS handshake of a connection that we accept."""
    max_connecting: int = 500
    """Connections of our own that are not there yet; past it the next fails at once."""
    max_connecting_per_host: int = 100
    """Of them to one address."""
    max_handshakes: int = 2_000
    """Accepted connections whose TLS handshake is not done; past it the oldest is given up,
    whichever listener it came to."""
    tls: TlsConfig = field(default_factory=TlsConfig)
    max_message: int = 65_535
    """The largest message on a connection."""
    write_queue_limit: int = 1024 * 1024
    """Octets waiting on one connection; past it the connection is aborted."""


def advertised(advertise: str, local: Address, *, transport: str = "UDP") -> Address:
    """Host and port to be told to peers: `advertise` as far as it goes, else `local`.

    Its port is told of UDP and TCP alone, as one port cannot be that of TLS as well.
    """
    if not advertise:
        return local
    host, colon, port = advertise.rpartition(":")
    if not colon or advertise.endswith("]") or (":" in host.strip("[]") and host[0] != "["):
        return advertise.strip("[]"), local[1]
    if not port.isdecimal() or not 0 < int(port) <= MAX_PORT:
        raise BadListener(f"advertise = {advertise!r}: expected host or host:port")
    return host.strip("[]"), int(port) if transport in ("UDP", "TCP") else local[1]
