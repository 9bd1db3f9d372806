"""RFC 3261 §20.42: which Via values are known good without being taken apart."""

import pytest

from sip.via import Via, is_plain_via


@pytest.mark.parametrize(
    "text",
    [
        "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1",
        "SIP/2.0/TCP host.example.com;rport;branch=z9hG4bK1.a-b",
        "SIP/2.0/UDP 192.0.2.1:5060;rport=4711;received=198.51.100.7;branch=z9hG4bK1",
        "SIP/2.0/UDP 192.0.2.1:59999;branch=z9hG4bK1;rport=4711;received=198.51.100.7",
    ],
)
def test_a_usual_via_is_known_without_being_taken_apart(text: str) -> None:
    assert is_plain_via(text)
    assert str(Via.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("SIP/2.0/UDP h;branch=z9hG4bK1;branch=z9hG4bK2", id="branch-twice"),
        pytest.param("SIP/2.0/UDP h;rport;branch=z9hG4bK1;rport", id="rport-twice"),
        pytest.param("SIP/2.0/UDP h;branch=z9hG4bK1, SIP/2.0/UDP i;branch=z9hG4bK2", id="two"),
        pytest.param("SIP/2.0/UDP [::1]:5060;branch=z9hG4bK1", id="ipv6-is-looked-at"),
        pytest.param("SIP/2.0/UDP h:99999;branch=z9hG4bK1", id="no-such-port"),
        pytest.param("SIP/2.0/UDP h:0;branch=z9hG4bK1", id="port-zero"),
        pytest.param("SIP/2.0/UDP h-;branch=z9hG4bK1", id="no-such-host"),
        pytest.param("SIP/2.0/UDP h;branch=", id="no-branch"),
        pytest.param("", id="nothing"),
    ],
)
def test_any_other_via_is_left_to_the_parser(text: str) -> None:
    assert not is_plain_via(text)
