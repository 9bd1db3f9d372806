"""A new subscription of a rebooted phone replaces its older one (EVT-13). Shell."""

from typing import Final

from presence.core_service import Core
from presence.subscriptions.device import replaces
from presence.subscriptions.subscription import Cause, State
from store.values import SubscriptionRow

LIVE: Final = frozenset({State.ACTIVE.value, State.PENDING.value})


class ReplaceService:
    """Looks for what is replaced once the new one was answered, in any process's rows."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def opened(self, row: SubscriptionRow) -> None:
        """`row` was stored and answered: look beside everything else."""
        if self._core.config.replace != "off" and row.watcher:
            self._core.spawn(self._end_older(row))

    async def _end_older(self, row: SubscriptionRow) -> None:
        """Two reads, and a write for each that is replaced."""
        store = self._core.store
        watching = await store.watching(row.resource, row.watcher)
        ids = [one.id for one in watching if one.id != row.id and one.status in LIVE]
        rows = await store.subscriptions(ids) if ids else {}
        for older in rows.values():
            if replaces(row, older):
                await self._end(older)

    async def _end(self, row: SubscriptionRow) -> None:
        """Without a NOTIFY, which would go to who knows nothing of the dialog any more.

        A process that serves it hears of it by the feed. It did not lapse: nobody waits.
        """
        core = self._core
        await core.end(row.id, row.resource, row.watcher, Cause.MIGRATED)
        live = core.engine.index.get(row.id)
        if live is not None:
            core.engine.forget(live)
        core.stats.subs_replaced += 1
