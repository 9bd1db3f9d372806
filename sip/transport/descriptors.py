"""How many connections the system's limit of open files leaves room for. Shell."""

from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit
from sys import maxsize
from typing import Final

KEPT_DESCRIPTORS: Final = 200
"""Of those that the system lets us have, for all that is no connection."""
SIP_SHARE: Final = 0.77
"""Of the rest, for SIP connections, ours and those of others: 15,246 of 20,000 files."""
HTTP_SHARE: Final = 0.115
"""Of the rest, for each of the HTTP listeners: XCAP and the operator's."""


def affordable_connections(share: float) -> int:
    """How many sockets may be open, where `share` is how much of them all is given out."""
    soft, _ = getrlimit(RLIMIT_NOFILE)
    if soft == RLIM_INFINITY:
        return maxsize
    return int(share * max(soft - KEPT_DESCRIPTORS, soft // 2))
