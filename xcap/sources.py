"""The rest of the server as usages see it when they compute or search. Pure but for look-ups."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sip.uri import AoR
from xcap.access import Access, Action, Permission
from xcap.computed import Offered, Records
from xcap.usage import Usage


@dataclass(frozen=True, slots=True)
class ServerSources:
    """Implements `xcap.computed.Sources`."""

    root: str
    default_domain: str
    usages: Mapping[str, Usage]
    store: Records
    clock: Callable[[], float]
    access: Access

    def now(self) -> float:
        """Unix seconds."""
        return self.clock()

    async def readable(self, reader: AoR, usage: Offered, owner: AoR) -> Permission:
        """The documents for which a GET by `reader` would not be refused."""
        return await self.access.permission(Action.READ, self.usages[usage.auid], owner, reader)
