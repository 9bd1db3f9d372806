"""RFC 3261 §20.10, §20.20, §20.39: name-addr and addr-spec."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip.address import NameAddr
from sip.errors import ParseError


@pytest.mark.parametrize(
    ("text", "display", "uri", "tag"),
    [
        ("<sip:a@b>;tag=x", "", "sip:a@b", "x"),
        ("<sip:a@b>", "", "sip:a@b", None),
        ("sip:a@b;tag=x", "", "sip:a@b", "x"),
        ("sip:a@b ; TAG = x", "", "sip:a@b", "x"),
        ("<sip:a@b;tag=uri>;tag=x", "", "sip:a@b;tag=uri", "x"),
        ('"A. \\"B\\", <C>" <sip:a@b>;tag=x', 'A. "B", <C>', "sip:a@b", "x"),
        ("Alice <sip:a@b>", "Alice", "sip:a@b", None),
        ("Alice B. Smith<sip:a@b>;x;tag=1", "Alice B. Smith", "sip:a@b", "1"),
        ('""<sip:a@b>', "", "sip:a@b", None),
        ('"Jörg" <sip:j@b>', "Jörg", "sip:j@b", None),
        ("Jörg Müller <sip:j@b>", "Jörg Müller", "sip:j@b", None),
        ("<tel:+1-201;phone-context=x>", "", "tel:+1-201;phone-context=x", None),
        ("*", "", "*", None),
    ],
)
def test_address_is_read(text: str, display: str, uri: str, tag: str | None) -> None:
    address = NameAddr.parse(text)
    assert (address.display, address.uri, address.tag) == (display, uri, tag)
    assert NameAddr.parse(str(address)) == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nothing"),
        ("sip:a@b,sip:c@d", "two of them"),
        ("sip:a@b?x=y", "a question mark outside angle brackets"),
        ("<sip:a@b", "bracket left open"),
        ("sip:a@b>", "bracket never opened"),
        ("< sip:a@b >", "white space within the brackets"),
        ("<>", "no URI"),
        ("<sip:a@b> x", "text behind"),
        ("<sip:a@b>;tag=x;tag=y", "two tags"),
        ('"A <sip:a@b>', "quote left open"),
        ('"A" B <sip:a@b>', "words behind the quote"),
        ("Bell, A <sip:a@b>", "a comma without quotes"),
        ("<alice>", "no scheme"),
        ("<sip:a@b\0>", "NUL"),
        ("\udcff <sip:a@b>", "octets that are no UTF-8"),
    ],
)
def test_broken_address_is_refused(text: str, why: str) -> None:
    with pytest.raises(ParseError):
        NameAddr.parse(text)


def test_list_of_addresses() -> None:
    """RFC 3261 §7.3.1."""
    many = NameAddr.parse_many('"a, b" <sip:c,d@e>;q=1, sip:f@g;expires=5,<sip:h@i>')
    assert [one.uri for one in many] == ["sip:c,d@e", "sip:f@g", "sip:h@i"]
    assert many[1].parameters == {"expires": "5"}


def test_tag_is_added_to_what_is_there() -> None:
    address = NameAddr.parse("sip:a@b;x=1")
    assert str(address.with_tag("t")) == "<sip:a@b>;x=1;tag=t"
    assert str(address) == "<sip:a@b>;x=1"


def test_the_uri_is_parsed_when_asked_for() -> None:
    assert NameAddr.parse("<sip:A@B.com:5070>").aor == "sip:A@b.com"
    broken = NameAddr.parse("<sip:@@>")
    with pytest.raises(ParseError):
        _ = broken.sip_uri
    with pytest.raises(ParseError):
        _ = NameAddr.parse("<tel:+1>").sip_uri


def test_a_long_address_is_read_without_the_cache() -> None:
    assert NameAddr.parse(f"<sip:{'a' * 5000}@b>;tag=x").tag == "x"


display_names = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=12)


@settings(deadline=None)
@given(display_names, st.none() | st.from_regex(r"[a-z0-9.-]{1,8}", fullmatch=True))
def test_address_round_trip(display: str, tag: str | None) -> None:
    address = NameAddr(display, "sip:alice@example.com")
    if tag is not None:
        address = address.with_tag(tag)
    assert NameAddr.parse(str(address)) == address
