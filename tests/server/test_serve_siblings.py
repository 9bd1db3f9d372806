"""The sibling packages over sockets: busy lamps, message lamps, conferences and profiles."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.presence.packages.dialogs import dialog, info, rows
from tests.processes import Deployment, Running
from tests.rawsip import Heard, SipClient
from tests.rawusers import User

ALICE = "sip:alice@example.com"
BOB = "sip:bob@example.com"
PHONE = "sip:carol@example.com"
DEVICE = "sip:urn%3auuid%3a00000000-0000-1000-0000-00ff8d82edcb@example.com"
DEVICE_FILE = "urn:uuid:00000000-0000-1000-0000-00ff8d82edcb.xml"
PACKAGES = {"dialog": {"interval": 0, "options": {"Lamp 3000": "full+single"}}}
PROFILE = b"<profile/>"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A server that trusts loopback, with a profile for one device."""
    device = tmp_path / "profiles" / "device"
    device.mkdir(parents=True)
    (device / DEVICE_FILE).write_bytes(PROFILE)
    settings: dict[str, dict[str, object]] = {
        "sip": {"trusted_peers": ["127.0.0.0/8"]},
        "presence": {"profiles": str(tmp_path / "profiles")},
    }
    url = f"sqlite:///{tmp_path}/presentity.db"
    set_packages = f"presence.packages={json.dumps(PACKAGES)}"
    with Deployment(tmp_path / "server", url, settings).serving("--set", set_packages) as process:
        yield process


async def publish(user: User, event: str, content_type: str, body: bytes, call: str) -> Heard:
    headers = [("Event", event), ("Content-Type", content_type), ("Expires", "600")]
    return await user.ask("PUBLISH", user.aor, headers, body, call_id=call)


async def calls(user: User, call: str, *dialogs: str) -> None:
    answer = await publish(user, "dialog", "application/dialog-info+xml", info(*dialogs), call)
    assert answer.status == 200


def put(running: Running, path: str, body: bytes, content_type: str) -> dict[str, object]:
    """PUT to the admin listener."""
    request = urllib.request.Request(
        running.admin + path, body, {"Content-Type": content_type}, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        said = json.loads(answer.read())
    assert isinstance(said, dict)
    return said


async def test_busy_lamps(running: Running) -> None:
    """PKG-01, PKG-02: a B2BUA and a phone publish for one line; a watcher by the standard hears
    what changes, a phone of a class with quirks everything in one dialog."""
    async with (
        await SipClient.open(running.sip) as b2bua,
        await SipClient.open(running.sip) as handset,
        await SipClient.open(running.sip) as panel,
        await SipClient.open(running.sip) as lamp,
    ):
        line, same_line = User(b2bua, ALICE), User(handset, ALICE)
        watched = await User(panel, BOB).subscribe(ALICE, event="dialog")
        assert rows((await watched.notified(1)).body) == {}
        phone = User(lamp, PHONE)
        asked = [
            ("Contact", f"<{lamp.contact}>"),
            ("Event", "dialog"),
            ("User-Agent", "Lamp 3000/1.0"),
        ]
        answer = await phone.ask("SUBSCRIBE", ALICE, asked, to=f"<{ALICE}>", call_id="lamp")
        assert answer.status == 200
        await calls(line, "b1", dialog("1", "early"))
        assert rows((await watched.notified(2)).body) == {"1": "early"}
        await calls(same_line, "h1", dialog("one", "confirmed", call="1@pbx"))
        assert rows((await watched.notified(3)).body) == {"1": "confirmed"}
        await calls(line, "b2", dialog("1", "trying"), dialog("2", "early"))
        last = await watched.notified(4)
        assert rows(last.body) == {"2": "early"}
        assert b'version="3" state="partial"' in last.body
        assert await lamp.until(lambda: len(lamp.dialogs.get("lamp", {})) == 4)
        told = [one.body for one in lamp.dialogs["lamp"].values()]
        assert [rows(body) for body in told] == [
            {},
            {"1": "early"},
            {"1": "confirmed"},
            {"2": "early"},
        ]
        assert all(b'state="full"' in body for body in told)
    assert "level=error" not in running.log


async def test_message_lamps_profiles_and_conferences(running: Running) -> None:
    """PKG-04, PKG-05, PKG-06: a mailbox over HTTP, a profile from a file, a focus that leaves."""
    async with await SipClient.open(running.sip) as client:
        alice, bob = User(client, ALICE), User(client, BOB)
        stranger = [("Contact", f"<{client.contact}>"), ("Event", "message-summary")]
        refused = await bob.ask("SUBSCRIBE", ALICE, stranger, to=f"<{ALICE}>", call_id="mwi")
        assert refused.status == 403
        summary = await alice.subscribe(ALICE, event="message-summary")
        assert (await summary.notified(1)).body == b"Messages-Waiting: no\r\n"
        put(
            running,
            "/api/publications/message-summary/alice@example.com/voicemail",
            b"Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n",
            "application/simple-message-summary",
        )
        assert b"Voice-Message: 2/8 (0/2)" in (await summary.notified(2)).body

        kind = 'ua-profile;profile-type=device;vendor="v";model="m";version="1"'
        profile = await alice.subscribe(DEVICE, event=kind)
        first = await profile.notified(1)
        assert (first["Content-Type"], first.body) == ("application/xml", PROFILE)

        document = (
            f'<conference-info xmlns="urn:ietf:params:xml:ns:conference-info" entity="{BOB}">'
            "<conference-description/><users/></conference-info>"
        ).encode()
        kind = "application/conference-info+xml"
        opened = await publish(bob, "conference", kind, document, "focus")
        assert opened.status == 200
        conference = await alice.subscribe(BOB, event="conference")
        assert b'state="full"' in (await conference.notified(1)).body
        await bob.publish(if_match=opened["SIP-ETag"], expires=0, event="conference")
        ended = await conference.notified(2)
        assert ended["Subscription-State"] == "terminated;reason=noresource"
    assert "level=error" not in running.log
