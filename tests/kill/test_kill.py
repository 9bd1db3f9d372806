"""kill -9 under load, both stores: nothing that was acknowledged is lost (ADR 1).

Two kills of the whole process group while 60 users publish, subscribe, register and write
documents. After each restart every watcher must come to see the newest state by itself, and then
every publication, subscription, binding and document is asked for.
"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.kill.fleet import Fleet, all_losses
from tests.processes import TRUSTING, Deployment, Running, sqlite_url

USERS: Final = 60
KILLS: Final = 2
LOAD_SECONDS: Final = 1.6
LOSS_SECONDS: Final = 0.4
"""Before the kill no NOTIFY arrives any more, so that the next life has something to make up for;
shorter than T1: what was lost was sent once."""
DRAIN_SECONDS: Final = 0.2
"""For answers that were on their way when the server died: they count as acknowledged."""
UP_TO_DATE_TIMEOUT: Final = 20.0
SETTLE_PAUSE: Final = 0.2
SETTLE_ROUNDS: Final = 25


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Deployment:
    url = sqlite_url(tmp_path)
    if request.param == "postgres":
        url = str(request.getfixturevalue("postgres_dsn"))
    made = Deployment(tmp_path / "server", url, TRUSTING)
    made.prepare()
    return made


@dataclass
class Figures:
    """What one kill and restart showed; times in seconds."""

    ready_after: float
    current_after: float
    behind: int
    """Watchers that had not seen the newest state when the server died."""
    acked: dict[str, int]
    lost: dict[str, list[str]]


async def load_and_kill(fleet: Fleet, server: Running) -> None:
    """Run the load, and kill the process group in the middle of it."""
    stopped = asyncio.Event()
    load = asyncio.create_task(fleet.run(stopped))
    await asyncio.wait([load], timeout=LOAD_SECONDS)
    fleet.lose_notifies(True)
    await asyncio.wait([load], timeout=LOSS_SECONDS)
    server.kill()
    await asyncio.wait([load], timeout=DRAIN_SECONDS)
    stopped.set()
    await load
    fleet.lose_notifies(False)


async def seconds_until_current(fleet: Fleet) -> float:
    """How long until every watcher shows what its presentity was last promised."""
    begun = time.monotonic()
    while behind := fleet.behind():
        assert time.monotonic() - begun < UP_TO_DATE_TIMEOUT, behind[:5]
        await asyncio.sleep(0.02)
    return time.monotonic() - begun


async def look_around(fleet: Fleet, server: Running, behind: int) -> Figures:
    """After a restart: first only listen, then ask for everything."""
    current_after = await seconds_until_current(fleet)
    lost = {"watchers": await still_disagreeing(fleet)}
    lost |= {name: await all_losses(members) for name, members in fleet.parts.items()}
    acked = {name: sum(each.count for each in members) for name, members in fleet.parts.items()}
    return Figures(server.ready_after, current_after, behind, acked, lost)


async def still_disagreeing(fleet: Fleet) -> list[str]:
    """Watchers that see something else than a fetch shows, when all has settled."""
    wrong: list[str] = []
    for _ in range(SETTLE_ROUNDS):
        if not (wrong := await fleet.disagreeing()):
            break
        await asyncio.sleep(SETTLE_PAUSE)
    return wrong


def report(kind: str, figures: Figures, heard: int) -> str:
    lines = [
        f"kill -9 on {kind}: ready after {figures.ready_after:.2f} s; {figures.behind} watchers "
        f"were behind, up to date {figures.current_after:.2f} s later; {heard} NOTIFYs so far"
    ]
    for name, lost in figures.lost.items():
        lines.append(f"  {name:<14}{figures.acked.get(name, ''):>7} acked  {len(lost):>3} lost")
    return "\n".join(lines)


async def test_nothing_acknowledged_is_lost_when_killed_under_load(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """EVT-15, RFC 3903 §4.1, RFC 3261 §10.3, RFC 4825 §8.2: a 2xx is a promise."""
    server = deployment.start()
    async with aiohttp.ClientSession() as http:
        fleet = await Fleet.gather(server, http, USERS)
        try:
            for _ in range(KILLS):
                await load_and_kill(fleet, server)
                behind = len(fleet.behind())
                server = await asyncio.to_thread(deployment.start)
                figures = await look_around(fleet, server, behind)
                with capsys.disabled():
                    print("\n" + report(deployment.store_kind, figures, fleet.backwards.heard))
                assert not any(figures.lost.values()), figures.lost
                assert behind > USERS
                assert all(count > USERS for count in figures.acked.values()), figures.acked
            assert fleet.backwards.found == []
        finally:
            server.stop()
            fleet.close()
