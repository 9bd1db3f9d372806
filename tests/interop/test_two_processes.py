"""Two servers, one PostgreSQL: any process serves any request, since the row decides (ADR 1).

Both go by one public name, as processes behind one address do; which of them a request reaches is
the client's socket.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.processes import DOMAIN, TRUSTING, Deployment, Running, merged
from tests.rawsip import SipClient
from tests.rawusers import Subscription, User, pidf

pytestmark = pytest.mark.postgres

RACERS: Final = 30
FEED_TIMEOUT: Final = 5.0
"""Seconds for a change made at one process to be told by the other."""


@pytest.fixture
def servers(postgres_dsn: str, tmp_path: Path) -> Iterator[tuple[Running, Running]]:
    settings = merged(TRUSTING, {"sip": {"advertise": f"presence.{DOMAIN}:5060"}})
    one, two = (Deployment(tmp_path / name, postgres_dsn, settings) for name in ("a", "b"))
    one.prepare()
    with one.serving() as a, two.serving() as b:
        yield a, b


@dataclass
class Both:
    """A socket to each of the two servers."""

    a: SipClient
    b: SipClient


@pytest.fixture
async def both(servers: tuple[Running, Running]) -> AsyncIterator[Both]:
    a, b = servers
    async with await SipClient.open(a.sip) as first, await SipClient.open(b.sip) as second:
        yield Both(first, second)


async def test_a_watcher_at_one_process_hears_of_a_publish_at_the_other(both: Both) -> None:
    """RFC 6665 §4.2.2: the notifier is the cluster, not the process."""
    watching = await User(both.a, f"sip:bob@{DOMAIN}").subscribe(f"sip:alice@{DOMAIN}")
    await watching.notified(1)
    alice = User(both.b, f"sip:alice@{DOMAIN}")
    tag = (await alice.publish(pidf(alice.aor, "made at b")))["SIP-ETag"]
    await watching.shows("made at b", FEED_TIMEOUT)
    await alice.publish(if_match=tag, expires=0)
    gone = await watching.notified(3, FEED_TIMEOUT)
    assert b"made at b" not in gone.body


async def test_a_subscription_made_at_one_process_is_refreshed_at_the_other(both: Both) -> None:
    """RFC 6665 §4.1.2.2: it moves, and its CSeq goes on (RFC 3261 §12.2.1.1)."""
    alice, bob = f"sip:alice@{DOMAIN}", User(both.a, f"sip:bob@{DOMAIN}")
    watching = await bob.subscribe(alice)
    before = await watching.notified(1)
    at_b = Subscription(
        User(both.b, bob.aor, tag=bob.tag, cseq=bob.cseq),
        *(alice, watching.event, watching.call_id, watching.target, watching.to),
    )
    assert (await at_b.send(500)).status == 200
    after = await at_b.notified(1)
    assert after.cseq > before.cseq
    assert after["Subscription-State"].startswith("active")
    await User(both.a, alice).publish(pidf(alice, "made at a"))
    told = await at_b.shows("made at a", FEED_TIMEOUT)
    assert told.cseq > after.cseq
    assert len(watching.notifies) == 1


async def test_of_many_publishes_with_one_entity_tag_exactly_one_wins(both: Both) -> None:
    """PUB-04, RFC 3903 §6 step 3: the tag is compared and replaced in one statement."""
    alice = f"sip:alice@{DOMAIN}"
    tag = (await User(both.a, alice).publish(pidf(alice, "start")))["SIP-ETag"]
    racers = [User(both.a if number % 2 else both.b, alice) for number in range(RACERS)]
    answers = await asyncio.gather(
        *(
            racer.publish(pidf(alice, f"racer {number}"), if_match=tag)
            for number, racer in enumerate(racers)
        )
    )
    assert sorted(answer.status for answer in answers) == [200] + [412] * (RACERS - 1)
    watching = await User(both.a, f"sip:bob@{DOMAIN}").subscribe(alice)
    winner = next(number for number, answer in enumerate(answers) if answer.status == 200)
    await watching.shows(f"racer {winner}<")
