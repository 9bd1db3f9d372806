"""RFC 3857, RFC 3858: watcher information with real servers and nothing but their wires."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from lxml import etree

from tests.presence.rule_shelf import one, rule, ruleset
from tests.processes import DOMAIN, TRUSTING, Deployment, Running, merged, sqlite_url
from tests.rawsip import Heard, SipClient
from tests.rawusers import Subscription, User
from tests.rawxcap import XcapClient
from xmldoc.schema import schema

NS: Final = "{urn:ietf:params:xml:ns:watcherinfo}"
SETTINGS: Final = merged(TRUSTING, {"presence": {"default_policy": "confirm"}})
AUTH_POLICY: Final = "application/auth-policy+xml"
ALICE: Final = f"sip:alice@{DOMAIN}"
FEED_TIMEOUT: Final = 5.0
"""Seconds for a change made at one process to be told by the other."""

Row = tuple[str, str, str]


class Table:
    """What a client makes of the documents of one subscription (RFC 3858 §4)."""

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.read = 0
        self.version: int | None = None
        self.rows: dict[str, Row] = {}

    async def holds(self, *rows: Row, within: float = 2.0) -> None:
        """Wait until the table is of these, in any order; each document is the next one."""

        def held() -> bool:
            for heard in self.subscription.notifies[self.read :]:
                self.read += 1
                self._apply(heard)
            return sorted(self.rows.values()) == sorted(rows)

        came = await self.subscription.watcher.client.until(held, within)
        assert came, self.rows

    def _apply(self, heard: Heard) -> None:
        root = etree.fromstring(heard.body)
        assert schema("watcherinfo").check(root) is None
        version = int(root.get("version") or "")
        full = root.get("state") == "full"
        assert version == (0 if self.version is None else self.version + 1)
        assert full or self.version is not None
        self.version, kept = version, {} if full else self.rows
        self.rows = {name: row for name, row in kept.items() if row[1] != "terminated"}
        for watcher in root.iter(f"{NS}watcher"):
            user = (watcher.text or "").removeprefix("sip:").partition("@")[0]
            row = user, watcher.get("status") or "", watcher.get("event") or ""
            self.rows[watcher.get("id") or ""] = row


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Deployment:
    if request.param == "sqlite":
        url = sqlite_url(tmp_path)
    else:
        url = str(request.getfixturevalue("postgres_dsn"))
    made = Deployment(tmp_path / "server", url, SETTINGS)
    made.prepare()
    return made


async def put_rules(server: Running, **handling: str) -> None:
    """What is done with each watcher; the others are blocked (RFC 5025 §3.2.1)."""
    async with aiohttp.ClientSession() as session:
        xcap = XcapClient(session, server.http, asserted=ALICE)
        rules = ruleset(*(rule(one(f"sip:{who}@{DOMAIN}"), what) for who, what in handling.items()))
        answer = await xcap.put(f"pres-rules/users/{ALICE}/index", rules, AUTH_POLICY)
        assert answer.status in (200, 201), answer.body


async def test_who_asks_is_known_until_it_is_decided(deployment: Deployment) -> None:
    """RFC 3857 §4.7.1: bob asks and leaves, alice learns of it later, also after a restart."""
    with deployment.serving() as server:
        async with await SipClient.open(server.sip) as sip:
            bob = User(sip, f"sip:bob@{DOMAIN}")
            asking = await bob.subscribe(ALICE)
            table = Table(await User(sip, ALICE).subscribe(ALICE, event="presence.winfo"))
            await table.holds(("bob", "pending", "subscribe"))
            assert (await asking.send(0)).status == 200
            await table.holds(("bob", "waiting", "timeout"))
            assert (await table.subscription.send(0)).status == 200
        assert server.terminate() == 0
    with deployment.serving() as server:
        async with await SipClient.open(server.sip) as sip:
            table = Table(await User(sip, ALICE).subscribe(ALICE, event="presence.winfo"))
            await table.holds(("bob", "waiting", "timeout"))
            await put_rules(server, bob="allow")
            await table.holds(("bob", "terminated", "approved"))
            await User(sip, f"sip:bob@{DOMAIN}").subscribe(ALICE)
            await table.holds(("bob", "active", "subscribe"))
            await put_rules(server, bob="block")
            await table.holds(("bob", "terminated", "rejected"))
            refused = Subscription(User(sip, f"sip:bob@{DOMAIN}"), ALICE, "presence.winfo")
            assert (await refused.send(600)).status == 403
            deeper = Subscription(User(sip, ALICE), ALICE, "presence.winfo.winfo.winfo")
            assert (await deeper.send(600)).status == 489
        assert "level=error" not in server.log


@pytest.fixture
def servers(postgres_dsn: str, tmp_path: Path) -> Iterator[tuple[Running, Running]]:
    settings = merged(SETTINGS, {"sip": {"advertise": f"presence.{DOMAIN}:5060"}})
    first, second = (Deployment(tmp_path / name, postgres_dsn, settings) for name in ("a", "b"))
    first.prepare()
    with first.serving() as a, second.serving() as b:
        yield a, b


@pytest.fixture
async def sockets(servers: tuple[Running, Running]) -> AsyncIterator[tuple[SipClient, SipClient]]:
    a, b = servers
    async with await SipClient.open(a.sip) as one_, await SipClient.open(b.sip) as other:
        yield one_, other


@pytest.mark.postgres
async def test_watchers_of_any_process_are_told_by_every_process(
    servers: tuple[Running, Running], sockets: tuple[SipClient, SipClient]
) -> None:
    """WIN-01..03: state, event and id are the same wherever they are asked for."""
    here, there = sockets
    at_here = Table(await User(here, ALICE).subscribe(ALICE, event="presence.winfo"))
    at_there = Table(await User(there, ALICE).subscribe(ALICE, event="presence.winfo"))
    bob, carol = User(here, f"sip:bob@{DOMAIN}"), User(there, f"sip:carol@{DOMAIN}")
    of_bob, of_carol = await bob.subscribe(ALICE), await carol.subscribe(ALICE)

    async def both(*rows: Row) -> None:
        for table in (at_here, at_there):
            await table.holds(*rows, within=FEED_TIMEOUT)
        assert at_here.rows == at_there.rows

    await both(("bob", "pending", "subscribe"), ("carol", "pending", "subscribe"))
    await put_rules(servers[0], carol="allow", bob="confirm")
    await both(("bob", "pending", "subscribe"), ("carol", "active", "approved"))
    assert (await of_bob.send(0)).status == 200
    await both(("bob", "waiting", "timeout"), ("carol", "active", "approved"))
    assert (await of_carol.send(0)).status == 200
    await both(("bob", "waiting", "timeout"), ("carol", "terminated", "timeout"))
