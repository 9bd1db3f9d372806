"""Watchers are approved and blocked over HTTP, with the real server and nothing but its wires.

RFC 5025, RFC 3857, RFC 4825; OMA Presence XDM for rules that refer to lists (AUT-05, AUT-07).
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.databases import drop_database, fresh_database
from tests.presence.rule_shelf import external_list, rule, ruleset
from tests.presence.rule_shelf import one as one_of
from tests.processes import DOMAIN, TRUSTING, Deployment, Running, merged, sqlite_url
from tests.rawsip import Heard, SipClient, compose
from tests.rawusers import Subscription, User, pidf
from tests.rawxcap import XcapClient

AUTH_POLICY: Final = "application/auth-policy+xml"
ELEMENT: Final = "application/xcap-el+xml"
WITHIN: Final = 1.0
"""Seconds from a 2xx over HTTP to the NOTIFYs that follow (AUT-05)."""
SILENCE: Final = 0.3
"""Seconds without a NOTIFY that none is coming in; one takes a few milliseconds."""
SETTINGS: Final = {"presence": {"default_policy": "confirm"}}
DIFFERING: Final = re.compile(rb"(branch=|tag=|Call-ID: |i: )[^\s;>]+")
"""What differs between any two dialogs."""


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A server where nobody is watched without leave."""
    directory = tmp_path_factory.mktemp("approval")
    url, postgres = sqlite_url(directory), None
    if request.param == "postgres":
        postgres = str(request.getfixturevalue("postgres_server"))
        url = fresh_database(postgres)
    deployment = Deployment(directory / "server", url, merged(TRUSTING, SETTINGS))
    deployment.prepare()
    with deployment.serving() as running:
        yield running
    if postgres is not None:
        drop_database(postgres, url)


@pytest.fixture
async def sip(server: Running) -> AsyncIterator[SipClient]:
    async with await SipClient.open(server.sip) as client:
        yield client


class Presentity:
    """A user who publishes, and keeps rules and lists."""

    def __init__(self, server: Running, sip: SipClient, http: aiohttp.ClientSession, name: str):
        self.aor = f"sip:{name}@{DOMAIN}"
        self.user = User(sip, self.aor)
        self.xcap = XcapClient(http, server.http, asserted=self.aor)
        self.rules_at = f"pres-rules/users/{self.aor}/index"
        self.lists_at = f"resource-lists/users/{self.aor}/index"
        self.root = server.http

    def anchor(self, name: str) -> str:
        return f"{self.root}/{self.lists_at}/~~/resource-lists/list%5B@name=%22{name}%22%5D"

    async def put_rules(self, *rules: str) -> None:
        answer = await self.xcap.put(self.rules_at, ruleset(*rules), AUTH_POLICY)
        assert answer.status in (200, 201), answer.body

    async def put_lists(self, *names: str) -> None:
        lists = "".join(f'<list name="{name}"/>' for name in names)
        namespace = "urn:ietf:params:xml:ns:resource-lists"
        body = f'<resource-lists xmlns="{namespace}">{lists}</resource-lists>'
        assert (await self.xcap.put(self.lists_at, body.encode())).status == 201

    def entry_at(self, name: str, uri: str) -> str:
        node = f"resource-lists/list%5B@name=%22{name}%22%5D/entry%5B@uri=%22{uri}%22%5D"
        return f"{self.lists_at}/~~/{node}"

    async def put_entry(self, name: str, uri: str) -> None:
        answer = await self.xcap.put(
            self.entry_at(name, uri), f'<entry uri="{uri}"/>'.encode(), ELEMENT
        )
        assert answer.status == 201, answer.body

    async def delete_entry(self, name: str, uri: str) -> None:
        assert (await self.xcap.delete(self.entry_at(name, uri))).status == 200


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def next_state(subscription: Subscription, number: int) -> tuple[str, bool]:
    """The state that NOTIFY `number` tells, and whether it has a document."""
    heard = await subscription.notified(number, WITHIN)
    state = re.sub(r";expires=\d+", "", heard["Subscription-State"])
    return state, bool(heard.body)


async def test_a_watcher_is_approved_and_blocked(
    server: Running, sip: SipClient, http: aiohttp.ClientSession
) -> None:
    """RFC 3857 §4.7.1, RFC 5025 §3.2.1: pending, winfo, a rule over HTTP, active; then rejected."""
    alice = Presentity(server, sip, http, "alice")
    bob = User(sip, f"sip:bob@{DOMAIN}")
    winfo = await alice.user.subscribe(alice.aor, event="presence.winfo")
    await winfo.notified(1)
    await alice.user.publish(pidf(alice.aor, "come in"))
    watching = await bob.subscribe(alice.aor)
    assert await next_state(watching, 1) == ("pending", False)
    asking = await winfo.shows(bob.aor, WITHIN)
    assert b'status="pending"' in asking.body
    await alice.put_rules(rule(one_of(bob.aor)))
    assert await next_state(watching, 2) == ("active", True)
    assert b"come in" in watching.notifies[1].body
    await winfo.shows('event="approved"', WITHIN)
    await alice.put_rules(rule(one_of(bob.aor), "block"))
    assert await next_state(watching, 3) == ("terminated;reason=rejected", False)
    await winfo.shows('event="rejected"', WITHIN)
    again = Subscription(bob, alice.aor)
    assert (await again.send(600)).status == 403


async def test_a_watcher_is_approved_and_blocked_by_a_list(
    server: Running, sip: SipClient, http: aiohttp.ClientSession
) -> None:
    """OMA Presence XDM: rules refer to lists, which are edited one entry at a time."""
    alice = Presentity(server, sip, http, "carol")
    bob = User(sip, f"sip:dave@{DOMAIN}")
    await alice.put_lists("oma_grantedcontacts", "oma_blockedcontacts")
    await alice.put_rules(
        rule(external_list(alice.anchor("oma_grantedcontacts"))),
        rule(external_list(alice.anchor("oma_blockedcontacts")), "block"),
        rule("<ocp:other-identity/>", "confirm"),
    )
    await alice.user.publish(pidf(alice.aor, "come in"))
    watching = await bob.subscribe(alice.aor)
    assert await next_state(watching, 1) == ("pending", False)
    await alice.put_entry("oma_grantedcontacts", bob.aor)
    assert await next_state(watching, 2) == ("active", True)
    assert b"come in" in watching.notifies[1].body
    await alice.delete_entry("oma_grantedcontacts", bob.aor)
    assert await next_state(watching, 3) == ("pending", False)
    await alice.put_entry("oma_blockedcontacts", bob.aor)
    assert await next_state(watching, 4) == ("terminated;reason=rejected", False)


async def test_a_user_without_rules_has_those_of_oma(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """AUT-08: an account that was never touched; the phone's first word is one entry of a list."""
    provisioned = {"presence": {"provision_rules": "oma", "default_policy": "block"}}
    url = sqlite_url(tmp_path)
    deployment = Deployment(tmp_path / "server", url, merged(TRUSTING, provisioned))
    deployment.prepare({"alice": "wonderland", "bob": "builder"})
    with deployment.serving() as server:
        async with await SipClient.open(server.sip) as sip:
            alice = Presentity(server, sip, http, "alice")
            bob = User(sip, f"sip:bob@{DOMAIN}")
            watching = await bob.subscribe(alice.aor)
            assert await next_state(watching, 1) == ("pending", False)
            await alice.put_entry("oma_grantedcontacts", bob.aor)
            assert await next_state(watching, 2) == ("active", True)
            shown = await alice.xcap.get(alice.rules_at)
            assert (shown.status, b"wp_prs_grantedcontacts" in shown.body) == (200, True)
            await alice.delete_entry("oma_grantedcontacts", bob.aor)
            assert await next_state(watching, 3) == ("pending", False)


@pytest.mark.postgres
async def test_a_change_at_one_process_acts_at_the_other(
    postgres_dsn: str, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """AUT-05: by the change feed, for rules and for the lists that they refer to."""
    settings = merged(TRUSTING, SETTINGS)
    one, two = (Deployment(tmp_path / name, postgres_dsn, settings) for name in ("a", "b"))
    one.prepare()
    with one.serving() as a, two.serving() as b:
        async with await SipClient.open(b.sip) as sip:
            alice = Presentity(a, sip, http, "alice")
            bob = User(sip, f"sip:bob@{DOMAIN}")
            watching = await bob.subscribe(alice.aor)
            assert await next_state(watching, 1) == ("pending", False)
            await alice.put_lists("friends")
            await alice.put_entry("friends", bob.aor)
            friends = external_list(alice.anchor("friends"))
            await alice.put_rules(rule(friends), rule("<ocp:other-identity/>", "confirm"))
            assert await next_state(watching, 2) == ("active", True)
            await alice.delete_entry("friends", bob.aor)
            assert await next_state(watching, 3) == ("pending", False)
            await alice.put_rules(rule(one_of(bob.aor), "block"))
            assert await next_state(watching, 4) == ("terminated;reason=rejected", False)


async def test_rules_that_are_not_valid_are_refused(
    server: Running, sip: SipClient, http: aiohttp.ClientSession
) -> None:
    """RFC 4825 §11: with the reason; what was there before goes on to hold."""
    alice = Presentity(server, sip, http, "erin")
    bob = User(sip, f"sip:frank@{DOMAIN}")
    await alice.put_rules(rule(one_of(bob.aor)))
    watching = await bob.subscribe(alice.aor)
    assert await next_state(watching, 1) == ("active", True)
    refused = await alice.xcap.put(
        alice.rules_at, ruleset(rule(one_of(bob.aor), "sometimes")), AUTH_POLICY
    )
    assert refused.status == 409
    assert b"schema-validation-error" in refused.body
    assert b"sometimes" in refused.body
    assert (await watching.send(600)).status == 200
    assert await next_state(watching, 2) == ("active", True)


async def test_a_watcher_is_approved_by_the_operator_and_the_user(
    server: Running, sip: SipClient, http: aiohttp.ClientSession
) -> None:
    """AUT-12: over the admin listener and, for whoever may write the rules, over that of XCAP."""
    alice = Presentity(server, sip, http, "ivan")
    bob = User(sip, f"sip:judy@{DOMAIN}")
    root = server.http.removesuffix("/xcap-root")
    mine = XcapClient(http, f"{root}/api/v1/watchers", asserted=alice.aor)
    theirs = XcapClient(http, f"{root}/api/v1/watchers", asserted=bob.aor)
    watching = await bob.subscribe(alice.aor)
    assert await next_state(watching, 1) == ("pending", False)
    (waiting,) = json.loads((await mine.get(alice.aor)).body)["watchers"]
    assert (waiting["watcher"], waiting["status"]) == (bob.aor, "pending")
    assert (waiting["package"], waiting["event"]) == ("presence", "subscribe")
    assert (await theirs.get(alice.aor)).status == 403
    approving = f"{server.admin}/api/watchers/ivan/{bob.aor}"
    async with http.put(approving, json={"decision": "allow"}) as answer:
        assert (answer.status, (await answer.json())["holds"]) == (200, "allow")
    assert await next_state(watching, 2) == ("active", True)
    async with asyncio.timeout(WITHIN):
        while json.loads((await mine.get("ivan")).body)["watchers"]:  # noqa: ASYNC110  no event
            await asyncio.sleep(0.02)
    refused = await theirs.put(f"{alice.aor}/judy", b'{"decision": "allow"}', "application/json")
    assert refused.status == 403
    politely = await mine.put("ivan/judy", b'{"decision": "confirm"}', "application/json")
    assert json.loads(politely.body) == {
        "watcher": bob.aor, "decision": "confirm", "holds": "confirm",
    }  # fmt: skip
    assert await next_state(watching, 3) == ("pending", False)
    async with http.put(approving, json={"decision": "block"}) as answer:
        assert answer.status == 200
    assert await next_state(watching, 4) == ("terminated;reason=rejected", False)
    assert (await mine.delete(f"ivan/{bob.aor}")).status == 200
    assert b"judy" not in (await alice.xcap.get(alice.rules_at)).body
    async with http.put(approving, json={"decision": "maybe"}) as answer:
        assert answer.status == 400


class Diary:
    """All that one watcher is told in a life of subscriptions, without what always differs."""

    def __init__(self, watcher: User, presentity: str, accept: str) -> None:
        self.watcher = watcher
        self.presentity = presentity
        self.accept = accept
        self.pages: list[bytes] = []

    async def ask(self, call_id: str, target: str, to: str, expires: int) -> Heard:
        """One SUBSCRIBE, whose answer and NOTIFY are kept."""
        client = self.watcher.client
        before = len(client.dialogs.get(call_id, {}))
        headers = [
            ("Contact", f"<{client.contact}>"),
            ("Event", "presence"),
            ("Accept", self.accept),
            ("Expires", str(expires)),
        ]
        answer = await self.watcher.ask("SUBSCRIBE", target, headers, to=to, call_id=call_id)
        assert await client.until(lambda: len(client.dialogs.get(call_id, {})) > before)
        self.keep(answer, *self.heard(call_id)[before:])
        return answer

    def heard(self, call_id: str) -> list[Heard]:
        return list(self.watcher.client.dialogs.get(call_id, {}).values())

    def keep(self, *messages: Heard) -> None:
        octets = (compose(one.start, one.headers, one.body) for one in messages)
        self.pages += [DIFFERING.sub(rb"\1x", each) for each in octets]

    async def silence(self, call_id: str) -> None:
        """Note how many NOTIFYs there are once none comes any more."""
        await asyncio.sleep(SILENCE)
        self.pages.append(b"%d" % len(self.heard(call_id)))


async def life(alice: Presentity, watcher: User, accept: str, *, online: bool) -> list[bytes]:
    """What a watcher is told from its SUBSCRIBE to its last NOTIFY."""
    diary = Diary(watcher, alice.aor, accept)
    call_id, own = f"life-{online}-{accept}", ""
    watcher.cseq = 100
    if online:
        own = (await alice.user.publish(pidf(alice.aor, "secret")))["SIP-ETag"]
    opened = await diary.ask(call_id, alice.aor, f"<{alice.aor}>", 600)
    target = opened["Contact"].partition("<")[2].partition(">")[0]
    if online:
        own = (await alice.user.publish(pidf(alice.aor, "more"), if_match=own))["SIP-ETag"]
    await diary.silence(call_id)
    await diary.ask(call_id, target, opened["To"], 600)
    await diary.ask(f"fetch-{call_id}", alice.aor, f"<{alice.aor}>", 0)
    if online:
        await alice.user.publish(if_match=own, expires=0)
    await diary.silence(call_id)
    await diary.ask(call_id, target, opened["To"], 0)
    await diary.silence(call_id)
    return diary.pages


@pytest.mark.parametrize("accept", ["application/pidf+xml", "application/pidf-diff+xml"])
async def test_a_politely_blocked_watcher_cannot_tell(
    server: Running, sip: SipClient, http: aiohttp.ClientSession, accept: str
) -> None:
    """RFC 5025 §3.2.1: octet by octet what somebody is told who may see one who is offline."""
    alice = Presentity(server, sip, http, f"heidi-{len(accept)}")
    bob = User(sip, f"sip:mallory@{DOMAIN}", tag="mallory")
    await alice.put_rules(rule(one_of(bob.aor)))
    offline = await life(alice, bob, accept, online=False)
    await alice.put_rules(rule(one_of(bob.aor), "polite-block"))
    politely = await life(alice, bob, accept, online=True)
    assert offline == politely
    assert sum(page.startswith(b"NOTIFY") for page in offline) == 4
    assert any(b"<basic>closed</basic>" in page for page in offline)
