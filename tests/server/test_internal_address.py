"""`sip.internal`: where other processes reach this one."""

import pytest

from server.internal_address import internal_address

LOCAL = ("192.0.2.1", 5060)


@pytest.mark.parametrize(
    ("internal", "listening", "address"),
    [
        pytest.param("", ["tcp:127.0.0.1:5062", "udp:127.0.0.1:5061"], "127.0.0.1:5061",
                     id="first-udp"),
        pytest.param("", ["tls:192.0.2.1:5061", "tcp:192.0.2.1:5060"],
                     "192.0.2.1:5060;transport=tcp", id="else-first-tcp"),
        pytest.param("", ["udp:0.0.0.0:5080"], "192.0.2.1:5080", id="as-the-client-reached-us"),
        pytest.param("", ["udp:[::]:5080"], "192.0.2.1:5080", id="any-ipv6"),
        pytest.param("", ["udp:[2001:db8::1]:5080"], "[2001:db8::1]:5080", id="ipv6"),
        pytest.param("", ["wss:192.0.2.1:443"], "192.0.2.1:5060", id="neither"),
        pytest.param("10.0.0.1:5070", ["udp:0.0.0.0:5060"], "10.0.0.1:5070", id="setting"),
        pytest.param("10.0.0.1:5070", ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5070"],
                     "10.0.0.1:5070;transport=tcp", id="setting-of-a-tcp-listener"),
    ],
)  # fmt: skip
def test_internal_address(internal: str, listening: list[str], address: str) -> None:
    assert internal_address(internal, listening, LOCAL) == address
