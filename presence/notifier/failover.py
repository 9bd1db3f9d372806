"""When the NOTIFYs of a dialog go to another server of their next hop (RFC 3263 §4.3). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sip.locate import Target, numeric
from sip.message import Response
from sip.transport.flow import Flow
from sip.uri import SipUri

TIMER_F: Final = 408
UNAVAILABLE: Final = 503

Road = tuple[str, str, int]
"""Transport in lower case, address and port, as a `Target` begins with."""


@dataclass(slots=True)
class Failover:
    """The servers that one NOTIFY was sent to in vain, and what the last of them said."""

    status: int = UNAVAILABLE
    response: Response | None = None
    tried: set[Road] = field(default_factory=set)

    def others(self, targets: Iterable[Target]) -> list[Target]:
        """Those of `targets` that have not been tried."""
        return [target for target in targets if target[:3] not in self.tried]


def road_of(flow: Flow) -> Road:
    """The server that `flow` leads to."""
    return (flow.transport.lower(), *flow.remote)


def blames_server(status: int, response: Response | None) -> bool:
    """Whether the server failed and not the request: 503, no road to it, or no answer."""
    return status == UNAVAILABLE or (status == TIMER_F and response is None)


def may_have_others(hop: SipUri | None) -> bool:
    """Whether `hop` is a name, which may stand for several servers."""
    return hop is not None and numeric(hop.parameters.value("maddr") or hop.host) is None
