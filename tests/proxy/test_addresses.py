"""RFC 3261 §16.3 to §16.5: which URIs are ours, and whose."""

import pytest

from proxy.addresses import OurAddresses, Place
from sip.uri import AoR, SipUri

OURS = OurAddresses(["example.com", "Example.NET"], ["sip.example.com:5080", "[2001:db8::1]:5060"])
LOCAL = ("192.0.2.1", 5060)


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("sip:example.com", Place.SERVER),
        ("sip:EXAMPLE.com;transport=udp", Place.SERVER),
        ("sip:192.0.2.1", Place.SERVER),
        ("sip:192.0.2.1:5060;transport=tcp", Place.SERVER),
        ("sip:sip.example.com:5080", Place.SERVER),
        ("sip:[2001:db8::1]", Place.SERVER),
        ("sip:[2001:0DB8:0::0001]:5060", Place.SERVER),
        ("sip:[2001:db8::1:5060]", Place.ELSEWHERE),
        ("sip:alice@example.net", Place.USER),
        ("sips:alice@example.com:5061", Place.USER),
        ("sip:alice@192.0.2.1", Place.USER),
        ("pres:alice@example.com", Place.USER),
        ("sip:alice@example.org", Place.ELSEWHERE),
        ("sip:alice@example.com:9999", Place.ELSEWHERE),
        ("sip:192.0.2.1:5090", Place.ELSEWHERE),
        ("sip:alice@sub.example.com", Place.ELSEWHERE),
        ("pres:alice@example.org", Place.UNREACHABLE),
        ("tel:+15551234", Place.UNREACHABLE),
        ("sip:", Place.UNREACHABLE),
    ],
)
def test_place_of_a_request_uri(uri: str, place: Place) -> None:
    """A domain at a port where nobody of ours listens is a client's or another server's."""
    assert OURS.place(uri, LOCAL) is place


@pytest.mark.parametrize(
    ("uri", "ours"),
    [
        ("sip:mark@192.0.2.1:5060;lr", True),
        ("sip:example.com;lr", True),
        ("sip:mark@[2001:DB8:0:0::1];lr", True),
        ("sip:192.0.2.1:5090;lr", False),
        ("sip:proxy.example.org;lr", False),
    ],
)
def test_own_route(uri: str, ours: bool) -> None:
    """§16.4."""
    assert OURS.is_us(SipUri.parse(uri), LOCAL) is ours


@pytest.mark.parametrize(
    ("contact", "back"),
    [
        ("sip:carol@example.com", True),
        ("sip:carol@EXAMPLE.com:5080;x=1", True),
        ("sip:carol@example.org;maddr=example.com", True),
        ("sip:carol@example.com:5080;maddr=sip.example.com;x=2", True),
        ("sip:carol@[2001:db8:0::1]", True),
        ("sip:sip.example.com:5080", True),
        ("sip:carol@example.com:9999", False),
        ("sip:carol@example.com;maddr=192.0.2.77", False),
        ("sip:carol@192.0.2.77", False),
        ("tel:+15551234", False),
        ("sip:", False),
    ],
)
def test_contact_that_leads_back(contact: str, back: bool) -> None:
    """RFC 5393 §3, RFC 3261 §19.1.1: maddr is where a request is sent, whatever the host."""
    assert OURS.leads_back(contact) is back


def test_an_address_may_be_a_domain() -> None:
    """RFC 5118 §4.1: as in the Request-URI of its first message."""
    ours = OurAddresses(["[2001:db8::10]"])
    assert ours.place("sip:[2001:DB8::0:10]", LOCAL) is Place.SERVER
    assert ours.place("sip:user@[2001:db8::10]", LOCAL) is Place.USER
    assert ours.serves(AoR("sip:user@[2001:db8::10]"))


@pytest.mark.parametrize(
    ("aor", "served"),
    [("sip:a@example.com", True), ("sip:example.com", True), ("sip:a@example.org", False)],
)
def test_served(aor: str, served: bool) -> None:
    assert OURS.serves(AoR(aor)) is served


def test_nobody_is_not_served() -> None:
    assert not OURS.serves(None)


@pytest.mark.parametrize(
    ("uri", "realm"),
    [
        ("sip:a@example.net", "example.net"),
        ("sip:a@example.org", "example.com"),
        ("tel:+1555", "example.com"),
    ],
)
def test_realm_is_the_users_domain_or_our_first(uri: str, realm: str) -> None:
    """RFC 3261 §22.1."""
    assert OURS.realm(uri) == realm


def test_a_wildcard_listener_is_at_every_address_of_this_machine() -> None:
    """RFC 3261 §16.4, RFC 5658 §3: the second of two Record-Routes names another port of ours."""
    ours = OurAddresses(["example.com"], ["0.0.0.0:5060", "[::]:5061", "192.0.2.1:5070"])
    come_by = ("192.0.2.1", 5060)
    assert not ours.is_us(SipUri.parse("sip:192.0.2.1:5061;lr"), ("192.0.2.77", 5060))
    ours.met(come_by)
    ours.met(("2001:db8::1", 5061))
    for text in ("192.0.2.1:5061", "[2001:DB8:0::1]:5060", "192.0.2.1:5070"):
        assert ours.is_us(SipUri.parse(f"sip:{text};lr"), come_by), text
    for text in ("192.0.2.2:5061", "192.0.2.1:5062", "[2001:db8::1]:5070"):
        assert not ours.is_us(SipUri.parse(f"sip:{text};lr"), come_by), text


def test_a_port_that_the_system_chose_is_ours_once_it_is_known() -> None:
    """RFC 3261 §16.4: listeners at port 0 are told when they listen."""
    ours = OurAddresses(["example.com"], ["127.0.0.1:0"])
    elsewhere = ("127.0.0.1", 5099)
    uri = SipUri.parse("sip:127.0.0.1:40123;lr")
    assert not ours.is_us(uri, elsewhere)
    ours.listens_at(["127.0.0.1:40123"])
    assert ours.is_us(uri, elsewhere)
