"""RFC 3261 §16 on the wire: two user agents, and the server between them, on loopback sockets."""

import asyncio

import pytest

from sip.message import Response
from tests.proxy.loopback import BOB, PATIENCE, TO_BOB, Call, Phone, world
from tests.rawdigest import Login

WAYS = pytest.mark.parametrize(
    ("alice_by", "bob_by"), [("udp", "udp"), ("tcp", "tcp"), ("udp", "tcp"), ("tcp", "udp")]
)


@WAYS
async def test_message_and_its_answer(alice_by: str, bob_by: str) -> None:
    """§16.6, §16.7."""
    async with world(alice_by, bob_by) as (alice, bob):
        call = alice.send("MESSAGE", BOB, TO_BOB)
        tx = await bob.request()
        assert tx.request.uri_text == bob.contact
        assert len(tx.request.vias) == 2
        tx.respond(202, headers=[("X-Bob", "here")])
        response = await call.final()
        assert (response.status, response.get("x-bob")) == (202, "here")
        assert len(response.vias) == 1


@WAYS
async def test_call_with_its_ack_and_its_bye(alice_by: str, bob_by: str) -> None:
    """§16.4, §16.6 step 4, §13.2.2.4: the dialog stays on our Record-Route, both ways."""
    async with world(alice_by, bob_by) as (alice, bob):
        call = alice.send("INVITE", BOB, TO_BOB)
        assert (await call.response()).status == 100
        tx = await bob.request()
        recorded = tx.request.values("record-route")
        assert len(recorded) == (1 if alice_by == bob_by == "udp" else 2)
        tx.respond(180, headers=[("Record-Route", value) for value in recorded], to_tag="b")
        assert (await call.response()).status == 180
        headers = [("Record-Route", value) for value in recorded]
        tx.respond(200, headers=[*headers, ("Contact", f"<{bob.contact}>")], to_tag="b")
        ok = await call.final()
        assert ok.status == 200
        routes = [("Route", value) for value in reversed(ok.values("record-route"))]
        alice.acknowledge(ok, routes)
        ack = await asyncio.wait_for(bob.acks.get(), PATIENCE)
        assert (ack.method, ack.uri_text, ack.get("route")) == ("ACK", bob.contact, None)

        by_alice = alice.send("BYE", bob.contact, ok.get("to") or "", *routes)
        (await bob.request()).respond(200)
        assert (await by_alice.final()).status == 200

        callee_routes = [("Route", value) for value in recorded]
        by_bob = bob.send("BYE", alice.contact, tx.request.get("from") or "", *callee_routes)
        (await alice.request()).respond(200)
        assert (await by_bob.final()).status == 200


@WAYS
async def test_cancel_reaches_the_ringing_phone(alice_by: str, bob_by: str) -> None:
    """§16.10, §9.1."""
    async with world(alice_by, bob_by) as (alice, bob):
        call = alice.send("INVITE", BOB, TO_BOB)
        tx = await bob.request()
        cancelled = asyncio.Event()
        tx.on_cancel = cancelled.set
        tx.respond(180)
        while (await call.response()).status != 180:
            pass
        _, data = alice.build("CANCEL", BOB, TO_BOB)
        branch = call.branch
        stem, _, rest = data.partition(b";branch=")
        data = stem + b";branch=" + branch.encode() + b";" + rest.partition(b";")[2]
        answer = Call(branch)
        alice.endpoint.client_transaction(
            data, "CANCEL", branch, alice.flow, on_response=answer.responses.put_nowait,
            on_timeout=pytest.fail, on_transport_error=pytest.fail,
        )  # fmt: skip
        assert (await answer.final()).status == 200
        await asyncio.wait_for(cancelled.wait(), PATIENCE)
        tx.respond(487)
        assert (await call.final()).status == 487


@pytest.mark.parametrize("status", [486, 603])
async def test_refused_call(status: int) -> None:
    """§16.7: and the ACK of a refusal goes hop by hop (§17.1.1.3)."""
    async with world() as (alice, bob):
        call = alice.send("INVITE", BOB, TO_BOB)
        (await bob.request()).respond(status)
        assert (await call.final()).status == status
        assert bob.acks.empty()


async def test_phone_that_is_gone() -> None:
    """§16.9, §16.7 step 6: its connection is refused, which counts as a 503 and so is a 500."""
    async with world("udp", "tcp") as (alice, bob):
        await bob.endpoint.stop()
        assert (await alice.send("MESSAGE", BOB, TO_BOB).final()).status == 500


async def test_nobody_there() -> None:
    """RFC 3261 §21.4.18."""
    async with world() as (alice, _):
        carol = "sip:carol@example.com"
        assert (await alice.send("INVITE", carol, f"<{carol}>").final()).status == 480


async def test_strangers_log_in_to_register_and_to_call() -> None:
    """RFC 3261 §22.2, §22.3; the credentials for us go no further."""

    def signed(phone: Phone, response: Response, name: str, uri: str, method: str) -> str:
        login = Login(phone.aor[4:].partition("@")[0], "secret")
        login.learn(response.all(name))
        return login.authorization(method, uri)

    async with world(trusted=False) as (alice, bob):
        challenge = await bob.register()
        assert challenge.status == 401
        value = signed(bob, challenge, "www-authenticate", "sip:example.com", "REGISTER")
        call = bob.send("REGISTER", "sip:example.com", f"<{bob.aor}>", ("Authorization", value))
        assert (await call.final()).status == 200

        challenge = await alice.send("INVITE", BOB, TO_BOB).final()
        assert challenge.status == 407
        value = signed(alice, challenge, "proxy-authenticate", BOB, "INVITE")
        call = alice.send("INVITE", BOB, TO_BOB, ("Proxy-Authorization", value), call_id="c2")
        tx = await bob.request()
        assert tx.request.get("proxy-authorization") is None
        tx.respond(486)
        assert (await call.final()).status == 486
