"""RFC 3261 §8.2 and §16.3: what holds for every request."""

from collections.abc import Mapping

import pytest

from sip.check import check_request, hops_left, too_many_hops, unsupported_options
from sip.message import Request, parse_message

LINES = {
    "Via": "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa",
    "Max-Forwards": "70",
    "From": "<sip:a@example.com>;tag=f",
    "To": "<sip:b@example.com>",
    "Call-ID": "c",
    "CSeq": "1 OPTIONS",
}


def options(
    *extra: str,
    uri: str = "sip:b@example.com",
    version: str = "SIP/2.0",
    changed: Mapping[str, str | None] | None = None,
) -> Request:
    """An OPTIONS with headers changed, dropped (None) or added."""
    start = f"OPTIONS {uri} {version}"
    lines: dict[str, str | None] = {**LINES, **(changed or {})}
    head = [f"{name}: {value}" for name, value in lines.items() if value is not None]
    message = parse_message("\r\n".join((start, *head, *extra, "", "")).encode())
    assert isinstance(message, Request)
    return message


def status(request: Request) -> int | None:
    refusal = check_request(request)
    return refusal.status if refusal else None


def test_a_good_request_passes() -> None:
    assert check_request(options()) is None


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_mandatory_headers(name: str) -> None:
    """RFC 3261 §8.1.1."""
    assert status(options(changed={name: None})) == 400


def test_max_forwards_may_be_missing() -> None:
    """RFC 3261 §16.3 item 3: older elements send none."""
    request = options(changed={"Max-Forwards": None})
    assert status(request) is None
    assert hops_left(request) is None
    assert too_many_hops(request) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Via", "SIP/2.0/UDP"),
        ("Max-Forwards", "256"),
        ("Max-Forwards", "-1"),
        ("Max-Forwards", "many"),
        ("From", '"a <sip:a@b>'),
        ("To", "<sip:a@b"),
        ("Call-ID", "a b"),
        ("CSeq", "1"),
        ("CSeq", "2147483648 OPTIONS"),
        ("CSeq", "1 INVITE"),
        ("CSeq", "1 options"),
    ],
)
def test_malformed_mandatory_headers(name: str, value: str) -> None:
    """RFC 3261 §16.3 item 1."""
    assert status(options(changed={name: value})) == 400


@pytest.mark.parametrize(
    "extra",
    [
        "f: <sip:x@example.com>;tag=f",
        "t: <sip:x@example.com>",
        "Call-ID: c",
        "CSeq: 1 OPTIONS",
        "Max-Forwards: 70",
    ],
)
def test_single_headers_given_twice(extra: str) -> None:
    """RFC 3261 §7.3.1, RFC 4475 §3.3.8."""
    assert status(options(extra)) == 400


@pytest.mark.parametrize("line", ["Event: presence", "Expires: 5", "SIP-If-Match: a", "l: 0"])
def test_single_headers_of_events_given_twice(line: str) -> None:
    assert status(options(line, line)) == 400


def test_list_headers_may_come_twice() -> None:
    assert status(options("Via: SIP/2.0/UDP x", "Contact: <sip:a>", "m: <sip:b>")) is None


@pytest.mark.parametrize(
    ("uri", "refused"),
    [
        ("sips:b@example.com", None),
        ("pres:b@example.com", None),
        ("tel:+1", None),
        ("nobodyKnowsThisScheme:opaque", 416),
        ("<sip:b@example.com>", 400),
        ("sip:b@@example.com", 400),
        ("sip:b@example.com?Route=x", 400),
        ("b", 400),
    ],
)
def test_request_uri(uri: str, refused: int | None) -> None:
    """RFC 3261 §8.2.2.1, §16.3 item 2, §19.1.1."""
    assert status(options(uri=uri)) == refused


@pytest.mark.parametrize(
    ("version", "refused"),
    [("SIP/2.0", None), ("sip/2.0", None), ("SIP/7.0", 505), ("SIP/2.1", 505)],
)
def test_version(version: str, refused: int | None) -> None:
    """RFC 3261 §7.1, §21.5.6."""
    assert status(options(version=version)) == refused


@pytest.mark.parametrize(
    ("hops", "refused"), [("0", 483), ("000", 483), ("1", None), ("255", None)]
)
def test_too_many_hops(hops: str, refused: int | None) -> None:
    """RFC 3261 §16.3 item 3."""
    refusal = too_many_hops(options(changed={"Max-Forwards": hops}))
    assert (refusal.status if refusal else None) == refused


def test_unsupported_options() -> None:
    """RFC 3261 §8.2.2.3, §16.3 item 5."""
    request = options("Require: path, EventList", "Require: x", "Proxy-Require: y")
    assert unsupported_options(request, {"path", "eventlist"}) == ["x"]
    assert unsupported_options(request, set(), header="proxy-require") == ["y"]
    assert unsupported_options(options(), set()) == []
