"""After a start: what this process registered in its former life (RFC 5626 §7). Shell.

Its connections are gone, and nobody was told; the doors of NATs to its UDP clients have to be
kept open. Bindings of all are read page by page, slowly enough to be no load, and those of
this process looked at. Whoever is called before that is looked at by the registrar itself.
"""

import asyncio
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
PATIENCE: Final = 5.0
"""Seconds until the store is asked again that did not answer."""

log = structlog.get_logger("registrar")


class BindingPages(Protocol):
    """The part of the store that lists all bindings."""

    async def bindings_after(self, aor: str, key: str, limit: int) -> list[tuple[str, Binding]]: ...


class RecoveryService:
    """Shows `registrar` the bindings in `store`, once."""

    def __init__(
        self,
        *,
        registrar: RegistrarService,
        store: BindingPages,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._registrar = registrar
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

    async def _run(self) -> None:
        try:
            await self.run()
        except Exception as error:  # calls find out what is lost, one by one
            log.error("recovery-failed", exc_info=error)
