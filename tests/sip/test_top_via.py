"""RFC 3261 §18.2.1, §17.2.3 and RFC 3581 §4: what becomes of the top Via of a request."""

import pytest

from sip.errors import ParseError
from sip.message import Request, parse_message
from sip.transport.top_via import Source, arrive
from tests.sip.wires import request

SOURCE = Source.of("192.0.2.1", 40_000)
UDP = "SIP/2.0/UDP"


def top(data: bytes) -> str:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message.values("via")[0]


@pytest.mark.parametrize(
    ("sent", "stamped", "port"),
    [
        pytest.param(
            f"{UDP} 192.0.2.1:5060;branch=z9hG4bK1",
            f"{UDP} 192.0.2.1:5060;branch=z9hG4bK1",
            5060,
            id="own-address-is-left-alone",
        ),
        pytest.param(
            f"{UDP} pc33.example.com;branch=z9hG4bK1",
            f"{UDP} pc33.example.com;branch=z9hG4bK1;received=192.0.2.1",
            5060,
            id="name-gets-received",
        ),
        pytest.param(
            f"{UDP} 10.0.0.1:4540;branch=z9hG4bK1",
            f"{UDP} 10.0.0.1:4540;branch=z9hG4bK1;received=192.0.2.1",
            4540,
            id="other-address-gets-received",
        ),
        pytest.param(
            f"{UDP} 192.0.2.1:5060;rport;branch=z9hG4bK1",
            f"{UDP} 192.0.2.1:5060;rport=40000;received=192.0.2.1;branch=z9hG4bK1",
            40_000,
            id="rport-first-gets-received-always",
        ),
        pytest.param(
            f"{UDP} 10.0.0.1;branch=z9hG4bK1;rport",
            f"{UDP} 10.0.0.1;branch=z9hG4bK1;rport=40000;received=192.0.2.1",
            40_000,
            id="rport-last",
        ),
        pytest.param(
            f"{UDP} 10.0.0.1;alias;rport;branch=z9hG4bK1",
            f"{UDP} 10.0.0.1;alias;rport=40000;received=192.0.2.1;branch=z9hG4bK1",
            40_000,
            id="with-a-parameter-unknown-here",
        ),
        pytest.param(
            "SIP / 2.0 / UDP 10.0.0.1 ; branch = z9hG4bK1 ;rport",
            f"{UDP} 10.0.0.1;branch=z9hG4bK1;rport=40000;received=192.0.2.1",
            40_000,
            id="white-space",
        ),
        pytest.param(
            f"{UDP} 10.0.0.1;branch=z9hG4bK1;received=203.0.113.66",
            f"{UDP} 10.0.0.1;branch=z9hG4bK1;received=192.0.2.1",
            5060,
            id="forged-received-is-replaced",
        ),
        pytest.param(
            f"{UDP} 192.0.2.1;branch=z9hG4bK1;maddr=203.0.113.66",
            f"{UDP} 192.0.2.1;branch=z9hG4bK1",
            5060,
            id="maddr-is-not-followed",
        ),
        pytest.param(
            f"{UDP} 192.0.2.1;branch=z9hG4bK1;rport=7",
            f"{UDP} 192.0.2.1;branch=z9hG4bK1;rport=40000;received=192.0.2.1",
            40_000,
            id="rport-filled-in-by-the-sender",
        ),
        pytest.param(
            f"{UDP} 10.0.0.1;branch=z9hG4bK1, {UDP} 10.0.0.2;branch=z9hG4bK0",
            f"{UDP} 10.0.0.1;branch=z9hG4bK1;received=192.0.2.1",
            5060,
            id="only-the-topmost-of-a-comma-list",
        ),
    ],
)
def test_received_and_rport(sent: str, stamped: str, port: int) -> None:
    data, _, answer_port = arrive(request(via=sent), SOURCE)
    assert top(data) == stamped
    assert answer_port == port


def test_the_other_vias_stay_as_they_are() -> None:
    below = f"{UDP} 10.0.0.2;rport;branch=z9hG4bK0"
    data, _, _ = arrive(request(via=f"{UDP} 10.0.0.1;branch=z9hG4bK1, {below}"), SOURCE)
    message = parse_message(data)
    assert message.values("via")[1] == below


def test_a_via_that_is_not_the_first_header() -> None:
    data = request(via=f"{UDP} 192.0.2.1;rport;branch=z9hG4bK1")
    head, via, rest = data.split(b"\r\n", 2)
    stamped, key, port = arrive(b"\r\n".join((head, b"Subject: x", via, rest)), SOURCE)
    assert top(stamped).startswith(f"{UDP} 192.0.2.1;rport=40000;received=192.0.2.1")
    assert key == arrive(data, SOURCE)[1]
    assert port == SOURCE.port


def test_a_folded_via() -> None:
    data = request(via=f"{UDP} 10.0.0.1;branch=z9hG4bK1\r\n ;rport")
    assert top(arrive(data, SOURCE)[0]).endswith(";rport=40000;received=192.0.2.1")


def test_ipv6() -> None:
    """The address in received has no brackets, that in sent-by has (RFC 5118 §4.5)."""
    source = Source.of("2001:db8::1", 5060)
    same = arrive(request(via=f"{UDP} [2001:db8::1]:5060;branch=z9hG4bK1"), source)
    assert b"received" not in same[0]
    other = arrive(request(via=f"{UDP} [2001:db8::9];branch=z9hG4bK1"), source)
    assert b";received=2001:db8::1\r\n" in other[0]
    assert other[2] == 5060


def test_without_a_via_it_cannot_be_answered() -> None:
    with pytest.raises(ParseError):
        arrive(b"OPTIONS sip:a SIP/2.0\r\nCall-ID: 1\r\n\r\n", SOURCE)


def test_a_via_in_the_body_does_not_count() -> None:
    data = (
        b"OPTIONS sip:a SIP/2.0\r\nCall-ID: 1\r\n\r\nx\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\ny"
    )
    with pytest.raises(ParseError):
        arrive(data, SOURCE)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(request("MESSAGE"), id="method"),
        pytest.param(request(branch="z9hG4bK2"), id="branch"),
        pytest.param(request(via=f"{UDP} 192.0.2.2;branch=z9hG4bK1"), id="sent-by"),
        pytest.param(request(via=f"{UDP} 192.0.2.1:5061;branch=z9hG4bK1"), id="port"),
    ],
)
def test_requests_differ_by_branch_sent_by_and_method(other: bytes) -> None:
    """RFC 3261 §17.2.3."""
    assert arrive(request(), SOURCE)[1] != arrive(other, SOURCE)[1]


def test_an_ack_has_the_key_of_its_invite() -> None:
    """RFC 3261 §17.2.3."""
    assert arrive(request("INVITE"), SOURCE)[1] == arrive(request("ACK"), SOURCE)[1]


def test_the_short_and_the_long_road_give_one_key() -> None:
    plain = request(via=f"{UDP} 192.0.2.1:5060;rport;branch=z9hG4bK1")
    spaced = request(via=f"{UDP} 192.0.2.1:5060 ;rport ;branch=z9hG4bK1")
    assert arrive(plain, SOURCE)[1] == arrive(spaced, SOURCE)[1]


OLD = f"{UDP} 192.0.2.1:5060;branch=1"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(request(via=OLD), True, id="again"),
        pytest.param(request(via=OLD, cseq=2), False, id="cseq"),
        pytest.param(request(via=OLD, to="<sip:bob@example.com>;tag=1"), False, id="to-tag"),
        pytest.param(request(via=f"{UDP} 192.0.2.1:5060"), False, id="via"),
        pytest.param(request("MESSAGE", via=OLD), False, id="method"),
    ],
)
def test_matching_as_rfc_2543_did(other: bytes, same: bool) -> None:
    """RFC 3261 §17.2.3: without the magic cookie."""
    assert (arrive(request(via=OLD), SOURCE)[1] == arrive(other, SOURCE)[1]) is same
