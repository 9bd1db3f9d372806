"""Where a message came from, or goes to (RFC 3261 §18, RFC 5626 §2.1).

A flow is one UDP remote address as seen from one of our sockets, or one connection. The
layers above hold flows and send on them; which sockets exist is the transports' affair.
"""

from dataclasses import dataclass
from typing import Final, Protocol, Self

from sip.certificates import PeerCertificate

URI_TRANSPORTS: Final = {"UDP": "", "WSS": "ws"}
"""Transports of a Via that a URI names otherwise, or not at all."""
_LIFE: Final = "#"
"""In the name of a connection, before what tells it from others to the same peer."""


class Flow(Protocol):
    """One road to one peer, either way."""

    @property
    def transport(self) -> str:
        """As in Via: "UDP", "TCP", "TLS", "WS" or "WSS"."""

    @property
    def name(self) -> str:
        """Names this flow: "tls:192.0.2.9:4711#5e0c2a91b7d3.17" for a connection (see
        `connection_name`), and for UDP "udp:192.0.2.1:5060>192.0.2.9:4711", its two ends."""

    @property
    def secure(self) -> bool:
        """True when there is TLS below."""

    @property
    def certificate(self) -> PeerCertificate | None:
        """Whom the peer's verified certificate names; None when it showed none."""

    @property
    def reliable(self) -> bool:
        """True when the transport itself retransmits (RFC 3261 §17)."""

    @property
    def remote(self) -> tuple[str, int]:
        """The peer's address and port, the address numeric, without brackets."""

    @property
    def local(self) -> tuple[str, int]:
        """Our host and port as peers are told them (after `sip.advertise`)."""

    @property
    def closed(self) -> bool:
        """True once nothing can be sent any more."""

    @property
    def via_prefix(self) -> str:
        """The Via value up to its parameters: "SIP/2.0/UDP 192.0.2.1:5060"."""

    @property
    def contact(self) -> str:
        """A Contact value that leads back here: "<sip:192.0.2.1:5060;transport=tcp>"."""

    def send(self, data: bytes) -> None:
        """Hand `data` to the network, or raise TransportError: gone, or its queue is full."""


@dataclass(frozen=True, slots=True)
class Here:
    """One of our addresses as peers are told it; shared by all flows that have it."""

    local: tuple[str, int]
    via_prefix: str
    contact: str

    @classmethod
    def of(cls, transport: str, local: tuple[str, int]) -> Self:
        """`local` in the forms for `transport`, which is as in Via."""
        return cls(local, via_prefix(transport, local), contact(transport, local))


def flow_name(transport: str, remote: tuple[str, int]) -> str:
    """One end of a flow: "tcp:192.0.2.9:4711"."""
    return f"{transport.lower()}:{bracketed(remote[0])}:{remote[1]}"


def connection_name(transport: str, remote: tuple[str, int], boot: str, number: int) -> str:
    """The name of the connection to `remote` that is the `number`th of the process life `boot`.

    It never comes back, so what was kept of a connection that is gone leads to nobody, whoever
    has that address and port by now (RFC 5626 §5.3.1).
    """
    return f"{flow_name(transport, remote)}{_LIFE}{boot}.{number}"


def remote_end(name: str) -> tuple[str, str]:
    """Host, without brackets, and port of the peer in the name of a connection."""
    host, _, port = name.partition(_LIFE)[0].partition(":")[2].rpartition(":")
    return host.strip("[]"), port


def bracketed(host: str) -> str:
    """`host` as it stands in a URI or Via: an IPv6 address in brackets (RFC 3261 §25.1)."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def via_prefix(transport: str, local: tuple[str, int]) -> str:
    """The Via value of a request sent from `local`, up to its parameters (RFC 3261 §18.1.1)."""
    host, port = local
    return f"SIP/2.0/{transport} {bracketed(host)}:{port}"


def contact(transport: str, local: tuple[str, int]) -> str:
    """A Contact value for `local`; UDP is the default and not named (RFC 3263 §4.1).

    Both kinds of WebSocket are "ws" in a URI (RFC 7118 §5.2).
    """
    host, port = local
    named = URI_TRANSPORTS.get(transport, transport.lower())
    parameter = f";transport={named}" if named else ""
    return f"<sip:{bracketed(host)}:{port}{parameter}>"
