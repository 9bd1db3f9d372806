"""Two servers, one PostgreSQL: a client on a connection at one is reached from the other.

Its binding has the Path value of the process that holds its flow (RFC 5626 §5.1, RFC 3327 §5.4),
so that SIP itself is the wire between processes.
"""

import asyncio
import json
import secrets
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.processes import DOMAIN, TRUSTING, Deployment, Running, merged
from tests.rawsip import Header, Heard, SipClient
from tests.rawusers import User

pytestmark = pytest.mark.postgres

ALICE: Final = f"sip:alice@{DOMAIN}"
BOB: Final = f"sip:bob@{DOMAIN}"
FEED_TIMEOUT: Final = 5.0
"""Seconds for a change made at one process to be told by the other."""
INSTANCE: Final = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000000000001>"'


@pytest.fixture
def servers(postgres_dsn: str, tmp_path: Path) -> Iterator[tuple[Running, Running]]:
    settings = merged(TRUSTING, {"sip": {"advertise": ""}})
    one, two = (Deployment(tmp_path / name, postgres_dsn, settings) for name in ("a", "b"))
    one.prepare({"alice": "a", "bob": "b"})
    with one.serving() as a, two.serving() as b:
        yield a, b


@dataclass
class Meeting:
    """Alice on a TCP connection to the one server, Bob by UDP at the other."""

    alice: User
    bob: User
    servers: tuple[Running, Running]

    async def message(self, uri: str = ALICE) -> Heard:
        """Bob's MESSAGE to `uri`, by his server; the final answer."""
        headers: list[Header] = [("Content-Type", "text/plain")]
        return await self.bob.ask("MESSAGE", uri, headers, b"hello", call_id=secrets.token_hex(8))

    async def becomes(self, status: int) -> None:
        """Wait until a MESSAGE is answered with `status`."""
        async with asyncio.timeout(FEED_TIMEOUT):
            while (await self.message()).status != status:
                pass

    def heard(self, method: str) -> list[Heard]:
        """What reached Alice over her connection."""
        return [one for one in self.alice.client.requests if one.method == method]


@pytest.fixture
async def meeting(servers: tuple[Running, Running]) -> AsyncIterator[Meeting]:
    a, b = servers
    async with await SipClient.open(a.sip, "TCP") as alice, await SipClient.open(b.sip) as bob:
        yield Meeting(User(alice, ALICE), User(bob, BOB), servers)


async def test_message_goes_by_the_process_that_holds_the_connection(meeting: Meeting) -> None:
    """RFC 5626 §5.3.1: a nameless client is reached from anywhere."""
    assert (await meeting.alice.register("<sip:alice@x7f.invalid;transport=tcp>")).status == 200
    assert (await meeting.message()).status == 200
    (heard,) = meeting.heard("MESSAGE")
    assert heard.start == "MESSAGE sip:alice@x7f.invalid;transport=tcp SIP/2.0"
    assert heard.get("Route") is None
    assert len(heard.all("Via")) == 3


async def test_closed_connection_is_known_at_the_other_process(meeting: Meeting) -> None:
    """RFC 5626 §7: the binding goes, and is not waited for."""
    await meeting.alice.register("<sip:alice@x7f.invalid;transport=tcp>")
    assert (await meeting.message()).status == 200
    meeting.alice.client.close()
    await meeting.becomes(480)


async def test_newest_flow_is_used_and_the_other_when_it_is_gone(meeting: Meeting) -> None:
    """RFC 5626 §7: one instance with a flow to each process is rung once."""
    contact = f"<sip:alice@x7f.invalid;transport=tcp>;{INSTANCE}"
    supported: list[Header] = [("Supported", "outbound, path, gruu"), ("Expires", "600")]
    _, b = meeting.servers
    async with await SipClient.open(b.sip, "TCP") as second:
        for number, user in enumerate((meeting.alice, User(second, ALICE)), 1):
            flow: list[Header] = [("Contact", f"{contact};reg-id={number}"), *supported]
            answer = await user.ask("REGISTER", f"sip:{DOMAIN}", flow)
            assert (answer.status, answer["Require"]) == (200, "outbound")
        assert (await meeting.message()).status == 200
        assert [len(one.requests) for one in (meeting.alice.client, second)] == [0, 1]
    await meeting.becomes(200)
    assert len(meeting.heard("MESSAGE")) == 1


async def test_gruu_leads_to_its_instance_from_the_other_process(meeting: Meeting) -> None:
    """RFC 5627 §6.1."""
    headers: list[Header] = [
        ("Contact", f"<sip:alice@x7f.invalid;transport=tcp>;{INSTANCE}"),
        ("Supported", "gruu"),
    ]
    answer = await meeting.alice.ask("REGISTER", f"sip:{DOMAIN}", headers)
    parameters = answer["Contact"]
    for name in ("pub-gruu", "temp-gruu"):
        gruu = parameters.partition(f'{name}="')[2].partition('"')[0]
        assert (await meeting.message(gruu)).status == 200
    assert len(meeting.heard("MESSAGE")) == 2
    assert (await meeting.message(f"{ALICE};gr=urn:uuid:other")).status == 480


async def test_watcher_with_a_gruu_is_told_from_the_other_process(meeting: Meeting) -> None:
    """interop.md: JsSIP and linphone give a GRUU for the Contact of a SUBSCRIBE."""
    headers: list[Header] = [
        ("Contact", f"<sip:alice@x7f.invalid;transport=tcp>;{INSTANCE}"),
        ("Supported", "gruu"),
    ]
    answer = await meeting.alice.ask("REGISTER", f"sip:{DOMAIN}", headers)
    gruu = answer["Contact"].partition('pub-gruu="')[2].partition('"')[0]
    _, b = meeting.servers
    async with await SipClient.open(b.sip) as other:
        subscribe: list[Header] = [("Contact", f"<{gruu}>"), ("Event", "presence")]
        answer = await User(other, ALICE).ask("SUBSCRIBE", BOB, subscribe)
        assert answer.status == 200
        assert await meeting.alice.client.until(lambda: bool(meeting.heard("NOTIFY")))
    (told,) = meeting.heard("NOTIFY")
    assert told.start == "NOTIFY sip:alice@x7f.invalid;transport=tcp SIP/2.0"


async def test_operator_sees_and_removes_registrations_at_any_process(meeting: Meeting) -> None:
    """LOC-04: the other process hears of it by the change feed."""
    await meeting.alice.register("<sip:alice@x7f.invalid;transport=tcp>")
    assert (await meeting.message()).status == 200
    one, two = (f"{server.admin}/api/registrations/alice@{DOMAIN}" for server in meeting.servers)
    shown = await asyncio.to_thread(_call, "GET", two)
    assert [each["contact"] for each in shown["bindings"]] == [
        "sip:alice@x7f.invalid;transport=tcp"
    ]
    assert await asyncio.to_thread(_call, "DELETE", one) == {"aor": ALICE, "removed": 1}
    await meeting.becomes(480)


def _call(method: str, url: str) -> dict[str, list[dict[str, object]]]:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=5) as answer:
        found: dict[str, list[dict[str, object]]] = json.load(answer)
        return found
