"""Flows that clients keep open, and our own place in the way back to them (RFC 5626).

Pure. What a client registered over a flow of ours is stored with a Path value of our own,
which names flow and process: whichever process of the deployment serves a request for it reaches
the client by ordinary routing, through the process that holds the flow.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from proxy.errors import BadRegistration, FirstHopLacksOutbound
from proxy.flow_token import FlowToken, mint, read
from sip.address import NameAddr
from sip.errors import ParseError
from sip.transport.flow import Flow, remote_end
from store.values import Binding

INVALID_HOST: Final = ".invalid"
"""How WebSocket and other clients with no address of their own name themselves (RFC 7118 §5)."""
UDP: Final = "udp:"
"""How the name of a flow begins that is no connection."""
_WEB_SOCKETS: Final = ("ws:", "wss:")


class MaybeFlow(Protocol):
    """The part of a wanted contact that matters here."""

    @property
    def expires(self) -> int: ...
    @property
    def reg_id(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Edge:
    """This process as the edge proxy of its own registrar (§5.1)."""

    worker: str
    """Names the process within the deployment."""
    key: bytes
    """The deployment's secret."""
    internal: Callable[[Flow], str]
    """`host:port` and maybe `;transport=…` at which other processes reach this one, for a
    client on a flow."""

    def hop(self, flow: Flow) -> str:
        """The Path value that leads back to `flow`."""
        token = mint(flow.name, self.worker, self.key)
        return f"<sip:{token}@{self.internal(flow)};lr;ob>"

    def token(self, route: str) -> FlowToken | None:
        """The flow that a Route value of some process of ours names; None for any other."""
        try:
            user = NameAddr.parse(route).sip_uri.user
        except ParseError:
            return None
        return None if user is None else read(user, self.key)


def applies(
    wanted: Sequence[MaybeFlow], direct: bool, path: Sequence[str], supported: bool
) -> bool:
    """Whether the reg-ids of `wanted` count (§6). Raises BadRegistration, FirstHopLacksOutbound.

    They do when the client is directly on us, or its first hop put `ob` into its Path value.
    """
    if all(one.reg_id is None for one in wanted):
        return False
    if not direct and not _first_hop_keeps_flows(path):
        if supported:
            raise FirstHopLacksOutbound
        return False
    added = [one for one in wanted if one.expires]
    if len(added) > 1 and any(one.reg_id is not None for one in added):
        raise BadRegistration("One Flow At A Time")
    return True


def _first_hop_keeps_flows(path: Sequence[str]) -> bool:
    """Proxies put their value before the others, so the client's first hop is the last."""
    return bool(path) and "ob" in NameAddr.parse(path[-1]).sip_uri.parameters


def without_hop(binding: Binding) -> Binding:
    """`binding` when its flow is gone and its contact is all that is left."""
    return binding._replace(path=binding.path[1:], flow="", worker="")


def outlives_flow(binding: Binding) -> bool:
    """Whether the contact leads to the client when the flow it registered by is gone.

    Not when it registered the flow itself, has no address, is behind a NAT, or named the
    connection's own port, where nobody listens.
    """
    if binding.reg_id is not None or INVALID_HOST in binding.contact:
        return False
    if binding.flow.startswith((*_WEB_SOCKETS, UDP)):
        return False
    try:
        uri = NameAddr("", binding.contact).sip_uri
    except ParseError:
        return False
    host, port = remote_end(binding.flow)
    if uri.host.strip("[]") == host:
        return str(uri.port) != port
    return not _is_address(uri.host)


def _is_address(host: str) -> bool:
    return host.startswith("[") or host.replace(".", "").isdigit()


def on_flow(bindings: Iterable[Binding], flow: str, worker: str) -> tuple[Binding, ...]:
    """Those of `bindings` that live on `flow` of the process `worker`."""
    return tuple(
        binding for binding in bindings if binding.flow == flow and binding.worker == worker
    )
