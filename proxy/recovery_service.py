"""What was registered on flows that went with their process (RFC 5626 §7). Shell.

After a start that is what this process registered in its former life; later, what another did
that is not heard of any more.

Its connections are gone, and nobody was told; the doors of NATs to its UDP clients have to be
kept open. Bindings of all are read page by page, slowly enough to be no load, and those of
this process looked at. Whoever is called before that is looked at by the registrar itself.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import structlog

from proxy.registrar_service import RegistrarService
from sip.uri import AoR
from store.errors import StoreError
from store.values import Binding

PAGE: Final = 500
"""Bindings read at once."""
PAUSE: Final = 0.25
"""Seconds between two pages: a million bindings take ten minutes."""
WATCH_INTERVAL: Final = 5.0
"""Seconds between two looks for processes that are gone."""
LOOKS: Final = 3
"""Looks in a row that miss a process before it counts as gone: after an outage of the database
all seem to be silent for a moment."""
PATIENCE: Final = 5.0
"""Seconds until the store is asked again that did not answer."""

log = structlog.get_logger("registrar")


class BindingPages(Protocol):
    """The part of the store that lists all bindings."""

    async def silent_nodes(self) -> frozenset[str]: ...
    async def bindings_after(self, aor: str, key: str, limit: int) -> list[tuple[str, Binding]]: ...


class RecoveryService:
    """Shows `registrar` the bindings in `store`: once, and when another process is gone."""

    def __init__(
        self,
        *,
        registrar: RegistrarService,
        store: BindingPages,
        worker_of: Callable[[str], str],
        own: str = "",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`worker_of` is from the name of a process to the id in its bindings; `own` is ours."""
        self._registrar = registrar
        self._worker_of = worker_of
        self._own = own
        self._missed: Counter[str] = Counter()
        self._store = store
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def close(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()

    async def run(self) -> None:
        """Look at every binding; what is lost is worked off page by page."""
        at = ("", "")
        while True:
            try:
                page = await self._store.bindings_after(*at, PAGE)
            except StoreError:
                await self._sleep(PATIENCE)
                continue
            for aor, binding in page:
                self._registrar.resume(AoR(aor), binding)
            await self._registrar.settle()
            if len(page) < PAGE:
                return
            at = (page[-1][0], page[-1][1].key)
            await self._sleep(PAUSE)

    async def watch(self) -> None:
        """Look once for processes that are gone; what was on their flows is worked off.

        A store that does not answer tells nothing, and all looks begin anew.
        """
        try:
            nodes = await self._store.silent_nodes()
        except StoreError:
            self._missed.clear()
            return
        workers = {self._worker_of(node) for node in nodes} - {self._own}
        self._missed = Counter({worker: self._missed[worker] + 1 for worker in workers})
        gone = frozenset(worker for worker, looks in self._missed.items() if looks >= LOOKS)
        new = gone - self._registrar.silent
        self._registrar.silent = gone
        if new:
            log.warning("processes-gone", workers=sorted(new))
            await self.run()

    async def _run(self) -> None:
        try:
            await self.run()
            while True:
                await self._sleep(WATCH_INTERVAL)
                await self.watch()
        except Exception as error:  # calls find out what is lost, one by one
            log.error("recovery-failed", exc_info=error)
