"""What a usage calls a stored document, which another usage may keep. Pure.

The other way round than `Usage.row`.
"""

from xcap.computed import Offered


def name_in(usage: Offered, auid: str, path: str) -> str | None:
    """The name that `usage` shows row `auid`, `path` under; None when it does not show it."""
    shown, stored = usage.renamed or ("", "")
    if auid != (usage.shares or usage.auid) or (path == shown and shown != stored):
        return None
    return shown if path == stored and shown else path
