"""XDF-01 to XDF-04 with the real server: HTTP in, NOTIFY out, within a second (RFC 5875)."""

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from lxml import etree

from tests.processes import DOMAIN, TRUSTING, Deployment, Running, merged, sqlite_url
from tests.rawsip import SipClient
from tests.rawusers import Subscription, User
from tests.rawxcap import XcapClient
from tests.xcap.diff.diffkit import RESOURCE_LISTS, Told, friends, uri_list
from xmldoc.patch import apply

ALICE: Final = f"sip:alice@{DOMAIN}"
BOB: Final = f"sip:bob@{DOMAIN}"
HOME: Final = f"resource-lists/users/{ALICE}/"
LIST: Final = f"{HOME}index"
ENTRY: Final = f"{LIST}/~~/resource-lists/list/entry%5B@uri=%22sip:joe@example.com%22%5D"
JOE: Final = b'<entry uri="sip:joe@example.com"><display-name>joe</display-name></entry>'
SAME_SECOND: Final = 1.0
"""From the answer of a PUT to its NOTIFY, at the most."""
AFTER_A_START: Final = 15.0
"""Seconds for a process to take back what its earlier life served."""
NAMES: Final = tuple(f"friend{number}" for number in range(20))


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    deployment = Deployment(tmp_path, sqlite_url(tmp_path), TRUSTING)
    deployment.prepare()
    return deployment


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@dataclass
class Watching:
    """A subscription, read as diffs."""

    subscription: Subscription
    read: int = 0

    async def told(self, within: float = SAME_SECOND) -> Told:
        """The next NOTIFY."""
        self.read += 1
        return Told.read((await self.subscription.notified(self.read, within)).body)


async def follow(
    sip: SipClient,
    *uris: str,
    mode: str = "no-patching",
    to: str = ALICE,
    watcher: str = ALICE,
) -> Watching:
    event = f"xcap-diff;diff-processing={mode}"
    subscription = await User(sip, watcher).subscribe(
        to, event=event, body=uri_list(*uris), body_type=RESOURCE_LISTS
    )
    return Watching(subscription)


def canonical(document: bytes) -> bytes:
    return etree.tostring(etree.fromstring(document), method="c14n")


@pytest.mark.parametrize(("transport", "uri"), [("UDP", ALICE), ("TCP", f"sip:{DOMAIN}")])
async def test_a_change_is_told_in_the_same_second(
    deployment: Deployment, http: aiohttp.ClientSession, transport: str, uri: str
) -> None:
    """RFC 5875 §4.7: documents and elements, made, changed and removed."""
    with deployment.serving() as server:
        xcap = XcapClient(http, server.http, asserted=ALICE)
        async with await SipClient.open(server.sip, transport) as sip:
            watching = await follow(sip, HOME, ENTRY, to=uri)
            first = await watching.told()
            assert first.root.get("xcap-root") == f"{server.http}/"
            assert not first.documents
            one = (await xcap.put(LIST, friends("bob"))).etag.strip('"')
            assert (await watching.told()).changes == [(LIST, None, one)]
            two = (await xcap.put(ENTRY, JOE, "application/xcap-el+xml")).etag.strip('"')
            told = await watching.told()
            assert told.changes == [(LIST, one, two)]
            assert b"joe" in (told.components[ENTRY] or "").encode()
            assert (await xcap.delete(ENTRY)).status == 200
            told = await watching.told()
            assert told.components == {ENTRY: None}
            three = told.changes[0][2]
            assert (await xcap.delete(LIST)).status == 200
            assert (await watching.told()).changes == [(LIST, three, None)]


async def test_what_an_operator_does_is_told_too(
    deployment: Deployment, http: aiohttp.ClientSession
) -> None:
    """RFC 5875 §4.7: a grant given, and documents purged by way of the admin API."""
    with deployment.serving() as server:
        xcap = XcapClient(http, server.http, asserted=ALICE)
        one = (await xcap.put(LIST, friends("bob"))).etag.strip('"')
        async with await SipClient.open(server.sip) as sip:
            watching = await follow(sip, HOME, watcher=BOB)
            assert not (await watching.told()).documents
            grants = f"{server.admin}/api/xcap/grants/users/{ALICE}"
            async with http.put(grants, json={"grantee": BOB}) as answer:
                assert answer.status == 200, await answer.text()
            assert (await watching.told()).changes == [(LIST, None, one)]
            async with http.delete(f"{server.admin}/api/xcap/users/{ALICE}") as answer:
                assert answer.status == 200, await answer.text()
            assert (await watching.told()).changes == [(LIST, one, None)]


@pytest.mark.parametrize("mode", ["xcap-patching", "aggregate"])
async def test_patches_make_the_new_document_of_the_old(
    deployment: Deployment, http: aiohttp.ClientSession, mode: str
) -> None:
    """RFC 5875 §4.3, RFC 5261: as a client does it that never gets the document again."""
    with deployment.serving() as server:
        xcap = XcapClient(http, server.http, asserted=ALICE)
        document = friends(*NAMES)
        etag = (await xcap.put(LIST, document)).etag.strip('"')
        async with await SipClient.open(server.sip, "TCP") as sip:
            watching = await follow(sip, LIST, mode=mode)
            await watching.told()
            await xcap.put(ENTRY, JOE, "application/xcap-el+xml")
            await xcap.delete(ENTRY.replace("joe", NAMES[1]))
            last = await xcap.get(LIST, accept_encoding="identity")
            while f'"{etag}"' != last.etag:
                for previous, new, operations in (await watching.told()).patches(LIST):
                    assert previous == etag
                    assert operations
                    document, etag = apply(document, operations), new or ""
            assert canonical(document) == canonical(last.body)


async def test_a_server_that_died_goes_on_with_everything(
    deployment: Deployment, http: aiohttp.ClientSession
) -> None:
    """EVT-15, ADR 3: what changed while nobody served is told after the start."""
    async with await SipClient.open(("127.0.0.1", deployment.sip_port), "UDP") as sip:
        first_life = deployment.start()
        try:
            xcap = XcapClient(http, first_life.http, asserted=ALICE)
            one = (await xcap.put(LIST, friends("bob"))).etag.strip('"')
            watching = await follow(sip, HOME, LIST, mode="aggregate")
            assert (await watching.told()).changes == [(LIST, None, one)]
        finally:
            first_life.kill()
        with deployment.serving():
            assert (await watching.told(AFTER_A_START)).changes == [(LIST, None, one)]
            two = (await xcap.put(LIST, friends("joe"))).etag.strip('"')
            assert (await watching.told()).changes == [(LIST, one, two)]


@pytest.fixture
def servers(postgres_dsn: str, tmp_path: Path) -> Iterator[tuple[Running, Running]]:
    settings = merged(TRUSTING, {"sip": {"advertise": f"presence.{DOMAIN}:5060"}})
    one, two = (Deployment(tmp_path / name, postgres_dsn, settings) for name in ("a", "b"))
    one.prepare()
    with one.serving() as a, two.serving() as b:
        yield a, b


@pytest.mark.postgres
async def test_a_change_made_at_another_process_is_told(
    servers: tuple[Running, Running], http: aiohttp.ClientSession
) -> None:
    """ADR 3: by the change feed, in the same second, with its patch."""
    here, there = servers
    document = friends(*NAMES)
    xcap = XcapClient(http, there.http, asserted=ALICE)
    etag = (await xcap.put(LIST, document)).etag.strip('"')
    async with await SipClient.open(here.sip, "TCP") as sip:
        watching = await follow(sip, LIST, mode="aggregate")
        await watching.told()
        begun = time.monotonic()
        new = (await xcap.put(ENTRY, JOE, "application/xcap-el+xml")).etag.strip('"')
        ((previous, now, operations),) = (await watching.told()).patches(LIST)
        assert time.monotonic() - begun < SAME_SECOND
        assert (previous, now) == (etag, new)
        assert canonical(apply(document, operations)) == canonical((await xcap.get(LIST)).body)


@pytest.mark.postgres
async def test_a_subscription_refreshed_at_another_process_takes_its_list_along(
    servers: tuple[Running, Running], http: aiohttp.ClientSession
) -> None:
    """RFC 5875 §4.4: a refresh without a body keeps the list, whoever serves it."""
    here, there = servers
    xcap = XcapClient(http, here.http, asserted=ALICE)
    one = (await xcap.put(LIST, friends("bob"))).etag.strip('"')
    async with (
        await SipClient.open(here.sip) as sip,
        await SipClient.open(there.sip) as other,
    ):
        old = (await follow(sip, HOME)).subscription
        user = old.watcher
        moved = Subscription(
            User(other, ALICE, tag=user.tag, cseq=user.cseq),
            *(ALICE, old.event, old.call_id, old.target, old.to),
        )
        assert (await moved.send(500)).status == 200
        watching = Watching(moved)
        assert (await watching.told()).changes == [(LIST, None, one)]
        two = (await xcap.put(LIST, friends("joe"))).etag.strip('"')
        assert (await watching.told()).changes == [(LIST, one, two)]


def test_the_command_line_follows(tmp_path: Path) -> None:
    """`presentity watch --event xcap-diff`: all there is, or what --follow names."""
    deployment = Deployment(tmp_path, sqlite_url(tmp_path))
    deployment.prepare({"alice": "wonderland"})
    body = tmp_path / "list.xml"
    body.write_bytes(friends("bob"))
    login = ("--password", "wonderland")
    watch = ("watch", ALICE, "--event", "xcap-diff", "--expires", "0", "--raw", *login)
    with deployment.serving():
        deployment.must_run("xcap", "put", LIST, str(body), "--user", ALICE, *login)
        everything = Told.read(deployment.must_run(*watch).encode())
        assert [sel for sel, _, _ in everything.changes] == [LIST]
        name = f"{LIST}/~~/resource-lists/list/@name"
        told = Told.read(deployment.must_run(*watch, "--follow", name).encode())
        assert told.components == {name: "friends"}
