"""RFC 5118: every IPv6 torture message through parser and checks; torture_ipv6/expectations.tsv.

"fine": parsed and nothing to object; a number: refused with that status. And what comparing and
writing IPv6 references asks for beyond them (RFC 5954).
"""

from contextlib import suppress
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip.address import NameAddr
from sip.check import check_request
from sip.errors import ParseError
from sip.grammar import canonical_host, check_ipv6
from sip.message import Draft, Request, parse_message, salvage
from sip.uri import SipUri, aor_of
from sip.via import Via

HERE = Path(__file__).parent / "torture_ipv6"
TABLE = {
    name: expected
    for line in (HERE / "expectations.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
    for name, expected, _why in [line.split("\t")]
}


def wire(name: str) -> bytes:
    return (HERE / f"{name}.dat").read_bytes()


def request(name: str) -> Request:
    message = parse_message(wire(name))
    assert isinstance(message, Request)
    return message


def test_the_table_names_every_file() -> None:
    assert {path.stem for path in HERE.glob("*.dat")} == TABLE.keys()


@pytest.mark.parametrize("name", TABLE)
def test_ipv6_torture_message(name: str) -> None:
    """RFC 5118 §4."""
    refusal = check_request(request(name))
    assert (str(refusal.status) if refusal else "fine") == TABLE[name]


@pytest.mark.parametrize("name", TABLE)
def test_a_message_passed_on_keeps_its_octets(name: str) -> None:
    """RFC 3261 §16.6: references are written as they were read, Via and SDP included."""
    assert bytes(request(name)) == wire(name)
    draft = Draft(request(name))
    draft.prepend("Via", "SIP/2.0/UDP [2001:db8::2]:5060;branch=z9hG4bKours")
    draft.remove_first_value("Via")
    assert sorted(bytes(draft).split(b"\r\n")) == sorted(wire(name).split(b"\r\n"))


def test_ipv6_good_is_read() -> None:
    """RFC 5118 §4.1: Request-URI, sent-by and Contact."""
    good = request("ipv6-good")
    assert SipUri.parse(good.uri_text).host == "[2001:db8::10]"
    assert (good.via.host, good.via.port) == ("[2001:db8::9:1]", None)
    assert good.contacts[0].sip_uri.host == "[2001:db8::1]"


def test_ipv6_bad_can_still_be_answered() -> None:
    """RFC 5118 §4.2: the 400 finds its way by the Via."""
    saved = salvage(wire("ipv6-bad"))
    assert saved is not None
    assert saved.via.sent_by == "[2001:db8::9:1]"


@pytest.mark.parametrize(
    ("name", "host", "port"),
    [
        ("port-ambiguous", "[2001:db8::10:5070]", None),
        ("port-unambiguous", "[2001:db8::10]", 5070),
    ],
)
def test_where_the_port_is(name: str, host: str, port: int | None) -> None:
    """RFC 5118 §4.3, §4.4: a number inside the brackets belongs to the address."""
    uri = SipUri.parse(request(name).uri_text)
    assert (uri.host, uri.port) == (host, port)


@pytest.mark.parametrize("name", ["via-received-param-with-delim", "via-received-param-no-delim"])
def test_received_is_read_with_brackets_and_without(name: str) -> None:
    """RFC 5118 §4.5."""
    assert request(name).via.received == "2001:db8::9:255"
    assert request(name).via.branch in {"z9hG4bKas3-111", "z9hG4bKas3"}


def test_vias_of_both_families() -> None:
    """RFC 5118 §4.7."""
    vias = request("mult-ip-in-header").vias
    assert [via.sent_by for via in vias] == [
        "[2001:db8::9:1]:6050",
        "192.0.2.1",
        "[2001:db8::9:255]",
    ]
    assert [via.received for via in vias] == [None, None, "192.0.2.200"]


def test_mapped_addresses_are_read() -> None:
    """RFC 5118 §4.9."""
    mapped = request("ipv4-mapped-ipv6")
    assert [via.sent_by for via in mapped.vias] == [
        "[::ffff:192.0.2.10]:19823",
        "[::ffff:192.0.2.2]",
    ]
    assert mapped.contacts[0].sip_uri.host == "[::ffff:192.0.2.2]"


def test_two_and_three_colons_are_one_address() -> None:
    """RFC 5118 §4.10."""
    three, two = request("ipv6-bug-abnf-3-colons"), request("ipv6-correct-abnf-2-colons")
    assert three.to.aor == two.to.aor
    assert SipUri.parse(three.uri_text).equivalent(SipUri.parse(two.uri_text))


@pytest.mark.parametrize("name", ["ipv6-in-sdp", "mult-ip-in-sdp", "ipv4-mapped-ipv6"])
def test_a_body_shorter_than_it_says_is_refused(name: str) -> None:
    """RFC 3261 §18.3: as the archive of RFC 5118 has §4.6, with 268 for a body of 251."""
    head, _, body = wire(name).partition(b"\r\n\r\n")
    longer = head.replace(b"Content-Length: %d" % len(body), b"Content-Length: 268")
    with pytest.raises(ParseError):
        parse_message(longer + b"\r\n\r\n" + body)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:a@[2001:db8::9:1]", "sip:a@[2001:DB8::9:1]"),
        ("sip:a@[2001:db8::9:1]", "sip:a@[2001:db8:0:0:0:0:9:1]"),
        ("sip:a@[2001:db8::9:1]:5070", "sip:a@[2001:0db8::0009:0001]:5070"),
        ("sip:a@[::ffff:192.0.2.1]", "sip:a@[::ffff:c000:201]"),
        ("sip:a@[2001:db8:::192.0.2.1]", "sip:a@[2001:db8::c000:201]"),
    ],
)
def test_an_address_is_one_however_it_is_written(one: str, other: str) -> None:
    """RFC 5954 §4.2: URIs compare, and name the same user."""
    assert SipUri.parse(one).equivalent(SipUri.parse(other))
    assert aor_of(one) == aor_of(other)
    assert NameAddr.parse(f"<{one}>").aor == aor_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:a@[2001:db8::9:1]", "sip:a@[2001:db8::9:2]"),
        ("sip:a@[2001:db8::9:1]", "sip:a@[2001:db8::9]:1"),
        ("sip:a@[2001:db8::9]", "sip:a@[2001:db8::9]:5060"),
        ("sip:a@[::ffff:192.0.2.1]", "sip:a@192.0.2.1"),
    ],
)
def test_different_addresses_differ(one: str, other: str) -> None:
    """RFC 3261 §19.1.4."""
    assert not SipUri.parse(one).equivalent(SipUri.parse(other))


@pytest.mark.parametrize(
    "reference",
    [
        "[]",
        "[:]",
        "[:::]",
        "[2001:db8:::1]",
        "[1:::2]",
        "[::1::]",
        "[1:2:3:4:5:6:7:8:9]",
        "[12345::]",
        "[::256.0.2.1]",
        "[::192.0.2]",
        "[192.0.2.1]",
        "[fe80::1%eth0]",
        "[::1",
        "::1",
        "[" + "0:" * 5000 + "]",
        "[" + ":" * 5000 + "]",
    ],
)
def test_what_is_no_reference_is_refused(reference: str) -> None:
    """RFC 3261 §25.1 with RFC 5954 §4.1: the extra colon passes before an IPv4 part only."""
    for text, parse in (
        (f"sip:a@{reference}", SipUri.parse),
        (f"SIP/2.0/UDP {reference}:5060;branch=z9hG4bK1", Via.parse),
        (f"SIP/2.0/UDP {reference}", Via.parse),
    ):
        with pytest.raises(ParseError):
            parse(text)


addresses = st.ip_addresses(v=6)


@settings(deadline=None)
@given(addresses)
def test_the_canonical_form_is_stable(address: IPv6Address) -> None:
    for written in (str(address), address.exploded, address.exploded.upper()):
        assert canonical_host(f"[{written}]") == f"[{address}]"
    assert canonical_host(canonical_host(f"[{address}]")) == f"[{address}]"


@settings(deadline=None)
@given(st.text(":0123456789abcdefABCDEF.[]", max_size=60))
def test_nothing_but_parse_error_comes_of_any_reference(text: str) -> None:
    with suppress(ParseError):
        check_ipv6(f"[{text}]", text)
        assert IPv6Address(canonical_host(f"[{text}]")[1:-1])
