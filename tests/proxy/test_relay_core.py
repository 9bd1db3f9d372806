"""RFC 3261 §16.3, §16.4: what is read in a request that is to be relayed, and what is refused."""

import pytest

from proxy.errors import BadExtension, BreadthExceeded, LoopDetected, ProxyError, TooManyHops
from proxy.relay import (
    Routed,
    breadth_of,
    check_forwardable,
    loop_mark,
    preprocess,
    request_uri,
)
from sip.errors import ParseError
from sip.message import Request
from sip.uri import SipUri
from tests.proxy.proxykit import KEY, request

PLAIN = Routed("sip:bob@example.com", (), "")


def is_us(uri: SipUri) -> bool:
    return uri.host == "us.example.com"


@pytest.mark.parametrize(
    ("uri", "routes", "routed"),
    [
        pytest.param("sip:bob@h", [], Routed("sip:bob@h", (), ""), id="none"),
        pytest.param(
            "sip:bob@h", ["<sip:m@us.example.com;lr>"], Routed("sip:bob@h", (), "m"), id="ours"
        ),
        pytest.param(
            "sip:bob@h", ["<sip:m@us.example.com;lr>, <sip:m@us.example.com;transport=tcp;lr>"],
            Routed("sip:bob@h", (), "m"), id="both-of-ours",
        ),
        pytest.param(
            "sip:bob@h", ["<sip:us.example.com;lr>", "<sip:next;lr>"],
            Routed("sip:bob@h", ("<sip:next;lr>",), ""), id="then-another",
        ),
        pytest.param(
            "sip:bob@h", ["<sip:next;lr>", "<sip:us.example.com;lr>"],
            Routed("sip:bob@h", ("<sip:next;lr>", "<sip:us.example.com;lr>"), ""),
            id="ours-is-not-first",
        ),
        pytest.param(
            "sip:m@us.example.com;lr", ["<sip:next;lr>", "<sip:bob@h>"],
            Routed("sip:bob@h", ("<sip:next;lr>",), "m"), id="strict-router-before-us",
        ),
        pytest.param(
            "sip:alice@us.example.com", ["<sip:next;lr>"],
            Routed("sip:alice@us.example.com", ("<sip:next;lr>",), ""), id="our-user-by-route",
        ),
        pytest.param(
            "sip:bob@h:5070;maddr=us.example.com;transport=tcp;user=phone", [],
            Routed("sip:bob@h;user=phone", (), ""), id="maddr-is-ours",
        ),
        pytest.param(
            "sip:bob@h;maddr=192.0.2.9", [], Routed("sip:bob@h;maddr=192.0.2.9", (), ""),
            id="maddr-is-anothers",
        ),
    ],
)  # fmt: skip
def test_route_preprocessing(uri: str, routes: list[str], routed: Routed) -> None:
    """§16.4."""
    message = request("BYE", uri, *(f"Route: {route}" for route in routes))
    assert preprocess(message, is_us) == routed


@pytest.mark.parametrize(
    ("line", "error", "status"),
    [
        pytest.param("Max-Forwards: 0", TooManyHops, 483, id="hops"),
        pytest.param("Proxy-Require: foo, bar", BadExtension, 420, id="proxy-require"),
    ],
)
def test_refused_before_forwarding(line: str, error: type[ProxyError], status: int) -> None:
    """§16.3 steps 3 and 5."""
    with pytest.raises(error):
        check_forwardable(request("INVITE", PLAIN.uri, line), "-none", is_us)
    assert error.status == status


def test_unsupported_lists_each_tag() -> None:
    """§16.3 step 5."""
    with pytest.raises(BadExtension) as caught:
        check_forwardable(request("INVITE", PLAIN.uri, "Proxy-Require: foo, bar"), "-none", is_us)
    assert list(caught.value.headers) == [("Unsupported", "foo, bar")]


def came_back(message: Request, *lines: str) -> Request:
    """`message` with our Via on it, as another proxy returns it."""
    branch = f"z9hG4bKours{loop_mark(message, PLAIN, KEY)}"
    return request("INVITE", PLAIN.uri, f"Via: SIP/2.0/UDP us.example.com;branch={branch}", *lines)


def test_request_that_comes_back_unchanged_is_a_loop() -> None:
    """§16.3 step 4, §16.6 step 8."""
    message = came_back(request("INVITE", PLAIN.uri))
    with pytest.raises(LoopDetected):
        check_forwardable(message, loop_mark(message, PLAIN, KEY), is_us)


@pytest.mark.parametrize(
    "routed",
    [
        pytest.param(Routed("sip:carol@example.com", (), ""), id="other-target"),
        pytest.param(Routed(PLAIN.uri, ("<sip:next;lr>",), ""), id="other-route"),
    ],
)
def test_request_that_comes_back_changed_is_a_spiral(routed: Routed) -> None:
    """§16.3 step 4: a spiral goes on."""
    message = came_back(request("INVITE", PLAIN.uri))
    check_forwardable(message, loop_mark(message, routed, KEY), is_us)


@pytest.mark.parametrize("joined", ["\r\nVia: ", ", "], ids=["lines", "list"])
@pytest.mark.parametrize(
    ("host", "times", "refused"),
    [("us.example.com", 3, False), ("us.example.com", 4, True), ("proxy.example.org", 20, False)],
)
def test_request_that_was_here_too_often_goes_no_further(
    host: str, times: int, refused: bool, joined: str
) -> None:
    """RFC 5393 §3: forked each time, with another Request-URI so that no loop is seen."""
    vias = joined.join(f"SIP/2.0/UDP {host}:{5060 + at};branch=z9hG4bK{at}" for at in range(times))
    message = request("INVITE", PLAIN.uri, f"Via: {vias}")
    if refused:
        with pytest.raises(LoopDetected):
            check_forwardable(message, "-none", is_us)
    else:
        check_forwardable(message, "-none", is_us)


def test_branch_of_another_deployment_is_no_loop() -> None:
    message = came_back(request("INVITE", PLAIN.uri))
    check_forwardable(message, loop_mark(message, PLAIN, b"another key"), is_us)


def test_what_chooses_the_target_tells_a_spiral_from_a_loop() -> None:
    """RFC 5393 §4.2.1: the caller preferences have a say; the method and credentials have none."""
    plain = request("INVITE", PLAIN.uri)
    same = [
        request("OPTIONS", PLAIN.uri),
        request("INVITE", PLAIN.uri, "Proxy-Authorization: Digest x=y", "X-Other: 1"),
    ]
    other = [
        request("INVITE", PLAIN.uri, "Accept-Contact: *;audio"),
        request("INVITE", PLAIN.uri, "Reject-Contact: *;audio"),
        request("INVITE", PLAIN.uri, "Request-Disposition: no-fork"),
        request("INVITE", PLAIN.uri, call_id="another"),
        request("INVITE", PLAIN.uri, cseq=2),
    ]
    mark = loop_mark(plain, PLAIN, KEY)
    assert [loop_mark(each, PLAIN, KEY) == mark for each in same] == [True] * len(same)
    assert [loop_mark(each, PLAIN, KEY) == mark for each in other] == [False] * len(other)


@pytest.mark.parametrize(
    ("lines", "breadth"),
    [((), 60), (("Max-Breadth: 7",), 7), (("Max-Breadth: 1",), 1), (("Max-Breadth: 4711",), 60)],
)
def test_max_breadth_is_at_most_ours(lines: tuple[str, ...], breadth: int) -> None:
    """RFC 5393 §5.3.3."""
    assert breadth_of(request("INVITE", PLAIN.uri, *lines)) == breadth


@pytest.mark.parametrize(
    ("value", "error", "status"), [("0", BreadthExceeded, 440), ("many", ParseError, 400)]
)
def test_no_breadth_at_all_is_refused(value: str, error: type[Exception], status: int) -> None:
    """RFC 5393 §5.3.3: 440."""
    with pytest.raises(error) as caught:
        breadth_of(request("INVITE", PLAIN.uri, f"Max-Breadth: {value}"))
    assert getattr(caught.value, "status", 0) == status


@pytest.mark.parametrize(
    ("contact", "uri"),
    [
        ("sip:bob@h:5070;transport=tcp", "sip:bob@h:5070;transport=tcp"),
        ("sip:bob@h;method=INVITE?Subject=x", "sip:bob@h"),
        ("sip:bob@h;ob;method=BYE", "sip:bob@h;ob"),
    ],
)
def test_request_uri_of_a_contact(contact: str, uri: str) -> None:
    """§16.6 step 2: nothing that a Request-URI may not have."""
    assert request_uri(contact) == uri


def test_contact_of_another_scheme_is_no_request_uri() -> None:
    with pytest.raises(ParseError):
        request_uri("tel:+1555")
