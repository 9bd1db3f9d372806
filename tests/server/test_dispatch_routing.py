"""Where the routing file is asked, and that its word is carried out: the dispatcher over a file."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from proxy.relay import dialog_mark
from server.routing_hook import RoutingHook
from server.routing_service import RoutingService
from store.values import BindingSet
from tests.proxy.proxykit import ALICE, BOB, KEY, binding, request
from tests.server.test_dispatch import PUBLISH, SUBSCRIBE, World

Routing = Callable[..., World]


@pytest.fixture
def routing(tmp_path: Path) -> Routing:
    """A world whose routing file has the given text."""

    def made(text: str, **arguments: bool) -> World:
        file = tmp_path / "routing.py"
        file.write_text(f"from proxy.routing import *  # noqa\n{text}")
        world = World(**arguments)
        world.dispatcher._routing = RoutingHook(RoutingService(file))
        world.store.sets[BOB] = BindingSet(1, (binding("sip:bob@192.0.2.20"),))
        return world

    return made


async def test_a_request_is_refused_by_the_file(routing: Routing) -> None:
    world = routing("def on_request(request):\n    return Reject(603, 'Go Away')")
    tx = await world.send("INVITE", "sip:bob@example.com")
    assert tx.statuses == [603]
    assert tx.sent[0].reason == "Go Away"
    assert world.counted == [("INVITE", 603)]
    assert world.sender.sent == []


async def test_a_request_is_answered_by_the_file(routing: Routing) -> None:
    """RFC 3261 §8.3: a redirect."""
    world = routing(
        "async def on_request(request):\n"
        "    return Answer(302, headers=[('Contact', '<sip:bob@example.net>')])"
    )
    tx = await world.send("INVITE", "sip:bob@example.com")
    assert tx.statuses == [302]
    assert tx.sent[0].contacts[0].uri == "sip:bob@example.net"


async def test_a_changed_request_goes_on_as_changed(routing: Routing) -> None:
    world = routing("def on_request(request):\n    request.set_header('Subject', 'changed')")
    tx = await world.send("MESSAGE", "sip:bob@example.com", "Subject: lunch")
    sent = world.sender.sent[0]
    assert sent.request.uri_text == "sip:bob@192.0.2.20"
    assert sent.request.all("subject") == ("changed",)
    sent.answer(200)
    assert tx.statuses == [200]
    assert world.counted == [("MESSAGE", 200)]


async def test_a_new_request_uri_takes_the_road_of_that_uri(routing: Routing) -> None:
    """RFC 3261 §16.5: as if the request had come with it."""
    world = routing("def on_request(request):\n    request.uri = 'sip:bob@example.com'")
    await world.send("MESSAGE", "sip:reception@example.com")
    assert world.sender.sent[0].request.uri_text == "sip:bob@192.0.2.20"


@pytest.mark.parametrize(
    ("method", "uri", "status"),
    [
        pytest.param("OPTIONS", "sip:example.com", 200, id="for-the-server-itself"),
        pytest.param("MESSAGE", "sip:example.com", 405, id="not-for-the-server"),
        pytest.param("MESSAGE", "sip:nobody@example.com", 480, id="nobody"),
    ],
)
async def test_a_new_request_uri_is_refused_as_ever(
    routing: Routing, method: str, uri: str, status: int
) -> None:
    world = routing(f"def on_request(request):\n    request.uri = {uri!r}")
    tx = await world.send(method, "sip:bob@example.com")
    assert tx.statuses == [status]
    assert world.counted == [(method, status)]


@pytest.mark.parametrize("message", [PUBLISH, SUBSCRIBE], ids=["publish", "subscribe"])
async def test_events_are_asked_about_too(routing: Routing, message: tuple[str, str, str]) -> None:
    world = routing(
        "def on_request(request):\n    return Reject(403) if request.header('X-Refuse') else None"
    )
    assert (await world.send(*message)).statuses == [200]
    assert (await world.send(*message, "X-Refuse: yes")).statuses == [403]
    assert len(world.events.seen) == 1


async def test_a_register_is_changed_or_refused(routing: Routing) -> None:
    world = routing(
        "def on_register(register):\n"
        "    if 'odd' in (register.header('User-Agent') or ''):\n"
        "        return Reject(403, 'No Such Phones')\n"
        "    register.set_header('Expires', '120')"
    )
    contact = "Contact: <sip:alice@192.0.2.10>"
    tx = await world.send("REGISTER", "sip:example.com", contact, "User-Agent: odd/1")
    assert tx.statuses == [403]
    assert ALICE not in world.store.sets
    tx = await world.send("REGISTER", "sip:example.com", contact, "Expires: 3600")
    assert tx.statuses == [200]
    assert world.store.sets[ALICE].bindings[0].expires_at == 1120.0


async def test_strangers_are_challenged_before_the_file_is_asked(routing: Routing) -> None:
    world = routing("def on_request(request):\n    return Answer(404)", trusted=False)
    assert (await world.send("MESSAGE", "sip:bob@example.com")).statuses == [407]


async def test_what_is_within_a_dialog_follows_the_dialog(routing: Routing) -> None:
    """RFC 3261 §12.2: neither the requests of a relayed dialog nor those of our own are shown."""
    refuse = "def on_request(request):\n    return Reject(403)"
    world = routing(refuse, trusted=False)
    route = f"Route: <sip:{dialog_mark('call-1', KEY)}@192.0.2.1:5060;lr>"
    await world.send("BYE", "sip:bob@192.0.2.20", route, to=f"<{BOB}>;tag=b")
    assert world.sender.sent[0].method == "BYE"
    world = routing(refuse)
    assert (await world.send(*SUBSCRIBE, to=f"<{BOB}>;tag=b")).statuses == [200]


async def test_the_servers_own_options_are_not_asked_about(routing: Routing) -> None:
    """A ping is answered at once, without credentials (RFC 3261 §11.2)."""
    world = routing("def on_request(request):\n    return Reject(403)")
    assert world.begin(request("OPTIONS")).statuses == [200]


async def test_an_exception_costs_one_request_and_is_logged(routing: Routing) -> None:
    """RFC 3261 §21.5.1."""
    world = routing(
        "def on_request(request):\n"
        "    if request.header('Subject') == 'trouble':\n"
        "        raise LookupError('no such trunk')"
    )
    with structlog.testing.capture_logs() as lines:
        tx = await world.send("MESSAGE", "sip:bob@example.com", "Subject: trouble")
    assert tx.statuses == [500]
    assert world.counted == [("MESSAGE", 500)]
    (line,) = lines
    assert (line["callback"], line["call_id"]) == ("on_request", "call-1")
    assert "no such trunk" in str(line["exc_info"])
    await world.send("MESSAGE", "sip:bob@example.com")
    assert len(world.sender.sent) == 1


async def test_an_invite_may_be_given_up_while_the_file_thinks(routing: Routing) -> None:
    """RFC 3261 §9.2: 487, and nobody's phone rings."""
    world = routing(
        "import asyncio\n"
        "async def on_request(request):\n"
        "    await asyncio.sleep(0)\n"
        "    await asyncio.sleep(0)\n"
    )
    tx = world.begin(request("INVITE", "sip:bob@example.com"))
    while tx.on_cancel is None:  # noqa: ASYNC110  until the file is asked
        await asyncio.sleep(0)
    tx.on_cancel()
    await world.idle()
    assert tx.statuses == [487]
    assert world.sender.sent == []
