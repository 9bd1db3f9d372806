"""[sip] of the registrar: what is refused before anything listens."""

import pytest

from server.addresses import check_internal, check_route
from server.config import Settings
from server.parts import our_addresses, registrar_extensions


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("sip:edge.example.com;lr", "<sip:edge.example.com;lr>"),
        ("<sip:edge.example.com;transport=tcp;lr>", "<sip:edge.example.com;transport=tcp;lr>"),
    ],
)
def test_service_route_is_a_route(text: str, route: str) -> None:
    """RFC 3608 §5."""
    assert check_route(text) == route


@pytest.mark.parametrize("text", ["<sip:edge.example.com>", "tel:+1555;lr", "edge", ""])
def test_service_route_is_loose(text: str) -> None:
    """RFC 3608 §6.2."""
    with pytest.raises(ValueError, match=r"is not a SIP URI|has no ;lr"):
        check_route(text)


@pytest.mark.parametrize("text", ["10.0.0.1", "udp:10.0.0.1:5060", "10.0.0.1:99999"])
def test_internal_address_is_host_and_port(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not host:port|over"):
        check_internal(text)


def test_settings_reach_the_registrar() -> None:
    sip = {"internal": "10.0.0.1:5070", "service_route": "sip:a;lr,sip:b;lr", "gruu": False,
           "outbound": False, "flow_timer": 30, "nat_keepalive": 20}  # fmt: skip
    settings = Settings.model_validate({"sip": sip})
    extensions = registrar_extensions(settings)
    assert extensions.service_route == ("<sip:a;lr>", "<sip:b;lr>")
    assert (extensions.gruu, extensions.outbound) == (False, False)
    assert (extensions.flow_timer, extensions.nat_keepalive) == (30, 20)
    assert "10.0.0.1:5070" in our_addresses(settings)
