"""BND-05 and XDF-05 with the real server: SIP-ETag, Suppress-If-Match and 204 (RFC 5839)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.processes import DOMAIN, TRUSTING, Deployment, sqlite_url
from tests.rawsip import SipClient
from tests.rawusers import Subscription, User, pidf
from tests.rawxcap import XcapClient
from tests.xcap.diff.diffkit import RESOURCE_LISTS, friends, uri_list

ALICE: Final = f"sip:alice@{DOMAIN}"
BOB: Final = f"sip:bob@{DOMAIN}"
HOME: Final = f"resource-lists/users/{ALICE}/"
LIST: Final = f"{HOME}index"
OTHER: Final = f"{HOME}other"
SILENCE: Final = 0.3
"""Seconds without a NOTIFY that none is coming in; one takes a few milliseconds."""
AFTER_A_START: Final = 15.0
"""Seconds for a process to take back what its earlier life served."""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Deployment:
    url = sqlite_url(tmp_path)
    if request.param == "postgres":
        url = str(request.getfixturevalue("postgres_dsn"))
    made = Deployment(tmp_path / "server", url, TRUSTING)
    made.prepare()
    return made


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def is_quiet(subscription: Subscription, heard: int) -> bool:
    """Whether no NOTIFY comes beyond the first `heard`."""
    await asyncio.sleep(SILENCE)
    return len(subscription.notifies) == heard


async def test_presence_is_not_told_twice(deployment: Deployment) -> None:
    """RFC 5839 §5: refresh, change, kill -9, refresh, resume and leave, as figures 1 to 6."""
    async with await SipClient.open(("127.0.0.1", deployment.sip_port), "UDP") as sip:
        alice, bob = User(sip, ALICE), User(sip, BOB)
        first_life = deployment.start()
        try:
            own = (await alice.publish(pidf(ALICE, "one")))["SIP-ETag"]
            watching = await bob.subscribe(ALICE)
            one = (await watching.notified(1))["SIP-ETag"]
            refreshed = await watching.send(300, suppress_if_match=one)
            assert (refreshed.status, refreshed["Expires"]) == (204, "300")
            assert await is_quiet(watching, 1)
            own = (await alice.publish(pidf(ALICE, "two"), if_match=own))["SIP-ETag"]
            told = await watching.notified(2)
            two = told["SIP-ETag"]
            assert (b"two" in told.body, two != one) == (True, True)
            assert (await watching.send(300, suppress_if_match=one)).status == 200
            assert b"two" in (await watching.notified(3)).body
        finally:
            first_life.kill()
        with deployment.serving():
            assert (await watching.send(300, suppress_if_match=two)).status == 204
            assert (await watching.send(0, suppress_if_match=two)).status == 204
            assert await is_quiet(watching, len(watching.notifies))
            assert {notify["SIP-ETag"] for notify in watching.notifies[3:]} <= {two}
            resumed = Subscription(bob, ALICE)
            assert (await resumed.send(300, suppress_if_match=two)).status == 200
            silent = await resumed.notified(1)
            assert (silent.body, silent["SIP-ETag"]) == (b"", two)
            assert silent["Subscription-State"].startswith("active")
            await alice.publish(pidf(ALICE, "three"), if_match=own)
            assert b"three" in (await resumed.notified(2)).body


async def test_documents_are_not_told_twice(
    deployment: Deployment, http: aiohttp.ClientSession
) -> None:
    """RFC 5875 §4.7: the order of the list does not matter, its URIs do; after kill -9 too."""
    async with await SipClient.open(("127.0.0.1", deployment.sip_port), "UDP") as sip:
        alice = User(sip, ALICE)
        first_life = deployment.start()
        try:
            xcap = XcapClient(http, first_life.http, asserted=ALICE)
            await xcap.put(LIST, friends("bob"))
            watching = await alice.subscribe(
                ALICE, event="xcap-diff", body=uri_list(LIST, HOME), body_type=RESOURCE_LISTS
            )
            one = (await watching.notified(1))["SIP-ETag"]
            assert (await watching.send(300, suppress_if_match=one)).status == 204
            watching.body = uri_list(HOME, LIST)
            assert (await watching.send(300, suppress_if_match=one)).status == 204
            assert await is_quiet(watching, 1)
            await xcap.put(OTHER, friends())
            two = (await watching.notified(2))["SIP-ETag"]
            assert (await watching.send(300, suppress_if_match=one)).status == 200
            full = await watching.notified(3)
            assert (full["SIP-ETag"], full.body.count(b"<d:document ")) == (two, 2)
        finally:
            first_life.kill()
        with deployment.serving():
            adopted = await watching.notified(4, AFTER_A_START)
            assert adopted["SIP-ETag"] == two
            assert (await watching.send(300, suppress_if_match=two)).status == 204
            assert await is_quiet(watching, 4)
            polling = replace(watching, call_id="poll", to="", target="")
            assert (await polling.send(0, suppress_if_match=two)).status == 200
            polled = await polling.notified(1)
            assert (polled.body, polled["SIP-ETag"]) == (b"", two)


async def test_a_malformed_condition_is_refused(deployment: Deployment) -> None:
    """RFC 5839 §5.2: two entity-tags are none."""
    with deployment.serving() as server:
        async with await SipClient.open(server.sip) as sip:
            watching = Subscription(User(sip, BOB), ALICE)
            assert (await watching.send(300, suppress_if_match="one, two")).status == 400
