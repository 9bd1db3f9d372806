"""Names that the system knows without DNS: /etc/hosts and localhost. Shell."""

import os
import time
from collections.abc import Callable
from typing import Final

HOSTS_FILE: Final = "/etc/hosts"
LOOKED_AT_EVERY: Final = 5.0
"""Seconds between two looks at whether the file has changed."""
LOCALHOST: Final = "localhost"


class HostsFile:
    """The names in the file, read anew when it changes. Their addresses are c-ares' affair."""

    def __init__(
        self, path: str = HOSTS_FILE, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._clock = clock
        self._look_at = float("-inf")
        self._read_at: tuple[int, int] | None = None
        self._names: frozenset[str] = frozenset()

    def __contains__(self, name: object) -> bool:
        """Whether `name`, in lower case, is in the file or within localhost."""
        if not isinstance(name, str):
            return False
        self._refresh()
        return name in self._names or name.rpartition(".")[2] == LOCALHOST

    def _refresh(self) -> None:
        now = self._clock()
        if now < self._look_at:
            return
        self._look_at = now + LOOKED_AT_EVERY
        try:
            status = os.stat(self._path)
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp != self._read_at:
                with open(self._path, encoding="utf-8", errors="replace") as file:
                    self._names = hosts_names(file.read())
                self._read_at = stamp
        except OSError:
            self._names, self._read_at = frozenset(), None


def hosts_names(text: str) -> frozenset[str]:
    """Every name in a hosts file, in lower case."""
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    return frozenset(name.lower().removesuffix(".") for line in lines for name in line[1:])
