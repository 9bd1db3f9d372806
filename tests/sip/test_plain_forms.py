"""The short roads of the codec lead where the long ones do (RFC 3261 §7.3, §20.10)."""

from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sip.address import NameAddr, is_plain_address
from sip.auth_header import Credentials
from sip.errors import ParseError
from sip.head import Indexed, index_lines, index_plain_lines
from sip.message import Request, build_response, header_lines, parse_message
from sip.uri import SipUri


@pytest.mark.parametrize(
    "text",
    [
        "<sip:alice@example.com>",
        "<sip:alice@example.com>;tag=a6c85cf",
        '"Alice" <sip:alice@example.com>;tag=1',
        '"Bell, A. <x>;tag=2"<sips:a@[2001:db8::1]:5061;transport=tls?Subject=x>;tag=1',
        "<tel:+1-201-555-0123;phone-context=example.com>",
    ],
)
def test_a_usual_address_is_known_without_being_taken_apart(text: str) -> None:
    assert is_plain_address(text)
    assert NameAddr.parse(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("sip:alice@example.com;tag=1", "no angle brackets"),
        ("Alice <sip:alice@example.com>", "a display name without quotes"),
        ('"A\\"" <sip:alice@example.com>', "a quoted pair"),
        ('"Jörg" <sip:j@example.com>', "letters beyond ASCII"),
        ("<sip:alice@example.com>;tag=1;x=2", "another parameter"),
        ("<sip:alice@example.com>;tag=", "no tag"),
        ("<sip:alice@example.com>;TAG=1", "a name in capitals"),
        ("<sip:alice@example.com>,<sip:bob@example.com>", "two of them"),
        ("<sip:a b@example.com>", "white space in the URI"),
        ("<sip:alice@example.com>\n", "a line break"),
        ("<alice>", "no scheme"),
        ("", "nothing"),
    ],
)
def test_any_other_address_is_left_to_the_parser(text: str, why: str) -> None:
    assert not is_plain_address(text), why


pieces = st.lists(
    st.sampled_from(
        ['"', "\\", "<", ">", "sip:a@b", "sip:", ";tag=", ";", "=", " ", "\t", ",", "x"]
    )
).map("".join)


@settings(deadline=None)
@given(pieces)
@example('"" <sip:a@b>;tag=x')
def test_what_passes_as_usual_is_read_and_written_back(text: str) -> None:
    """The quick look never lets through what the parser would refuse."""
    if not is_plain_address(text):
        return
    address = NameAddr.parse(text)
    assert NameAddr.parse(str(address)) == address
    assert f"<{address.uri}>" in text
    assert address.parameters == ({"tag": address.tag} if address.tag else {})


names = st.sampled_from(
    ["Via", "v", "To", "t", "X-Odd", "x-odd", "CSeq ", "l", "", "a b", " folded", "\tfolded"]
)
values = st.text(" \tab:;=<>\u00e9\x1f", max_size=6)
lines = st.tuples(names, st.sampled_from([": ", ":", " : ", " "]), values).map("".join)


@settings(deadline=None)
@given(st.lists(lines, max_size=6))
@example(["To:  a ", "Via: b\t"])
@example(["To: a", "Via: b", "v: c"])
@example(["To: a", " b: c"])
@example([" To: a"])
def test_both_roads_index_lines_alike(head: list[str]) -> None:
    """RFC 3261 §7.3.1: folding, white space and repeated headers."""

    def outcome(index: object, own: list[str]) -> tuple[Indexed, list[str]] | None:
        with suppress(ParseError):
            return index(own), own  # type: ignore[operator]  # one of the two below
        return None

    assert outcome(index_plain_lines, list(head)) == outcome(index_lines, list(head))


def register(*others: str) -> Request:
    head = [
        "REGISTER sip:example.com SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
        "From: <sip:a@example.com>;tag=1",
        "To: <sip:a@example.com>",
        "Call-ID: c",
        "CSeq: 1 REGISTER",
        *others,
    ]
    message = parse_message("\r\n".join([*head, "", ""]).encode())
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize("others", [[], ["Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK2"]])
def test_headers_written_before_are_the_same_headers(others: list[str]) -> None:
    """RFC 3261 §8.2.6."""
    headers = [("Allow", "OPTIONS"), ("Accept", "application/sdp")]
    request = register(*others)
    fixed = build_response(request, 200, headers=header_lines(headers), to_tag="t")
    assert fixed == build_response(request, 200, headers=headers, to_tag="t")
    assert fixed.count(b"\r\nVia: ") == len(others) + 1
    assert b"\r\nTo: <sip:a@example.com>;tag=t\r\n" in fixed


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nX: y", "a\rb"])
def test_a_header_written_before_breaks_no_message(value: str) -> None:
    with pytest.raises(ParseError):
        header_lines([("Allow", value)])


names_of_digest = st.sampled_from(
    ["username", "realm", "nonce", "uri", "response", "nc", "qop", "x"]
)
values_of_digest = st.sampled_from(
    [
        '"a"',
        '""',
        '"',
        '"a',
        'a"',
        '"a\\"b"',
        '"a, b"',
        '"a,b"',
        "auth",
        "SHA-256",
        "-",
        "",
        "a b",
        "é",
    ]
)
parameters_of_digest = st.tuples(names_of_digest, values_of_digest).map("=".join)


@settings(deadline=None)
@given(st.lists(parameters_of_digest, max_size=4))
@example(['nonce="1, qop="2"'])
def test_both_roads_read_credentials_alike(others: list[str]) -> None:
    """RFC 7616 §3.4: white space at the end makes the parser take the long road."""
    needed = ['username="u"', 'realm="r"', 'nonce="n"', 'uri="sip:a"', 'response="0A"']
    for parameters in ([*needed, *others], [*others, *needed]):
        text = "Digest " + ", ".join(parameters)
        assert _credentials(text) == _credentials(f"{text}\t")


def _credentials(text: str) -> Credentials | None:
    with suppress(ParseError):
        return Credentials.parse(text)
    return None


users = st.sampled_from(["", "alice@", "+1-555@", "a%41@", "a:b@", "a;x@", "@", "a b@"])
hosts = st.sampled_from(["h", "192.0.2.1", "a.b-c.", "-h", "h-", "[::1]", "[::", "a_b", "h h", ""])
ports = st.sampled_from(["", ":", ":0", ":5060", ":05060", ":59999", ":65535", ":65536", ":x"])
ends = st.sampled_from(["", ";lr", ";", ";lr;lr", "?a=b", "\n", ">"])


@settings(deadline=None, max_examples=300)
@given(users, hosts, ports, ends)
def test_both_roads_read_sip_uris_alike(user: str, host: str, port: str, end: str) -> None:
    """RFC 3261 §19.1.1: a scheme in capitals makes the parser take the long road."""
    rest = f"{user}{host}{port}{end}"
    assert _sip_uri(f"sip:{rest}") == _sip_uri(f"SIP:{rest}")


def _sip_uri(text: str) -> SipUri | None:
    with suppress(ParseError):
        return SipUri.parse(text)
    return None
