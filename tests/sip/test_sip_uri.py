"""RFC 3261 §19.1: SIP URIs, their equivalence, and the address-of-record of §10.3."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip.errors import ParseError
from sip.uri import OtherUri, SipUri, aor_of, parse_uri


def test_every_part_of_a_sip_uri_is_read() -> None:
    """RFC 3261 §19.1.1."""
    uri = SipUri.parse("SIPS:alice:pw@Example.com:5061;transport=TCP;lr?subject=x&priority=urgent")
    assert (uri.scheme, uri.user, uri.password) == ("sips", "alice", "pw")
    assert (uri.host, uri.port, uri.transport) == ("Example.com", 5061, "tcp")
    assert uri.parameters == {"transport": "TCP", "lr": None}
    assert uri.headers == "subject=x&priority=urgent"


@pytest.mark.parametrize(
    "text",
    [
        "sip:alice@example.com",
        "sip:example.com",
        "sip:+1-555;ext=1@example.com:5070;user=phone",
        "sip:a%40b@[2001:db8::10]:5070;maddr=[2001:db8::1]",
        "sips:alice:secret@192.0.2.4?to=x",
        "sip:*98@example.com;transport=tcp;lr",
        "sip:u_1@host_with_underscore",
        "sip:192.0.2.7;lr;did=a1b.c2==",
        "sip:a@b;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6;ob",
    ],
)
def test_a_sip_uri_is_written_as_it_was_read(text: str) -> None:
    assert str(SipUri.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("sip:", "no host"),
        ("sip:@example.com", "empty user"),
        ("sip:alice@", "empty host"),
        ("sip:alice@example.com:", "empty port"),
        ("sip:alice@example.com:99999", "port too large"),
        ("sip:alice@example.com:٣", "a digit, but not ASCII"),
        ("sip:al ice@example.com", "space"),
        ("sip:al%4@example.com", "half an escape"),
        ("sip:alice@exa mple.com", "space in host"),
        ("sip:alice@example.com;", "empty parameter"),
        ("sip:alice@example.com;a=1;A=2", "parameter twice"),
        ("sip:alice@example.com;a=%zz", "bad escape"),
        ("sip:2001:db8::10", "IPv6 without brackets, RFC 5118 §4.2"),
        ("sip:[2001:db8::10", "bracket left open"),
        ("sip:[2001:db8::10::1]", "two gaps"),
        ("sip:alice@-example.com", "host begins with a hyphen"),
        ("sip:jörg@example.com", "letters beyond ASCII must be escaped"),
        ("<sip:alice@example.com>", "angle brackets"),
        ("sip:alice@example.com\r\nX: y", "line break"),
        ("sip:alice@example.com\0", "NUL"),
        ("alice@example.com", "no scheme"),
        ("", "nothing"),
    ],
)
def test_what_is_no_uri_is_refused(text: str, why: str) -> None:
    with pytest.raises(ParseError):
        parse_uri(text)
    with pytest.raises(ParseError):
        aor_of(text)


def test_other_schemes_are_kept_as_they_are() -> None:
    assert parse_uri("TEL:+1-555") == OtherUri("tel", "+1-555")
    assert str(parse_uri("pres:alice@example.com")) == "pres:alice@example.com"


@pytest.mark.parametrize(
    ("text", "aor"),
    [
        ("sip:alice@example.com", "sip:alice@example.com"),
        ("sip:Alice@EXAMPLE.com:5070;transport=tcp", "sip:Alice@example.com"),
        ("sips:alice:pw@example.com?x=y", "sip:alice@example.com"),
        ("sip:%61lice@example.com", "sip:alice@example.com"),
        ("sip:a%40b%2fc@example.com", "sip:a%40b/c@example.com"),
        ("sip:j%c3%b6rg@example.com", "sip:j%C3%B6rg@example.com"),
        ("sip:%00@example.com", "sip:%00@example.com"),
        ("sip:Example.com", "sip:example.com"),
        ("pres:alice@example.com", "sip:alice@example.com"),
        ("im:alice@Example.com", "sip:alice@example.com"),
        ("sip:a@[2001:DB8::1]:5070", "sip:a@[2001:db8::1]"),
    ],
)
def test_address_of_record_is_canonical(text: str, aor: str) -> None:
    """RFC 3261 §10.3 step 5, RFC 3856 §5."""
    assert aor_of(text) == aor
    assert aor_of(aor) == aor


@pytest.mark.parametrize("text", ["tel:+1555", "http://example.com/a@b", "pres:alice", "isbn:1"])
def test_other_uris_have_no_address_of_record(text: str) -> None:
    with pytest.raises(ParseError):
        aor_of(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
    ],
)
def test_equivalent_uris(one: str, other: str) -> None:
    """RFC 3261 §19.1.4."""
    assert SipUri.parse(one).equivalent(SipUri.parse(other))
    assert SipUri.parse(other).equivalent(SipUri.parse(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:bob:a@biloxi.com", "sip:bob:b@biloxi.com"),
    ],
)
def test_different_uris(one: str, other: str) -> None:
    """RFC 3261 §19.1.4."""
    assert not SipUri.parse(one).equivalent(SipUri.parse(other))


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("sip:[2001:db8::10]", "[2001:db8::10]", None),
        ("sip:[2001:db8::10]:5070", "[2001:db8::10]", 5070),
        ("sip:[2001:db8::10:5070]", "[2001:db8::10:5070]", None),
        ("sip:user@[::ffff:192.0.2.10]", "[::ffff:192.0.2.10]", None),
        ("sip:user@[2001:db8:::192.0.2.1]", "[2001:db8:::192.0.2.1]", None),
    ],
)
def test_ipv6_references(text: str, host: str, port: int | None) -> None:
    """RFC 5118 §4.1, §4.3, §4.9, §4.10."""
    uri = SipUri.parse(text)
    assert (uri.host, uri.port) == (host, port)


user = st.from_regex(r"([A-Za-z0-9_.!~*'()&=+$,;?/-]|%[0-9a-fA-F]{2}){1,12}", fullmatch=True)
host = st.from_regex(
    r"[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?(\.[a-z]{2,5}){0,2}|\[2001:db8::[1-9a-f]\]", fullmatch=True
)


@settings(deadline=None)
@given(user, host, st.none() | st.integers(0, 65535))
def test_sip_uri_round_trip(name: str, where: str, port: int | None) -> None:
    uri = SipUri("sip", name, where, port)
    assert SipUri.parse(str(uri)) == uri
    assert uri.equivalent(SipUri.parse(str(uri)))
    assert aor_of(uri.aor) == uri.aor


@settings(deadline=None)
@given(st.text(max_size=60) | st.text("sip:@;=?&%[]0a.", max_size=60))
def test_nothing_but_parse_error_comes_of_any_text(text: str) -> None:
    for parse in (parse_uri, aor_of):
        with suppress(ParseError):
            parse(text)
