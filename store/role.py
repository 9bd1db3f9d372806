"""Why a process opens the store."""

from enum import Enum


class Role(Enum):
    """What the store does for the process besides reading and writing."""

    SERVER = "server"
    """Serves users: keeps a heartbeat, hears the feed, adopts subscriptions."""
    TOOL = "tool"
    """A command that reads or changes something and ends, beside servers that run."""
