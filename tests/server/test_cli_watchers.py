"""AUT-12: `presentity watchers` as commands, beside a server that runs."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.processes import TRUSTING, Deployment, Running, merged, sqlite_url
from tests.rawsip import SipClient
from tests.rawusers import User, pidf

ALICE, BOB = "sip:alice@example.com", "sip:bob@example.com"


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    settings = merged(TRUSTING, {"presence": {"default_policy": "confirm"}})
    return Deployment(tmp_path / "server", sqlite_url(tmp_path), settings)


@pytest.fixture
def server(deployment: Deployment) -> Iterator[Running]:
    deployment.prepare()
    with deployment.serving() as running:
        yield running


@pytest.fixture
async def bob(server: Running) -> AsyncIterator[User]:
    async with await SipClient.open(server.sip) as client:
        yield User(client, BOB)


async def test_a_watcher_is_listed_and_decided_about(deployment: Deployment, bob: User) -> None:
    await User(bob.client, ALICE).publish(pidf(ALICE, "come in"))
    watching = await bob.subscribe(ALICE)
    await watching.notified(1)
    assert deployment.must_run("watchers", "list", "alice") == f"{BOB}\tpresence\tpending\n"
    assert deployment.must_run("watchers", "approve", "alice", "bob") == f"{BOB}: allow\n"
    approved = await watching.notified(2)
    assert approved["Subscription-State"].startswith("active")
    said = deployment.must_run("watchers", "block", "alice@example.com", BOB, "--politely")
    assert said == f"{BOB}: polite-block\n"
    politely = await watching.notified(3)
    assert b"<basic>closed</basic>" in politely.body


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("list", "sip:"), "no such user", id="nobody"),
        pytest.param(("approve", "alice", "@"), "is not an address", id="no-watcher"),
    ],
)
def test_what_cannot_be_done_is_said(
    deployment: Deployment, arguments: tuple[str, ...], said: str
) -> None:
    done = deployment.run("watchers", *arguments)
    assert done.returncode == 1
    assert said in done.stderr
