"""What a process tree costs: CPU seconds and memory, from /proc (Linux)."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

TICK: Final = 1 / os.sysconf("SC_CLK_TCK")
"""Seconds a count of /proc/PID/stat stands for."""
_USER: Final = 11
"""Index of utime behind the command name; stime, cutime and cstime follow."""


def tree(pid: int) -> Iterator[int]:
    """`pid` and its living descendants."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from tree(int(child))


def cpu_seconds(pid: int) -> float:
    """User and system time of `pid` and its descendants, those that ended included."""
    return sum(_ticks(each) for each in tree(pid)) * TICK


def _ticks(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return 0
    fields = text.rpartition(")")[2].split()
    return sum(int(value) for value in fields[_USER : _USER + 4])


def proportional_size(pid: int) -> int:
    """Octets of memory (PSS) of `pid` and its descendants: shared pages count once."""
    return sum(_proportional(each) for each in tree(pid))


def _proportional(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


@dataclass(frozen=True, slots=True)
class Cost:
    """What one phase cost, for each operation."""

    name: str
    count: int
    seconds: float
    processes: tuple[float, ...]
    """CPU microseconds of each process tree watched, in order."""

    def __str__(self) -> str:
        spent = " + ".join(f"{each:7.1f}" for each in self.processes)
        rate = self.count / self.seconds
        return f"{self.name:24} {self.count:7} {rate:9.0f}/s {spent} us"


class Watch:
    """Measures a phase: `with Watch(pids) as watch: …`, then `watch.cost(name, count)`."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = tuple(pids)
        self._spent: tuple[float, ...] = ()
        self._seconds = 0.0

    def __enter__(self) -> Self:
        self._seconds = -time.monotonic()
        self._spent = tuple(-cpu_seconds(pid) for pid in self._pids)
        return self

    def __exit__(self, *_: object) -> None:
        now = tuple(cpu_seconds(pid) for pid in self._pids)
        self._spent = tuple(before + after for before, after in zip(self._spent, now, strict=True))
        self._seconds += time.monotonic()

    def cost(self, name: str, count: int) -> Cost:
        """The phase that ended, in `count` operations."""
        each = tuple(spent / count * 1e6 for spent in self._spent)
        return Cost(name, count, self._seconds, each)
