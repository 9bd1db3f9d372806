"""PRS-06, PRS-07, PRS-08 over sockets: what nobody published reaches a watcher within a second."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.processes import DOMAIN, TRUSTING, Deployment, merged, sqlite_url
from tests.rawsip import SipClient
from tests.rawusers import User, pidf
from tests.rawxcap import XcapClient

ALICE: Final = f"sip:alice@{DOMAIN}"
BOB: Final = f"sip:bob@{DOMAIN}"
INDEX: Final = f"pidf-manipulation/users/{ALICE}/index"
PIDF: Final = "application/pidf+xml"
SOON: Final = 2.0
"""Seconds until a watcher must know: one, and one more for a machine that does other things."""
DIALOG: Final = (
    '<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{}" state="full"'
    f' entity="{ALICE}"><dialog id="d"><state>{{}}</state></dialog></dialog-info>'
)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Deployment:
    url = sqlite_url(tmp_path)
    if request.param == "postgres":
        url = str(request.getfixturevalue("postgres_dsn"))
    settings = merged(
        TRUSTING,
        {"presence": {"registrations": True, "calls": True}, "sip": {"min_expires": 1}},
    )
    made = Deployment(tmp_path / "server", url, settings)
    made.prepare()
    return made


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_hard_state_reaches_a_watcher(
    deployment: Deployment, http: aiohttp.ClientSession
) -> None:
    """RFC 4827 §3: by PUT of a document, and of an element in it; until it is deleted."""
    with deployment.serving() as server:
        async with await SipClient.open(("127.0.0.1", deployment.sip_port), "UDP") as sip:
            xcap = XcapClient(http, server.http, asserted=ALICE)
            watching = await User(sip, BOB).subscribe(ALICE)
            await watching.shows("closed")
            put = await xcap.put(INDEX, pidf(ALICE, "on-holiday"), PIDF)
            assert put.status == 201
            await watching.shows("on-holiday", SOON)
            note = b"<note>back-soon</note>"
            path = f"{INDEX}/~~/presence/tuple%5b@id=%22t1%22%5d/note"
            assert (await xcap.put(path, note, "application/xcap-el+xml")).status == 200
            await watching.shows("back-soon", SOON)
            assert (await xcap.delete(INDEX)).status == 200
            await watching.shows("<basic>closed", SOON)


async def test_a_registration_is_presence_until_it_expires(deployment: Deployment) -> None:
    """RFC 3856 §7.2: what was not refreshed is over, though nobody said so."""
    with deployment.serving():
        async with await SipClient.open(("127.0.0.1", deployment.sip_port), "UDP") as sip:
            alice, bob = User(sip, ALICE), User(sip, BOB)
            watching = await bob.subscribe(ALICE)
            await watching.shows("closed")
            contact = f'<sip:alice@127.0.0.1:{secrets.randbelow(9000) + 1000}>;methods="INVITE"'
            assert (await alice.register(contact, expires=2)).status == 200
            heard = await watching.shows("<basic>open", SOON)
            assert (b"INVITE" in heard.body, b"127.0.0.1" in heard.body) == (True, False)
            over = await watching.notified(3, within=2 + 3 * SOON)
            assert b"<basic>closed" in over.body


async def test_a_call_is_presence_until_it_ends(deployment: Deployment) -> None:
    """RFC 4480 §3.2: out of what the phone publishes for its lamp."""
    with deployment.serving():
        async with await SipClient.open(("127.0.0.1", deployment.sip_port), "UDP") as sip:
            alice, bob = User(sip, ALICE), User(sip, BOB)
            await alice.publish(pidf(ALICE, "at-desk"))
            watching = await bob.subscribe(ALICE)
            await watching.shows("at-desk")
            tag = ""
            for version, state in enumerate(("confirmed", "terminated")):
                lines = [("Event", "dialog"), ("Expires", "60")]
                lines += [("SIP-If-Match", tag)] if tag else []
                lines += [("Content-Type", "application/dialog-info+xml")]
                body = DIALOG.format(version, state).encode()
                answer = await alice.ask("PUBLISH", ALICE, lines, body)
                assert answer.status == 200, answer
                tag = answer["SIP-ETag"]
                heard = await watching.notified(version + 2, SOON)
                assert (b"on-the-phone" in heard.body) is (state == "confirmed")


@pytest.mark.postgres
async def test_a_watcher_at_one_process_hears_of_what_happens_at_the_other(
    postgres_dsn: str, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """PRS-06, PRS-07: the change feed tells of documents and bindings."""
    settings = merged(TRUSTING, {"presence": {"registrations": True}})
    one, two = (Deployment(tmp_path / name, postgres_dsn, settings) for name in ("a", "b"))
    one.prepare()
    with one.serving() as a, two.serving() as b:
        async with await SipClient.open(a.sip) as at_a, await SipClient.open(b.sip) as at_b:
            watching = await User(at_a, BOB).subscribe(ALICE)
            await watching.shows("<basic>closed")
            xcap, alice = XcapClient(http, b.http, asserted=ALICE), User(at_b, ALICE)
            await xcap.put(INDEX, pidf(ALICE, "on-holiday"), PIDF)
            await watching.shows("on-holiday", SOON)
            await alice.register("<sip:alice@127.0.0.1:4000>;audio")
            await watching.shows("servcaps", SOON)
            await xcap.delete(INDEX)
            await alice.register("<sip:alice@127.0.0.1:4000>", expires=0)
            await watching.shows("<basic>closed", SOON)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(pidf(BOB, "x"), 403, id="of-another"),
        pytest.param(pidf("nobody", "x"), 400, id="of-nobody"),
        pytest.param(b"<!DOCTYPE presence>" + pidf(ALICE, "x"), 400, id="document-type"),
        pytest.param(pidf(ALICE, "x" * 50_000), 413, id="huge"),
        pytest.param(pidf(ALICE, "x").replace(b"open", b"ajar"), 400, id="invalid"),
        pytest.param(
            pidf(ALICE, "x").replace(
                b"</presence>",
                b'<p:person xmlns:p="urn:ietf:params:xml:ns:pidf:data-model" id="p">'
                b'<activities xmlns="urn:ietf:params:xml:ns:pidf:rpid"><flying/></activities>'
                b"</p:person></presence>",
            ),
            400,
            id="no-activity-of-rpid",
        ),
    ],
)
async def test_what_is_refused_is_not_stored(tmp_path: Path, body: bytes, status: int) -> None:
    """RFC 3903 §6 step 5: a clear answer, and watchers see nothing of it."""
    deployment = Deployment(tmp_path / "server", sqlite_url(tmp_path), TRUSTING)
    deployment.prepare()
    with deployment.serving():
        async with await SipClient.open(("127.0.0.1", deployment.sip_port), "TCP") as sip:
            watching = await User(sip, BOB).subscribe(ALICE)
            await watching.shows("<basic>closed")
            answer = await User(sip, ALICE).publish(body)
            assert answer.status == status
            fetched = await User(sip, BOB).subscribe(ALICE, expires=0)
            await fetched.shows("<basic>closed")
            await asyncio.sleep(0)
            assert len(watching.notifies) == 1
