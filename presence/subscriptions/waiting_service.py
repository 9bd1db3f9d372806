"""Watchers that wait for a decision: nobody serves them, the store remembers them. Shell."""

import asyncio
from collections.abc import Sequence
from typing import Final

from presence.core_service import Core, identity_of
from presence.winfo.events import Event, ends_wait
from sip.uri import AoR
from store.values import WatcherRow

BATCH: Final = 64
"""Watchers decided about between two turns of the loop."""


async def decide_waiting(core: Core, aor: AoR) -> None:
    """End the wait of those whom the rules of `aor` now let in or block (RFC 5025 §3.2.1).

    Every process may do it: the store takes the first. Raises StoreError.
    """
    waiting = await core.store.waiting(aor)
    for start in range(0, len(waiting), BATCH):
        await _decide_batch(core, aor, waiting[start : start + BATCH])


async def _decide_batch(core: Core, aor: AoR, rows: Sequence[WatcherRow]) -> None:
    decided = [(row, event) for row in rows if (event := await _event(core, aor, row))]
    await asyncio.gather(*(core.store.settle_watcher(row.id, event) for row, event in decided))
    for row, _ in decided:
        core.watcher_moved(row.resource, row.watcher)
    await asyncio.sleep(0)


async def _event(core: Core, aor: AoR, row: WatcherRow) -> Event | None:
    package = core.packages.get(row.resource.package)
    if package is None:
        return None
    return ends_wait(await core.decide(aor, identity_of(row.watcher), package))
