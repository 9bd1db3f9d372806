"""RFC 5118: each IPv6 torture message to the real server on [::1], over UDP and TCP."""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.processes import Running
from tests.rawsip import SipClient, new_branch
from tests.robustness.health import Health
from tests.robustness.ipv6 import LOOPBACK6, serving_ipv6
from tests.robustness.torture_ipv6_table import DOMAINS, IPV6_FILES, IPV6_TORTURE

REGISTERS_LAST: Final = sorted(
    IPV6_TORTURE,
    key=lambda name: (IPV6_FILES / f"{name}.dat").read_bytes().startswith(b"REGISTER"),
)
"""A binding would have later requests relayed to the addresses in the messages."""


@pytest.fixture(scope="module", params=["asking", "trusting"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["UDP", "TCP"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(
    kind: str, transport: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """One for each transport, or the second would have heard each Call-ID before."""
    directory = tmp_path_factory.mktemp(f"ipv6-{kind}-{transport}")
    trusting = kind == "trusting"
    with serving_ipv6(directory, trusting=trusting, domains=DOMAINS if trusting else ()) as running:
        yield running


def torture(name: str) -> bytes:
    return (IPV6_FILES / f"{name}.dat").read_bytes()


def answerable(message: bytes) -> bytes:
    """The message with rport in its top Via, so that over UDP too its answer comes to us.

    Several of the messages share a branch: each gets one of its own.
    """
    at = message.index(b";branch=", message.index(b"\r\nVia:"))
    end = at + len(b";branch=z9hG4bK")
    unique = new_branch().removeprefix("z9hG4bK").encode()
    return message[:at] + b";rport" + message[at:end] + unique + message[end:]


async def final_answer(client: SipClient, message: bytes) -> int:
    """The status of the final answer; 0 when none comes."""
    client.send(message)
    await client.until(lambda: any(each.status >= 200 for each in client.responses))
    return next((each.status for each in client.responses if each.status >= 200), 0)


@pytest.mark.parametrize("name", REGISTERS_LAST)
async def test_an_ipv6_torture_message_is_answered_as_the_table_says(
    server: Running, kind: str, transport: str, name: str
) -> None:
    """RFC 5118 §4: as it is but for rport and branch; then everybody is served as before."""
    right = IPV6_TORTURE[name].asked if kind == "asking" else IPV6_TORTURE[name].trusted
    message = torture(name)
    if kind == "trusting":  # or the port that is named would be another server's
        message = message.replace(b"]:5070 ", b"]:%d " % server.sip[1])
    async with await SipClient.open(server.sip, transport) as client:
        assert await final_answer(client, answerable(message)) in right
    assert await Health(server).answers(transport)
    assert Health(server).trouble() == []


@pytest.mark.parametrize("name", ["via-received-param-with-delim", "via-received-param-no-delim"])
async def test_received_is_written_without_brackets(
    server: Running, transport: str, name: str
) -> None:
    """RFC 5118 §4.5: with or without them it is read; what its sender claimed is not kept."""
    async with await SipClient.open(server.sip, transport) as client:
        assert await final_answer(client, answerable(torture(name)))
        via = client.responses[-1]["Via"]
    assert via.startswith("SIP/2.0/UDP [2001:db8::9:1];")
    assert f";received={LOOPBACK6}" in via
    assert f";rport={client.local[1]}" in via
    assert "2001:db8::9:255" not in via


@pytest.mark.parametrize(
    "start",
    ["SIP/2.0/UDP ::1:5060", "SIP/2.0/UDP [::1", "SIP/2.0/UDP [::1]5060", "SIP/2.0/UDP [::g]:5060"],
)
async def test_a_via_that_is_none_is_400_or_nothing(
    server: Running, transport: str, start: str
) -> None:
    """RFC 3261 §18.1.1 with §25.1: a sent-by in IPv6 has its brackets."""
    message = torture("via-received-param-no-delim").replace(
        b"SIP/2.0/UDP [2001:db8::9:1]", start.encode()
    )
    async with await SipClient.open(server.sip, transport) as client:
        client.send(answerable(message))
        assert await Health(server).answers(transport)
        assert {each.status for each in client.responses} <= {400}
    assert Health(server).trouble() == []


def test_every_ipv6_message_has_its_row() -> None:
    """The table and the files are the same list."""
    assert {path.stem for path in IPV6_FILES.glob("*.dat")} == set(IPV6_TORTURE)
