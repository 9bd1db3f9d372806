"""A store's database side on PostgreSQL: its connections, its heartbeat, its feed. Shell."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog

from store.errors import StoreError, StoreUnavailable
from store.feed_payload import RESYNC
from store.outcomes import Expired
from store.pg_bindings import PgBindings
from store.pg_context import PgContext
from store.pg_credentials import PgCredentials
from store.pg_documents import PgDocuments
from store.pg_expiry import PgExpiry
from store.pg_feed import PgFeed
from store.pg_grants import PgGrants
from store.pg_processes import DEAD_AFTER, PgProcesses
from store.pg_publications import PgPublications
from store.pg_subscriptions import PgSubscriptions
from store.role import Role
from store.stats import StoreStats
from store.values import Change, Resource, SubscriptionRow

HEARTBEAT_INTERVAL: Final = 3.0
HELLO_GRACE: Final = 2.0
"""Seconds after which everybody has heard of a new process, and tells it of changes."""

log = structlog.get_logger()


class PgBackend:
    """Runs batches on PostgreSQL; `changed` hears what other processes changed."""

    def __init__(
        self,
        dsn: str,
        *,
        node: str,
        owner: str,
        role: Role,
        stats: StoreStats,
        changed: Callable[[Change], None],
        keep_versions: int,
        keep_waiting: float,
    ) -> None:
        context = PgContext(dsn, owner, stats, peers=role is Role.TOOL)
        self._context = context
        self._role = role
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._heartbeat: asyncio.Task[None] | None = None
        self._hello_at = self._beaten_at = float("-inf")
        self.publications = PgPublications(context)
        self.subscriptions = PgSubscriptions(context, keep_waiting)
        self.bindings = PgBindings(context)
        self.documents = PgDocuments(context, keep_versions)
        self.grants = PgGrants(context)
        self.credentials = PgCredentials(context)
        self._expiry = PgExpiry(context, keep_waiting)
        self._processes = PgProcesses(context, node)
        self._feed = PgFeed(context, self._heard)

    async def start(self) -> None:
        """Connect; a server announces itself after it has begun to listen."""
        await self._processes.ping()
        if self._role is Role.TOOL:
            return
        await self._feed.start()
        await self._beat()
        await self._processes.hail()
        self._heartbeat = self._loop.create_task(self._keep_beating())

    async def adopt(self, limit: int, now: float) -> list[SubscriptionRow]:
        """Take over subscriptions of the dead."""
        return await self._processes.adopt(limit, now)

    async def expire(self, now: float) -> Expired:
        """Sweep."""
        return await self._expiry.sweep(now)

    async def silent_nodes(self) -> frozenset[str]:
        """Return the nodes that no life of is heard of any more."""
        return await self._processes.silent_nodes()

    async def versions(self, keys: Sequence[Resource]) -> dict[Resource, int]:
        """Return the version of each resource."""
        return await self._processes.versions(keys)

    async def ping(self) -> None:
        """Return when the database answers."""
        await self._processes.ping()

    async def close(self) -> None:
        """Leave and disconnect."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            with suppress(asyncio.CancelledError):
                await self._heartbeat
            with suppress(StoreUnavailable):
                await self._processes.leave()
        await self._feed.stop()
        for link in self._context.links:
            await link.close()

    async def _keep_beating(self) -> None:
        await asyncio.sleep(HELLO_GRACE)
        if self._context.peers:
            self._changed(RESYNC)
        while True:
            try:
                await self._beat()
                await self._feed.probe()
            except StoreError as error:
                log.warning("heartbeat-failed", error=str(error))
            await asyncio.sleep(HEARTBEAT_INTERVAL)

    async def _beat(self) -> None:
        """Beat; stop telling when nobody lives; start again when we were taken for dead."""
        asked_at = self._loop.time()
        others = await self._processes.beat()
        if asked_at - self._hello_at > DEAD_AFTER:
            self._context.peers = others
        late = asked_at - self._beaten_at > DEAD_AFTER
        if late and self._heartbeat is not None:
            await self._processes.hail()
            self._changed(RESYNC)
        self._beaten_at = asked_at

    def _heard(self, changes: Sequence[Change]) -> None:
        """Another process spoke, so it lives."""
        self._hello_at = self._loop.time()
        self._context.peers = True
        for change in changes:
            self._changed(change)
