"""Errors of the store. SIP and HTTP answer them with 503."""


class StoreError(Exception):
    """What every error of the store is."""

    status = 503


class StoreFull(StoreError):
    """The queue in front of the database is full; nothing was written. Retry later."""


class StoreUnavailable(StoreError):
    """The database could not be asked.

    `written` tells what became of a write: False says it was certainly not committed,
    None that nobody knows, since the connection was lost while it was under way.
    """

    def __init__(self, reason: str, *, written: bool | None = False) -> None:
        super().__init__(reason)
        self.written = written


class StoreMisused(StoreError):
    """The database cannot serve this process: wrong schema, or another process holds it."""


class StoreRefused(StoreError):
    """The database cannot hold a value: an over-long key, a NUL or a lone surrogate in text."""

    status = 400


class StoreDuplicate(StoreRefused):
    """A value that must be unique is there already."""
