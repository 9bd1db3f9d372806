"""Over which flow the publications of this process last came (PUB-09). Pure, but for its memory.

A publisher is as alive as the flow over which it last published or refreshed, and as the binding
that it registered over the same flow. One that came through a proxy is not known by its flow,
which is the proxy's.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from sip.message import Request
from sip.uri import AoR
from store.values import Resource

UDP: Final = "udp"
FEW: Final = 1024
"""Publications that are kept without a look for those that have expired."""


class Tagged(NamedTuple):
    """A publication as it was when it was last written here."""

    resource: Resource
    entity_tag: str


class _Known(NamedTuple):
    publication: Tagged
    flow: str
    expires_at: float


Key = tuple[Resource, str]
"""The resource of a publication, and its id."""


class Publishers:
    """Which publications go with which flow; bounded by what is live."""

    __slots__ = ("_by_flow", "_known", "_look_at")

    def __init__(self) -> None:
        self._known: dict[Key, _Known] = {}
        self._by_flow: defaultdict[str, set[Key]] = defaultdict(set)
        self._look_at = FEW

    def __len__(self) -> int:
        return len(self._known)

    def published(
        self, key: Key, entity_tag: str, flow: str, *, expires_at: float, now: float
    ) -> None:
        """A publication was made or refreshed over the flow of this name; "" is nobody's."""
        self.removed(key)
        if not flow:
            return
        self._known[key] = _Known(Tagged(key[0], entity_tag), flow, expires_at)
        self._by_flow[flow].add(key)
        if len(self._known) > self._look_at:
            for old in [one for one, known in self._known.items() if known.expires_at <= now]:
                self.removed(old)
            self._look_at = max(FEW, 2 * len(self._known))

    def removed(self, key: Key) -> None:
        """A publication is over, or goes with another flow."""
        known = self._known.pop(key, None)
        if known is None:
            return
        others = self._by_flow[known.flow]
        others.discard(key)
        if not others:
            del self._by_flow[known.flow]

    def flow_lost(self, flow: str) -> list[Tagged]:
        """What was published over the flow of this name, which is gone; it is let go."""
        return self._lost(tuple(self._by_flow.get(flow, ())))

    def bindings_lost(self, aor: AoR, flows: Iterable[str]) -> list[Tagged]:
        """What `aor` has published over these flows, over which it is no longer registered."""
        return [one for flow in flows for one in self._lost(self._of(aor, flow))]

    def bindings_moved(self, aor: AoR, flows: Mapping[str, str]) -> None:
        """Devices of `aor` are registered over other flows than before: from old to new."""
        for old, new in flows.items():
            for key in self._of(aor, old):
                known = self._known[key]
                self.removed(key)
                self._known[key] = known._replace(flow=new)
                self._by_flow[new].add(key)

    def _of(self, aor: AoR, flow: str) -> Collection[Key]:
        return [key for key in self._by_flow.get(flow, ()) if key[0].aor == aor]

    def _lost(self, keys: Collection[Key]) -> list[Tagged]:
        lost = [self._known[key].publication for key in keys]
        for key in keys:
            self.removed(key)
        return lost


def own_flow(request: Request, name: str) -> str:
    """The flow called `name` that `request` came by, when that is its sender's; else ""."""
    return way_of(name) if len(request.values("via")) == 1 else ""


def way_of(flow: str) -> str:
    """A connection by its name, and for UDP the peer: "udp:192.0.2.9:4711" (`Flow.name`)."""
    _, ends, remote = flow.partition(">")
    return f"{UDP}:{remote}" if ends else flow
