"""The planned move of what this process serves to others (RFC 6665 §4.4.2, EVT-12). Shell.

New dialogs are refused with 503 and Retry-After, so that they end up elsewhere (RFC 3263 §4.3),
/readyz says `draining`, and subscriptions are asked to go, so many a second. Everything within
a dialog is served as ever. It goes on until it is called off, or the process stops.
"""

from typing import Protocol

import structlog

from presence.subscriptions.migration_service import Progress

log = structlog.get_logger("server")


class Door(Protocol):
    """Where new dialogs come in; `server.dispatch.Dispatcher` is one."""

    def drain(self) -> None: ...
    def resume(self) -> None: ...


class Migration(Protocol):
    """Who moves subscriptions: `presence.subscriptions.migration_service`."""

    @property
    def active(self) -> bool: ...
    @property
    def progress(self) -> Progress: ...
    def start(self, rate: float) -> None: ...
    def cancel(self) -> None: ...


class Drain:
    """One per process."""

    def __init__(self, door: Door, migration: Migration, rate: float) -> None:
        """`rate`: subscriptions a second, where nothing else is asked for."""
        self._door = door
        self._migration = migration
        self._rate = rate

    @property
    def active(self) -> bool:
        return self._migration.active

    @property
    def progress(self) -> Progress:
        return self._migration.progress

    def start(self, rate: float | None = None) -> None:
        """Begin, or go on at another rate."""
        log.info("drain-started", rate=rate or self._rate)
        self._door.drain()
        self._migration.start(rate or self._rate)

    def cancel(self) -> None:
        """Serve as before; who has gone may come back."""
        if self.active:
            log.info("drain-cancelled", moved=self.progress.moved)
            self._migration.cancel()
            self._door.resume()
