"""Listening addresses as settings write them."""

import pytest

from server.addresses import (
    HostPort,
    check_advertise,
    check_dns_server,
    check_domain,
    check_sip_listen,
)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:5060", "127.0.0.1", 5060),
        ("[::1]:0", "::1", 0),
        ("[2001:DB8:0::1]:8080", "2001:db8::1", 8080),
        ("localhost:65535", "localhost", 65535),
    ],
)
def test_host_and_port(text: str, host: str, port: int) -> None:
    address = HostPort.parse(text)
    assert (address.host, address.port) == (host, port)
    assert HostPort.parse(str(address)) == address


@pytest.mark.parametrize("text", ["", ":5060", "host", "host:", "::1:5060", "h:1:2", "h:-1", "h:x"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not host:port"):
        HostPort.parse(text)


def test_a_listener_on_all_addresses_is_found_on_loopback() -> None:
    assert str(HostPort.parse("0.0.0.0:5060").reachable()) == "127.0.0.1:5060"
    assert str(HostPort.parse("[::]:5060").reachable()) == "[::1]:5060"
    assert str(HostPort.parse("192.0.2.1:5060").reachable()) == "192.0.2.1:5060"


def test_the_transport_may_be_in_capitals() -> None:
    assert check_sip_listen("UDP:127.0.0.1:5060") == "udp:127.0.0.1:5060"


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls", "ws", "wss"])
def test_transports_to_listen_by(transport: str) -> None:
    assert check_sip_listen(f"{transport}:[::1]:5060") == f"{transport}:[::1]:5060"


@pytest.mark.parametrize("text", ["", "sip.example.com", "sip.example.com:5070", "[2001:db8::1]"])
def test_what_may_be_advertised(text: str) -> None:
    assert check_advertise(text) == text


@pytest.mark.parametrize("text", ["2001:db8::10", "[2001:0DB8:0::10]", "[2001:db8::10]"])
def test_an_ipv6_domain_is_written_as_in_a_uri(text: str) -> None:
    """RFC 3261 §25.1, RFC 5954 §4.2."""
    assert check_domain(text) == "[2001:db8::10]"


@pytest.mark.parametrize("text", ["", "-a.example", "a..b", "a_b.example", "x" * 254, "a:1"])
def test_what_is_no_domain(text: str) -> None:
    with pytest.raises(ValueError, match="is not a domain name"):
        check_domain(text)


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.53", "192.0.2.53"),
        (" 192.0.2.53:5353 ", "192.0.2.53:5353"),
        ("2001:db8::53", "2001:db8::53"),
        ("[2001:db8::53]", "2001:db8::53"),
        ("[2001:DB8::53]:5353", "[2001:db8::53]:5353"),
    ],
)
def test_a_dns_server_is_an_address_perhaps_with_a_port(text: str, server: str) -> None:
    assert check_dns_server(text) == server


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ns.example.com", "is not host:port"),
        ("ns.example.com:53", "named by its IP address"),
        ("192.0.2.53:70000", "is over"),
        ("", "is not host:port"),
    ],
)
def test_what_is_no_dns_server(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_dns_server(text)
