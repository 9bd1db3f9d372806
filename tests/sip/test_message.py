"""RFC 3261 §7: messages read lazily, changed on their way, and answered (§8.2.6)."""

import pytest

from sip.errors import ParseError
from sip.message import (
    MAX_HEAD,
    MAX_HEADERS,
    REASONS,
    Draft,
    Request,
    Response,
    build_request,
    build_response,
    parse_message,
    salvage,
)

PUBLISH = (
    b"PUBLISH sip:alice@example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKa\r\n"
    b"Max-Forwards: 70\r\n"
    b"From: <sip:alice@example.com>;tag=f\r\n"
    b"To: <sip:alice@example.com>\r\n"
    b"Call-ID: c1@192.0.2.1\r\n"
    b"CSeq: 7 PUBLISH\r\n"
    b"Event: presence;id=1\r\n"
    b"Expires: 3600\r\n"
    b"X-Odd: kept as it is  \r\n"
    b"Content-Type: application/pidf+xml;charset=utf-8\r\n"
    b"Content-Length: 4\r\n\r\nbody"
)


def request(data: bytes) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


def with_lines(*lines: str, body: bytes = b"") -> Request:
    return request("\r\n".join(("OPTIONS sip:b SIP/2.0", *lines, "", "")).encode() + body)


def test_a_request_is_read() -> None:
    """RFC 3261 §7.1."""
    publish = request(PUBLISH)
    assert (publish.method, publish.uri_text) == ("PUBLISH", "sip:alice@example.com")
    assert publish.via.branch == "z9hG4bKa"
    assert (publish.from_.tag, publish.to.tag, publish.call_id) == ("f", None, "c1@192.0.2.1")
    assert publish.cseq == (7, "PUBLISH")
    assert publish.event is not None
    assert (publish.event.package, publish.event.id) == ("presence", "1")
    assert (publish.expires, publish.content_type) == (3600, "application/pidf+xml")
    assert publish.body == b"body"
    assert publish.get("x-odd") == "kept as it is"
    assert publish.get("sip-if-match") is None


def test_unasked_lines_keep_their_octets() -> None:
    assert bytes(request(PUBLISH)) == PUBLISH
    odd = PUBLISH.replace(b"kept", b"\xff\x00\xc3\xa4")
    assert bytes(request(odd)) == odd


def test_a_response_is_read() -> None:
    """RFC 3261 §7.2; RFC 4475 §3.1.1.13: the reason phrase may be empty."""
    response = parse_message(b"SIP/2.0 404 Not Here\r\nCSeq: 1 OPTIONS\r\n\r\n")
    assert isinstance(response, Response)
    assert (response.status, response.reason, response.cseq.method) == (404, "Not Here", "OPTIONS")
    assert bytes(response) == b"SIP/2.0 404 Not Here\r\nCSeq: 1 OPTIONS\r\n\r\n"
    empty = parse_message(b"SIP/2.0 100 \r\n\r\n")
    assert isinstance(empty, Response)
    assert empty.reason == ""


def test_line_breaks_in_front_are_skipped() -> None:
    """RFC 3261 §7.5."""
    assert request(b"\r\n\r\n" + PUBLISH).body == b"body"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("SUBJECT: x", "x"),
        ("s: x", "x"),
        ("S :x", "x"),
        ("subject\t:\t x \t", "x"),
        ("Subject:\r\n x", "x"),
        ("Subject: a\r\n\t b\r\n  c ", "a b c"),
        ("Subject:", ""),
        ("Subject: a: b", "a: b"),
        ("Subject: jörg", "jörg"),
    ],
)
def test_one_header_in_many_spellings(line: str, value: str) -> None:
    """RFC 3261 §7.3.1, §7.3.3."""
    assert with_lines(line, "To: sip:a").get("subject") == value
    assert with_lines("To: sip:a", line).get("subject") == value


def test_folded_lines_are_put_together() -> None:
    """RFC 3261 §7.3.1."""
    assert with_lines("A: 1", "B: 2", " 3", "\t4", "C: 5").lines == ["A: 1", "B: 2 3 4", "C: 5"]


def test_lines_and_comma_lists_are_the_same() -> None:
    """RFC 3261 §7.3.1."""
    message = with_lines("Route: <sip:a>, <sip:b>", "To: sip:x", "route:<sip:c>", "Route: ")
    assert message.values("route") == ["<sip:a>", "<sip:b>", "<sip:c>"]
    assert list(message.all("route")) == ["<sip:a>, <sip:b>", "<sip:c>", ""]
    assert message.get("route") == "<sip:a>, <sip:b>"
    assert list(message.repeated) == ["route"]
    assert message.values("path") == ()


def test_the_topmost_via_out_of_a_list() -> None:
    message = with_lines("v: SIP/2.0/UDP a;branch=1 , SIP/2.0/UDP b;branch=2", "Via: SIP/2.0/TCP c")
    assert message.via.host == "a"
    assert [via.host for via in message.vias] == ["a", "b", "c"]


def test_every_contact_in_order() -> None:
    message = with_lines('Contact: "A, B" <sip:a@b>;q=1, <sip:c@d>', "m: *")
    assert [contact.uri for contact in message.contacts] == ["sip:a@b", "sip:c@d", "*"]
    assert with_lines("To: sip:a").contacts == ()


@pytest.mark.parametrize("what", ["via", "vias", "from_", "to", "call_id", "cseq"])
def test_missing_mandatory_header_is_a_parse_error(what: str) -> None:
    with pytest.raises(ParseError, match="missing"):
        getattr(with_lines("Subject: x"), what)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("Expires: soon", "expires"),
        ("Expires: -1", "expires"),
        ("Call-ID: a b", "call_id"),
        ("Call-ID:", "call_id"),
        ("Content-Type: text", "content_type"),
        ("Contact: <sip:a", "contacts"),
        ("Event: a b", "event"),
    ],
)
def test_malformed_header_is_a_parse_error_when_asked_for(line: str, what: str) -> None:
    message = with_lines(line)
    with pytest.raises(ParseError):
        getattr(message, what)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "nothing"),
        (b"\r\n\r\n", "a keep-alive"),
        (b"OPTIONS sip:a SIP/2.0\r\nTo: x\r\n", "no empty line"),
        (b"OPTIONS sip:a\r\n\r\n", "no version"),
        (b"OPTIONS  SIP/2.0\r\n\r\n", "no Request-URI"),
        (b"OPT IONS sip:a SIP/2.0\r\n\r\n", "four words"),
        (b"OPT<IONS sip:a SIP/2.0\r\n\r\n", "a method that is no token"),
        (b"OPTIONS sip:\xc3\xa4 SIP/2.0\r\n\r\n", "a Request-URI beyond ASCII"),
        (b"OPTIONS sip:a HTTP/1.1\r\n\r\n", "another protocol"),
        (b"SIP/2.0 99 Low\r\n\r\n", "status below 100"),
        (b"SIP/2.0 700 High\r\n\r\n", "status above 699"),
        (b"SIP/3.0 200 OK\r\n\r\n", "a response of another version"),
        (b"OPTIONS sip:a SIP/2.0\r\nTo x\r\n\r\n", "no colon"),
        (b"OPTIONS sip:a SIP/2.0\r\n: x\r\n\r\n", "no name"),
        (b"OPTIONS sip:a SIP/2.0\r\nT o: x\r\n\r\n", "a name of two words"),
        (b"OPTIONS sip:a SIP/2.0\r\n To: x\r\n\r\n", "nothing to continue"),
        (b"OPTIONS sip:a SIP/2.0\r\nTo: x\nVia: y\r\n\r\n", "a lone LF"),
        (b"OPTIONS sip:a SIP/2.0\r\nTo: x\rVia: y\r\n\r\n", "a lone CR"),
        (b"OPTIONS sip:a SIP/2.0\r\nl: 5\r\n\r\nbody", "body too short"),
        (b"OPTIONS sip:a SIP/2.0\r\nl: -1\r\n\r\nbody", "negative length"),
        (b"OPTIONS sip:a SIP/2.0\r\nl: \xd9\xa3\r\n\r\nbody", "digits that are not ASCII"),
        (b"OPTIONS sip:a SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\nbody", "two lengths"),
        (b"OPTIONS sip:a SIP/2.0\r\n" + b"a: b\r\n" * (MAX_HEADERS + 1) + b"\r\n", "many lines"),
        (b"OPTIONS sip:a SIP/2.0\r\na: " + b"b" * MAX_HEAD + b"\r\n\r\n", "a long head"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(ParseError):
        parse_message(data)


@pytest.mark.parametrize(
    ("lines", "body", "read"),
    [
        ((), b"all of it", b"all of it"),
        (("Content-Length: 3",), b"all of it", b"all"),
        (("l:0",), b"all of it", b""),
        (("Content-Length: 0003",), b"all", b"all"),
        (("Content-Length: 3", "l: 003"), b"all of it", b"all"),
    ],
)
def test_content_length_cuts_a_datagram(lines: tuple[str, ...], body: bytes, read: bytes) -> None:
    """RFC 3261 §18.3."""
    assert with_lines(*lines, body=body).body == read


def test_a_response_copies_what_it_must() -> None:
    """RFC 3261 §8.2.6.2."""
    wire = build_response(
        request(PUBLISH), 200, headers=[("SIP-ETag", "e.1"), ("Expires", "60")], to_tag="t"
    )
    assert wire == (
        b"SIP/2.0 200 OK\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKa\r\n"
        b"From: <sip:alice@example.com>;tag=f\r\n"
        b"To: <sip:alice@example.com>;tag=t\r\n"
        b"Call-ID: c1@192.0.2.1\r\n"
        b"CSeq: 7 PUBLISH\r\n"
        b"SIP-ETag: e.1\r\nExpires: 60\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("to", "answered"),
    [
        ("sip:a@b", "sip:a@b;tag=mine"),
        ("<sip:a@b;x=1>;y=2", "<sip:a@b;x=1>;y=2;tag=mine"),
        ("<sip:a@b>;TAG = theirs", "<sip:a@b>;TAG = theirs"),
        ('"x;tag=y" <sip:a@b>', '"x;tag=y" <sip:a@b>;tag=mine'),
        ("<sip:a@b;tag=uri>", "<sip:a@b;tag=uri>;tag=mine"),
        ('"unbalanced <sip:a@b>', '"unbalanced <sip:a@b>;tag=mine'),
        ('"unbalanced <sip:a@b>;tag=theirs', '"unbalanced <sip:a@b>;tag=theirs'),
    ],
)
def test_to_gets_one_tag(to: str, answered: str) -> None:
    """RFC 3261 §8.2.6.2."""
    wire = build_response(with_lines(f"To: {to}"), 400, to_tag="mine")
    assert f"\r\nTo: {answered}\r\n".encode() in wire


def test_a_response_to_next_to_nothing() -> None:
    message = with_lines(
        "Via: SIP/2.0/UDP a",
        "Subject: x",
        "Via: \udcff?".encode("utf-8", "surrogateescape").decode("latin-1"),
    )
    wire = build_response(message, 400, reason="Bad Call-ID", body=b"why")
    lines = wire.split(b"\r\n")
    assert lines[:2] == [b"SIP/2.0 400 Bad Call-ID", b"Via: SIP/2.0/UDP a"]
    assert lines[2].startswith(b"Via: ")
    assert lines[3:] == [b"Content-Length: 3", b"", b"why"]


def test_no_line_can_be_smuggled_into_what_we_build() -> None:
    for value in ("x\r\nVia: y", "x\ny", "x\ry"):
        with pytest.raises(ParseError):
            build_response(request(PUBLISH), 200, headers=[("Contact", value)])
        with pytest.raises(ParseError):
            build_request("OPTIONS", "sip:a", [("Contact", value)])


def test_every_status_has_a_phrase() -> None:
    assert REASONS[489] == "Bad Event"
    assert build_response(request(PUBLISH), 499).startswith(b"SIP/2.0 499 Bad Request\r\n")


def test_a_request_of_our_own() -> None:
    built = build_request("MESSAGE", "sip:b@c", [("To", "<sip:b@c>"), ("X", "ä")], "hö".encode())
    assert bytes(built) == (
        "MESSAGE sip:b@c SIP/2.0\r\nTo: <sip:b@c>\r\nX: ä\r\nContent-Length: 3\r\n\r\nhö".encode()
    )
    assert request(bytes(built)).to == built.to


def test_a_draft_changes_only_what_is_named() -> None:
    """RFC 3261 §16.6."""
    draft = Draft(request(PUBLISH))
    draft.set_uri("sip:alice@192.0.2.9")
    draft.prepend("Via", "SIP/2.0/UDP proxy;branch=z9hG4bKp")
    draft.replace("Max-Forwards", "69")
    draft.append("Record-Route", "<sip:proxy;lr>")
    draft.remove("expires")
    wire = bytes(draft)
    assert wire.startswith(
        b"PUBLISH sip:alice@192.0.2.9 SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP proxy;branch=z9hG4bKp\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKa\r\n"
        b"Max-Forwards: 69\r\n"
    )
    changed = request(wire)
    assert changed.expires is None
    assert changed.get("record-route") == "<sip:proxy;lr>"
    assert b"\r\nX-Odd: kept as it is  \r\n" in wire
    assert changed.body == b"body"


def test_a_draft_drops_the_topmost_value_only() -> None:
    message = with_lines("v: SIP/2.0/UDP a, SIP/2.0/UDP b", "Via: SIP/2.0/UDP c")
    draft = Draft(message)
    draft.remove_first_value("Via")
    assert [via.host for via in request(bytes(draft)).vias] == ["b", "c"]
    draft.remove_first_value("via")
    draft.remove_first_value("Route")
    assert [via.host for via in request(bytes(draft)).vias] == ["c"]


def test_a_draft_replaces_all_of_a_name_by_one() -> None:
    draft = Draft(with_lines("A: 1", "m: <sip:x>", "Contact: <sip:y>", "B: 2"))
    draft.replace("Contact", "<sip:z>")
    draft.replace("New", "n")
    draft.prepend("First", "f")
    assert request(bytes(draft)).lines == [
        *("First: f", "A: 1", "Contact: <sip:z>", "B: 2", "New: n", "Content-Length: 0")
    ]


def test_a_draft_knows_compact_names() -> None:
    draft = Draft(with_lines("v: SIP/2.0/UDP a", "Via: SIP/2.0/UDP b", "To: sip:x"))
    draft.remove("t")
    draft.replace("v", "SIP/2.0/UDP c")
    assert request(bytes(draft)).lines == ["v: SIP/2.0/UDP c", "Content-Length: 0"]


def test_a_draft_keeps_content_length_right() -> None:
    draft = Draft(request(PUBLISH))
    draft.body = b"longer body"
    assert request(bytes(draft)).body == b"longer body"
    assert bytes(draft).count(b"Content-Length") == 1


def test_a_draft_takes_no_broken_line() -> None:
    draft = Draft(request(PUBLISH))
    with pytest.raises(ParseError):
        draft.append("Contact", "x\r\ny: z")
    with pytest.raises(ParseError):
        draft.set_uri("sip:a b")
    with pytest.raises(ParseError):
        Draft(parse_message(b"SIP/2.0 200 OK\r\n\r\n")).set_uri("sip:a")


@pytest.mark.parametrize(
    "data",
    [
        b"SIP/2.0 2000 OK\r\nVia: SIP/2.0/UDP a\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nTo: <sip:b>\r\n",
        b"\xff\xfe\x00",
        b"",
    ],
)
def test_what_cannot_be_answered_is_not_salvaged(data: bytes) -> None:
    assert salvage(data) is None


def test_the_readable_part_of_a_broken_request_is_salvaged() -> None:
    saved = salvage(PUBLISH.replace(b"Max-Forwards: 70", b"no colon here")[:-40])
    assert saved is not None
    assert saved.cseq == (7, "PUBLISH")
    assert build_response(saved, 400, to_tag="t").startswith(b"SIP/2.0 400 Bad Request\r\nVia: ")
