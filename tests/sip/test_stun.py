"""STUN Binding answers on SIP sockets (RFC 5626 §8, RFC 5389); vectors of RFC 5769 §2."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.stun import MAX_REQUEST, binding_answer

TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
COOKIE = 0x2112A442
REMOTE = ("192.0.2.1", 32853)
XOR_MAPPED = "00200008 0001a147 e112a643"
SOFTWARE = struct.pack("!HH", 0x8022, 4) + b"test"
PRIORITY = struct.pack("!HHI", 0x0024, 4, 1)
CHANGE_REQUEST = struct.pack("!HHI", 0x0003, 4, 0)
RFC_5769_REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae"
    "802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36"
    "000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    "80280004e57a3bcf"
)


def message(attributes: bytes = b"", *, kind: int = 1, cookie: int = COOKIE) -> bytes:
    return struct.pack("!HHI12s", kind, len(attributes), cookie, TRANSACTION) + attributes


def with_fingerprint(attributes: bytes = b"") -> bytes:
    head = message(attributes + bytes(8))[:-8]
    return head + struct.pack("!HHI", 0x8028, 4, zlib.crc32(head) ^ 0x5354554E)


def octets(text: str) -> bytes:
    return bytes.fromhex(text.replace(" ", ""))


@pytest.mark.parametrize(
    ("remote", "attribute"),
    [
        pytest.param(REMOTE, XOR_MAPPED, id="ipv4"),
        pytest.param(
            ("2001:db8:1234:5678:11:2233:4455:6677", 32853),
            "00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9",
            id="ipv6",
        ),
        pytest.param(
            ("fe80::1%eth0", 1),
            "00200014 00022113 df92a442 b7e7a701 bc34d686 fa87dfaf",
            id="scoped",
        ),
    ],
)
def test_the_answer_holds_the_source_address(remote: tuple[str, int], attribute: str) -> None:
    """RFC 5626 §8, RFC 5389 §15.2: XOR-MAPPED-ADDRESS."""
    assert binding_answer(message(), remote) == message(octets(attribute), kind=0x0101)


def test_optional_attributes_are_passed_over() -> None:
    """RFC 5389 §7.3: what need not be understood is ignored, and so is its padding."""
    odd = struct.pack("!HH", 0x8022, 5) + b"odd!!" + bytes(3)
    answer = binding_answer(message(SOFTWARE + odd), REMOTE)
    assert answer == message(octets(XOR_MAPPED), kind=0x0101)


def test_credentials_mean_nothing_here() -> None:
    """RFC 5626 §8: the requests need no attributes; USERNAME and the like are known."""
    username = struct.pack("!HH", 0x0006, 4) + b"evtj"
    answer = binding_answer(message(username), REMOTE)
    assert answer is not None
    assert answer[:2] == b"\x01\x01"


@pytest.mark.parametrize(
    ("attributes", "listed"),
    [
        (CHANGE_REQUEST, "000a0002 00030000"),
        (PRIORITY + SOFTWARE + CHANGE_REQUEST, "000a0004 00240003"),
    ],
)
def test_unknown_required_attributes_are_refused(attributes: bytes, listed: str) -> None:
    """RFC 5389 §7.3.1: 420 with the list of them."""
    refusal = octets("00090015 00000414") + b"Unknown Attribute" + bytes(3) + octets(listed)
    assert binding_answer(message(attributes), REMOTE) == message(refusal, kind=0x0111)


def test_a_fingerprint_is_answered_with_one() -> None:
    """RFC 5389 §15.5: the checksum covers a length that counts it."""
    answer = binding_answer(with_fingerprint(), REMOTE)
    assert answer is not None
    head = message(octets(XOR_MAPPED) + bytes(8), kind=0x0101)[:-8]
    assert answer == head + struct.pack("!HHI", 0x8028, 4, zlib.crc32(head) ^ 0x5354554E)


def test_the_fingerprint_of_another_implementation_is_right() -> None:
    """RFC 5769 §2.1: a request of ICE, refused only for the attribute that is ICE's."""
    answer = binding_answer(RFC_5769_REQUEST, REMOTE)
    assert answer is not None
    assert answer[:2] == b"\x01\x11"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(message()[:19], id="header-cut-off"),
        pytest.param(message(kind=0x0011), id="indication"),
        pytest.param(message(kind=0x0101), id="success-response"),
        pytest.param(message(kind=0x0111), id="error-response"),
        pytest.param(message(kind=0x0003), id="allocate"),
        pytest.param(message(cookie=1), id="rfc-3489"),
        pytest.param(message() + bytes(4), id="longer-than-it-says"),
        pytest.param(message(SOFTWARE)[:-4], id="shorter-than-it-says"),
        pytest.param(message(SOFTWARE + bytes(2)), id="half-an-attribute-header"),
        pytest.param(message(struct.pack("!HH", 0x8022, 5) + b"test"), id="value-over-the-end"),
        pytest.param(message(struct.pack("!HH", 0x8022, 0xFFFF)), id="length-that-lies"),
        pytest.param(message(struct.pack("!HH", 0x8022, 1) + b"t"), id="padding-missing"),
        pytest.param(with_fingerprint()[:-1] + b"?", id="fingerprint-wrong"),
        pytest.param(message(octets("80280004 00000000") + SOFTWARE), id="fingerprint-not-last"),
        pytest.param(message(octets("80280000")), id="fingerprint-without-value"),
        pytest.param(message(SOFTWARE * (MAX_REQUEST // 8)), id="too-long"),
    ],
)
def test_nothing_else_is_answered(data: bytes) -> None:
    """RFC 5389 §7.3: discarded in silence."""
    assert binding_answer(data, REMOTE) is None


@given(st.binary(max_size=80), st.booleans())
def test_any_octets_do_no_harm(data: bytes, framed: bool) -> None:
    """RFC 5389 §7.3; an answer is never much larger than the request."""
    request = message(data) if framed else data
    answer = binding_answer(request, REMOTE)
    assert answer is None or len(answer) <= len(request) + 44
