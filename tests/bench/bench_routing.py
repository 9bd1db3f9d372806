"""What a routing file costs per request, in microseconds of CPU: run as a script.

    python -m tests.bench.bench_routing [rounds]

The time is that of the whole question, from the message to the decision, with callbacks of
different ambition. Without a file the question is one attribute that is looked at.
"""

import asyncio
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import process_time

from server.dispatch_rules import Road
from server.routing_hook import RoutingHook
from server.routing_service import RoutingService
from sip.authenticator import Identity
from sip.message import Request, Response, build_response, parse_message
from tests.proxy.proxykit import ALICE, FakeTransaction, request

REQUESTS = 20_000
ROUNDS = 3
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "routing"
PLAIN = "def on_request(request):\n    return None\n"
CASES: Mapping[str, str] = {
    "plain, looks at nothing": PLAIN,
    "async, waits for nothing": f"async {PLAIN}",
    "plain, looks at caller, callee, source": (
        "def on_request(request):\n"
        "    if request.caller == request.callee or request.source[0] == 'x':\n"
        "        return Reject(403)\n"
    ),
    "plain, sets one header": (
        "def on_request(request):\n    request.set_header('Subject', 'changed')\n"
    ),
    "plain, sets a header, relays elsewhere": (
        "def on_request(request):\n"
        "    request.set_header('Subject', 'changed')\n"
        "    return Relay('sip:+4930123456@trunk.example.net')\n"
    ),
    "examples/routing/block_list.py": (EXAMPLES / "block_list.py").read_text(),
    "examples/routing/prefix_to_trunk.py": (EXAMPLES / "prefix_to_trunk.py").read_text(),
}
IDENTITY = Identity(ALICE, "digest")


def messages() -> list[Request]:
    """INVITEs with nothing in common that could be found in a cache."""
    return [
        request("INVITE", f"sip:030{number:07d}@example.com", call_id=f"{number}@bench")
        for number in range(REQUESTS)
    ]


async def cost_of_requests(service: RoutingService | None) -> float:
    """Microseconds for each request."""
    hook = RoutingHook(service)
    transactions = [FakeTransaction(message) for message in messages()]
    begun = process_time()
    for tx in transactions:
        if hook.asks(tx.request, Road.RELAY):
            await hook.plan(tx, IDENTITY)
    return (process_time() - begun) * 1e6 / len(transactions)


async def cost_of_replies(service: RoutingService) -> float:
    """Microseconds for each reply."""
    asked = messages()
    replies = [parse_message(build_response(message, 200)) for message in asked]
    begun = process_time()
    for reply, message in zip(replies, asked, strict=True):
        assert isinstance(reply, Response)
        await service.on_reply(reply, message)
    return (process_time() - begun) * 1e6 / len(replies)


def loaded(text: str, folder: Path) -> RoutingService:
    file = folder / "routing.py"
    file.write_text(f"from proxy.routing import *\n{text}")
    return RoutingService(file)


def report(name: str, micros: float) -> None:
    print(f"{name:45} {micros:7.2f} us")


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        report("no routing file", min(asyncio.run(cost_of_requests(None)) for _ in range(rounds)))
        for name, text in CASES.items():
            service = loaded(text, Path(folder))
            report(name, min(asyncio.run(cost_of_requests(service)) for _ in range(rounds)))
        service = loaded("def on_reply(reply):\n    return None\n", Path(folder))
        report("on_reply, changes nothing", min(
            asyncio.run(cost_of_replies(service)) for _ in range(rounds)
        ))  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
