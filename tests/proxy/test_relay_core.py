"""RFC 3261 §16.3 to §16.7: what is changed in a message that passes, and what is not."""

import pytest

from proxy.errors import BadExtension, LoopDetected, ProxyError, TooManyHops
from proxy.relay import (
    Hop,
    Routed,
    cancelling,
    check_forwardable,
    dialog_mark,
    forwarded,
    hop_to,
    is_marked,
    loop_mark,
    preprocess,
    record_routes,
    request_uri,
    returned,
)
from sip.errors import ParseError
from sip.message import Request, Response, parse_message
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
        check_forwardable(request("INVITE", PLAIN.uri, line), PLAIN, KEY)
    assert error.status == status


def test_unsupported_lists_each_tag() -> None:
    """§16.3 step 5."""
    with pytest.raises(BadExtension) as caught:
        check_forwardable(request("INVITE", PLAIN.uri, "Proxy-Require: foo, bar"), PLAIN, KEY)
    assert list(caught.value.headers) == [("Unsupported", "foo, bar")]


def came_back(message: Request, *lines: str) -> Request:
    """`message` with our Via on it, as another proxy returns it."""
    branch = f"z9hG4bKours{loop_mark(message, PLAIN, KEY)}"
    return request("INVITE", PLAIN.uri, f"Via: SIP/2.0/UDP us.example.com;branch={branch}", *lines)


def test_request_that_comes_back_unchanged_is_a_loop() -> None:
    """§16.3 step 4, §16.6 step 8."""
    message = came_back(request("INVITE", PLAIN.uri))
    with pytest.raises(LoopDetected):
        check_forwardable(message, PLAIN, KEY)


@pytest.mark.parametrize(
    "routed",
    [
        pytest.param(Routed("sip:carol@example.com", (), ""), id="other-target"),
        pytest.param(Routed(PLAIN.uri, ("<sip:next;lr>",), ""), id="other-route"),
    ],
)
def test_request_that_comes_back_changed_is_a_spiral(routed: Routed) -> None:
    """§16.3 step 4: a spiral goes on."""
    check_forwardable(came_back(request("INVITE", PLAIN.uri)), routed, KEY)


def test_branch_of_another_deployment_is_no_loop() -> None:
    check_forwardable(came_back(request("INVITE", PLAIN.uri)), PLAIN, b"another key")


@pytest.mark.parametrize(
    ("mark", "call_id", "known"),
    [
        pytest.param(dialog_mark("call-1", KEY), "call-1", True, id="ours"),
        pytest.param(dialog_mark("call-2", KEY), "call-1", False, id="of-another-call"),
        pytest.param(dialog_mark("call-1", b"other"), "call-1", False, id="of-another-server"),
        pytest.param("", "call-1", False, id="none"),
    ],
)
def test_dialog_is_known_by_its_mark(mark: str, call_id: str, known: bool) -> None:
    """§16.6 step 4: enough in Record-Route to know the dialog again."""
    message = request("BYE", "sip:bob@h", call_id=call_id)
    assert is_marked(message, Routed("sip:bob@h", (), mark), KEY) is known


@pytest.mark.parametrize(
    ("routes", "received", "hop"),
    [
        pytest.param((), "", Hop("sip:bob@h", (), "sip:bob@h"), id="request-uri"),
        pytest.param((), "sip:1.2.3.4:9", Hop("sip:bob@h", (), "sip:1.2.3.4:9"), id="nat"),
        pytest.param(
            ("<sip:p;lr>", "<sip:q;lr>"), "sip:1.2.3.4:9",
            Hop("sip:bob@h", ("<sip:p;lr>", "<sip:q;lr>"), "sip:p;lr"), id="loose",
        ),
        pytest.param(
            ("<sip:p>", "<sip:q;lr>"), "", Hop("sip:p", ("<sip:q;lr>", "<sip:bob@h>"), "sip:p"),
            id="strict",
        ),
    ],
)  # fmt: skip
def test_next_hop(routes: tuple[str, ...], received: str, hop: Hop) -> None:
    """§16.6 steps 6 and 7."""
    assert hop_to("sip:bob@h", routes, received) == hop


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


def test_record_route_names_one_or_both_transports() -> None:
    """§16.6 step 4; RFC 5658 §3.2: each side comes back by its own transport."""
    udp, tcp = "<sip:192.0.2.1:5060>", "<sip:192.0.2.1:5060;transport=tcp>"
    assert record_routes("m", udp, udp) == ["<sip:m@192.0.2.1:5060;lr>"]
    assert record_routes("m", udp, tcp) == [
        "<sip:m@192.0.2.1:5060;transport=tcp;lr>",
        "<sip:m@192.0.2.1:5060;lr>",
    ]


def passed(message: Request, hop: Hop, recorded: tuple[str, ...] = ()) -> Request:
    data = forwarded(
        message, hop, via="SIP/2.0/UDP us;branch=z9hG4bK9", recorded=recorded, dropped=("X-Secret",)
    )
    result = parse_message(data)
    assert isinstance(result, Request)
    return result


def test_forwarding_changes_only_what_it_must() -> None:
    """§16.6 steps 1 to 9: order, unknown headers and body stay as they were."""
    message = request(
        "MESSAGE", "sip:bob@example.com", "X-First: 1", "x-odd :  kept  ", "X-Secret: s",
        "Record-Route: <sip:before;lr>", "Content-Type: text/plain", body="hello",
    )  # fmt: skip
    result = passed(message, Hop("sip:bob@h", (), "sip:bob@h"), ("<sip:us;lr>",))
    assert result.uri_text == "sip:bob@h"
    assert list(result.values("via")) == ["SIP/2.0/UDP us;branch=z9hG4bK9", message.all("via")[0]]
    assert result.get("max-forwards") == "69"
    assert list(result.values("record-route")) == ["<sip:us;lr>", "<sip:before;lr>"]
    assert result.get("x-secret") is None
    assert [line for line in result.lines if "odd" in line] == [
        line for line in message.lines if "odd" in line
    ]
    assert result.body == b"hello"


def test_max_forwards_is_given_to_who_has_none() -> None:
    """§16.6 step 3."""
    message = request("INVITE", "sip:bob@h", "Max-Forwards: 1")
    without = parse_message(bytes(message).replace(b"Max-Forwards: 1\r\n", b""))
    assert isinstance(without, Request)
    assert passed(without, Hop("sip:bob@h", (), "sip:bob@h")).get("max-forwards") == "70"
    assert passed(message, Hop("sip:bob@h", (), "sip:bob@h")).get("max-forwards") == "0"


def test_routes_are_written_as_the_hop_says() -> None:
    """§16.6 step 6, RFC 3327 §5.4."""
    message = request("INVITE", "sip:bob@h", "Route: <sip:us;lr>, <sip:p;lr>")
    hop = Hop("sip:bob@h", ("<sip:p;lr>", "<sip:q;lr>"), "sip:p;lr")
    assert list(passed(message, hop).values("route")) == ["<sip:p;lr>", "<sip:q;lr>"]
    assert passed(message, Hop("sip:bob@h", (), "sip:bob@h")).get("route") is None


def test_response_goes_back_without_our_via() -> None:
    """§16.7 step 3."""
    data = (
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP us;branch=z9hG4bK9, SIP/2.0/UDP c;branch=z9hG4bK1\r\n"
        b"Via: SIP/2.0/UDP d;branch=z9hG4bK0\r\nContent-Length: 0\r\n\r\n"
    )
    response = parse_message(data)
    assert isinstance(response, Response)
    back = parse_message(returned(response))
    assert [via.branch for via in back.vias] == ["z9hG4bK1", "z9hG4bK0"]


def test_cancel_is_the_request_it_cancels() -> None:
    """RFC 3261 §9.1: same Request-URI, top Via alone, Route, Call-ID, From, To, CSeq number."""
    sent = request("INVITE", "sip:bob@h", "Route: <sip:p;lr>", "Require: foo", cseq=7)
    cancel = parse_message(cancelling(sent))
    assert isinstance(cancel, Request)
    assert (cancel.method, cancel.uri_text) == ("CANCEL", "sip:bob@h")
    assert list(cancel.values("via")) == [sent.values("via")[0]]
    for key in ("route", "call-id", "from", "to"):
        assert cancel.all(key) == sent.all(key)
    assert str(cancel.cseq) == "7 CANCEL"
    assert cancel.get("require") is None
