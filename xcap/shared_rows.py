"""Documents that two usages share, or that have two names: one row, whoever asks. Pure.

The other way round than `Usage.row`.
"""

from collections.abc import Iterable
from typing import NamedTuple

from xcap.computed import Offered


class Name(NamedTuple):
    """What a document is called below its directory."""

    auid: str
    path: str


def stored_as(usage: Offered) -> str:
    """AUID under which the documents of `usage` are stored."""
    return usage.shares or usage.auid


def name_in(usage: Offered, auid: str, path: str) -> str | None:
    """The name that `usage` shows row `auid`, `path` under; None when it does not show it.

    Of two names the usage's own, not that under which the row is stored.
    """
    if auid != stored_as(usage):
        return None
    if usage.renamed is None:
        return path
    shown, stored = usage.renamed
    if path == shown:
        return None
    return shown if path == stored else path


def names_of(usages: Iterable[Offered], auid: str, path: str) -> frozenset[Name]:
    """All names of row `auid`, `path`, in every usage that serves it."""
    return frozenset(
        Name(usage.auid, name)
        for usage in usages
        if stored_as(usage) == auid
        for name in (path, *(usage.renamed or ()))
        if usage.row(name) == (auid, path)
    )
