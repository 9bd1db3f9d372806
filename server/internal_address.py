"""Where other processes of the deployment reach this one (`sip.internal`). Pure."""

from collections.abc import Sequence
from typing import Final

from server.addresses import HostPort

WILDCARDS: Final = frozenset({"0.0.0.0", "::"})
_PREFERRED: Final = ("udp", "tcp")


def internal_address(internal: str, listening: Sequence[str], local: tuple[str, int]) -> str:
    """`host:port`, with `;transport=tcp` when it is no UDP listener.

    `internal` is the setting; without it, it is the first UDP listener of `listening`
    (`udp:host:port`), else the first TCP one. A client reached us at `local`, which stands for
    a listener on all addresses and for want of either.
    """
    found = [each.partition(":") for each in listening]
    of = {kind: [rest for name, _, rest in found if name == kind] for kind in _PREFERRED}
    if internal:
        return _named(internal, "tcp" if _only_tcp(internal, of["udp"], of["tcp"]) else "udp")
    for kind in _PREFERRED:
        for listener in of[kind][:1]:
            address = HostPort.parse(listener)
            host = local[0].strip("[]") if address.host in WILDCARDS else address.host
            return _named(str(HostPort(host, address.port)), kind)
    return str(HostPort(local[0].strip("[]"), local[1]))


def _only_tcp(internal: str, udp: Sequence[str], tcp: Sequence[str]) -> bool:
    port = HostPort.parse(internal).port
    ports = [{HostPort.parse(listener).port for listener in kind} for kind in (udp, tcp)]
    return port not in ports[0] and port in ports[1]


def _named(address: str, kind: str) -> str:
    return address if kind == "udp" else f"{address};transport={kind}"
