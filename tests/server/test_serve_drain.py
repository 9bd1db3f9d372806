"""SIGTERM while requests are relayed: each of them gets its answer (OPS-08)."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.processes import Deployment, Running
from tests.rawsip import Heard, SipClient, response_to
from tests.rawusers import User

DRAIN_LIMIT = 10.0
BOB = "sip:bob@example.com"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A server that trusts loopback."""
    settings = {"sip": {"trusted_peers": ["127.0.0.0/8"]}}
    url = f"sqlite:///{tmp_path}/presentity.db"
    with Deployment(tmp_path / "server", url, settings).serving() as process:
        yield process


@asynccontextmanager
async def user(running: Running, aor: str) -> AsyncIterator[User]:
    """A registered user who answers nothing by itself."""
    async with await SipClient.open(running.sip) as client:
        one = User(client, aor)
        assert (await one.register(f"<{client.contact}>")).status == 200
        client.answer = lambda heard: 180 if heard.method == "INVITE" else None
        yield one


def heard(client: SipClient, method: str) -> list[Heard]:
    return [one for one in client.requests if one.method == method]


async def test_relayed_requests_end_or_are_answered(running: Running) -> None:
    """RFC 3261 §16.7, §16.10, §21.5.4: what the callee says in time goes back, and a call that
    rings on is 503 with Retry-After and cancelled."""
    async with user(running, BOB) as bob, user(running, "sip:alice@example.com") as alice:
        phone = bob.client
        message = asyncio.create_task(
            alice.ask("MESSAGE", BOB, to=f"<{BOB}>", call_id="text", within=DRAIN_LIMIT)
        )
        call = asyncio.create_task(
            alice.ask(
                "INVITE", BOB, [("Contact", f"<{alice.client.contact}>")], to=f"<{BOB}>",
                call_id="call", within=DRAIN_LIMIT,
            )
        )  # fmt: skip
        assert await phone.until(lambda: bool(heard(phone, "MESSAGE") and heard(phone, "INVITE")))
        os.kill(running.pid, signal.SIGTERM)
        async with asyncio.timeout(DRAIN_LIMIT):
            while "event=draining" not in running.log:  # noqa: ASYNC110  a file has no event
                await asyncio.sleep(0.02)
        phone.send(response_to(heard(phone, "MESSAGE")[0], 200))
        assert (await message).status == 200
        ended = await call
        assert (ended.status, ended.get("Retry-After")) == (503, "5")
        assert await phone.until(lambda: bool(heard(phone, "CANCEL")))
        assert await asyncio.to_thread(running.process.wait, DRAIN_LIMIT) == 0
    assert "level=error" not in running.log


STUBBORN = """
import asyncio, time
async def retry():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass
kept = []
async def on_request(request):
    if request.header("Subject") == "task":
        kept.append(asyncio.ensure_future(retry()))
    else:
        kept.append(asyncio.get_running_loop().run_in_executor(None, time.sleep, 60))
"""


@pytest.mark.parametrize("left", ["task", "thread"])
async def test_the_routing_file_does_not_keep_the_process(tmp_path: Path, left: str) -> None:
    """OPS-08: status 0 in time, whatever an operator's callback left running."""
    file = tmp_path / "routing.py"
    file.write_text(STUBBORN)
    settings = {"sip": {"trusted_peers": ["127.0.0.0/8"], "routing": str(file)}}
    url = f"sqlite:///{tmp_path}/presentity.db"
    with Deployment(tmp_path / "server", url, settings).serving() as running:
        async with await SipClient.open(running.sip) as client:
            alice = User(client, "sip:alice@example.com")
            answer = await alice.ask("MESSAGE", BOB, [("Subject", left)], to=f"<{BOB}>")
            assert answer.status == 480
        os.kill(running.pid, signal.SIGTERM)
        assert await asyncio.to_thread(running.process.wait, DRAIN_LIMIT) == 0
        assert "event=left-behind" in running.log
