"""Publications whose publisher is gone end soon (PUB-09). Shell.

What was published over a connection that breaks, or over a flow whose binding is removed or
expires, is shortened in the store: it ends `grace` seconds after the loss. A refresh by its
entity-tag, at any process, sets the expiry anew; one that came before the loss was noticed has
given it another entity-tag, under which it is not found. What a process knew of flows is gone
with it: its publications then expire in their time.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Final, Protocol

import structlog

from presence.publications.publishers import Publishers, Tagged, own_flow
from sip.message import Request
from sip.transport.flow import Flow
from sip.uri import AoR
from sip.wheel import Timer
from store.errors import StoreError
from store.operations import WritePublication

log = structlog.get_logger(__name__)

AGAIN: Final = 5.0
"""Seconds until a store that was away is asked again."""

Schedule = Callable[[float, Callable[[], None]], Timer]
"""Call back at a Unix time."""
Spawn = Callable[[Coroutine[object, object, None]], None]


class Shortening(Protocol):
    """The part of the store that is used."""

    async def shorten_publications(self, which: Sequence[Tagged], expires_at: float) -> None: ...


class GraceService:
    """One per process, where `presence.grace` is on."""

    def __init__(
        self,
        *,
        store: Shortening,
        grace: float,
        clock: Callable[[], float],
        schedule: Schedule,
        spawn: Spawn,
    ) -> None:
        """`grace`: seconds from the loss of a publisher to the end of what it published."""
        self._store = store
        self._grace = grace
        self._clock = clock
        self._schedule = schedule
        self._spawn = spawn
        self._publishers = Publishers()

    def published(self, op: WritePublication, request: Request, flow: Flow) -> None:
        """`op` is committed, which `request` asked for over `flow`."""
        key = (op.resource, op.id)
        if not op.expires_at:
            self._publishers.removed(key)
            return
        name = own_flow(request, flow.name)
        self._publishers.published(key, op.entity_tag, name, expires_at=op.expires_at, now=op.now)
        if name and flow.closed:
            self.flow_lost(name)

    def flow_lost(self, flow: str) -> None:
        """The connection of this name is gone."""
        self._lose(self._publishers.flow_lost(flow))

    def bindings_changed(self, aor: AoR, gone: Iterable[str], moved: Mapping[str, str]) -> None:
        """`aor` is no longer registered over the flows `gone`.

        Of others it is the same device that is now registered over another flow: `moved`.
        """
        self._publishers.bindings_moved(aor, moved)
        self._lose(self._publishers.bindings_lost(aor, gone))

    def _lose(self, lost: Sequence[Tagged]) -> None:
        if lost:
            self._spawn(self._shorten(lost, self._clock() + self._grace))

    async def _shorten(self, lost: Sequence[Tagged], expires_at: float) -> None:
        try:
            await self._store.shorten_publications(lost, expires_at)
        except StoreError as error:
            log.warning("publications-not-shortened", count=len(lost), error=str(error))
            self._schedule(
                self._clock() + AGAIN, lambda: self._spawn(self._shorten(lost, expires_at))
            )
        else:
            log.info("publishers-lost", publications=len(lost))
