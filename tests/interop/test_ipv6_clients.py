"""Clients on [::1] live as those on 127.0.0.1 do: they register, call, publish and subscribe.

And calls go between the families, through a server that listens on both.
"""

import re
import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest

from tests.processes import DOMAIN, LOOPBACK, Running
from tests.rawdigest import Login
from tests.rawsip import Header, Heard, SipClient, compose, new_branch
from tests.rawusers import User, pidf
from tests.robustness.health import Health
from tests.robustness.ipv6 import serving_ipv6

PASSWORDS: Final = {"alice": "wonderland", "bob": "builder"}
COPIED: Final = frozenset({"via", "from", "call-id", "cseq", "record-route"})
TAG: Final = "callee"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("ipv6")
    with serving_ipv6(directory, trusting=False, users=PASSWORDS) as running:
        yield running
        assert Health(running).trouble() == []


def user(client: SipClient, name: str) -> User:
    return User(client, f"sip:{name}@{DOMAIN}", Login(name, PASSWORDS[name]))


async def open_client(server: Running, road: str) -> SipClient:
    """`road` is family and transport: "IPv6 UDP"."""
    family, transport = road.split()
    address = server.sip if family == "IPv6" else (LOOPBACK, server.sip[1])
    return await SipClient.open(address, transport)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_a_binding_keeps_its_ipv6_contact(server: Running, transport: str) -> None:
    """RFC 3261 §10.3 step 8 and RFC 5118 §4.1: through a challenge, and back as written."""
    async with await SipClient.open(server.sip, transport) as client:
        alice = user(client, "alice")
        assert (await alice.register(f"<{client.contact}>")).status == 200
        bound = (await alice.register()).all("Contact")
        assert [value.partition(";expires=")[0] for value in bound] == [f"<{client.contact}>"]
        assert (await alice.register("*", expires=0)).status == 200


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_an_address_written_otherwise_is_the_same_binding(
    server: Running, transport: str
) -> None:
    """RFC 5954 §4.2 with RFC 3261 §10.3 step 7: refreshed, not added."""
    async with await SipClient.open(server.sip, transport) as client:
        alice = user(client, "alice")
        await alice.register(f"<{client.contact}>")
        other = client.contact.replace("[::1]", "[0:0:0:0:0:0:0:1]")
        answer = await alice.register(f"<{other}>")
        assert answer.status == 200
        assert len(answer.all("Contact")) == 1
        assert (await alice.register("*", expires=0)).status == 200


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_a_watcher_in_ipv6_is_notified(server: Running, transport: str) -> None:
    """RFC 6665 §4.2.2: the NOTIFY goes to [::1], its Via and the dialog's Contact have brackets."""
    async with await SipClient.open(server.sip, transport) as client:
        alice, bob = user(client, "alice"), user(client, "bob")
        subscription = await bob.subscribe(alice.aor)
        note = secrets.token_hex(4)
        assert (await alice.publish(pidf(alice.aor, note))).status == 200
        notify = await subscription.shows(note)
        assert f"[::1]:{server.sip[1]}" in notify["Via"]
        assert f"[::1]:{server.sip[1]}" in subscription.target
        assert (await subscription.send(0)).status == 200


ROADS: Final = ["IPv6 UDP", "IPv6 TCP", "IPv4 UDP"]


@pytest.mark.parametrize("callee_road", ROADS)
@pytest.mark.parametrize("caller_road", ROADS)
async def test_a_call_from_invite_to_bye(
    server: Running, caller_road: str, callee_road: str
) -> None:
    """RFC 3261 §13, §16: by the route set, also between the families (RFC 5118 §4.7)."""
    async with (
        await open_client(server, caller_road) as caller,
        await open_client(server, callee_road) as phone,
    ):
        alice, bob = user(caller, "alice"), user(phone, "bob")
        assert (await bob.register(f"<{phone.contact}>")).status == 200
        phone.answer = lambda request: None if request.method == "INVITE" else 200
        phone.on_request = lambda request: accept(phone, request)
        answer = await alice.ask(
            "INVITE", bob.aor, [("Contact", f"<{caller.contact}>")], to=f"<{bob.aor}>"
        )
        assert answer.status == 200
        invite = next(each for each in phone.requests if each.method == "INVITE")
        assert sent_by(invite) == address_of(server, callee_road)
        ack(caller, alice, answer)
        assert await phone.until(lambda: heard(phone, "ACK"))
        bye = compose_in_dialog(caller, alice, answer, "BYE", alice.cseq + 1)
        assert (await caller.exchange(bye)).status == 200
        assert heard(phone, "BYE")
        assert (await bob.register("*", expires=0)).status == 200


def address_of(server: Running, road: str) -> str:
    """How the server is seen on a road, as it stands in its Via."""
    host = "[::1]" if road.startswith("IPv6") else LOOPBACK
    return f"{host}:{server.sip[1]}"


def sent_by(request: Heard) -> str:
    return request["Via"].split()[1].partition(";")[0]


def heard(client: SipClient, method: str) -> bool:
    return any(each.method == method for each in client.requests)


def accept(phone: SipClient, request: Heard) -> None:
    """200 to an INVITE, with Contact and Record-Route."""
    if request.method != "INVITE":
        return
    copied = [(key, text) for key, text in request.headers if key.lower() in COPIED]
    headers: list[Header] = [
        *copied,
        ("To", f"{request['To']};tag={TAG}"),
        ("Contact", f"<{phone.contact}>"),
        ("Content-Length", "0"),
    ]
    phone.send(compose("SIP/2.0 200 OK", headers))


def compose_in_dialog(
    caller: SipClient, user: User, answer: Heard, method: str, cseq: int
) -> bytes:
    """A request by the route set that the 200 made (RFC 3261 §12.2.1.1)."""
    routes = [one.strip() for line in answer.all("Record-Route") for one in line.split(",")]
    target = re.search("<([^>]+)>", answer["Contact"])
    assert target is not None
    return caller.request(
        method,
        target[1],
        from_=user.address,
        to=answer["To"],
        call_id=answer["Call-ID"],
        cseq=cseq,
        headers=[("Route", route) for route in reversed(routes)],
        branch=new_branch(),
    )


def ack(caller: SipClient, user: User, answer: Heard) -> None:
    """The ACK of the 200, outside of any transaction (RFC 3261 §13.2.2.4)."""
    caller.send(compose_in_dialog(caller, user, answer, "ACK", answer.cseq))


async def test_both_families_see_the_same_server(server: Running) -> None:
    """A binding made over one is told over the other."""
    async with (
        await SipClient.open(server.sip) as six,
        await SipClient.open((LOOPBACK, server.sip[1])) as four,
    ):
        assert (await user(six, "bob").register(f"<{six.contact}>")).status == 200
        bob = user(four, "bob")
        assert f"<{six.contact}>" in (await bob.register()).all("Contact")[0]
        assert (await bob.register("*", expires=0)).status == 200
        assert await Health(replace(server, sip=(LOOPBACK, server.sip[1]))).answers()
