"""What an operator's routing file can read, change and decide, and what it cannot."""

from collections.abc import Callable

import pytest

from proxy.routing import Answer, Reject, Relay, RoutedRegister, RoutedReply, RoutedRequest
from sip.authenticator import Identity
from sip.message import Response, parse_message
from tests.proxy.proxykit import ALICE, request

IDENTITY = Identity(ALICE, "digest")
SOURCE = ("192.0.2.10", 5070)


def routed(*lines: str, uri: str = "sip:bob@example.com", body: str = "") -> RoutedRequest:
    message = request("INVITE", uri, *lines, body=body)
    return RoutedRequest(message, identity=IDENTITY, source=SOURCE, transport="TCP")


def reply(*lines: str) -> RoutedReply:
    answered = request("INVITE", "sip:bob@example.com")
    head = ["SIP/2.0 486 Busy Here", *answered.lines[:-1], *lines, "", ""]
    response = parse_message("\r\n".join(head).encode())
    assert isinstance(response, Response)
    return RoutedReply(response, answered)


def test_a_request_shows_who_sent_what_from_where() -> None:
    view = routed("Subject: lunch", uri="sip:%62ob@Example.COM", body="hello")
    assert (view.method, view.uri) == ("INVITE", "sip:%62ob@Example.COM")
    assert (view.user, view.host) == ("%62ob", "example.com")
    assert (view.from_.uri, view.to.uri) == (ALICE, ALICE)
    assert view.call_id == "call-1"
    assert view.identity == IDENTITY
    assert (view.source, view.transport) == (SOURCE, "TCP")
    assert view.body == b"hello"
    assert not view.touched


@pytest.mark.parametrize(
    ("uri", "user", "host"),
    [
        pytest.param("sip:example.com", "", "example.com", id="no-user"),
        pytest.param("pres:bob@example.com", "bob", "example.com", id="presence"),
        pytest.param("sip:bob@[2001:DB8:0::1]", "bob", "[2001:db8::1]", id="ipv6"),
        pytest.param("sip:bob@Example.com.:5060", "bob", "example.com", id="complete-name"),
    ],
)
def test_parts_of_the_request_uri(uri: str, user: str, host: str) -> None:
    view = routed(uri=uri)
    assert (view.user, view.host) == (user, host)


def test_a_dot_at_the_end_makes_nobody_else() -> None:
    """RFC 3261 §25.1: what is compared in a policy is the same host."""
    view = routed(uri="sip:bob@example.com.")
    assert (view.callee, view.uri) == ("sip:bob@example.com", "sip:bob@example.com.")


def test_headers_are_read_in_any_case_and_form() -> None:
    """RFC 3261 §7.3.3."""
    view = routed("s: lunch", "X-One: 1", "X-One: 2, 3")
    assert view.header("SUBJECT") == "lunch"
    assert view.header("x-one") == "1"
    assert view.headers("X-One") == ("1", "2, 3")
    assert view.header("X-Two") is None
    assert view.headers("X-Two") == ()


def test_changed_headers_are_read_back_and_go_out() -> None:
    view = routed("Subject: lunch", "X-One: 1")
    view.set_header("s", "dinner")
    view.add_header("X-One", "2")
    view.remove_header("Max-Breadth")
    assert view.header("Subject") == "dinner"
    assert view.headers("X-One") == ("1", "2")
    view.remove_header("x-one")
    assert view.header("X-One") is None
    assert b"dinner" in bytes(view.request)
    assert b"X-One" not in bytes(view.request)
    assert view.touched == {"subject", "x-one", "max-breadth"}


def test_the_message_that_came_is_left_as_it_was() -> None:
    message = request("INVITE", "sip:bob@example.com")
    before = bytes(message)
    view = RoutedRequest(message, identity=IDENTITY, source=SOURCE)
    view.uri = "sip:carol@example.com"
    view.set_header("Subject", "dinner")
    assert view.request is not message
    assert bytes(message) == before


def test_a_new_request_uri() -> None:
    view = routed()
    view.uri = "sips:carol@example.net;transport=tcp"
    assert view.uri == "sips:carol@example.net;transport=tcp"
    assert view.request.start_line == "INVITE sips:carol@example.net;transport=tcp SIP/2.0"


def test_a_new_body_has_its_length() -> None:
    view = routed(body="hello")
    view.body = b"good evening"
    assert view.body == b"good evening"
    assert view.header("Content-Length") == "12"


@pytest.mark.parametrize("name", ["Via", "v", "ROUTE", "Record-Route", "From", "f", "To", "t"])
@pytest.mark.parametrize("change", ["set", "add", "remove"])
def test_what_transactions_and_dialogs_live_by_is_guarded(name: str, change: str) -> None:
    """RFC 3261 §8.2.6.2, §16.6, §17.1.3."""
    view = routed()
    changes: dict[str, Callable[[], None]] = {
        "set": lambda: view.set_header(name, "x"),
        "add": lambda: view.add_header(name, "x"),
        "remove": lambda: view.remove_header(name),
    }
    with pytest.raises(ValueError, match="must not be changed"):
        changes[change]()
    assert not view.touched


@pytest.mark.parametrize("name", ["Call-ID", "CSeq", "Max-Forwards", "Content-Length"])
def test_what_else_is_guarded(name: str) -> None:
    with pytest.raises(ValueError, match="must not be changed"):
        routed().set_header(name, "1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("Subject", "x\r\nVia: SIP/2.0/UDP evil", id="crlf"),
        pytest.param("Subject", "x\nVia: SIP/2.0/UDP evil", id="lf"),
        pytest.param("Subject", "x\ry", id="cr"),
        pytest.param("Subject", "x\0", id="nul"),
        pytest.param("Subject", "x\x7f", id="delete"),
        pytest.param("Subject", "\ud800", id="no-text"),
        pytest.param("Subject: x\r\nVia", "x", id="name-with-a-line"),
        pytest.param("Sub ject", "x", id="name-with-a-space"),
        pytest.param("", "x", id="no-name"),
    ],
)
def test_a_header_cannot_bring_another_line(name: str, value: str) -> None:
    for change in (routed().set_header, routed().add_header, reply().set_header):
        with pytest.raises(ValueError, match=r"."):
            change(name, value)
    for decision in (Answer, Reject):
        with pytest.raises(ValueError, match=r"."):
            decision(404, headers=[(name, value)])


def test_a_value_may_have_a_tab_and_any_letter() -> None:
    view = routed()
    view.set_header("Subject", "Grüße\tan alle")
    assert view.header("Subject") == "Grüße\tan alle"


NO_TARGETS = [
    pytest.param("bob", id="no-scheme"),
    pytest.param("tel:+4930123456", id="tel"),
    pytest.param("sip:", id="nothing"),
    pytest.param("sip:bob@example.com ", id="space"),
    pytest.param("sip:bob@example.com\r\nX: y", id="line"),
    pytest.param("<sip:bob@example.com>", id="brackets"),
    pytest.param("sip:bob@example.com?Subject=lunch", id="headers"),
    pytest.param("sip:bob@example.com;method=BYE", id="method"),
]


@pytest.mark.parametrize("uri", NO_TARGETS)
def test_only_sip_uris_are_targets(uri: str) -> None:
    with pytest.raises(ValueError, match="URI"):
        Relay(uri)
    view = routed()
    with pytest.raises(ValueError, match="URI"):
        view.uri = uri


def test_relay_takes_any_number_of_targets() -> None:
    assert Relay().uris == ()
    relay = Relay("sip:a@example.com", "sips:b@example.com", serial=True)
    assert relay.uris == ("sip:a@example.com", "sips:b@example.com")
    assert relay.serial
    assert relay != Relay("sip:a@example.com", "sips:b@example.com")


@pytest.mark.parametrize("status", [100, 183, 199, 700, 0, -1])
def test_an_answer_is_final(status: int) -> None:
    with pytest.raises(ValueError, match="status"):
        Answer(status)


@pytest.mark.parametrize("status", [200, 302, 399])
def test_a_refusal_is_no_success(status: int) -> None:
    assert Answer(status).status == status
    with pytest.raises(ValueError, match="status"):
        Reject(status)


def test_a_reason_is_one_line() -> None:
    with pytest.raises(ValueError, match="control"):
        Reject(403, "No\r\nVia: x")


def test_a_register_shows_its_contacts() -> None:
    message = request(
        "REGISTER", "sip:example.com", "Expires: 600", "Contact: <sip:a@192.0.2.1>;q=0.5",
        "Contact: <sip:a@192.0.2.2>;expires=60",
    )  # fmt: skip
    view = RoutedRegister(message, identity=IDENTITY, source=SOURCE)
    assert view.aor == ALICE
    assert [contact.uri for contact in view.contacts] == ["sip:a@192.0.2.1", "sip:a@192.0.2.2"]
    assert view.contacts[1].parameters.value("expires") == "60"
    assert view.expires == 600
    view.set_header("Contact", "<sip:a@192.0.2.3>")
    assert [contact.uri for contact in view.request.contacts] == ["sip:a@192.0.2.3"]


def test_a_reply_shows_what_it_answers() -> None:
    view = reply("X-Cause: 17")
    assert (view.status, view.reason, view.method) == (486, "Busy Here", "INVITE")
    assert view.uri == "sip:bob@example.com"
    assert view.header("X-Cause") == "17"
    view.remove_header("X-Cause")
    assert b"X-Cause" not in bytes(view.response)
    assert view.response.status == 486
