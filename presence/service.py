"""The event server: PUBLISH and SUBSCRIBE in, NOTIFY out (RFC 6665, RFC 3903).

Shell. It joins the cores to the store and to the stack; the roads themselves are in
`publish_service`, `subscribe_service` and `recovery_service`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from presence.config import PresenceConfig
from presence.package import EventPackage, Variant
from presence.policy import Authorize
from presence.ports import EventStore, Hop, Notifying, Transaction
from presence.stats import EventStats
from sip.authenticator import Identity
from sip.uri import AoR
from store.values import Change, Resource

Exists = Callable[[AoR, Identity], Awaitable[bool]]
ResolveTarget = Callable[[str], Awaitable[Hop | None]]


class EventService:
    def __init__(
        self,
        *,
        store: EventStore,
        endpoint: Notifying,
        packages: Mapping[str, EventPackage],
        config: PresenceConfig,
        authorize: Authorize,
        exists: Exists,
        clock: Callable[[], float],
        metrics: EventStats | None = None,
        variants: Sequence[Variant] = (),
        resolve_target: ResolveTarget | None = None,
    ) -> None:
        raise NotImplementedError

    async def publish(self, tx: Transaction, identity: Identity) -> None:
        raise NotImplementedError

    async def subscribe(self, tx: Transaction, identity: Identity) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError

    def on_change(self, change: Change) -> None:
        raise NotImplementedError

    def state_changed(self, resource: Resource) -> None:
        raise NotImplementedError
