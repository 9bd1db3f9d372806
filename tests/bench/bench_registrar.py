"""What a REGISTER costs the registrar (microseconds of CPU), without transport, tasks and store.

Run: python -m tests.bench.bench_registrar [--profile]. Rows are of a plain UDP phone with one
binding; each is of the step alone, the message being parsed already as far as the dispatcher does.
"""

import argparse
import asyncio
import cProfile
import gc
import pstats
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

from proxy.answers import Extensions, registered
from proxy.registrar import Decision, decide
from proxy.registrar_service import RegistrarService
from proxy.registration import Limits, Registration, read_registration
from sip.authenticator import Identity
from sip.check import check_request
from sip.message import Request, parse_message
from store.operations import WriteBindings
from store.outcomes import BindingsOutcome, BindingsWritten
from store.rows import pack_details
from store.values import BindingSet
from tests.proxy.proxykit import EDGE, FakeFlow, FakeTransaction

COUNT: Final = 20_000
ROUNDS: Final = 5
LIMITS: Final = Limits(60, 7200, 50)
NOW: Final = 1_000_000.0
EXTENSIONS: Final = Extensions()
NOTHING: Final = BindingSet(0, ())
SOURCE: Final = ("192.0.2.10", False)
REGISTER: Final = (
    "REGISTER sip:example.com SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.10:40123;branch=z9hG4bK{0:08d}{1};rport\r\nMax-Forwards: 70\r\n"
    "From: <sip:u{0}@example.com>;tag=f{0}\r\nTo: <sip:u{0}@example.com>\r\n"
    "Call-ID: {0}@192.0.2.10\r\nCSeq: {1} REGISTER\r\n"
    "Contact: <sip:u{0}@192.0.2.10:40123>;expires=3600\r\nContent-Length: 0\r\n\r\n"
)

Item = TypeVar("Item")


class Memory:
    """A store that takes everything at once."""

    async def write_bindings(self, op: WriteBindings) -> BindingsOutcome:
        return BindingsWritten(op.expected_version + 1)

    async def bindings(self, aor: str) -> BindingSet:
        return BindingSet(0, ())


class Silent(FakeTransaction):
    """A transaction that drops its answer."""

    def respond(self, status: int, **_: Any) -> None:
        return


def requests(cseq: int) -> list[Request]:
    """REGISTERs as the dispatcher hands them on."""
    made = []
    for number in range(COUNT):
        message = parse_message(REGISTER.format(number, cseq).encode())
        assert isinstance(message, Request)
        check_request(message)
        _ = message.to.aor
        made.append(message)
    return made


def read(message: Request) -> Registration:
    return read_registration(message, message.to.aor, SOURCE, LIMITS, outbound=True)


def decide_new(registration: Registration) -> Decision:
    return decide(NOTHING, registration, NOW, LIMITS)


def answer(known: tuple[BindingSet, Registration]) -> list[tuple[str, str]]:
    return registered(known[0].bindings, known[1], NOW, EXTENSIONS)


def best(work: Callable[[Item], object], items: Callable[[], Sequence[Item]]) -> float:
    """Microseconds of CPU of `work` for one item, the best of a few rounds."""
    spent = []
    for _ in range(ROUNDS):
        made = items()
        began = time.process_time()
        for item in made:
            work(item)
        spent.append(time.process_time() - began)
    return min(spent) * 1e6 / COUNT


async def served(registrar: RegistrarService, cseq: int) -> float:
    """Microseconds of CPU for one REGISTER, from request to answer."""
    work: list[Coroutine[Any, Any, None]] = []
    for message in requests(cseq):
        tx = Silent(message, FakeFlow(remote=(SOURCE[0], 40123)))
        work.append(registrar.register(tx, Identity(message.to.aor, "digest")))
    began = time.process_time()
    for each in work:
        await each
    return (time.process_time() - began) * 1e6 / COUNT


async def whole() -> tuple[float, float]:
    """The first REGISTER of a user, and a refresh."""
    registrar = RegistrarService(
        store=Memory(), limits=LIMITS, is_ours={"example.com"}.__contains__,
        clock=lambda: NOW, edge=EDGE, extensions=EXTENSIONS,
    )  # fmt: skip
    new = await served(registrar, 1)
    return new, min([await served(registrar, cseq) for cseq in range(2, 2 + ROUNDS)])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true")
    gc.disable()
    if parser.parse_args().profile:
        profile = cProfile.Profile()
        profile.runcall(asyncio.run, whole())
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return
    asked = [read(message) for message in requests(1)]
    first = [decide_new(each) for each in asked]
    again = [each._replace(cseq=2) for each in asked]
    known = [(BindingSet(1, one.bindings), each) for one, each in zip(first, again, strict=True)]
    new, refresh = asyncio.run(whole())
    rows = {
        "read_registration": best(read, lambda: requests(1)),
        "decide, new": best(decide_new, lambda: asked),
        "decide, refresh": best(lambda one: decide(*one, NOW, LIMITS), lambda: known),
        "headers of the 200": best(answer, lambda: known),
        "pack for the store": best(lambda one: pack_details(one[0].bindings[0]), lambda: known),
        "REGISTER, new": new,
        "REGISTER, refresh": refresh,
    }
    for name, cost in rows.items():
        print(f"{name:20} {cost:6.2f} us")


if __name__ == "__main__":
    main()
