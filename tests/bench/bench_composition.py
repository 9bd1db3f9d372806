"""What it costs to compose a presence document: no sockets, no database.

    .venv/bin/python tests/bench/bench_composition.py

Microseconds of process CPU time for each composition, best of several rounds. In "changed" one
of the publications is new each time, as after a PUBLISH; the others were cut before.
"""

import time
from collections.abc import Callable, Sequence

from presence.document.composition import composer
from presence.package import PackageState
from presence.sources.registrations import registered
from presence.sources.state import NOTHING, Sources
from store.values import Publication
from tests.bench.bench_engine import PIDF
from tests.presence.document.presence_inputs import SECRET, binding
from tests.presence.fakes import ALICE

ROUNDS = 5
TIMES = 1000

compose = composer()


def publication(device: int, number: int) -> Publication:
    """One device's, like those of the other benchmarks; persons say the same."""
    body = PIDF.format(number).replace("t000001", f"t{device}").encode()
    return Publication(f"p{device}", "t", 2e9, "application/pidf+xml", body, 1e9 + number)


def cost(states: Sequence[PackageState]) -> float:
    """Microseconds for each of `states`."""

    def once() -> float:
        begun = time.process_time()
        for state in states:
            compose(ALICE, state)
        return (time.process_time() - begun) / len(states) * 1e6

    return min(once() for _ in range(ROUNDS))


def changed(devices: int, sources: Sources = NOTHING) -> list[PackageState]:
    """So many devices, of which the first publishes anew each time; never the same twice."""
    others = tuple(publication(device, 0) for device in range(1, devices))
    return [PackageState((publication(0, number), *others), sources) for number in range(TIMES)]


def main() -> None:
    hard = publication(9, 9).body
    devices = registered(ALICE, [binding(4, 'audio;methods="INVITE,BYE"')], SECRET)
    rows: dict[str, Callable[[], list[PackageState]]] = {
        "one publication": lambda: changed(1),
        "one publication, a registration it stands for": lambda: changed(
            1, Sources(registered=devices)
        ),
        "one publication, in a call": lambda: changed(1, Sources(calling=True)),
        "one publication, hard state": lambda: changed(1, Sources(hard)),
        "two devices, one changed": lambda: changed(2),
        "four devices, one changed": lambda: changed(4),
        "a registration alone": lambda: [PackageState((), Sources(registered=devices))] * TIMES,
    }
    for name, states in rows.items():
        print(f"{name:48} {cost(states()):8.1f} us")


if __name__ == "__main__":
    main()
