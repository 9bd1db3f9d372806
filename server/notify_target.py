"""Where a NOTIFY goes whose watcher gave a GRUU, or its AoR, for a Contact (RFC 5627 §6.1). Shell.

JsSIP and linphone do so once they were given a GRUU: the binding behind it is looked up anew for
every NOTIFY, and its own flow or Path leads there.
"""

from collections.abc import Awaitable, Callable, Iterator

from presence.ports import Hop
from proxy.errors import ProxyError
from proxy.outbound import Edge
from proxy.targets import ContactTarget, Targets
from sip.errors import TransportError
from sip.message import Request
from sip.transport.flow import Flow
from sip.uri import Uri, parse_uri
from store.errors import StoreError

Find = Callable[[Uri, Request | None], Awaitable[Targets]]


class NotifyTargets:
    """Resolves Contacts of ours; `find` is the registrar's."""

    def __init__(self, find: Find, edge: Edge, flow_named: Callable[[str], Flow | None]) -> None:
        self._find = find
        self._edge = edge
        self._flow_named = flow_named

    async def resolve(self, contact: str) -> Hop | None:
        """The way to the newest binding behind `contact`; TransportError when there is none."""
        try:
            targets = await self._find(parse_uri(contact), None)
        except (ProxyError, StoreError) as error:
            raise TransportError(f"{contact} cannot be reached: {error}") from error
        for target in _in_order(targets):
            hop = self._hop(target)
            if hop is not None:
                return hop
        raise TransportError(f"{contact} is not registered")

    def _hop(self, target: ContactTarget) -> Hop | None:
        """The way to `target`; None when its flow was ours and is gone."""
        token = self._edge.token(target.routes[0]) if target.routes else None
        if token is None or token.worker != self._edge.worker:
            return Hop(target.uri, None, target.routes)
        flow = self._flow_named(token.flow)
        return None if flow is None else Hop(target.uri, flow, target.routes[1:])


def _in_order(targets: Targets) -> Iterator[ContactTarget]:
    for group in targets.groups:
        for target in group:
            yield target
            yield from target.alternatives
