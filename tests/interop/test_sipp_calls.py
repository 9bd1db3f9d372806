"""RFC 3261 §16 with SIPp at both ends: calls between registered users through the real server."""

import itertools
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.interop.conftest import CALL_USERS, password_of
from tests.interop.test_sipp import (
    CALL_TIMEOUT,
    MESSAGE_TIMEOUT_MS,
    TRANSPORT_FLAG,
)
from tests.interop.test_sipp import sipp as sipp  # the fixture
from tests.processes import DOMAIN, LOOPBACK, Running, free_port

pytestmark = pytest.mark.sipp

SCENARIOS: Final = Path(__file__).parent / "sipp" / "calls"
START_TIMEOUT: Final = 5.0
LISTENING: Final = {"UDP": ("udp", "07"), "TCP": ("tcp", "0A")}
"""Table of the kernel, and the state of a socket that takes messages in it."""
ELSEWHERE: Final = "Call completed elsewhere"

_users = iter(CALL_USERS)  # each registered once: what rang before would ring again

WAYS = pytest.mark.parametrize(
    ("caller_by", "callee_by"), [*itertools.product(["UDP", "TCP"], repeat=2)]
)


@dataclass
class Calls:
    """SIPp processes around one server."""

    sipp: str
    server: Running
    scratch: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def command(
        self, name: str, user: str, transport: str, port: int, **keys: str
    ) -> tuple[list[str], Path]:
        """The command line that plays scenario `name` once, and where its log goes.

        `keys` in capitals are put in place of that word in the scenario.
        """
        number = next(self.numbers)
        text = (SCENARIOS / f"{name}.xml").read_text()
        for key in filter(str.isupper, keys):
            text = text.replace(key, keys[key])
        scenario = self.scratch / f"{number}-{name}.xml"
        scenario.write_text(text)
        log = scenario.with_suffix(".log")
        said = {"domain": DOMAIN, "user": user}
        said |= {key: value for key, value in keys.items() if key.islower()}
        host, server_port = self.server.sip
        return [
            *(self.sipp, f"{host}:{server_port}", "-sf", str(scenario), "-m", "1"),
            *("-t", TRANSPORT_FLAG[transport], "-i", LOOPBACK, "-p", str(port), "-mi", LOOPBACK),
            *("-au", user, "-ap", password_of(user), "-nostdin", "-timeout_error"),
            *("-timeout", str(CALL_TIMEOUT), "-recv_timeout", str(MESSAGE_TIMEOUT_MS)),
            *("-trace_msg", "-message_file", str(log)),
            *("-trace_err", "-error_file", str(log.with_suffix(".err"))),
            *itertools.chain.from_iterable(("-key", *pair) for pair in said.items()),
        ], log

    def play(self, name: str, user: str, transport: str, port: int, **keys: str) -> None:
        """Play one scenario to its end."""
        command, log = self.command(name, user, transport, port, **keys)
        done = subprocess.run(
            command, cwd=self.scratch, capture_output=True, timeout=CALL_TIMEOUT + 10, check=False
        )
        assert done.returncode == 0, self.told(name, log)

    @contextmanager
    def answering(self, name: str, user: str, transport: str, **keys: str) -> Iterator[None]:
        """A registered phone that plays `name` meanwhile, to its end."""
        port = free_port()
        keys_of_contact = {"contact_port": str(port), "contact_transport": transport.lower()}
        self.play("register", user, "UDP", free_port(), **keys_of_contact)
        command, log = self.command(name, user, transport, port, **keys)
        phone = subprocess.Popen(
            command, cwd=self.scratch, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait_for_socket(transport, port)
            yield
            assert phone.wait(CALL_TIMEOUT) == 0, self.told(name, log)
        finally:
            phone.kill()
            phone.wait()

    def call(
        self, name: str, callee: str, transport: str, user: str | None = None, **keys: str
    ) -> None:
        """Call `callee` as a registered user."""
        user, port = user or next(_users), free_port()
        keys_of_contact = {"contact_port": str(port), "contact_transport": transport.lower()}
        self.play("register", user, "UDP", free_port(), **keys_of_contact)
        self.play(name, user, transport, port, callee=callee, **keys)

    def told(self, name: str, log: Path) -> str:
        files = [log, log.with_suffix(".err")]
        text = "\n".join(one.read_text(errors="replace") for one in files if one.exists())
        return f"{name}:\n{text}"


def wait_for_socket(transport: str, port: int) -> None:
    """Wait until somebody takes messages at `port`."""
    table, state = LISTENING[transport]
    wanted = f":{port:04X} 00000000:0000 {state}"
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if wanted in Path(f"/proc/net/{table}").read_text():
            return
        time.sleep(0.02)
    pytest.fail(f"nobody listens at {transport} {port}")


@pytest.fixture
def calls(sipp: str, server: Running, tmp_path: Path) -> Calls:
    return Calls(sipp, server, tmp_path)


@WAYS
def test_call_with_re_invite_ended_by_the_caller(
    calls: Calls, caller_by: str, callee_by: str
) -> None:
    """§16.6 step 4, §12.2, §14.1: INVITE, re-INVITE and BYE by the route set."""
    callee = next(_users)
    with calls.answering("callee", callee, callee_by):
        calls.call("caller", callee, caller_by)


@WAYS
def test_call_ended_by_the_callee(calls: Calls, caller_by: str, callee_by: str) -> None:
    """§12.2, §15.1: the BYE finds the caller's connection by our Record-Route (RFC 5626 §5.3)."""
    callee = next(_users)
    with calls.answering("callee_hangs_up", callee, callee_by):
        calls.call("caller_hears_bye", callee, caller_by)


@WAYS
def test_call_forked_to_three_is_answered_by_one(
    calls: Calls, caller_by: str, callee_by: str
) -> None:
    """§16.7 step 10, RFC 3326 §3.1: the others get a CANCEL, answer 487, and are acknowledged."""
    callee = next(_users)
    with (
        calls.answering("callee_rings", callee, callee_by, REASON=ELSEWHERE),
        calls.answering("callee_rings", callee, "UDP", REASON=ELSEWHERE),
        calls.answering("callee_answers_late", callee, callee_by),
    ):
        calls.call("caller_of_many", callee, caller_by)


@WAYS
def test_call_given_up_by_the_caller(calls: Calls, caller_by: str, callee_by: str) -> None:
    """§16.10, RFC 3326 §2: the CANCEL goes on with its reason, and the 487 comes back."""
    callee = next(_users)
    with calls.answering("callee_rings", callee, callee_by, REASON="Q.850;cause=16"):
        calls.call("caller_cancels", callee, caller_by)


@WAYS
def test_call_to_a_busy_phone(calls: Calls, caller_by: str, callee_by: str) -> None:
    """§16.7 step 6: the best response, hop by hop acknowledged."""
    callee = next(_users)
    with calls.answering("callee_busy", callee, callee_by):
        calls.call("caller_refused", callee, caller_by, STATUS="486")


@pytest.mark.parametrize(
    ("callee", "status"),
    [
        pytest.param("", "480", id="registered-nowhere"),
        pytest.param("nobody-of-this-name", "404", id="unknown"),
    ],
)
def test_call_to_nobody(calls: Calls, callee: str, status: str, transport: str) -> None:
    """RFC 3261 §21.4.18, §21.4.5."""
    calls.call("caller_refused", callee or "u120", transport, STATUS=status)
