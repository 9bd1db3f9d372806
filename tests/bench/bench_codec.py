"""What the codec costs per message, in microseconds of CPU: run as a script.

    python tests/bench/bench_codec.py [rounds]

Each round parses messages that differ in branch, tags, Call-ID, CSeq and body, as the wire
brings them, so that nothing is found in a cache that would not be found there in service.
"""

import sys
from collections.abc import Callable, Sequence
from time import process_time
from typing import TypeVar

from sip.auth_header import Credentials
from sip.check import check_request
from sip.message import Request, build_response, header_lines, parse_message
from sip.transport.top_via import Source, arrive

PRESENTITIES = 2000
MESSAGES = 4000
ROUNDS = 5

SOURCE = Source.of("127.0.0.1", 40000)
OPTIONS_HEADERS = header_lines(
    [
        ("Allow", "REGISTER, PUBLISH, SUBSCRIBE, NOTIFY, OPTIONS, CANCEL, ACK"),
        ("Accept", "application/pidf+xml"),
        ("Supported", "path, outbound, gruu"),
    ]
)
CREDENTIALS = (
    'Digest username="u000017", realm="example.com", nonce="65f1c3a2b1e4d-0a1.3f-9c1e77a0b4",'
    ' uri="sip:example.com", response="6629fae49393a05397450978507c4ef1", algorithm=MD5,'
    ' cnonce="0a4f113b", qop=auth, nc=00000001'
)

T = TypeVar("T")


def pidf(number: int, version: int) -> bytes:
    """A presence document of about 700 octets."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<presence xmlns="urn:ietf:params:xml:ns:pidf"'
        ' xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
        f' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:u{number}@example.com">\n'
        f' <tuple id="t{number}"><status><basic>open</basic></status>'
        "<rpid:user-input>active</rpid:user-input>"
        f'<contact priority="0.8">sip:u{number}@192.0.2.10:5060</contact>'
        f"<note>version {version:06d}</note></tuple>\n"
        f' <dm:person id="p{number}"><rpid:activities><rpid:meeting/></rpid:activities>'
        '<dm:note xml:lang="en">Until three</dm:note></dm:person>\n</presence>\n'
    ).encode()


def publish(number: int, version: int) -> bytes:
    """A PUBLISH that modifies, as a softphone sends it."""
    body = pidf(number, version)
    user = f"u{number:06d}"
    head = (
        f"PUBLISH sip:{user}@example.com SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:{40000 + number};rport;branch=z9hG4bKp{number}.{version}\r\n"
        "Max-Forwards: 70\r\n"
        f"From: <sip:{user}@example.com>;tag=fp{number}\r\n"
        f"To: <sip:{user}@example.com>\r\n"
        f"Call-ID: p{number}.x@127.0.0.1\r\n"
        f"CSeq: {version} PUBLISH\r\n"
        "Event: presence\r\n"
        "Expires: 3600\r\n"
        f"Contact: <sip:{user}@127.0.0.1:{40000 + number}>\r\n"
        f"SIP-If-Match: e{number}.{version}\r\n"
        "Content-Type: application/pidf+xml\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def short(method: str, number: int) -> bytes:
    """An OPTIONS or a REGISTER as a phone sends it."""
    user = f"u{number:06d}"
    to = f"<sip:{user}@example.com>" if method == "REGISTER" else "<sip:example.com>"
    return (
        f"{method} sip:example.com SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:{40000 + number % 16};rport;branch=z9hG4bK{number:x}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:{user}@example.com>;tag=f{number}\r\nTo: {to}\r\n"
        f"Call-ID: {number}@127.0.0.1\r\nCSeq: 1 {method}\r\n"
        f"Contact: <sip:{user}@127.0.0.1:{40000 + number % 16}>;expires=3600\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


def answer(data: bytes) -> bytes:
    """All that the codec does for an OPTIONS: stamped, parsed, checked, answered."""
    request = parse_message(arrive(data, SOURCE)[0])
    assert isinstance(request, Request)
    assert check_request(request) is None
    return build_response(request, 200, headers=OPTIONS_HEADERS, to_tag="w0.8a7f")


def bind(data: bytes) -> bytes:
    """All that the codec does for a REGISTER: what `answer` does, To, From and Contact read."""
    request = parse_message(arrive(data, SOURCE)[0])
    assert isinstance(request, Request)
    assert check_request(request) is None
    _ = request.to.aor, request.from_.aor, request.contacts[0].sip_uri, request.cseq
    return build_response(request, 200, headers=[("Contact", "<sip:a@b>")], to_tag="w0.8a7f")


def read(data: bytes) -> Request:
    """Parse, and ask for all that the road of a PUBLISH asks for."""
    request = parse_message(data)
    assert isinstance(request, Request)
    via = request.via
    address = request.from_
    _ = via.branch, via.sent_by, address.tag, address.aor, request.to, request.call_id
    _ = request.cseq, request.event, request.expires, request.content_type
    request.get("sip-if-match")
    return request


def respond(request: Request) -> bytes:
    """The 200 that a PUBLISH gets."""
    headers = (("SIP-ETag", "a81.77"), ("Expires", "3600"))
    return build_response(request, 200, headers=headers, to_tag="w0.8a7f")


def cost(work: Callable[[T], object], items: Sequence[T], rounds: int) -> float:
    """Microseconds of CPU per item, the best round."""
    best = float("inf")
    for _ in range(rounds):
        started = process_time()
        for item in items:
            work(item)
        best = min(best, process_time() - started)
    return best / len(items) * 1e6


def main(rounds: int) -> None:
    """Print one line per thing measured."""
    wire = [
        publish(number % PRESENTITIES, 1 + number // PRESENTITIES) for number in range(MESSAGES)
    ]
    requests = [read(data) for data in wire]
    print(f"parse_message            {cost(parse_message, wire, rounds):6.2f} us")
    print(f"parse and read           {cost(read, wire, rounds):6.2f} us")
    print(f"check_request, read ones {cost(check_request, requests, rounds):6.2f} us")
    print(f"build_response           {cost(respond, requests, rounds):6.2f} us")
    for method, work in (("OPTIONS", answer), ("REGISTER", bind)):
        fresh = [
            [short(method, round_ * MESSAGES + at) for at in range(MESSAGES)]
            for round_ in range(rounds)
        ]
        best = min(cost(work, wire, 1) for wire in fresh)
        print(f"{method + ', whole codec':24} {best:6.2f} us")
    signed = [CREDENTIALS] * MESSAGES
    print(f"Credentials.parse        {cost(Credentials.parse, signed, rounds):6.2f} us")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
