"""RFC 3261 §7.3.1, §25 generic-param: parameters of headers, and the lists they stand in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip.errors import ParseError
from sip.grammar import (
    is_quoted,
    is_storable,
    parse_delta,
    parse_digits,
    quote,
    split_list,
    unquote,
)
from sip.parameters import Parameters


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        (";tag=x", {"tag": "x"}),
        (";lr;Transport=TCP", {"lr": None, "transport": "TCP"}),
        ('  ; q = 0.5 ; text="a;b=\\"c\\"" ', {"q": "0.5", "text": 'a;b="c"'}),
        (";received=2001:db8::9:1", {"received": "2001:db8::9:1"}),
        (";a=x==", {"a": "x=="}),
        (';+sip.instance="<urn:uuid:f8>"', {"+sip.instance": "<urn:uuid:f8>"}),
    ],
)
def test_parameters_are_read(text: str, values: dict[str, str | None]) -> None:
    parameters = Parameters.parse(text)
    assert parameters == Parameters(values)
    assert dict(parameters) == values
    assert str(parameters) == text.strip(" ")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (";", "no name"),
        (";;a", "no name"),
        (";a=", "no value"),
        (";a=1;A=2", "a name twice"),
        (';a="x', "a quote left open"),
        (';a="x"y', "text behind a quoted string"),
        (";a=b,c", "a comma"),
        (";a b", "two words"),
        ("a=b", "no semicolon"),
        (";a=\x00", "NUL"),
        (";ä=1", "a name that is no token"),
        (';a="\udc80"', "octets that are no UTF-8"),
        ('; a="\udc80" ;a=1', "the same, with white space"),
    ],
)
def test_broken_parameters_are_refused(text: str, why: str) -> None:
    with pytest.raises(ParseError):
        Parameters.parse(text)


def test_parameters_change_by_copy() -> None:
    parameters = Parameters.parse(";rport;branch=z")
    changed = parameters.with_(rport="5060", received="192.0.2.1")
    assert str(changed) == ";rport=5060;branch=z;received=192.0.2.1"
    assert str(changed.without("rport")) == ";branch=z;received=192.0.2.1"
    assert str(parameters) == ";rport;branch=z"


@pytest.mark.parametrize("values", [{"a b": "x"}, {"a": "x\r\ny"}, {"a;b": None}])
def test_parameters_that_cannot_be_written_are_refused(values: dict[str, str | None]) -> None:
    with pytest.raises(ParseError):
        Parameters(values)


names = st.from_regex(r"[a-z0-9.+-]{1,8}", fullmatch=True)
texts = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=10)


@settings(deadline=None)
@given(st.dictionaries(names, st.none() | texts, max_size=4))
def test_parameters_round_trip(values: dict[str, str | None]) -> None:
    assert dict(Parameters.parse(str(Parameters(values)))) == values


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", []),
        ("a", ["a"]),
        (" a , b ", ["a", "b"]),
        (",a,,b,", ["a", "b"]),
        ('"a,b" <sip:c,d@e>, f', ['"a,b" <sip:c,d@e>', "f"]),
        ('"a\\",b", c', ['"a\\",b"', "c"]),
        ('"a, b', ['"a, b']),
        ("<a, b", ["<a, b"]),
    ],
)
def test_a_list_is_split_at_its_own_commas(text: str, items: list[str]) -> None:
    assert split_list(text) == items


@settings(deadline=None)
@given(texts)
def test_quoting_round_trip(text: str) -> None:
    assert is_quoted(quote(text))
    assert unquote(quote(text)) == text


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "٣", "²", " 1", "1" * 5000, "256"])
def test_numbers_out_of_bounds_are_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_digits("number", text, 255)


def test_leading_zeros_do_not_count() -> None:
    assert parse_digits("number", "0" * 5000 + "70", 255) == 70
    assert parse_delta("delta", "000000000003600") == 3600


@pytest.mark.parametrize("text", ["4294967295", "4294967296", "9" * 5000])
def test_large_delta_seconds_count_as_the_largest(text: str) -> None:
    """RFC 3261 §20.19."""
    assert parse_delta("delta", text) == 2**32 - 1


@pytest.mark.parametrize(("text", "fit"), [("jörg", True), ("a\0b", False), ("\udc80", False)])
def test_storable_text(text: str, fit: bool) -> None:
    assert is_storable(text) is fit
