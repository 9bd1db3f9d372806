"""Scenarios of our own for SIPp, an independent SIP client, over both transports and stores."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.processes import DOMAIN, LOOPBACK, Running, free_port

pytestmark = pytest.mark.sipp

SCENARIOS: Final = Path(__file__).parent / "sipp"
TRANSPORT_FLAG: Final = {"UDP": "u1", "TCP": "t1"}
CALL_TIMEOUT: Final = 20
MESSAGE_TIMEOUT_MS: Final = 5000


@pytest.fixture(scope="module")
def sipp() -> str:
    """The program; without it the tests are skipped, or fail where everything is required."""
    found = shutil.which("sipp")
    if found is None:
        reason = "sipp is not installed (package sip-tester)"
        if os.environ.get("PRESENTITY_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def run_scenario(sipp: str, server: Running, name: str, transport: str, scratch: Path) -> None:
    """One call of a scenario; the messages and SIPp's reason are the failure's text."""
    errors, messages = scratch / "errors.log", scratch / "messages.log"
    host, port = server.sip
    done = subprocess.run(
        [
            *(sipp, f"{host}:{port}", "-sf", str(SCENARIOS / f"{name}.xml"), "-m", "1"),
            *("-t", TRANSPORT_FLAG[transport], "-i", LOOPBACK, "-p", str(free_port())),
            *("-mi", LOOPBACK, "-key", "domain", DOMAIN, "-nostdin", "-timeout_error"),
            *("-timeout", str(CALL_TIMEOUT), "-recv_timeout", str(MESSAGE_TIMEOUT_MS)),
            *("-trace_err", "-error_file", str(errors)),
            *("-trace_msg", "-message_file", str(messages)),
            # Or SIPp takes the second of two equal answers for a retransmission and never sees it.
            *(["-nr"] if name.startswith("retransmit") else []),
        ],
        cwd=scratch,
        capture_output=True,
        text=True,
        timeout=CALL_TIMEOUT + 10,
        check=False,
    )
    told = "\n".join(
        file.read_text(errors="replace") for file in (errors, messages) if file.exists()
    )
    assert done.returncode == 0, f"sipp ended with {done.returncode}\n{told}"


@pytest.mark.parametrize("name", ["register", "publish", "subscribe", "fetch"])
def test_a_sipp_client_is_served(
    sipp: str, server: Running, name: str, transport: str, tmp_path: Path
) -> None:
    """Each scenario's first line says what it does, with its section."""
    run_scenario(sipp, server, name, transport, tmp_path)


@pytest.mark.parametrize("name", ["retransmit_publish", "retransmit_register"])
def test_a_retransmission_gets_the_same_answer_and_takes_effect_once(
    sipp: str, server: Running, name: str, tmp_path: Path
) -> None:
    """RFC 3261 §17.2.2; over UDP, since a reliable transport has none."""
    run_scenario(sipp, server, name, "UDP", tmp_path)
