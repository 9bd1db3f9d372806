"""What the SIP side counts is there under /metrics, of a real server (OPS-01)."""

import asyncio
import re
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tests.processes import ROOT, Deployment, Running
from tests.rawdigest import Login
from tests.rawsip import SipClient
from tests.rawusers import User

USERS = {"alice": "wonderland"}


async def measured(running: Running) -> Mapping[str, float]:
    """From sample (its name and labels as they are written) to value."""

    def read() -> str:
        with urllib.request.urlopen(f"{running.admin}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    lines = (await asyncio.to_thread(read)).splitlines()
    pairs = [line.rpartition(" ") for line in lines if not line.startswith("#")]
    return {name: float(value) for name, _, value in pairs}


async def test_connections_identities_bindings_and_limits_are_counted(tmp_path: Path) -> None:
    deployment = Deployment(
        tmp_path / "server",
        f"sqlite:///{tmp_path}/presentity.db",
        {"sip": {"max_connections": 2}, "limits": {"auth_failures": 1, "lockout": 60}},
    )
    deployment.prepare(USERS)
    with deployment.serving() as running:
        async with (
            await SipClient.open(running.sip, "TCP") as phone,
            await SipClient.open(running.sip, "TCP"),
        ):
            alice = User(phone, "sip:alice@example.com", Login("alice", USERS["alice"]))
            contact = ("Contact", f"<sip:alice@{phone.contact.removeprefix('sip:')}>")
            registered = await alice.ask("REGISTER", alice.domain_uri, [contact])
            assert registered.status == 200
            guesser = User(phone, "sip:bob@example.com", Login("bob", "guess"))
            for _ in range(2):
                await guesser.ask("REGISTER", guesser.domain_uri, [contact])
            async with await SipClient.open(running.sip, "TCP") as refused:
                assert await refused.until(lambda: refused.ended)
            now = await measured(running)
    transport = 'transport="tcp"'
    expected = {
        f"presentity_sip_connections{{{transport}}}": 2,
        'presentity_sip_connections{transport="tls"}': 0,
        f"presentity_sip_connections_accepted_total{{{transport}}}": 2,
        f'presentity_sip_connections_refused_total{{reason="total",{transport}}}': 1,
        "presentity_sip_auth_failures_total": 1,
        "presentity_sip_lockouts_total": 1,
        "presentity_sip_lockout_refused_total": 1,
        'presentity_sip_limited_total{limit="source"}': 0,
        'presentity_sip_limited_total{limit="account"}': 0,
        'presentity_binding_changes_total{cause="registered"}': 1,
        "presentity_relay_in_flight": 0,
        "presentity_dns_queries_total": 0,
    }
    assert {name: now.get(name) for name in expected} == expected
    assert now["presentity_sip_challenged_total"] >= 2
    assert not [name for name in now if re.match("presentity_routing", name)]


async def test_a_lost_flow_is_counted(tmp_path: Path) -> None:
    """RFC 5626 §7: the binding of a connection that is closed goes."""
    deployment = Deployment(
        tmp_path / "server",
        f"sqlite:///{tmp_path}/presentity.db",
        {"sip": {"trusted_peers": ["127.0.0.0/8"]}},
    )
    lost = 'presentity_binding_changes_total{cause="flow-lost"}'
    with deployment.serving() as running:
        async with await SipClient.open(running.sip, "TCP") as phone:
            alice = User(phone, "sip:alice@example.com")
            contact = (
                "Contact",
                f"<sip:alice@{phone.contact.removeprefix('sip:')}>;reg-id=1"
                ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"',
            )
            supported = ("Supported", "path, outbound")
            registered = await alice.ask("REGISTER", alice.domain_uri, [contact, supported])
            assert registered.status == 200
            assert lost not in await measured(running)
        async with asyncio.timeout(5):
            while (await measured(running)).get(lost) != 1:  # noqa: ASYNC110  no event tells
                await asyncio.sleep(0.05)


def test_the_page_lists_every_metric_and_no_other(tmp_path: Path) -> None:
    routing = tmp_path / "routing.py"
    routing.write_text("def on_request(request): pass\n")
    settings = {"sip": {"routing": str(routing)}}
    deployment = Deployment(tmp_path / "server", f"sqlite:///{tmp_path}/presentity.db", settings)
    with (
        deployment.serving() as running,
        urllib.request.urlopen(f"{running.admin}/metrics", timeout=5) as answer,
    ):
        text = answer.read().decode()
    page = (ROOT / "docs" / "metrics.md").read_text()
    published = set(re.findall(r"^# HELP (\w+)", text, re.MULTILINE))
    listed = re.findall(r"^\| `(\w+)`", page, re.MULTILINE)
    assert sorted(published) == sorted(listed)
