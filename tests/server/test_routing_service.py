"""The routing file: what is told of a bad one, and that a mistake in it costs one request."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from proxy.routing import Answer, Plan, Reject
from server.routing_loader import MODULE_NAME, RoutingFileError, load_routing
from server.routing_service import FAILED, RoutingService
from sip.authenticator import Identity
from sip.message import Request, Response, build_response, parse_message
from tests.proxy.proxykit import ALICE, FakeFlow, request

IDENTITY = Identity(ALICE, "digest")
INVITE = request("INVITE", "sip:bob@example.com", "Subject: lunch")
REGISTER = request("REGISTER", "sip:example.com", "Contact: <sip:alice@192.0.2.10>")

Load = Callable[[str], RoutingService]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """A service over a file with the given text."""

    def made(text: str) -> RoutingService:
        file = tmp_path / "routing.py"
        file.write_text(f"from proxy.routing import *  # noqa\n{text}")
        return RoutingService(file, time_limit=0.05)

    return made


def answered(status: int = 486) -> Response:
    response = parse_message(build_response(INVITE, status, headers=[("X-Cause", "17")]))
    assert isinstance(response, Response)
    return response


async def on_request(service: RoutingService, message: Request = INVITE) -> object:
    return await service.on_request(message, IDENTITY, FakeFlow())


async def test_without_a_file_nothing_is_asked() -> None:
    service = RoutingService(None)
    assert [service.wants_requests, service.wants_registers, service.wants_replies] == [False] * 3
    assert service.callbacks == ()
    assert await on_request(service) is None
    assert await service.on_register(REGISTER, IDENTITY, FakeFlow()) is None
    assert await service.on_reply(answered(), INVITE) is None
    service.reload()


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize(
    ("body", "decision"),
    [
        pytest.param("return None", None, id="nothing"),
        pytest.param("return Relay()", Plan(INVITE), id="relay-as-ever"),
        pytest.param(
            "return Relay('sip:a@example.net', 'sip:b@example.net', serial=True)",
            Plan(INVITE, ("sip:a@example.net", "sip:b@example.net"), serial=True),
            id="relay-elsewhere",
        ),
        pytest.param("return Reject(603, 'No')", Reject(603, "No"), id="reject"),
        pytest.param(
            "return Answer(302, headers=[('Contact', '<sip:b@example.net>')])",
            Answer(302, headers=[("Contact", "<sip:b@example.net>")]),
            id="redirect",
        ),
    ],
)
async def test_what_on_request_decides(load: Load, kind: str, body: str, decision: object) -> None:
    service = load(f"{kind} on_request(request):\n    {body}")
    assert service.callbacks == ("on_request",)
    assert await on_request(service) == decision
    assert service.calls["on_request"] == 1
    assert not service.failures


async def test_what_on_request_changes_goes_on(load: Load) -> None:
    service = load(
        "def on_request(request):\n"
        "    request.set_header('Subject', request.identity.aor + ' ' + request.source[0])\n"
        "    request.uri = 'sip:carol@example.com'\n"
    )
    plan = await on_request(service)
    assert isinstance(plan, Plan)
    assert plan.request.uri_text == "sip:carol@example.com"
    assert plan.request.get("subject") == "sip:alice@example.com 192.0.2.10"
    assert not plan.asserted


async def test_an_identity_of_the_file_is_told_as_such(load: Load) -> None:
    service = load(
        "def on_request(request):\n"
        "    request.set_header('P-Asserted-Identity', '<sip:+4930@example.com>')\n"
    )
    plan = await on_request(service)
    assert isinstance(plan, Plan)
    assert plan.asserted


async def test_on_register_changes_or_refuses(load: Load) -> None:
    service = load(
        "def on_register(register):\n"
        "    if register.contacts[0].uri.startswith('sip:alice'):\n"
        "        register.set_header('Expires', '60')\n"
        "    else:\n"
        "        return Reject(403)\n"
    )
    changed = await service.on_register(REGISTER, IDENTITY, FakeFlow())
    assert isinstance(changed, Request)
    assert changed.expires == 60
    other = request("REGISTER", "sip:example.com", "Contact: <sip:bob@192.0.2.10>")
    assert await service.on_register(other, IDENTITY, FakeFlow()) == Reject(403)


@pytest.mark.parametrize(
    "line", ["Contact: <sip:alice@192.0.2.10", "Expires: soon", "Contact: <sip:a@b>;;q=?"]
)
async def test_a_register_that_cannot_be_read_is_the_registrars_to_refuse(
    load: Load, line: str
) -> None:
    service = load("def on_register(register):\n    return Reject(603)")
    broken = request("REGISTER", "sip:example.com", line)
    assert await service.on_register(broken, IDENTITY, FakeFlow()) is None
    assert not service.calls


async def test_on_reply_changes_headers(load: Load) -> None:
    service = load(
        "async def on_reply(reply):\n"
        "    if reply.status == 486 and reply.method == 'INVITE':\n"
        "        reply.remove_header('X-Cause')\n"
    )
    changed = await service.on_reply(answered(), INVITE)
    assert changed is not None
    assert changed.status == 486
    assert changed.get("x-cause") is None
    assert await service.on_reply(answered(180), INVITE) is None


MISTAKES = [
    pytest.param("def on_{0}({0}):\n    raise KeyError('x')", id="raises"),
    pytest.param("async def on_{0}({0}):\n    raise KeyError('x')", id="raises-later"),
    pytest.param("def on_{0}({0}):\n    raise SystemExit", id="exits"),
    pytest.param("async def on_{0}({0}):\n    raise SystemExit", id="exits-later"),
    pytest.param("def on_{0}({0}):\n    return 'sip:a@example.net'", id="returns-text"),
    pytest.param("def on_{0}({0}):\n    return True", id="returns-true"),
    pytest.param("def on_{0}({0}):\n    {0}.set_header('Via', 'x')", id="changes-via"),
    pytest.param("def on_{0}({0}):\n    {0}.set_header('X', '1\\r\\nY: 2')", id="injects"),
    pytest.param(
        "import asyncio\nasync def on_{0}({0}):\n    raise asyncio.CancelledError",
        id="is-cancelled",
    ),
    pytest.param(
        "import asyncio\ndef on_{0}({0}):\n    raise asyncio.CancelledError", id="cancels"
    ),
    pytest.param(
        "import asyncio\nasync def on_{0}({0}):\n    await asyncio.Future()", id="never-returns"
    ),
    pytest.param(
        "import asyncio\n"
        "async def on_{0}({0}):\n"
        "    for _ in range(2):\n"
        "        try:\n"
        "            await asyncio.Future()\n"
        "        except asyncio.CancelledError:\n"
        "            pass\n",
        id="will-not-be-stopped",
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_in_on_request_is_500_logged_and_counted(load: Load, mistake: str) -> None:
    service = load(mistake.format("request"))
    with structlog.testing.capture_logs() as lines:
        assert await on_request(service) is FAILED
    assert service.failures == {"on_request": 1}
    (line,) = lines
    assert line["event"] == "routing-callback-failed"
    assert (line["callback"], line["call_id"]) == ("on_request", "call-1")
    assert isinstance(line["exc_info"], Exception)


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_in_on_register_is_500(load: Load, mistake: str) -> None:
    service = load(mistake.format("register"))
    assert await service.on_register(REGISTER, IDENTITY, FakeFlow()) is FAILED
    assert service.failures == {"on_register": 1}


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_reply_passes_as_it_came_when_on_reply_fails(load: Load, mistake: str) -> None:
    service = load(mistake.format("reply"))
    with structlog.testing.capture_logs() as lines:
        assert await service.on_reply(answered(), INVITE) is None
    assert service.failures == {"on_reply": 1}
    assert [line["callback"] for line in lines] == ["on_reply"]


@pytest.mark.parametrize("method", ["INVITE", "SUBSCRIBE"])
async def test_a_dialog_cannot_be_accepted_by_the_file(load: Load, method: str) -> None:
    """RFC 3261 §12.1: a 2xx would begin a dialog with nobody at this end."""
    service = load("def on_request(request):\n    return Answer(200)")
    assert await on_request(service, request(method, "sip:bob@example.com")) is FAILED
    assert await on_request(service, request("MESSAGE", "sip:bob@example.com")) == Answer(200)


async def test_a_plain_callback_that_blocks_is_logged(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    instants = iter([10.0, 10.25, 20.0, 20.05])
    monkeypatch.setattr("server.routing_service.time.perf_counter", lambda: next(instants))
    service = load("def on_request(request):\n    pass")
    with structlog.testing.capture_logs() as lines:
        await on_request(service)
        await on_request(service)
    (line,) = lines
    assert line["event"] == "routing-callback-slow"
    assert (line["callback"], line["seconds"]) == ("on_request", 0.25)


async def test_a_cancelled_request_stops_its_callback(load: Load) -> None:
    service = load(
        "import asyncio\n"
        "seen = []\n"
        "async def on_request(request):\n"
        "    try:\n"
        "        await asyncio.Future()\n"
        "    finally:\n"
        "        seen.append('stopped')\n"
    )
    task = asyncio.create_task(on_request(service))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)
    assert sys.modules[MODULE_NAME].seen == ["stopped"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("def on_request(request)\n    pass", "{0}:1: SyntaxError: ", id="syntax"),
        pytest.param(
            "import json\n\njson.loads('{')\n", "{0}:3: JSONDecodeError: ", id="fails-when-run"
        ),
        pytest.param(
            "import nosuchmodule\n",
            "{0}:1: ModuleNotFoundError: No module named 'nosuchmodule'",
            id="import",
        ),
        pytest.param("raise SystemExit(1)", "{0}:1: SystemExit: 1", id="exits"),
        pytest.param("open('/nonexistent')", "{0}:1: FileNotFoundError: ", id="opens-nothing"),
        pytest.param(
            "x = 1\n", "{0}: defines none of on_request, on_register, on_reply", id="nothing"
        ),
        pytest.param("on_request = 1", "{0}: on_request is no function", id="no-function"),
        pytest.param(
            "\ndef on_request():\n    pass",
            "{0}:2: is not on_request(request): too many positional arguments",
            id="no-argument",
        ),
        pytest.param(
            "def on_reply(a, b):\n    pass",
            "{0}:1: is not on_reply(reply): missing a required argument: 'b'",
            id="two-arguments",
        ),
        pytest.param(
            "def on_request(request):\n    yield", "{0}:1: on_request must not yield", id="yields"
        ),
        pytest.param(
            "def on_request(request):\n    pass\n\ndef on_replies(reply):\n    pass",
            "{0}:4: on_replies is no callback (did you mean on_reply?)",
            id="mistyped",
        ),
        pytest.param("\0", "{0}: ", id="no-text"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_its_line(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "routing.py"
    file.write_text(text)
    with pytest.raises(RoutingFileError) as failure:
        load_routing(file)
    assert str(failure.value).startswith("sip.routing: " + said.format(file))
    assert "\n" not in str(failure.value)
    assert MODULE_NAME not in sys.modules or sys.modules[MODULE_NAME].__file__ != str(file)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RoutingFileError, match="cannot be read: No such file"):
        load_routing(tmp_path / "none.py")


def test_a_callback_may_have_defaults_and_be_any_callable(tmp_path: Path) -> None:
    file = tmp_path / "routing.py"
    file.write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "@dataclass\n"
        "class Router:\n"
        "    trunk: str\n"
        "    def __call__(self, request): return None\n"
        "on_request = Router('sip:trunk.example.net')\n"
        "def on_reply(reply, *, verbose=False): return None\n"
    )
    assert load_routing(file).names == ("on_request", "on_reply")


async def test_reload_takes_the_new_file_and_keeps_the_old_one_when_it_is_bad(load: Load) -> None:
    service = load("def on_request(request):\n    return Reject(403)")
    assert service.path is not None
    service.path.write_text("from proxy.routing import *\ndef on_request(request)")
    with pytest.raises(RoutingFileError):
        service.reload()
    assert service.failures == {"load": 1}
    assert await on_request(service) == Reject(403)
    service.path.write_text("from proxy.routing import *\ndef on_reply(reply): pass")
    service.reload()
    assert service.callbacks == ("on_reply",)
    assert await on_request(service) is None
