"""Where the routing file is asked, and that its word is carried out: the dispatcher over a file."""

from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from server.routing_hook import RoutingHook
from server.routing_service import RoutingService
from store.values import BindingSet
from tests.proxy.proxykit import ALICE, BOB, Sent, binding, request
from tests.server.test_dispatch import MARK, PUBLISH, SUBSCRIBE, World

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


def invites(world: World) -> list[Sent]:
    return [sent for sent in world.sender.sent if sent.method == "INVITE"]


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
    route = f"Route: <sip:{MARK}@192.0.2.1:5060;lr>"
    await world.send("BYE", "sip:bob@192.0.2.20", route, to=f"<{BOB}>;tag=b")
    assert world.sender.sent[0].method == "BYE"
    world = routing(refuse)
    assert (await world.send(*SUBSCRIBE, to=f"<{BOB}>;tag=b")).statuses == [200]


@pytest.mark.parametrize(
    ("method", "uri"),
    [
        pytest.param("REGISTER", "sip:example.com", id="register"),
        pytest.param("MESSAGE", "sip:bob@example.com", id="to-a-user"),
        pytest.param("MESSAGE", "sip:x@192.0.2.66", id="to-another-host"),
        pytest.param("INVITE", "sip:+49900@192.0.2.66", id="call-to-another-host"),
        pytest.param("BYE", "sip:bob@192.0.2.20", id="in-dialog-method"),
        pytest.param("PUBLISH", "sip:alice@example.com", id="publish"),
        pytest.param("SUBSCRIBE", "sip:bob@192.0.2.66", id="subscribe-elsewhere"),
    ],
)
async def test_a_to_tag_alone_passes_nothing_by_the_file(
    routing: Routing, method: str, uri: str
) -> None:
    """RFC 3261 §10.2, §12.2: only a dialog that we know of is one, and REGISTER has none."""
    refuse = "def on_request(request):\n    return Reject(603)\non_register = on_request"
    lines = ("Event: presence", "Contact: <sip:alice@192.0.2.10>")
    world = routing(refuse)
    tx = await world.send(method, uri, *lines, to=f"<{ALICE}>;tag=forged")
    assert tx.statuses == [603]
    assert world.sender.sent == []
    assert world.store.sets.keys() == {BOB}


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
    tx.cancelled_by = request("CANCEL", "sip:bob@example.com")
    await world.idle()
    assert tx.statuses[-1] == 487
    assert world.sender.sent == []


TRUNKS = "'sip:+4930@192.0.2.31', 'sip:+4930@192.0.2.32'"


async def test_serial_targets_are_tried_one_after_the_other(routing: Routing) -> None:
    """RFC 3261 §16.7: on to the next after a failure, and no further than the first success."""
    world = routing(f"def on_request(request):\n    return Relay({TRUNKS}, serial=True)")
    tx = await world.send("INVITE", "sip:030@example.com")
    assert [sent.request.uri_text for sent in world.sender.sent] == ["sip:+4930@192.0.2.31"]
    world.sender.sent[0].answer(500)
    await world.idle()
    assert [sent.request.uri_text for sent in invites(world)][1:] == ["sip:+4930@192.0.2.32"]
    invites(world)[1].answer(200)
    assert tx.statuses[-1] == 200


async def test_several_targets_are_tried_at_once(routing: Routing) -> None:
    """RFC 3261 §16.6."""
    world = routing(f"def on_request(request):\n    return Relay({TRUNKS})")
    await world.send("INVITE", "sip:030@example.com")
    await world.idle()
    assert [sent.request.uri_text for sent in invites(world)] == [
        "sip:+4930@192.0.2.31",
        "sip:+4930@192.0.2.32",
    ]


async def test_a_target_who_is_not_registered_leaves_the_others(routing: Routing) -> None:
    """RFC 3261 §16.5: forwarding of a user without a phone."""
    world = routing(
        "def on_request(request):\n"
        "    return Relay(request.uri, 'sip:bob@example.com', serial=True)"
    )
    await world.send("INVITE", "sip:carol@example.com")
    assert [sent.request.uri_text for sent in invites(world)] == ["sip:bob@192.0.2.20"]


async def test_nobody_among_the_targets_is_refused(routing: Routing) -> None:
    world = routing("def on_request(request):\n    return Relay('sip:carol@example.com')")
    tx = await world.send("INVITE", "sip:bob@example.com")
    assert tx.statuses == [480]


@pytest.mark.parametrize("method", ["PUBLISH", "SUBSCRIBE"])
async def test_events_may_be_relayed_too(routing: Routing, method: str) -> None:
    world = routing("def on_request(request):\n    return Relay('sip:alice@presence.example.net')")
    await world.send(method, "sip:alice@example.com", "Event: presence")
    assert world.events.seen == []
    assert world.sender.sent[0].request.uri_text == "sip:alice@presence.example.net"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        pytest.param("request.set_header('P-Asserted-Identity', '<sip:+4930@example.com>')",
                     "<sip:+4930@example.com>", id="set"),
        pytest.param("request.remove_header('P-Asserted-Identity')", None, id="removed"),
    ],
)  # fmt: skip
async def test_the_file_says_who_the_caller_is(
    routing: Routing, line: str, shown: str | None
) -> None:
    """RFC 3325 §9.1: toward a trusted peer, in place of the server's own word."""
    world = routing(f"def on_request(request):\n    {line}")
    await world.send("INVITE", "sip:bob@example.com", "P-Asserted-Identity: <sip:x@example.com>")
    assert world.sender.sent[0].request.get("p-asserted-identity") == shown
