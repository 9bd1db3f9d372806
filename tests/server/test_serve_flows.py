"""A connection that is gone leads to nobody, whoever has its port by now (RFC 5626 §5.3.1)."""

import asyncio
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import DOMAIN, LOOPBACK, Deployment, Running
from tests.rawsip import SipClient
from tests.rawusers import User

INSTANCE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-aabbccddee09>"'
UNAVAILABLE = 480
PATIENCE = 5.0
"""Seconds."""


def deployed(tmp_path: Path) -> Deployment:
    """A server that trusts loopback."""
    url = f"sqlite:///{tmp_path}/presentity.db"
    return Deployment(tmp_path / "server", url, {"sip": {"trusted_peers": ["127.0.0.0/8"]}})


async def registered(running: Running, name: str, port: int = 0, parameters: str = "") -> User:
    """A phone on a connection from `port`."""
    client = await SipClient.open(running.sip, "TCP", source=LOOPBACK, port=port)
    user = User(client, f"sip:{name}@{DOMAIN}")
    headers = [("Contact", f"<{client.contact}>{parameters}"), ("Supported", "path, outbound")]
    assert (await user.ask("REGISTER", user.domain_uri, headers)).status == 200
    return user


async def message(running: Running, aor: str) -> int:
    """What a MESSAGE to `aor` comes to."""
    async with await SipClient.open(running.sip) as client:
        mallory = User(client, f"sip:mallory@{DOMAIN}")
        return (await mallory.ask("MESSAGE", aor, body=b"secret", to=f"<{aor}>")).status


def bindings(running: Running, aor: str) -> list[object]:
    """What the operator is shown."""
    url = f"{running.admin}/api/registrations/{aor.removeprefix('sip:')}"
    with urllib.request.urlopen(url, timeout=5) as answer:
        found: list[object] = json.loads(answer.read())["bindings"]
        return found


async def counted(running: Running, cause: str) -> None:
    """Wait until a change of bindings by `cause` was counted."""
    wanted = f'presentity_binding_changes_total{{cause="{cause}"}} 1.0'

    def shown() -> str:
        with urllib.request.urlopen(f"{running.admin}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    async with asyncio.timeout(PATIENCE):
        while wanted not in await asyncio.to_thread(shown):  # noqa: ASYNC110  no event tells
            await asyncio.sleep(0.05)


def killed(deployment: Deployment, running: Running) -> Running:
    running.kill()
    return deployment.start()


def terminated(deployment: Deployment, running: Running) -> Running:
    assert running.terminate() == 0
    return deployment.start()


@pytest.mark.parametrize("restarted", [killed, terminated])
@pytest.mark.parametrize("parameters", ["", f";reg-id=1;{INSTANCE}"], ids=["plain", "outbound"])
async def test_port_of_a_former_life_is_somebody_elses(
    tmp_path: Path, restarted: Callable[[Deployment, Running], Running], parameters: str
) -> None:
    """RFC 5626 §7: the binding is gone when it is met, and nothing reaches the other phone."""
    deployment = deployed(tmp_path)
    deployment.prepare({"alice": "a", "carol": "c", "mallory": "m"})
    running = deployment.start()
    try:
        alice = await registered(running, "alice", parameters=parameters)
        assert await message(running, alice.aor) == 200
        running = await asyncio.to_thread(restarted, deployment, running)
        assert await alice.client.until(lambda: alice.client.ended)
        carol = await registered(running, "carol", alice.client.local[1])
        assert await message(running, alice.aor) == UNAVAILABLE
        assert await message(running, carol.aor) == 200
        assert len(carol.client.requests) == 1
        assert await asyncio.to_thread(bindings, running, alice.aor) == []
        carol.client.close()
    finally:
        running.stop()


async def test_connections_of_a_former_life_are_told_as_lost_without_a_call(tmp_path: Path) -> None:
    """RFC 5626 §7, LOC-04: by looking through what is stored, soon after the start."""
    deployment = deployed(tmp_path)
    deployment.prepare({"alice": "a"})
    running = deployment.start()
    try:
        alice = await registered(running, "alice")
        running = await asyncio.to_thread(killed, deployment, running)
        await counted(running, "flow-lost")
        assert await asyncio.to_thread(bindings, running, alice.aor) == []
    finally:
        running.stop()
