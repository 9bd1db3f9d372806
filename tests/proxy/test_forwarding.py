"""RFC 3261 §16.6, §16.7 step 3, §9.1: what is changed in a message that passes, and what is not."""

from collections.abc import Sequence

import pytest

from proxy.forwarding import Changed, cancelling, forwarded, record_routes, returned
from sip.errors import ParseError
from sip.message import Request, Response, parse_message
from tests.proxy.proxykit import request


def test_record_route_names_one_or_both_transports() -> None:
    """§16.6 step 4; RFC 5658 §3.2: each side comes back by its own transport."""
    udp, tcp = "<sip:192.0.2.1:5060>", "<sip:192.0.2.1:5060;transport=tcp>"
    assert record_routes(("m", udp), ("m", udp)) == ("<sip:m@192.0.2.1:5060;lr>",)
    assert record_routes(("m", udp), ("m", tcp)) == (
        "<sip:m@192.0.2.1:5060;transport=tcp;lr>",
        "<sip:m@192.0.2.1:5060;lr>",
    )


@pytest.mark.parametrize(
    ("arrived", "leaving"),
    [
        pytest.param(("m.a", "<sip:h:5060>"), ("m.b", "<sip:h:5060>"), id="flows"),
        pytest.param(("m", "<sip:h:5060>"), ("m", "<sip:i:5060>"), id="addresses"),
    ],
)
def test_two_record_routes_where_the_sides_differ(
    arrived: tuple[str, str], leaving: tuple[str, str]
) -> None:
    """RFC 5658 §3.2: each names the way to its own side."""
    top, bottom = record_routes(arrived, leaving)
    assert top == f"<sip:{leaving[0]}@{leaving[1][5:-1]};lr>"
    assert bottom == f"<sip:{arrived[0]}@{arrived[1][5:-1]};lr>"


def test_sips_is_recorded_as_sips() -> None:
    """§16.6 step 4; transport=tls says nothing beside sips (§26.2.2)."""
    tls, tcp = "<sip:h:5061;transport=tls>", "<sip:h:5060;transport=tcp>"
    assert record_routes(("m", tls), ("m", tls), secure=True) == ("<sips:m@h:5061;lr>",)
    assert record_routes(("m", tls), ("m", tcp), secure=True) == (
        "<sips:m@h:5060;transport=tcp;lr>",
        "<sips:m@h:5061;lr>",
    )


def passed(message: Request, routes: Sequence[str] = (), recorded: tuple[str, ...] = ()) -> Request:
    data = forwarded(
        message,
        Changed(
            "sip:bob@h", routes, "SIP/2.0/UDP us;branch=z9hG4bK9", recorded, 60,
            frozenset({"x-secret"}), (("X-New", "n"),),
        ),
    )  # fmt: skip
    result = parse_message(data)
    assert isinstance(result, Request)
    return result


def test_forwarding_changes_only_what_it_must() -> None:
    """§16.6 steps 1 to 9: order, unknown headers and body stay as they were."""
    message = request(
        "MESSAGE", "sip:bob@example.com", "X-First: 1", "x-odd :  kept  ", "X-Secret: s",
        "Record-Route: <sip:before;lr>", "Content-Type: text/plain", body="hello",
    )  # fmt: skip
    result = passed(message, recorded=("<sip:us;lr>",))
    assert result.uri_text == "sip:bob@h"
    assert list(result.values("via")) == ["SIP/2.0/UDP us;branch=z9hG4bK9", message.all("via")[0]]
    assert result.get("max-forwards") == "69"
    assert list(result.values("record-route")) == ["<sip:us;lr>", "<sip:before;lr>"]
    assert result.get("x-secret") is None
    assert result.get("x-new") == "n"
    assert [line for line in result.lines if "odd" in line] == [
        line for line in message.lines if "odd" in line
    ]
    assert result.body == b"hello"


def test_max_forwards_is_given_to_who_has_none() -> None:
    """§16.6 step 3."""
    message = request("INVITE", "sip:bob@h", "Max-Forwards: 1")
    without = parse_message(bytes(message).replace(b"Max-Forwards: 1\r\n", b""))
    assert isinstance(without, Request)
    assert passed(without).get("max-forwards") == "70"
    assert passed(message).get("max-forwards") == "0"


def test_routes_are_written_as_the_hop_says() -> None:
    """§16.6 step 6, RFC 3327 §5.4."""
    message = request("INVITE", "sip:bob@h", "Route: <sip:us;lr>, <sip:p;lr>")
    routes = ("<sip:p;lr>", "<sip:q;lr>")
    assert list(passed(message, routes).values("route")) == ["<sip:p;lr>", "<sip:q;lr>"]
    assert passed(message).get("route") is None


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


def test_cancel_says_why() -> None:
    """RFC 3326 §2: every Reason value there is."""
    sent = request("INVITE", "sip:bob@h", "Reason: SIP;cause=1")
    cancel = parse_message(cancelling(sent, ("SIP;cause=200", "Q.850;cause=16")))
    assert list(cancel.all("reason")) == ["SIP;cause=200", "Q.850;cause=16"]
    assert parse_message(cancelling(sent)).get("reason") is None


@pytest.mark.parametrize(
    ("lines", "breadth"),
    [
        pytest.param((), ["60"], id="added"),
        pytest.param(("Max-Breadth: 5", "Max-Breadth: 6"), ["60"], id="one-only"),
    ],
)
def test_every_copy_has_one_max_breadth(lines: tuple[str, ...], breadth: list[str]) -> None:
    """RFC 5393 §5.3.3."""
    assert list(passed(request("INVITE", "sip:bob@h", *lines)).all("max-breadth")) == breadth


@pytest.mark.parametrize("uri", ["", "sip:a b", "sip:a\r\nX: y"])
def test_nothing_breaks_out_of_the_request_line(uri: str) -> None:
    with pytest.raises(ParseError):
        forwarded(request("INVITE", "sip:bob@h"), Changed(uri, (), "SIP/2.0/UDP us"))


def test_response_loses_what_is_dropped_and_keeps_its_body() -> None:
    data = (
        b"SIP/2.0 200 OK\r\nv: SIP/2.0/UDP us;branch=z9hG4bK9\r\n"
        b"Via: SIP/2.0/UDP d;branch=z9hG4bK0\r\nP-Asserted-Identity: <sip:x@h>\r\n"
        b"l: 2\r\n\r\nhi"
    )
    response = parse_message(data)
    assert isinstance(response, Response)
    back = parse_message(returned(response, frozenset({"p-asserted-identity"})))
    assert [via.branch for via in back.vias] == ["z9hG4bK0"]
    assert back.get("p-asserted-identity") is None
    assert (back.body, back.get("content-length")) == (b"hi", "2")
