"""RFC 3325 §9.1: peers whose word is taken, and whom they name."""

from ipaddress import ip_network

import pytest

from sip.errors import ParseError
from sip.message import Request, parse_message
from sip.trust import REMEMBERED_ADDRESSES, TrustedPeers, asserted_identity

PEERS = TrustedPeers([ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")])


@pytest.mark.parametrize(
    ("ip", "trusted"),
    [
        ("192.0.2.77", True),
        ("192.0.3.1", False),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("::ffff:192.0.2.77", True),
        ("example.com", False),
        ("", False),
    ],
)
def test_trusted_networks(ip: str, trusted: bool) -> None:
    assert PEERS.trusts(ip) is trusted
    assert PEERS.trusts(ip) is trusted


def test_answers_are_remembered_boundedly() -> None:
    peers = TrustedPeers([ip_network("10.0.0.0/8")])
    for number in range(REMEMBERED_ADDRESSES + 10):
        assert peers.trusts(f"10.0.{number >> 8}.{number & 255}")
    assert len(peers._answers) <= REMEMBERED_ADDRESSES


def test_nobody_is_trusted_by_default() -> None:
    assert not TrustedPeers([]).trusts("127.0.0.1")


def request(*lines: str) -> Request:
    message = parse_message("\r\n".join(("OPTIONS sip:b SIP/2.0", *lines, "", "")).encode())
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    ("lines", "aor"),
    [
        (["From: <sip:A@Example.com:5060>;tag=1"], "sip:A@example.com"),
        (["From: <sip:a@b>", "P-Asserted-Identity: <sip:c@d>"], "sip:c@d"),
        (["From: <sip:a@b>", 'P-Asserted-Identity: <tel:+1>, "C" <sip:c@d>'], "sip:c@d"),
        (["From: <sip:a@b>", "P-Asserted-Identity: <tel:+1>"], "sip:a@b"),
        (["From: Anonymous <sip:anonymous@anonymous.invalid>;tag=1"], None),
    ],
)
def test_asserted_identity(lines: list[str], aor: str | None) -> None:
    assert asserted_identity(request(*lines)) == aor


def test_no_sender_at_all() -> None:
    with pytest.raises(ParseError):
        asserted_identity(request("To: <sip:a@b>"))
