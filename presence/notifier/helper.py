"""What the shell around the notifier does for it."""

from collections.abc import Callable
from typing import Protocol

from presence.live import Due, LiveSubscription
from presence.notifier.failover import Failover
from sip.wheel import Timer

Schedule = Callable[[float, Callable[[], None]], Timer]
"""Call back at a Unix time."""


class Helper(Protocol):
    """What takes waiting, and what is more than one subscription's affair."""

    def find_way(self, live: LiveSubscription, size: int) -> None:
        """Find a flow for `size` octets (0: any), then call `Notifier.way_found`."""

    def find_other(self, live: LiveSubscription, failover: Failover) -> None:
        """Find a flow to a server that has not been tried, then call `Notifier.other_found`."""

    def load(self, live: LiveSubscription, due: Due) -> None:
        """Have the package read, then call `Notifier.loaded` or `Notifier.not_loaded`."""

    def failed(self, live: LiveSubscription, error: Exception) -> None:
        """We could not make a NOTIFY for `live`: say so, and let it go."""

    def ended(self, live: LiveSubscription) -> None:
        """The watcher is gone: forget `live`, here and in the store."""
