"""RFC 4475: each torture message, over both transports: to a server that asks for credentials, to
one that trusts who is asking and serves the domains named, and with the hosts of its URIs rewritten
to the one domain of a server that trusts; then a plain OPTIONS."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from tests.processes import DOMAIN, TRUSTING, Deployment, Running, merged, sqlite_url
from tests.rawsip import SipClient, new_branch
from tests.robustness.health import Health
from tests.robustness.torture_table import BREAKS_FRAMING, SILENCE, TORTURE, TORTURE_FILES

ANSWER_TIMEOUT: Final = 5.0
SILENCE_SECONDS: Final = 0.15
"""How long silence has to last, after the OPTIONS sent next has been answered."""
NAMED_DOMAINS: Final = (
    *("example.com", "example.org", "example.net", "company.com"),
    *("chair-dnrc.example.com", "registrar.example.com"),
)
"""Every domain in a Request-URI; served here, so that nothing is relayed to them."""
SETTINGS: Final = {
    "asking": {},
    "trusting": merged(TRUSTING, {"": {"domains": list(NAMED_DOMAINS)}}),
    "rewritten": TRUSTING,
}
TRUSTED: Final = frozenset({"trusting", "rewritten"})
_URI_HOST: Final = re.compile(
    rb"(sips?:(?:[^\s<>\"@]*@)?)(?:[A-Za-z0-9-]+\.)+(?:com|org|net|edu)\b(?!@)", re.IGNORECASE
)
_LENGTH: Final = re.compile(rb"^(?:content-length|l)\s*:", re.IGNORECASE | re.MULTILINE)


@pytest.fixture(scope="module", params=list(SETTINGS))
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
    directory = tmp_path_factory.mktemp(f"{kind}-{transport}")
    deployment = Deployment(directory, sqlite_url(directory), SETTINGS[kind])
    deployment.prepare()
    with deployment.serving() as running:
        yield running


def with_our_via(message: bytes, client: SipClient, branch: str) -> bytes:
    """The request with one more Via on top, so that its answer comes to us."""
    if message.startswith(b"SIP/2.0 "):
        return message
    start, _, rest = message.partition(b"\r\n")
    return start + f"\r\nVia: {client.via(branch)}\r\n".encode() + rest


def with_our_hosts(message: bytes) -> bytes:
    """The message with our domain in the URIs of its head; the body is left alone."""
    head, end, body = message.partition(b"\r\n\r\n")
    return _URI_HOST.sub(rb"\1" + DOMAIN.encode(), head) + end + body


def allowed(name: str, kind: str, transport: str, message: bytes) -> frozenset[int]:
    """The final answers that are right, SILENCE for none."""
    statuses = TORTURE[name].allowed
    if name == "regaut01" and kind in TRUSTED:
        statuses |= {200}  # the word of a trusted peer counts, whatever else is in the request
    if name == "mpart01" and kind in TRUSTED:
        statuses |= {SILENCE}  # has a Route to a port where nobody listens: 408, by and by
    if transport == "TCP" and (name in BREAKS_FRAMING or not _LENGTH.search(message)):
        statuses |= {400, SILENCE}
    return statuses


def registers_last() -> list[str]:
    """A binding would have later requests relayed to the hosts in the messages."""
    starts = {name: (TORTURE_FILES / f"{name}.dat").read_bytes()[:8] for name in TORTURE}
    return sorted(TORTURE, key=lambda name: (starts[name] == b"REGISTER", name))


@pytest.mark.parametrize("name", registers_last())
async def test_a_torture_message_is_answered_as_the_table_says(
    server: Running, kind: str, transport: str, name: str, torture: Mapping[str, bytes]
) -> None:
    """RFC 4475 §3: the answer, and that the server answers everybody else as before."""
    right = allowed(name, kind, transport, torture[name])
    async with await SipClient.open(server.sip, transport) as client:
        branch = new_branch()

        def finals() -> list[int]:
            mine = [heard.status for heard in client.responses if heard.branch == branch]
            return [status for status in mine if status >= 200]

        message = torture[name]
        sent = with_our_hosts(message) if kind == "rewritten" else message
        client.send(with_our_via(sent, client, branch))
        assert await Health(server).answers(transport)
        patience = SILENCE_SECONDS if SILENCE in right else ANSWER_TIMEOUT
        await client.until(lambda: bool(finals()) or client.ended, patience)
        assert set(finals() or [SILENCE]) <= right
    assert Health(server).trouble() == []


def test_hosts_are_rewritten_in_uris_alone() -> None:
    """Via, Call-ID and body keep theirs."""
    message = (
        b"OPTIONS sip:a%40b.example.net@c.example.org;x SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP h.example.net\r\nRoute: <sip:p.example.net;lr>\r\n\r\nsip:b@example.net"
    )
    assert with_our_hosts(message) == (
        b"OPTIONS sip:a%40b.example.net@example.com;x SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP h.example.net\r\nRoute: <sip:example.com;lr>\r\n\r\nsip:b@example.net"
    )


def test_every_message_has_its_row(torture: Mapping[str, bytes]) -> None:
    """The table and the files are the same list."""
    assert set(torture) == set(TORTURE)
