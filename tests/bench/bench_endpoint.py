"""What the transaction layer and the UDP transport cost a message (microseconds of CPU).

Run: python -m tests.bench.bench_endpoint [--profile NAME]. Rows without sockets use a flow that
drops what it is given; the parse that is part of a row is measured on its own and shown too.
"""

import argparse
import asyncio
import cProfile
import gc
import pstats
import socket
import time
from collections.abc import Callable
from typing import Final

from sip.message import Response, build_response, parse_message
from sip.transport.config import EndpointConfig
from sip.transport.endpoint import Endpoint
from sip.transport.source_limits import SourceLimits
from tests.sip.wires import FakeFlow, Stack

ROUNDS: Final = 5
COUNT: Final = 20_000
LOOPBACK_COUNT: Final = 20_000
WINDOW: Final = 32
EXEMPT: Final = "192.0.2.77"

OPTIONS: Final = (
    "OPTIONS sip:example.com SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK{0:08d}\r\n"
    "Max-Forwards: 70\r\n"
    "From: <sip:alice@example.com>;tag=a{0:08d}\r\n"
    "To: <sip:example.com>\r\n"
    "Call-ID: {0:08d}@192.0.2.1\r\n"
    "CSeq: 1 OPTIONS\r\n"
    "Contact: <sip:alice@192.0.2.1:5060>\r\n"
    "Content-Length: 0\r\n\r\n"
)
NOTIFY: Final = (
    "NOTIFY sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;rport;branch={0}\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:bob@example.com>;tag=b\r\nTo: <sip:alice@example.com>;tag=a\r\n"
    "Call-ID: 1@192.0.2.1\r\nCSeq: 1 NOTIFY\r\nContent-Length: 0\r\n\r\n"
)


class Sink(FakeFlow):
    """A flow that drops everything."""

    def send(self, data: bytes) -> None:
        return


def settle_memory() -> None:
    """As a server does when it has started; else a full collection falls into a timed part."""
    gc.collect()
    gc.freeze()


def best(work: Callable[[], None], count: int) -> float:
    """Microseconds of CPU for one of `count` done by `work`, the best of a few rounds."""
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent) * 1e6 / count


class Bench:
    """The rows without sockets, on one transaction layer."""

    def __init__(self) -> None:
        self.flow = Sink()
        self.numbers = iter(range(10**9))

    def messages(self) -> list[bytes]:
        return [OPTIONS.format(next(self.numbers)).encode() for _ in range(COUNT)]

    def codec(self) -> float:
        """The parse and the building of the 200, which the next row has in it too."""
        sample = self.messages()

        def work() -> None:
            for data in sample:
                build_response(parse_message(data), 200, to_tag="t")  # type: ignore[arg-type]

        return best(work, COUNT)

    def options(self) -> float:
        """An OPTIONS received and answered 200."""
        rounds = iter([self.messages() for _ in range(ROUNDS)])
        stack = Stack()
        stack.layer.on_request = lambda transaction: transaction.respond(200)

        def work() -> None:
            receive = stack.layer.receive
            flow = self.flow
            for data in next(rounds):
                receive(data, flow)

        return best(work, COUNT)

    def counted(self, address: str) -> float:
        """What the limit of a source costs a request; EXEMPT has none."""
        limits = SourceLimits(1e9, 1e9, now=time.monotonic, exempt=lambda source: source == EXEMPT)

        def work() -> None:
            for _ in range(COUNT):
                limits.admits(address)

        return best(work, COUNT)

    def repeated(self) -> float:
        """A request that was answered before."""
        stack = Stack()
        stack.layer.on_request = lambda transaction: transaction.respond(200)
        [first, *_] = self.messages()

        def work() -> None:
            for _ in range(COUNT):
                stack.layer.receive(first, self.flow)

        return best(work, COUNT)

    def notify(self) -> tuple[float, float]:
        """A NOTIFY sent; its 200 matched."""
        stack = Stack()
        send: list[float] = []
        match: list[float] = []
        for _ in range(ROUNDS):
            branches = [stack.ids.new_branch() for _ in range(COUNT)]
            notifies = [NOTIFY.format(branch).encode() for branch in branches]
            answers = [build_response(parse_message(data), 200) for data in notifies]  # type: ignore[arg-type]
            settle_memory()
            began = time.process_time()
            for data, branch in zip(notifies, branches, strict=True):
                stack.layer.send_notify(data, branch, self.flow, ignore)
            send.append(time.process_time() - began)
            began = time.process_time()
            for data in answers:
                stack.layer.receive(data, self.flow)
            match.append(time.process_time() - began)
        return min(send) * 1e6 / COUNT, min(match) * 1e6 / COUNT


def ignore(status: int, response: Response | None) -> None:
    """An outcome that nobody waits for."""


async def loopback() -> float:
    """OPTIONS answered over a real socket: CPU of the server's side, its system calls included.

    The clock runs only while the loop does, so the client's own sending and reading is not in it.
    """
    endpoint = Endpoint(
        config=EndpointConfig(listen=["udp:127.0.0.1:0"]),
        on_request=lambda transaction: transaction.respond(200),
    )
    await endpoint.start()
    port = int(endpoint.listening[0].rpartition(":")[2])
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.setblocking(False)
    client.connect(("127.0.0.1", port))
    messages = [OPTIONS.format(number).encode() for number in range(LOOPBACK_COUNT)]
    spent = 0.0
    for at in range(0, LOOPBACK_COUNT, WINDOW):
        for data in messages[at : at + WINDOW]:
            client.send(data)
        began = time.process_time()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        spent += time.process_time() - began
        for _ in messages[at : at + WINDOW]:
            client.recv(4096)
    client.close()
    await endpoint.stop()
    return spent * 1e6 / LOOPBACK_COUNT


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", choices=["options", "notify"])
    arguments = parser.parse_args()
    bench = Bench()
    if arguments.profile:
        profile = cProfile.Profile()
        profile.runcall(getattr(bench, arguments.profile))
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return
    codec, options = bench.codec(), bench.options()
    notify, match = bench.notify()
    print(f"parse and build 200              {codec:6.2f} us")
    print(f"OPTIONS answered, fake flow      {options:6.2f} us")
    print(f"  beyond the codec               {options - codec:6.2f} us")
    print(f"limit of its source counted      {bench.counted('192.0.2.1'):6.2f} us")
    print(f"  of an exempt source            {bench.counted(EXEMPT):6.2f} us")
    print(f"request repeated, fake flow      {bench.repeated():6.2f} us")
    print(f"send_notify, fake flow           {notify:6.2f} us")
    print(f"its 200 matched                  {match:6.2f} us")
    print(f"OPTIONS answered, loopback UDP   {asyncio.run(loopback()):6.2f} us")


if __name__ == "__main__":
    main()
