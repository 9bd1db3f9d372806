"""Reads what is known of a presentity beside its publications, and hears when it changes. Shell.

The version of it all is the sum of versions that only rise, that of hard state shifted out of
the way of the others: it is the same in every process, so that one that takes over a
subscription knows whether its watcher has missed anything. Whose hard state was deleted is
remembered, since the store does not tell the version of what is not there.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import structlog

from presence.document.pidf import Fragment, cut
from presence.package import Provided
from presence.packages.dialog.virtual import confirmed
from presence.sources.registrations import last_active, registered
from presence.sources.state import NOTHING, Registered, Sources
from sip.uri import AoR
from store.values import (
    BindingSet,
    Change,
    Document,
    DocumentKey,
    Kind,
    Resource,
    ResourceState,
)
from xmldoc.errors import XmlError

log = structlog.get_logger(__name__)

PRESENCE: Final = "presence"
DIALOG: Final = "dialog"
HARD_STATE: Final = "pidf-manipulation"
INDEX: Final = "index"
"""The one document of RFC 4827 §9."""
HARD_STATE_SHIFT: Final = 32
"""Bits that the versions of bindings and dialogs have for themselves."""
MAX_REMEMBERED: Final = 50_000
"""Presentities whose hard state has been seen here."""

NEVER: Final = Provided(0, NOTHING)
"""Shared by all of whom nothing was ever known."""
NO_BINDINGS: Final = BindingSet(0, ())
NO_DIALOGS: Final = ResourceState(0, ())


class Seen(NamedTuple):
    """What this process knows of somebody's hard state; the larger is the newer."""

    version: int
    there: bool
    """Whether it was read, and not only heard of."""


NEVER_SEEN: Final = Seen(0, False)


@dataclass(frozen=True, slots=True)
class SourcePorts:
    """Where it is read; None: not asked. All raise StoreError."""

    document: Callable[[DocumentKey], Awaitable[Document | None]]
    bindings: Callable[[str], Awaitable[BindingSet]] | None = None
    dialogs: Callable[[Resource], Awaitable[ResourceState]] | None = None
    registrations: bool = True
    """Whether `bindings` are told (PRS-07)."""
    last_active: bool = False
    """Whether `bindings` tell when somebody was last registered (PRS-12)."""
    secret: bytes = b""
    """The deployment's, for ids that give nothing away."""


class PresenceSources:
    """The `provide` and `affected` of the presence package."""

    def __init__(self, ports: SourcePorts) -> None:
        self._ports = ports
        self._seen: OrderedDict[str, Seen] = OrderedDict()
        """By owner."""

    @property
    def follows_bindings(self) -> bool:
        """Whether registrations make a difference."""
        return self._ports.bindings is not None

    async def provide(self, resource: Resource) -> Provided:
        """What is known of a presentity now; all of it is read at once."""
        aor = AoR(resource.aor)
        seen = self._seen.get(aor, NEVER_SEEN)
        hard, bindings, dialogs = await self._read(aor)
        version = self._hard_version(aor, hard, seen) << HARD_STATE_SHIFT
        version += bindings.version + dialogs.version
        if not version:
            return NEVER
        sources = Sources(
            readable(hard),
            self._registered(aor, bindings),
            confirmed(dialogs.publications),
            self._last_active(aor, bindings),
        )
        return Provided(version, NOTHING if sources == NOTHING else sources)

    def affected(self, change: Change) -> Sequence[Resource]:
        """Whose presence a change in the store touches."""
        match change.kind:
            case Kind.DOCUMENT:
                key = change.document
                if key.auid != HARD_STATE or not key.owner:
                    return ()
                self._remember(key.owner, Seen(change.version, False))
                return (Resource(key.owner, PRESENCE),)
            case Kind.BINDING if self._ports.bindings is not None:
                return (Resource(change.key, PRESENCE),)
            case Kind.RESOURCE if self._ports.dialogs is not None:
                resource = change.resource
                return (Resource(resource.aor, PRESENCE),) if resource.package == DIALOG else ()
            case _:
                return ()

    async def _read(self, aor: AoR) -> tuple[Document | None, BindingSet, ResourceState]:
        """All at once; without a task where there is but one thing to read."""
        document = self._ports.document(DocumentKey(HARD_STATE, aor, INDEX))
        if self._ports.bindings is None and self._ports.dialogs is None:
            return await document, NO_BINDINGS, NO_DIALOGS
        return await asyncio.gather(document, self._bindings(aor), self._dialogs(aor))

    async def _bindings(self, aor: AoR) -> BindingSet:
        ask = self._ports.bindings
        return NO_BINDINGS if ask is None else await ask(aor)

    async def _dialogs(self, aor: AoR) -> ResourceState:
        ask = self._ports.dialogs
        return NO_DIALOGS if ask is None else await ask(Resource(aor, DIALOG))

    def _registered(self, aor: AoR, bindings: BindingSet) -> tuple[Registered, ...]:
        if not self._ports.registrations:
            return ()
        return registered(aor, bindings.bindings, self._ports.secret)

    def _last_active(self, aor: AoR, bindings: BindingSet) -> Fragment | None:
        if not self._ports.last_active or bindings.bindings or not bindings.active_at:
            return None
        return last_active(aor, bindings.active_at)

    def _hard_version(self, owner: str, hard: Document | None, seen: Seen) -> int:
        """Of the document; of its deletion when it was `seen` before it was looked for."""
        now = Seen(seen.version + seen.there, False)
        if hard is not None:
            now = Seen(hard.version, True)
        if now.version:
            self._remember(owner, now)
        return now.version

    def _remember(self, owner: str, seen: Seen) -> None:
        self._seen[owner] = max(seen, self._seen.get(owner, NEVER_SEEN))
        self._seen.move_to_end(owner)
        if len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)


def readable(hard: Document | None) -> bytes:
    """The document, b"" without one, or for one beyond what is read here of anybody's XML."""
    if hard is None:
        return b""
    try:
        cut(hard.body)
    except XmlError as error:
        log.warning("hard-state-unreadable", owner=hard.key.owner, error=str(error))
        return b""
    return hard.body
