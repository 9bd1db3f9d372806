"""`presentity serve` with a routing file: a bad one stops it, SIGHUP takes a new one.

The examples run here as they lie in examples/routing/, with trunks on loopback.
"""

import asyncio
import os
import signal
import sqlite3
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.processes import LOOPBACK, ROOT, Deployment, Running
from tests.rawsip import Heard, SipClient
from tests.rawusers import User

EXAMPLES = ROOT / "examples" / "routing"
REJECTS = "from proxy.routing import *\ndef on_request(request):\n    return Reject({})\n"
REFUSED = 603
LOG_WAIT = 5.0


def deployed(tmp_path: Path, text: str) -> Deployment:
    """A server that trusts loopback, with a routing file of this text."""
    file = tmp_path / "routing.py"
    file.write_text(text)
    return Deployment(
        tmp_path / "server",
        f"sqlite:///{tmp_path}/presentity.db",
        {"sip": {"routing": str(file), "trusted_peers": ["127.0.0.0/8"]}},
    )


@asynccontextmanager
async def phones(running: Running, *names: str) -> AsyncIterator[list[User]]:
    """Registered users, each with a socket of its own."""
    async with AsyncExitStack() as stack:
        users = []
        for name in names:
            client = await stack.enter_async_context(await SipClient.open(running.sip))
            user = User(client, f"sip:{name}@example.com")
            contact = ("Contact", f"<sip:{name}@{client.contact.removeprefix('sip:')}>")
            assert (await user.ask("REGISTER", user.domain_uri, [contact])).status == 200
            users.append(user)
        yield users


async def invite(user: User, uri: str, call_id: str) -> Heard:
    """The final answer to a call."""
    contact = ("Contact", f"<{user.client.contact}>")
    return await user.ask("INVITE", uri, [contact], to=f"<{uri}>", call_id=call_id)


def invites(client: SipClient) -> list[Heard]:
    return [heard for heard in client.requests if heard.method == "INVITE"]


def metrics_of(running: Running) -> str:
    with urllib.request.urlopen(f"{running.admin}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


async def logged(running: Running, word: str) -> None:
    """Wait until the server's log has `word`."""
    async with asyncio.timeout(LOG_WAIT):
        while word not in running.log:  # noqa: ASYNC110  a file has no event
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("def on_request(request)\n", "{0}:1: SyntaxError: expected ':'", id="syntax"),
        pytest.param("x = 1\n", "{0}: defines none of on_request, ", id="no-callback"),
        pytest.param("\ndef on_reply(): pass\n", "{0}:2: is not on_reply(reply): ", id="signature"),
    ],
)
def test_a_bad_file_stops_the_server_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    deployment = deployed(tmp_path, text)
    done = deployment.run("serve")
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("presentity: ")]
    assert line.startswith("presentity: sip.routing: " + said.format(tmp_path / "routing.py"))
    assert "presentity ready" not in done.stdout


def test_the_file_is_among_the_settings(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, REJECTS.format(403))
    assert f'routing = "{tmp_path}/routing.py"' in deployment.must_run("config")


async def test_a_hangup_takes_a_new_file_and_keeps_the_old_for_a_bad_one(tmp_path: Path) -> None:
    deployment = deployed(tmp_path, REJECTS.format(403))
    file = tmp_path / "routing.py"
    with deployment.serving() as running:
        async with phones(running, "alice") as (alice,):
            assert (await invite(alice, "sip:bob@example.com", "one")).status == 403
            file.write_text("def on_request(request)\n")
            os.kill(running.pid, signal.SIGHUP)
            await logged(running, "event=not-reloaded")
            assert f"{file}:1: SyntaxError" in running.log
            assert (await invite(alice, "sip:bob@example.com", "two")).status == 403
            file.write_text(REJECTS.format(REFUSED))
            os.kill(running.pid, signal.SIGHUP)
            await logged(running, "event=reloaded")
            assert (await invite(alice, "sip:bob@example.com", "three")).status == REFUSED


async def test_an_exception_is_500_and_the_next_request_is_served(tmp_path: Path) -> None:
    """RFC 3261 §21.5.1."""
    deployment = deployed(
        tmp_path,
        "def on_request(request):\n"
        "    if request.header('Subject') == 'trouble':\n"
        "        raise LookupError('no such trunk')\n"
        "def on_reply(reply):\n"
        "    raise LookupError('no such reply')\n",
    )
    with deployment.serving() as running:
        async with phones(running, "alice", "bob") as (alice, bob):
            bad = await alice.ask("MESSAGE", bob.aor, [("Subject", "trouble")], call_id="bad-1")
            assert bad.status == 500
            assert (await alice.ask("MESSAGE", bob.aor, call_id="good-1")).status == 200
        assert "LookupError: no such trunk" in running.log
        assert "call_id=bad-1" in running.log
        metrics = await asyncio.to_thread(metrics_of, running)
        for name in ("on_request", "on_reply"):
            assert f'presentity_routing_failures_total{{callback="{name}"}} 1.0' in metrics


async def test_replies_are_changed_and_keep_their_order(tmp_path: Path) -> None:
    """RFC 3261 §16.7: an async callback that takes long for the first delays the others."""
    deployment = deployed(
        tmp_path,
        "import asyncio\n"
        "async def on_reply(reply):\n"
        "    await asyncio.sleep(0.2 if reply.status == 180 else 0)\n"
        "    reply.set_header('X-Seen', f'{reply.method} {reply.uri}')\n",
    )
    with deployment.serving() as running:
        async with phones(running, "alice", "bob") as (alice, bob):
            bob.client.answer = lambda heard: None
            bob.client.on_request = ring_and_answer(bob.client)
            answer = await invite(alice, "sip:bob@example.com", "ring")
            assert answer.status == 200
            heard = [one for one in alice.client.responses if one.get("Call-ID") == "ring"]
            statuses = [one.status for one in heard]
            assert statuses[: statuses.index(200) + 1] == [100, 180, 200]
            assert answer["X-Seen"] == "INVITE sip:bob@example.com"


def ring_and_answer(client: SipClient) -> Callable[[Heard], None]:
    def answer(heard: Heard) -> None:
        if heard.method != "INVITE":
            return
        copied = [
            (name, value)
            for name, value in heard.headers
            if name.lower() in {"via", "from", "call-id", "cseq", "record-route"}
        ]
        for status in (180, 200):
            lines = [*copied, ("To", f"{heard['To']};tag=b"), ("Contact", f"<{client.contact}>")]
            head = [f"SIP/2.0 {status} Fine", *(f"{name}: {text}" for name, text in lines)]
            client.send("\r\n".join([*head, "Content-Length: 0", "", ""]).encode())

    return answer


async def test_a_number_goes_to_the_next_trunk_when_the_first_fails(tmp_path: Path) -> None:
    """examples/routing/prefix_to_trunk.py over sockets; RFC 3325 §9.1."""
    text = (EXAMPLES / "prefix_to_trunk.py").read_text()
    text = text.replace("PEERS_MAY_CALL_OUT = False", "PEERS_MAY_CALL_OUT = True")
    async with AsyncExitStack() as stack:
        deployment = deployed(tmp_path, text)
        server = (LOOPBACK, deployment.sip_port)
        first, second = [
            await stack.enter_async_context(await SipClient.open(server)) for _ in range(2)
        ]
        first.answer = lambda heard: 503
        for host, trunk in (("national.example.net", first), ("carrier-a.example.net", second)):
            text = text.replace(host, f"{LOOPBACK}:{trunk.local[1]}")
        (tmp_path / "routing.py").write_text(text)
        with deployment.serving() as running:
            async with phones(running, "alice") as (alice,):
                answer = await invite(alice, "sip:030%20123-456@example.com", "number")
        assert answer.status == 200
        assert len(invites(first)) == 1
        (taken,) = {heard.branch: heard for heard in invites(second)}.values()
        assert taken.start == f"INVITE sip:+4930123456@{LOOPBACK}:{second.local[1]} SIP/2.0"
        assert taken["P-Asserted-Identity"] == "<sip:+4930123451@example.com;user=phone>"


@pytest.mark.parametrize(
    ("bobs", "rings"),
    [
        pytest.param(486, True, id="busy"),
        pytest.param(None, False, id="not-registered"),
    ],
)
async def test_a_call_is_forwarded_when_the_callee_cannot_take_it(
    tmp_path: Path, bobs: int | None, rings: bool
) -> None:
    """examples/routing/call_forwarding.py over sockets (RFC 3261 §16.7: the next target)."""
    deployment = deployed(tmp_path, (EXAMPLES / "call_forwarding.py").read_text())
    with closing(sqlite3.connect(tmp_path / "forwarding.db")) as database:
        database.executescript(
            "CREATE TABLE forward (aor TEXT, mode TEXT, position INTEGER, target TEXT);"
            "INSERT INTO forward VALUES"
            " ('sip:bob@example.com', 'otherwise', 1, 'sip:carol@example.com'),"
            " ('sip:dora@example.com', 'always', 1, 'sip:carol@example.com');"
        )
    names = ["alice", "carol", "dora", *(["bob"] if rings else [])]
    with deployment.serving() as running:
        async with phones(running, *names) as (alice, carol, dora, *rest):
            for bob in rest:
                bob.client.answer = lambda heard: bobs
            assert (await invite(alice, "sip:bob@example.com", "bob-1")).status == 200
            assert [len(invites(bob.client)) > 0 for bob in rest] == [True] * rings
            assert (await invite(alice, "sip:dora@example.com", "dora-1")).status == 200
            assert invites(dora.client) == []
            diverted = [heard.get("Diversion") for heard in invites(carol.client)]
            assert diverted[0] is None
            assert diverted[-1] == "<sip:dora@example.com>;reason=unconditional"


async def test_blocked_callers_get_nowhere(tmp_path: Path) -> None:
    """examples/routing/block_list.py over sockets."""
    deployment = deployed(tmp_path, (EXAMPLES / "block_list.py").read_text())
    with deployment.serving() as running:
        async with phones(running, "alice", "mallory", "bob") as (alice, mallory, bob):
            assert (await invite(mallory, bob.aor, "mallory-1")).status == REFUSED
            assert invites(bob.client) == []
            assert (await invite(alice, bob.aor, "alice-1")).status == 200
            scanner = [("User-Agent", "friendly-scanner"), ("Contact", f"<{bob.client.contact}>")]
            assert (await bob.ask("REGISTER", bob.domain_uri, scanner)).status == 403
