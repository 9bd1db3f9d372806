"""PUB-09 with the real server: what was published over a connection that is gone ends soon."""

from pathlib import Path

from tests.processes import DOMAIN, TRUSTING, Deployment, merged, sqlite_url
from tests.rawsip import SipClient
from tests.rawusers import User, pidf

ALICE = f"sip:alice@{DOMAIN}"
BOB = f"sip:bob@{DOMAIN}"
GRACE = {"presence": {"grace": 1}}
WITHIN = 10.0
"""Seconds for the grace, the sweep and a slow machine."""


async def test_a_connection_that_breaks_ends_what_came_over_it(tmp_path: Path) -> None:
    """Of two devices the one that is left is shown; nothing waits for an expiry of minutes."""
    settings = merged(TRUSTING, GRACE)
    deployment = Deployment(tmp_path / "server", sqlite_url(tmp_path), settings)
    deployment.prepare()
    where = ("127.0.0.1", deployment.sip_port)
    with deployment.serving():
        async with (
            await SipClient.open(where, "UDP") as watcher,
            await SipClient.open(where, "TCP") as desk,
            await SipClient.open(where, "TCP") as mobile,
        ):
            await User(desk, ALICE).publish(pidf(ALICE, "at the desk", tuple_id="desk"))
            await User(mobile, ALICE).publish(pidf(ALICE, "on the road", tuple_id="mobile"))
            watching = await User(watcher, BOB).subscribe(ALICE)
            both = (await watching.notified(1)).body
            assert all(note in both for note in (b"at the desk", b"on the road"))
            mobile.close()
            left = (await watching.notified(2, WITHIN)).body
            assert b"at the desk" in left
            assert b"on the road" not in left
