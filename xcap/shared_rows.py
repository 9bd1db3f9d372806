"""What a usage calls a stored document, which another usage may keep. Pure.

The other way round than `Usage.row`.
"""

from xcap.computed import Offered


def name_in(usage: Offered, auid: str, path: str) -> str | None:
    """The name that `usage` shows row `auid`, `path` under; None when it does not show it.

    Of two names the usage's own, not that under which the row is stored.
    """
    if auid != (usage.shares or usage.auid):
        return None
    if usage.renamed is None:
        return path
    shown, stored = usage.renamed
    if path == shown:
        return None
    return shown if path == stored else path
